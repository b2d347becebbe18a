//! Services, templates, and connections to tools.

use opstella_domain::service::ServiceEvent;
use opstella_domain::template::{TemplateEvent, TemplateFiles};
use opstella_domain::tool_connection::{Connection, ToolConnectionEvent, ToolSettings, ToolUrl};
use opstella_domain::{Environment, EnvironmentSet};

use crate::fits::check;
use crate::support::{component, key, run_id};

#[test]
fn service_events_fit() {
    let (run, cause) = (run_id(1), || "step x: no".to_owned());
    let environment = Environment::Uat;
    check(
        "Service",
        vec![
            ServiceEvent::ServiceRequested {
                key: key(),
                components: vec![component("api")],
                environments: EnvironmentSet::all(),
                owner: "alice".parse().unwrap(),
                adopt: false,
                run,
            },
            ServiceEvent::ServiceActivated { run },
            ServiceEvent::ServiceProvisioningFailed {
                run,
                cause: cause(),
                left_behind: true,
            },
            ServiceEvent::ComponentRequested {
                component: component("web"),
                adopt: false,

                run,
            },
            ServiceEvent::ComponentAdded {
                component: component("web"),
                run,
            },
            ServiceEvent::ComponentAdditionFailed {
                component: "web".parse().unwrap(),
                run,
                cause: cause(),
                left_behind: false,
            },
            ServiceEvent::EnvironmentRequested {
                environment,
                adopt: false,
                run,
            },
            ServiceEvent::EnvironmentAdded { environment, run },
            ServiceEvent::EnvironmentAdditionFailed {
                environment,
                run,
                cause: cause(),
                left_behind: false,
            },
            ServiceEvent::ServiceDecommissionRequested { reason: cause(), run },
            ServiceEvent::ServiceDecommissioned {
                run,
                left_behind: false,
            },
            ServiceEvent::ServiceDecommissionAbandoned { run, cause: cause() },
        ],
    );
}

#[test]
fn template_events_fit() {
    let files = [("README.md".to_owned(), "# {{ component }}\n".to_owned())];
    let files = TemplateFiles::try_from(std::collections::BTreeMap::from(files)).unwrap();
    let registered = TemplateEvent::TemplateVersionRegistered {
        template: component("api").template,
        description: "A small HTTP service".into(),
        digest: files.digest(),
        files,
    };
    check("Template", vec![registered]);
}

#[test]
fn tool_connection_events_fit() {
    let connected = |settings| ToolConnectionEvent::ToolConnected {
        key: "vault/main".parse().unwrap(),
        connection: Connection {
            url: ToolUrl::try_from("https://vault.example/".to_owned()).unwrap(),
            credential: "vault-main".parse().unwrap(),
            settings,
        },
    };
    let all = ToolSettings {
        kv_mount: Some("secret".into()),
        kubernetes_auth_mount: Some("kubernetes".into()),
        approle_mount: Some("approle".into()),
        quality_gate: Some("Sonar way".into()),
        destination: Some("https://kubernetes.default.svc".into()),
        keep_artifacts: Some(20),
    };
    check(
        "ToolConnection",
        vec![connected(ToolSettings::default()), connected(all)],
    );
}
