#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
//! Bad reports are refused, each with an error that says what to do and quotes nothing.

mod common;

use common::{ALL, digest, fixture, image, read, text};
use opstella_domain::evidence::ReportKind;
use opstella_evidence::{Encoding, Expected, Limits, MAX_REPORT, MAX_SENT, ReportError, decompress, parse};

#[test]
fn a_hundred_megabytes_are_refused_before_they_are_read() {
    // Not JSON: reading it would give another error.
    let huge = vec![b'x'; 100 * 1024 * 1024];
    for kind in ReportKind::all() {
        assert_eq!(
            read(kind, &huge),
            Err(ReportError::TooLarge { limit: MAX_REPORT })
        );
    }
    let refused = decompress(&huge, Encoding::Identity, Limits::default());
    assert_eq!(refused, Err(ReportError::TooLarge { limit: MAX_SENT }));
}

#[test]
fn every_fixture_is_refused_as_every_other_kind() {
    for (own, name) in ALL {
        for kind in ReportKind::all().filter(|kind| *kind != own) {
            // What has nothing but configuration may be of a whole file system.
            if (kind, name) == (ReportKind::FilesystemScan, "trivy-config.json") {
                continue;
            }
            let error = read(kind, fixture(name)).unwrap_err();
            let ReportError::WrongTool { expected, hint, .. } = &error else {
                panic!("{name} as {kind}: {error}");
            };
            assert_eq!(*expected, kind);
            assert!(
                hint.contains(own.slug()) || name.ends_with("xml"),
                "{name} as {kind}: {error}"
            );
        }
    }
}

#[test]
fn other_json_and_xml_are_named_as_such() {
    for (report, named) in [
        ("{}", "JSON of another tool"),
        ("[]", "JSON that is no object"),
        ("7", "JSON that is no object"),
        ("\"text\"", "JSON that is no object"),
        ("<html></html>", "XML"),
    ] {
        for kind in ReportKind::all() {
            let error = read(kind, report).unwrap_err();
            assert!(
                matches!(&error, ReportError::WrongTool { found, .. } if found.contains(named)),
                "{kind}: {error}"
            );
        }
    }
    let error = read(
        ReportKind::ImageScan,
        r#"{"SchemaVersion":2,"ArtifactType":"vm"}"#,
    )
    .unwrap_err();
    assert!(matches!(error, ReportError::WrongTool { .. }));
}

#[test]
fn cut_off_damaged_and_mistyped() {
    assert_eq!(
        read(ReportKind::Sbom, ""),
        Err(ReportError::Truncated { line: 1, column: 0 })
    );
    assert_eq!(
        read(ReportKind::Sbom, "{\n\"bomFormat\":"),
        Err(ReportError::Truncated { line: 2, column: 12 })
    );
    assert_eq!(
        read(ReportKind::Sbom, "{\n  secret}"),
        Err(ReportError::NotJson { line: 2, column: 3 })
    );
    assert!(matches!(
        read(ReportKind::Sbom, "{} x"),
        Err(ReportError::NotJson { .. })
    ));
    let mistyped = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":"hidden-value"}"#;
    let error = read(ReportKind::Sbom, mistyped).unwrap_err();
    assert!(matches!(error, ReportError::Malformed { line: 1, .. }));
    assert!(!error.to_string().contains("hidden-value"));
}

