//! Whether the cluster is there and takes our token.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Resource;
use kube::api::PostParams;
use kube::core::Request;

use super::Kubernetes;
use crate::{Health, StepError};

impl Kubernetes {
    /// The version alone would not do: everybody may ask for it. Whether we may make namespaces, everybody whose token
    /// is taken may ask.
    pub(super) async fn check_health(&self) -> Result<Health, StepError> {
        let version = http::Request::get("/version").body(Vec::new());
        let version = version.map_err(kube::core::request::Error::BuildRequest);
        let version: Info = self.send(version).await?.success()?.json()?;
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some("create".into()),
                    resource: Some("namespaces".into()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let body = serde_json::to_vec(&review).map_err(kube::core::request::Error::SerializeBody);
        let path = SelfSubjectAccessReview::url_path(&(), None);
        let request = body.and_then(|body| Request::new(path).create(&PostParams::default(), body));
        let answer = self.send(request).await?.success()?;
        let review: SelfSubjectAccessReview = answer.json()?;
        if review.status.is_some_and(|status| status.allowed) {
            return Ok(Health {
                version: Some(version.git_version),
            });
        }
        Err(StepError::Permanent {
            message: "Kubernetes takes our token, but its account may not create namespaces; give Opstella's account \
                      the right to do this"
                .into(),
        })
    }
}
