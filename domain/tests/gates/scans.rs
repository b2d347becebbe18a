//! The dynamic scan of an environment.

use opstella_domain::Environment;
use opstella_domain::evidence::{Evidence, Severity};
use opstella_domain::policy::{GateVerdict, ImageEvidence, Predecessor};

use crate::given::{one, only, says, scan_of};
use crate::support::promotion::{digest, gate_input, images, name, waiver};

use GateVerdict::{Failed, Passed, Waived};
use Severity::{Critical, High};

#[test]
fn the_dynamic_scan_of_an_environment_has_no_high_alert() {
    use Environment::{Pre, Sit, Uat};
    let rules = only(|r| r.dynamic_scan = Some(Uat));
    let gate = |evidence| one(&rules, &gate_input(evidence));
    let missing = "there is no dynamic scan of UAT with these images";
    says(&gate(vec![]), Failed, missing);
    says(&gate(vec![scan_of(Sit, None)]), Failed, missing);
    let passed = gate(vec![scan_of(Uat, Some(Severity::Medium))]);
    says(&passed, Passed, "the scan of UAT has no high alert");
    assert_eq!(passed.evidence, [digest("zap UAT")]);
    for severity in [High, Critical] {
        let found = gate(vec![scan_of(Uat, Some(severity)), scan_of(Pre, None)]);
        assert_eq!(found.verdict, Failed, "the environment that is named comes first");
        assert_eq!(found.evidence, [digest("zap UAT")]);
    }
    let mut input = gate_input(vec![scan_of(Uat, Some(High))]);
    input.waivers = vec![waiver(1, "dynamic-scan", Some("alert"))];
    assert_eq!(one(&rules, &input).verdict, Waived);
}

#[test]
fn one_image_bears_the_dynamic_scan_for_all() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    let mut input = gate_input(vec![]);
    let web = ImageEvidence {
        digest: digest("web-1"),
        evidence: vec![Evidence {
            ran: images(&[("api", "api-1"), ("web", "web-1"), ("db", "db-1")]),
            ..scan_of(Environment::Uat, None)
        }],
    };
    input.images.insert(name("web"), web);
    assert_eq!(one(&rules, &input).verdict, Passed);
}

#[test]
fn a_dynamic_scan_of_the_last_release_says_nothing_of_a_changed_component() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    // `api` is as it was, and bears the scan; `web` is new.
    for ran in [
        images(&[("api", "api-1"), ("web", "web-0")]),
        images(&[("api", "api-1")]),
    ] {
        let scan = Evidence {
            ran,
            ..scan_of(Environment::Uat, None)
        };
        let mut input = gate_input(vec![scan]);
        let web = ImageEvidence {
            digest: digest("web-1"),
            evidence: vec![],
        };
        input.images.insert(name("web"), web);
        says(
            &one(&rules, &input),
            Failed,
            "there is no dynamic scan of UAT with these images; the newest is of other images of web",
        );
    }
}

#[test]
fn a_service_without_the_environment_to_scan_is_not_blocked_for_ever() {
    use Environment::{Dev, Pre, Uat};
    let rules = only(|r| r.dynamic_scan = Some(Uat));
    // DEV, PRD: the one before is scanned.
    let mut input = gate_input(vec![]);
    input.environments = [Dev, Environment::Prd].into();
    input.predecessor = Some(Predecessor {
        environment: Dev,
        running: None,
    });
    says(
        &one(&rules, &input),
        Failed,
        "there is no dynamic scan of DEV with these images",
    );
    input.images.get_mut(&name("api")).unwrap().evidence = vec![scan_of(Dev, None)];
    assert_eq!(one(&rules, &input).verdict, Passed);
    // SIT, PRE, PRD: one that is further on.
    let mut without = gate_input(vec![scan_of(Pre, None)]);
    without.environments = [Environment::Sit, Pre, Environment::Prd].into();
    assert_eq!(one(&rules, &without).verdict, Passed);
    without.images.get_mut(&name("api")).unwrap().evidence.clear();
    says(
        &one(&rules, &without),
        Failed,
        "there is no dynamic scan of PRE with these images",
    );
    // PRD alone.
    input.predecessor = None;
    assert_eq!(one(&rules, &input).verdict, Passed);
}

#[test]
fn a_scan_of_another_environment_does_not_stand_for_the_one_to_scan() {
    let rules = only(|r| r.dynamic_scan = Some(Environment::Uat));
    // The service has UAT: what was found in PRE does not count for it.
    let input = gate_input(vec![scan_of(Environment::Pre, None)]);
    says(
        &one(&rules, &input),
        Failed,
        "there is no dynamic scan of UAT with these images",
    );
    let both = gate_input(vec![
        scan_of(Environment::Pre, Some(High)),
        scan_of(Environment::Uat, None),
    ]);
    assert_eq!(one(&rules, &both).verdict, Passed);
    // On the way into UAT it cannot have been scanned there: the one before is.
    let mut earlier = gate_input(vec![scan_of(Environment::Sit, None)]);
    earlier.predecessor.as_mut().unwrap().environment = Environment::Sit;
    assert_eq!(one(&rules, &earlier).verdict, Passed);
    earlier.images.get_mut(&name("api")).unwrap().evidence = vec![scan_of(Environment::Dev, None)];
    assert_eq!(one(&rules, &earlier).verdict, Failed);
}
