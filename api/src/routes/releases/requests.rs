//! Bodies of commands on releases.

use chrono::{DateTime, Utc};
use opstella_domain::policy::GateName;
use opstella_domain::release::{Commit, Digest, ReleaseImage, ReleaseVersion};
use opstella_domain::{ComponentName, Subject};
use serde::Deserialize;
use utoipa::ToSchema;

/// Images of a version.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": "1.4.0",
    "author": "alice",
    "components": [{
        "name": "api",
        "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit": "3f786850e387550fdab836ed7e6dc881de23001b",
        "committed_at": "2026-11-25T09:30:00+01:00",
        "pipeline": "https://gitlab.example/payments/checkout_api/-/pipelines/17",
    }],
}))]
pub struct RegisterReleaseRequest {
    /// The version.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub version: ReleaseVersion,
    /// Its images.
    #[schema(min_items = 1, max_items = 20)]
    pub components: Vec<ReleaseImageRequest>,
    /// Who wrote what is in it, by the name that they sign in with. A machine has to name somebody; a person is taken for
    /// the author, if nobody is named.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    pub author: Option<Subject>,
    /// Who else wrote what is in it: the authors of its commits.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100)]
    pub authors: Vec<Subject>,
}

/// The image of one component.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseImageRequest {
    /// Of which component.
    #[schema(value_type = String, min_length = 1, max_length = 40, pattern = "^[a-z]([a-z0-9-]*[a-z0-9])?$")]
    pub name: ComponentName,
    /// Which image.
    #[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
    pub digest: Digest,
    /// From which commit.
    #[schema(value_type = String, pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")]
    pub commit: Commit,
    /// When that was committed: what the lead time for changes is reckoned from. Not in the future.
    pub committed_at: Option<DateTime<Utc>>,
    /// By which pipeline: a link.
    #[schema(max_length = 2048, pattern = "^https?://")]
    pub pipeline: Option<String>,
}

impl From<ReleaseImageRequest> for ReleaseImage {
    fn from(request: ReleaseImageRequest) -> Self {
        Self {
            component: request.name,
            digest: request.digest,
            commit: request.commit,
            committed_at: request.committed_at,
            pipeline: request.pipeline,
        }
    }
}

/// A waiver to be granted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "gate": "no-critical-vulnerability", "finding": "CVE-2026-1234",
    "reason": "the vulnerable function is not called", "expires_at": "2026-12-24T00:00:00Z",
}))]
pub struct GrantWaiverRequest {
    /// Which gate.
    #[schema(value_type = String, min_length = 1, max_length = 47)]
    pub gate: GateName,
    /// Only this finding of it; the whole gate, if none is named.
    #[schema(min_length = 1, max_length = 120)]
    pub finding: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// Until when it counts: at most 90 days from now.
    pub expires_at: DateTime<Utc>,
}

/// A reason.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "a fixed version is out"}))]
pub struct ReasonRequest {
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use opstella_domain::naming::QualityKey;
    use opstella_domain::operation::ComponentValues;
    use opstella_domain::{Environment, EnvironmentSet, Subject};

    use super::RegisterReleaseRequest;

    /// The pipeline of the template that comes along.
    fn pipeline() -> String {
        let key = "payments/checkout".parse().unwrap();
        let values = ComponentValues {
            project: "payments".parse().unwrap(),
            service: "checkout".parse().unwrap(),
            component: "api".parse().unwrap(),
            environments: EnvironmentSet::only(Environment::Dev),
            image: "harbor.example/payments_checkout/api".into(),
            quality_key: QualityKey::of(&key, &"api".parse().unwrap()),
            sonarqube_url: "https://sonar.example".into(),
            opstella_url: "https://opstella.example".into(),
        };
        let templates = opstella_adapters::builtin::templates().unwrap();
        let template = templates
            .iter()
            .find(|t| t.template.name.as_str() == "http-service");
        let files = opstella_adapters::render::files(&template.unwrap().files, &values, None).unwrap();
        let found = files.iter().find(|(path, _)| *path == ".gitlab-ci.yml");
        found.unwrap().1.to_owned()
    }

    /// A job that is run again may have other reports: sent under a key that was used, they would be refused for good.
    #[test]
    fn each_job_of_the_template_has_keys_of_its_own() {
        let pipeline = pipeline();
        let (_, send) = pipeline.split_once("send() {").unwrap();
        let (send, _) = send.split_once("\n      }").unwrap();
        let script = format!(
            "curl() {{ printf '%s\\n' \"$@\"; }}\nsend() {{{send}\n}}\nsend \"$WHAT\" application/json report.json \"\""
        );
        let key = |job: &str, what: &str| {
            let ran = Command::new("sh")
                .args(["-c", &script])
                .envs([("CI_PROJECT_ID", "7"), ("CI_PIPELINE_ID", "17")])
                .envs([("CI_JOB_ID", job), ("WHAT", what)])
                .output()
                .unwrap();
            let sent = String::from_utf8(ran.stdout).unwrap();
            let key = sent
                .lines()
                .find_map(|line| line.strip_prefix("Idempotency-Key: "));
            key.unwrap_or_else(|| panic!("{sent}")).to_owned()
        };
        assert_eq!(key("1", "sbom"), key("1", "sbom"));
        assert_ne!(key("1", "sbom"), key("1", "image-scan"));
        assert_ne!(key("1", "sbom"), key("2", "sbom"));
    }

    /// It sends what this route reads.
    #[test]
    fn the_body_of_the_template_is_read() {
        let pipeline = pipeline();
        // Each component is released by itself, under a version that no other component's pipeline gives.
        assert!(
            pipeline.contains("RELEASE_VERSION: \"1.0.$CI_PIPELINE_IID-api\""),
            "{pipeline}"
        );
        assert!(
            pipeline
                .trim_end()
                .ends_with("send seal application/json seal.json \"/$RELEASE_VERSION/seal\"")
        );
        let start = pipeline.find("printf\n").unwrap();
        let (printing, _) = pipeline[start..].split_once("> release.json").unwrap();
        // YAML folds the lines of the command into one.
        let printing = printing.split_whitespace().collect::<Vec<_>>().join(" ");
        let digest = format!("sha256:{}", "a".repeat(64));
        let body = Command::new("sh")
            .args(["-c", &printing])
            .env("RELEASE_VERSION", "1.0.17")
            .env("RELEASE_DIGEST", &digest)
            .env("CI_COMMIT_SHA", "b".repeat(40))
            .env("GITLAB_USER_LOGIN", "ivan")
            .env("CI_COMMIT_TIMESTAMP", "2026-11-25T09:30:00+01:00")
            .env(
                "CI_PIPELINE_URL",
                "https://gitlab.example/payments/checkout_api/-/pipelines/17",
            )
            .output()
            .unwrap();
        let request: RegisterReleaseRequest = serde_json::from_slice(&body.stdout).unwrap();
        assert_eq!(request.version.as_str(), "1.0.17");
        assert_eq!(request.author.as_ref().map(Subject::as_str), Some("ivan"));
        let image = &request.components[0];
        assert_eq!(
            (image.name.as_str(), image.digest.as_str()),
            ("api", digest.as_str())
        );
        let committed = "2026-11-25T08:30:00Z".parse().unwrap();
        assert_eq!(image.committed_at, Some(committed));
        assert!(image.pipeline.as_ref().unwrap().ends_with("/17"));
    }
}
