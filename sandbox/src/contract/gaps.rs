//! Where the vendors' descriptions are known to depart from what their servers do: one table, with the reasons.

use http::Method;
use serde_json::{Value, json};

/// A tool with a published description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Argo CD 3.6.
    ArgoCd,
    /// Harbor 2.16.
    Harbor,
    /// Kubernetes.
    Kubernetes,
    /// OpenBao 2.7, the Vault API.
    Vault,
}

/// What a gap's response body must look like instead.
#[derive(Debug, Clone, Copy)]
enum Body {
    /// Harbor's error list.
    HarborErrors,
    /// Kubernetes' `Status`.
    KubernetesStatus,
    /// The Vault API's error list; a deleted secret version adds its metadata.
    VaultErrors,
    /// The description says nothing usable of it.
    Any,
}

/// A status (or its body) that the server gives although the description has it otherwise.
#[derive(Debug)]
pub(super) struct Gap {
    vendor: Vendor,
    /// `METHOD /path/template`; a trailing `*` stands for anything.
    route: &'static str,
    statuses: &'static [u16],
    body: Body,
    #[expect(dead_code, reason = "it is read by people")]
    reason: &'static str,
}

const GAPS: &[Gap] = &[
    Gap {
        vendor: Vendor::Harbor,
        route: "POST /robots",
        statuses: &[409],
        body: Body::HarborErrors,
        reason: "a taken robot name is a conflict as everywhere else in Harbor",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "POST /retentions",
        statuses: &[409],
        body: Body::HarborErrors,
        reason: "two equal rules are a conflict",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "*",
        statuses: &[401, 403, 422],
        body: Body::HarborErrors,
        reason: "authentication and parameter checks stand before every handler",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "GET /retentions/{id}",
        statuses: &[400, 404],
        body: Body::HarborErrors,
        reason: "retention routes document no missing policy",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "PUT /retentions/{id}",
        statuses: &[400, 404, 409],
        body: Body::HarborErrors,
        reason: "retention routes document no missing policy",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "DELETE /retentions/{id}",
        statuses: &[400, 404],
        body: Body::HarborErrors,
        reason: "a missing policy is answered with 400",
    },
    Gap {
        vendor: Vendor::Harbor,
        route: "GET /projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/additions/vulnerabilities",
        statuses: &[200],
        body: Body::Any,
        reason: "documented as a string; it is the scanner's reports in JSON, by media type",
    },
    Gap {
        vendor: Vendor::Kubernetes,
        route: "*",
        statuses: &[400, 401, 403, 404, 405, 409, 415, 422, 503],
        body: Body::KubernetesStatus,
        reason: "Kubernetes documents no errors but 401; they all are Status objects",
    },
    Gap {
        vendor: Vendor::Kubernetes,
        route: "DELETE /api/v1/namespaces/{name}",
        statuses: &[200],
        body: Body::Any,
        reason: "documented as Status; a namespace has a finalizer, so the server answers with the Namespace, Terminating",
    },
    Gap {
        vendor: Vendor::Vault,
        route: "*",
        statuses: &[400, 403, 404, 405],
        body: Body::VaultErrors,
        reason: "OpenBao documents no errors",
    },
    Gap {
        vendor: Vendor::Vault,
        route: "POST *",
        statuses: &[204],
        body: Body::Any,
        reason: "a write without data answers 204 where the description says 200",
    },
    Gap {
        vendor: Vendor::Vault,
        route: "DELETE *",
        statuses: &[204],
        body: Body::Any,
        reason: "a deletion without data answers 204 where the description says 200",
    },
];

impl Gap {
    pub(super) fn schema(&self) -> Option<Value> {
        let strings = json!({ "type": "array", "items": { "type": "string" } });
        match self.body {
            Body::HarborErrors => Some(json!({ "$ref": "#/definitions/Errors" })),
            Body::KubernetesStatus => {
                Some(json!({ "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status" }))
            }
            Body::VaultErrors => Some(
                json!({ "anyOf": [{ "required": ["errors"], "properties": { "errors": strings } },
                                       { "required": ["data", "request_id"] }] }),
            ),
            Body::Any => None,
        }
    }
}