#[test]
fn an_image_that_was_not_looked_at_for_vulnerabilities_is_not_clean() {
    let report = |os: &str, results: &str| {
        format!(r#"{{"SchemaVersion":2,"ArtifactType":"container_image","Metadata":{{{os}}}{results}}}"#)
    };
    let of = |classes: &[&str]| {
        let results = classes
            .iter()
            .map(|class| format!(r#"{{"Target":"x","Class":"{class}"}}"#));
        format!(r#","Results":[{}]"#, results.collect::<Vec<_>>().join(","))
    };
    let os = r#""OS":{"Family":"alpine","Name":"3.19.1"}"#;
    for wrong in [
        report(os, ""),
        report(os, r#","Results":null"#),
        report(os, r#","Results":[]"#),
        report(os, &of(&["secret"])),
        report("", &of(&["secret", "license", "license-file", "config"])),
    ] {
        let error = read(ReportKind::ImageScan, &wrong).unwrap_err();
        let ReportError::WrongTool { hint, .. } = &error else {
            panic!("{wrong}: {error}");
        };
        assert!(hint.contains("--scanners vuln"), "{error}");
    }
    for right in [
        report(os, &of(&["os-pkgs"])),
        report(os, &of(&["secret", "lang-pkgs"])),
        // Nothing that Trivy knows is in it.
        report("", ""),
    ] {
        assert_eq!(
            read(ReportKind::ImageScan, &right).unwrap().counts.critical,
            0,
            "{right}"
        );
    }
    // Files may well be looked at for secrets alone.
    let files = report("", &of(&["secret"])).replace("container_image", "filesystem");
    assert!(read(ReportKind::FilesystemScan, files).is_ok());
}

#[test]
fn what_is_not_finished_is_no_evidence() {
    let unfinished = |kind, report: &str| {
        let error = read(kind, report).unwrap_err();
        assert!(
            matches!(error, ReportError::Unfinished { .. }),
            "{report}: {error}"
        );
    };
    let harbor = text("harbor-artifact.json");
    for status in ["Running", "Pending", "Error", "Stopped", "NotScanned"] {
        unfinished(ReportKind::RegistryScan, &harbor.replacen("Success", status, 1));
    }
    unfinished(ReportKind::RegistryScan, &harbor.replace("100", "50"));
    unfinished(
        ReportKind::RegistryScan,
        &harbor.replace("scan_overview", "nothing"),
    );
    unfinished(ReportKind::RegistryScan, r#"{"scan_overview":null}"#);
    unfinished(ReportKind::RegistryScan, r#"{"scan_overview":{}}"#);
    unfinished(
        ReportKind::QualityGate,
        &text("sonar-status.json").replacen("ERROR", "NONE", 1),
    );
    unfinished(ReportKind::QualityGate, r#"{"projectStatus":null}"#);
    unfinished(
        ReportKind::QualityGate,
        &text("sonar-webhook.json").replacen("SUCCESS", "FAILED", 1),
    );
    unfinished(ReportKind::QualityGate, r#"{"taskId":"x","status":"SUCCESS"}"#);
    unfinished(
        ReportKind::StaticAnalysis,
        &text("sarif.json").replace("true", "false"),
    );
    unfinished(
        ReportKind::StaticAnalysis,
        r#"{"version":"2.1.0","runs":[{"results":null}]}"#,
    );
    unfinished(ReportKind::StaticAnalysis, r#"{"version":"2.1.0","runs":[{}]}"#);
}

#[test]
fn what_looked_at_nothing_is_no_evidence() {
    let empty = |kind, report: &str| {
        assert!(
            matches!(read(kind, report), Err(ReportError::Empty { .. })),
            "{report}"
        );
    };
    empty(ReportKind::Tests, "<testsuites/>");
    empty(
        ReportKind::Tests,
        "<testsuite tests=\"7\"><properties/></testsuite>",
    );
    empty(
        ReportKind::Tests,
        "<testsuite><testcase><skipped/></testcase></testsuite>",
    );
    empty(ReportKind::DynamicScan, r#"{"@programName":"ZAP","site":[]}"#);
    empty(ReportKind::DynamicScan, r#"{"@programName":"ZAP"}"#);
    empty(ReportKind::StaticAnalysis, r#"{"version":"2.1.0","runs":[]}"#);
}

#[test]
fn other_versions_are_refused_by_name() {
    for (kind, report) in [
        (
            ReportKind::ImageScan,
            r#"{"SchemaVersion":3,"ArtifactType":"container_image"}"#,
        ),
        (
            ReportKind::Sbom,
            r#"{"bomFormat":"CycloneDX","specVersion":"1.3"}"#,
        ),
        (ReportKind::Sbom, r#"{"bomFormat":"CycloneDX"}"#),
        (ReportKind::StaticAnalysis, r#"{"version":"2.0.0","runs":[]}"#),
    ] {
        let error = read(kind, report).unwrap_err();
        assert!(
            matches!(error, ReportError::UnsupportedVersion { .. }),
            "{report}: {error}"
        );
    }
}

#[test]
fn another_images_report_is_refused_and_an_honest_one_is_not() {
    for (kind, name) in [
        (ReportKind::ImageScan, "trivy-image.json"),
        (ReportKind::Sbom, "cyclonedx-1.5.json"),
        (ReportKind::RegistryScan, "harbor-artifact.json"),
    ] {
        let report = fixture(name);
        assert!(parse(kind, &report, &image("a")).is_ok(), "{name}");
        let error = parse(kind, &report, &image("b")).unwrap_err();
        let (found, expected) = (digest("a").to_string(), digest("b").to_string());
        assert_eq!(error, ReportError::WrongDigest { found, expected }, "{name}");
    }
    // A package URL says it, and so does a property; without both it is anybody's.
    let bom = text("cyclonedx-1.5.json");
    let (without_urls, without_property) = (("pkg:oci/", "x"), ("trivy:RepoDigest", "x"));
    for removed in [vec![], vec![without_urls], vec![without_property]] {
        let bom = removed
            .iter()
            .fold(bom.clone(), |bom, (part, x)| bom.replace(part, x));
        let refused = parse(ReportKind::Sbom, bom.as_bytes(), &image("b"));
        assert!(
            matches!(refused, Err(ReportError::WrongDigest { .. })),
            "without {removed:?}"
        );
    }
    let bom = bom.replace("pkg:oci/", "x").replace("trivy:RepoDigest", "x");
    assert!(parse(ReportKind::Sbom, bom.as_bytes(), &image("b")).is_ok());
    // A digest that the tool made up itself.
    assert!(parse(ReportKind::Sbom, &fixture("cyclonedx-1.4.json"), &image("b")).is_ok());
    // The vulnerabilities of an index are listed under its images' digests.
    assert!(
        parse(
            ReportKind::RegistryScan,
            &fixture("harbor-report.json"),
            &image("a")
        )
        .is_ok()
    );
}

#[test]
fn an_image_in_a_tar_is_known_by_its_configuration() {
    let report = text("trivy-image.json").replace("RepoDigests", "Nothing");
    let with = |config: &str| Expected {
        configs: vec![digest("9"), digest(config)],
        ..image("b")
    };
    let parse = |expected: Expected| parse(ReportKind::ImageScan, report.as_bytes(), &expected);
    assert!(parse(image("b")).is_ok(), "nothing is certain");
    assert!(parse(with("c")).is_ok());
    assert!(matches!(parse(with("d")), Err(ReportError::WrongDigest { .. })));
}

#[test]
fn an_image_named_by_digest_is_that_image() {
    let report = format!(
        r#"{{"SchemaVersion":2,"ArtifactType":"container_image","ArtifactName":"harbor.example/a@{}","Metadata":{{}}}}"#,
        digest("a")
    );
    assert!(parse(ReportKind::ImageScan, report.as_bytes(), &image("a")).is_ok());
    assert!(parse(ReportKind::ImageScan, report.as_bytes(), &image("b")).is_err());
}

#[test]
fn an_index_holds_its_images() {
    let children = format!(r#""references": [{{"child_digest": "{}"}}]"#, digest("b"));
    let report = text("harbor-artifact.json").replace("\"references\": null", &children);
    for letter in ["a", "b"] {
        assert!(parse(ReportKind::RegistryScan, report.as_bytes(), &image(letter)).is_ok());
    }
    assert!(parse(ReportKind::RegistryScan, report.as_bytes(), &image("d")).is_err());
}

#[test]
fn entities_and_document_types_are_refused() {
    let body = "<testsuite><testcase name=\"a\">&lol9;</testcase></testsuite>";
    let laughs = r#"<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol9 "&lol;&lol;&lol;&lol;">]>"#;
    let file = r#"<!DOCTYPE x [<!ENTITY lol9 SYSTEM "file:///etc/passwd">]>"#;
    for report in [
        format!("<?xml version=\"1.0\"?>{laughs}{body}"),
        format!("{file}{body}"),
        format!("<!DOCTYPE testsuite SYSTEM \"http://evil.example/x.dtd\">{body}"),
        body.to_owned(),
    ] {
        assert_eq!(read(ReportKind::Tests, report), Err(ReportError::Entities));
    }
}

#[test]
fn xml_is_well_formed_and_not_deep() {
    let not_xml = |report: &str| {
        let error = read(ReportKind::Tests, report).unwrap_err();
        assert!(matches!(error, ReportError::NotXml { .. }), "{report}: {error}");
    };
    not_xml("<testsuite><testcase></testsuite>");
    not_xml("<testsuite><testcase/></testsuite><testsuite/>");
    not_xml("<testsuite><testcase/></testsuite> text");
    not_xml("<testsuite><testcase/></testsuite></testsuite>");
    assert!(matches!(
        read(ReportKind::Tests, b"<testsuite>\n\xff</testsuite>"),
        Err(ReportError::NotXml { line: 2, column: 1 })
    ));
    let deep = format!("{}<testcase/>", "<testsuite>".repeat(200_000));
    assert_eq!(
        read(ReportKind::Tests, deep),
        Err(ReportError::TooDeep { limit: 64 })
    );
}

#[test]
fn json_is_not_deep() {
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":{}{}}}"#,
        r#"[{"components":"#.repeat(100_000),
        "[]".to_owned() + &"}]".repeat(100_000)
    );
    assert_eq!(
        read(ReportKind::Sbom, deep),
        Err(ReportError::TooDeep { limit: 128 })
    );
    // What is not read may be as deep as it likes.
    let ignored = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","x":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read(ReportKind::Sbom, ignored).is_ok());
}

#[test]
fn too_many_results_are_refused() {
    let results = vec!["{}"; 200_001].join(",");
    let report = format!(r#"{{"version":"2.1.0","runs":[{{"results":[{results}]}}]}}"#);
    let error = read(ReportKind::StaticAnalysis, report).unwrap_err();
    assert!(matches!(error, ReportError::TooMany { limit: 200_000, .. }));
    let rules = vec!["{}"; 20_001].join(",");
    let report = format!(
        r#"{{"version":"2.1.0","runs":[{{"results":[],"tool":{{"driver":{{"rules":[{rules}]}}}}}}]}}"#
    );
    let error = read(ReportKind::StaticAnalysis, report).unwrap_err();
    assert!(matches!(error, ReportError::TooMany { limit: 20_000, .. }));
}
