//! The proxy to `Service`s: what runs behind one answers, and is fine as long as it is healthy.

use std::sync::PoisonError;

use http::{Method, StatusCode};

use super::kinds::KINDS;
use super::objects::key;
use super::status::Status;
use super::{Answer, Kubernetes};
use crate::{Reply, Request};

impl Kubernetes {
    /// `/api/v1/namespaces/NS/services/[SCHEME:]NAME[:PORT]/proxy/...`.
    pub(super) fn proxied(&self, request: &Request, namespace: &str, service: &str) -> Answer {
        if request.method != Method::GET {
            return Err(Status::method_not_allowed());
        }
        let name = match service.split(':').collect::<Vec<_>>().as_slice() {
            [name] | [name, _] | [_, name, _] => (*name).to_owned(),
            _ => {
                return Err(Status::bad_request(format!(
                    "invalid service request \"{service}\""
                )));
            }
        };
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = KINDS.iter().find(|k| k.kind == "Namespace")
            && !store.objects.contains_key(&key(kind, "", namespace))
        {
            return Err(Status::not_found(kind, namespace));
        }
        drop(store);
        let argocd = self.argocd.as_ref();
        if !argocd.is_some_and(|argocd| argocd.answers(namespace, &name)) {
            return Err(Status::no_endpoints(service));
        }
        Ok(Reply::text(StatusCode::OK, "text/plain", "ok"))
    }
}