impl Vendor {
    /// The file in the contract directory.
    pub fn file(self) -> &'static str {
        match self {
            Self::ArgoCd => "argocd-swagger.json",
            Self::Harbor => "harbor-v2.0-swagger.yaml",
            Self::Kubernetes => "kubernetes-swagger.json",
            Self::Vault => "openbao-2.7.2-openapi.json",
        }
    }

    /// Routes that the server has and the description leaves out altogether.
    pub(super) fn ignores(self, path: &str) -> bool {
        match self {
            // The description was asked of a server without AppRole mounted.
            Self::Vault => path.starts_with("/v1/auth/approle"),
            Self::Kubernetes => ["/healthz", "/livez", "/readyz"].contains(&path),
            Self::ArgoCd | Self::Harbor => false,
        }
    }

    pub(super) fn strip_prefix(self, path: &str) -> &str {
        match self {
            Self::Vault => path.strip_prefix("/v1").unwrap_or(path),
            _ => path,
        }
    }

    /// Vault treats PUT as POST, and LIST as GET with `list=true`. Argo CD's lists take `fields`, by which its own portal
    /// asks for parts of them, and which its description leaves out.
    pub(super) fn normalised(
        self,
        method: &Method,
        query: &[(String, String)],
    ) -> (String, Vec<(String, String)>) {
        let name = method.as_str().to_lowercase();
        match (self, name.as_str()) {
            (Self::Vault, "put") => ("post".to_owned(), query.to_vec()),
            (Self::Vault, "list") => ("get".to_owned(), vec![]),
            // `list` is documented per route, though it works on every one that lists.
            (Self::Vault, _) => (
                name,
                query
                    .iter()
                    .filter(|(k, _)| k != "list" && k != "version")
                    .cloned()
                    .collect(),
            ),
            (Self::ArgoCd, "get") => (
                name,
                query.iter().filter(|(k, _)| k != "fields").cloned().collect(),
            ),
            _ => (name, query.to_vec()),
        }
    }

    /// Whether a path fits a template. In the Vault API `{path}` and mount paths span segments.
    pub(super) fn matches(self, template: &[String], path: &[&str]) -> bool {
        let Some((first, rest)) = template.split_first() else {
            return path.is_empty();
        };
        if self == Self::Vault && first == "{path}" && rest.is_empty() {
            return true;
        }
        let Some((segment, tail)) = path.split_first() else {
            return false;
        };
        (first.starts_with('{') || first == segment) && self.matches(rest, tail)
    }

    /// Request bodies whose description is wrong.
    pub(super) fn free_request(self, route: &str) -> bool {
        match self {
            // A patch is described as an opaque object; a merge patch has none of the object's required fields.
            Self::Kubernetes => route.starts_with("PATCH"),
            // The body of an application's sync is the request without what the path already says.
            Self::ArgoCd | Self::Harbor | Self::Vault => false,
        }
    }

    /// The Vault API's schemas describe `data` of the usual envelope (system routes repeat it beside it).
    pub(super) fn enveloped(self, route: &str, schema: Value) -> Value {
        let bare = ["seal-status", "sys/health"].iter().any(|r| route.contains(r));
        if self == Self::Vault && !bare {
            json!({ "type": "object", "required": ["data", "request_id"], "properties": { "data": schema },
                    "additionalProperties": true })
        } else {
            schema
        }
    }

    /// Places where the description names the wrong type.
    pub(super) fn untyped(self, place: &str) -> bool {
        match self {
            // Parameters of a rule are numbers; the description has objects.
            Self::Harbor => place == "RetentionRule.params.additionalProperties",
            _ => false,
        }
    }

    /// The Vault API's lists may also be one string with commas, and its times one such as `1h`.
    pub(super) fn or_text(self, schema: &serde_json::Map<String, Value>) -> bool {
        let has = |key: &str, value: &str| schema.get(key).and_then(Value::as_str) == Some(value);
        self == Self::Vault && (has("type", "array") || has("format", "seconds") || has("format", "int64"))
    }

    /// Places (`Definition.field`, items as `.items`) that may be null although not marked so.
    pub(super) fn nullable(self, place: &str) -> bool {
        match self {
            // Go's nil slices and pointers without `omitempty` become null.
            Self::ArgoCd => matches!(
                place,
                "v1alpha1ApplicationList.items"
                    | "v1alpha1AppProjectList.items"
                    | "v1ObjectMeta.creationTimestamp"
                    | "sessionGetUserInfoResponse.groups"
            ),
            Self::Vault => matches!(
                place,
                "TokenLookupResponse.expire_time"
                    | "TokenLookupResponse.meta"
                    | "MountsReadConfigurationResponse.options"
                    | "AuthReadConfigurationResponse.options"
            ),
            Self::Harbor | Self::Kubernetes => false,
        }
    }

    /// Fields that the server gives and the definition does not name.
    pub(super) fn undocumented_fields(self, definition: &str) -> impl Iterator<Item = &'static str> {
        let fields: &'static [&'static str] = match (self, definition) {
            (Self::Kubernetes, "io.k8s.apimachinery.pkg.apis.meta.v1.Status") => &["status"],
            _ => &[],
        };
        fields.iter().copied()
    }

    pub(super) fn gap(self, route: &str, status: u16) -> Option<&'static Gap> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => route.starts_with(start),
            None => route == pattern,
        };
        GAPS.iter()
            .find(|g| g.vendor == self && g.statuses.contains(&status) && fits(g.route))
    }
}
