//! Which fault makes the last step of a tool fail for good.

use opstella_domain::Tool;
use opstella_sandbox::Fault;
use serde_json::{Value, json};

use super::{DemoError, at, steps};

/// The creating call (or the deciding look) of the operation of the tool's last step, once all earlier steps of that operation went through.
pub fn last_step_of(tool: Tool, plan: &Value) -> Result<Fault, DemoError> {
    let operation = |step: &Value| {
        at(step, "/operation/type")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let of_tool: Vec<_> = steps(plan)
        .iter()
        .filter(|s| at(s, "/tool") == tool.slug())
        .map(operation)
        .collect();
    let last = of_tool
        .last()
        .ok_or_else(|| DemoError::Unexpected(format!("the plan has no step of {tool}")))?;
    let earlier = of_tool.iter().filter(|o| *o == last).count() - 1;
    let (method, path) = creating_call(last)
        .ok_or_else(|| DemoError::Unexpected(format!("the demo does not know how {last} is created")))?;
    let message = "refused on purpose, as the demo was asked";
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422,
        "message": message, "errors": [{"code": "UNPROCESSABLE", "message": message, "msg": message}],
    });
    let skip = u64::try_from(earlier).unwrap_or(u64::MAX);
    Ok(Fault::on(tool.slug())
        .method(method)
        .path(path)
        .status(422)
        .body(body.to_string())
        .skip(skip))
}

/// Method and path (below the tool's URL) that create the operation's resource.
fn creating_call(operation: &str) -> Option<(&'static str, &'static str)> {
    Some(match operation {
        "gitlab-group" => ("POST", "/api/v4/groups"),
        "gitlab-project" => ("POST", "/api/v4/projects"),
        "gitlab-files" => ("POST", "/api/v4/projects/*/repository/commits"),
        // GitLab protects the default branch by itself: there is a look, and nothing to create.
        "gitlab-protected-branch" => ("GET", "/api/v4/projects/*/protected_branches/*"),
        "gitlab-environment" => ("POST", "/api/v4/projects/*/environments"),
        "gitlab-variables" => ("POST", "/api/v4/projects/*/variables"),
        "gitlab-webhook" => ("POST", "/api/v4/projects/*/hooks"),
        "harbor-project" => ("POST", "/api/v2.0/projects"),
        "harbor-robot" => ("POST", "/api/v2.0/robots"),
        "harbor-retention" => ("POST", "/api/v2.0/retentions"),
        "vault-secret-path" => ("POST", "/v1/secret/metadata/**"),
        "vault-policy" => ("POST", "/v1/sys/policies/acl/*"),
        "vault-kubernetes-role" => ("POST", "/v1/auth/kubernetes/role/*"),
        "vault-app-role" => ("POST", "/v1/auth/approle/role/*"),
        "sonar-project" => ("POST", "/api/projects/create"),
        "sonar-quality-gate" => ("POST", "/api/qualitygates/select"),
        "sonar-token" => ("POST", "/api/user_tokens/generate"),
        "sonar-webhook" => ("POST", "/api/webhooks/create"),
        "kubernetes-namespace" => ("POST", "/api/v1/namespaces"),
        "kubernetes-quota" => ("POST", "/api/v1/namespaces/*/resourcequotas"),
        "kubernetes-limits" => ("POST", "/api/v1/namespaces/*/limitranges"),
        "kubernetes-network-policy" => ("POST", "/apis/networking.k8s.io/v1/namespaces/*/networkpolicies"),
        "kubernetes-service-account" => ("POST", "/api/v1/namespaces/*/serviceaccounts"),
        "kubernetes-role-binding" => (
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/*/rolebindings",
        ),
        "kubernetes-pull-secret" => ("POST", "/api/v1/namespaces/*/secrets"),
        "argo-project" => ("POST", "/api/v1/projects"),
        "argo-application" => ("POST", "/api/v1/applications"),
        _ => return None,
    })
}
