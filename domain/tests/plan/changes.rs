//! Plans of additions, of a removal, of a promotion.

use opstella_domain::operation::Operation;
use opstella_domain::plan::{PlannedStep, plan_add_component, plan_add_environment, plan_decommission};
use opstella_domain::{Environment, EnvironmentSet};

use crate::given::{ancestors, assert_ordered, edges, kind, promotion, provision};
use crate::support::{component, id, key, targets};

#[test]
fn a_component_that_is_added_brings_its_own_steps_only() {
    let environments = EnvironmentSet::try_from(vec![Environment::Dev, Environment::Prd]).unwrap();
    let added = plan_add_component(&key(), &component("web"), &environments, &targets()).unwrap();
    assert_ordered(&added);
    assert!(added.steps().iter().all(|s| s.id.as_str().contains("/web")));
    assert_eq!(added.steps().len(), 9 + 2 * 2);
    let whole = provision();
    for step in added.steps() {
        let there = whole.steps().iter().find(|s| s.id == step.id).unwrap();
        // The files differ in their list of environments.
        assert_eq!(kind(there), kind(step));
        assert!(step.depends_on.iter().all(|d| there.depends_on.contains(d)));
    }
}

#[test]
fn an_environment_that_is_added_brings_an_overlay_per_component() {
    let components = [component("api"), component("web")];
    let added = plan_add_environment(&key(), &components, Environment::Uat, &targets()).unwrap();
    assert_ordered(&added);
    assert!(added.steps().iter().all(|s| s.id.as_str().ends_with("/uat")));
    assert_eq!(added.steps().len(), 11 + 2 * 3);
    let before = ancestors(&added);
    for name in ["api", "web"] {
        let overlay = format!("gitlab.overlay/{name}/uat");
        let application = format!("argocd.application/{name}/uat");
        assert!(before[&*application].contains(&*overlay));
        let step = added.steps().iter().find(|s| s.id == id(&overlay)).unwrap();
        let Operation::GitlabFiles { only, values, .. } = &step.operation else {
            panic!("{step:?}")
        };
        assert_eq!(*only, Some(Environment::Uat));
        assert_eq!(values.environments, EnvironmentSet::only(Environment::Uat));
    }
}

#[test]
fn a_removal_is_the_same_steps_the_other_way_round() {
    let components = [component("api"), component("web")];
    let removal = plan_decommission(&key(), &components, &EnvironmentSet::all(), &targets()).unwrap();
    assert_ordered(&removal);
    let made = provision();
    assert_eq!(made.clone().reversed().unwrap(), removal);
    assert_eq!(
        edges(&removal),
        edges(&made).into_iter().map(|(a, b)| (b, a)).collect()
    );
    let before = ancestors(&removal);
    assert!(before["kubernetes.namespace/prd"].contains("argocd.application/web/prd"));
    assert!(before["gitlab.group"].contains("gitlab.project/api"));
    assert!(before["harbor.project"].contains("harbor.robot"));
}

#[test]
fn a_promotion_checks_all_before_it_changes_any() {
    let plan = promotion();
    let place = |prefix: &str| -> Vec<usize> {
        let of = |(index, step): (usize, &PlannedStep)| step.id.as_str().starts_with(prefix).then_some(index);
        plan.steps().iter().enumerate().filter_map(of).collect()
    };
    let last = |prefix: &str| place(prefix).into_iter().max().unwrap();
    let first = |prefix: &str| place(prefix).into_iter().min().unwrap();
    assert_eq!(plan.steps().len(), 14);
    for change in ["harbor.tag", "gitlab.image"] {
        assert!(last("harbor.artifact") < first(change) && last("argocd.hold") < first(change));
        assert!(last(change) < first("argocd.sync"));
    }
    assert!(
        last("harbor.tag") < first("gitlab.image"),
        "tagged before it is committed"
    );
    assert_eq!(plan.critical_path(|_| 1), 6);
}
