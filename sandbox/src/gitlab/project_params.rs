//! The settings of a project that are kept as given and given back.

use serde_json::{Map, Value};

use super::answers::Refusal;
use crate::params::Params;

const TEXTS: &[&str] = &[
    "description",
    "merge_method",
    "ci_config_path",
    "squash_option",
    "auto_cancel_pending_pipelines",
];
const FLAGS: &[&str] = &[
    "issues_enabled",
    "merge_requests_enabled",
    "jobs_enabled",
    "wiki_enabled",
    "snippets_enabled",
    "container_registry_enabled",
    "packages_enabled",
    "lfs_enabled",
    "shared_runners_enabled",
    "request_access_enabled",
    "only_allow_merge_if_pipeline_succeeds",
    "only_allow_merge_if_all_discussions_are_resolved",
    "remove_source_branch_after_merge",
    "public_jobs",
    "auto_devops_enabled",
    "keep_latest_artifact",
];

/// The known settings among the parameters.
pub(crate) fn settings(params: &Params) -> Result<Map<String, Value>, Refusal> {
    let mut settings = Map::new();
    for name in TEXTS {
        if let Some(text) = params.text(name) {
            settings.insert((*name).to_owned(), text.into());
        }
    }
    for name in FLAGS {
        if let Some(flag) = params.flag(name) {
            settings.insert((*name).to_owned(), flag.into());
        }
    }
    if let Some(visibility) = params.text("visibility") {
        if !["private", "internal", "public"].contains(&visibility.as_str()) {
            let error = "visibility does not have a valid value";
            return Err(Refusal::error(http::StatusCode::BAD_REQUEST, error));
        }
        settings.insert("visibility".to_owned(), visibility.into());
    }
    if let Some(topics) = params.list("topics").or_else(|| params.list("tag_list")) {
        settings.insert("topics".to_owned(), topics.into());
    }
    Ok(settings)
}

/// The path that GitLab makes of a name where none is given.
pub(crate) fn path_of_name(name: &str) -> String {
    let dashed: String = name
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let parts: Vec<&str> = dashed.split('-').filter(|p| !p.is_empty()).collect();
    parts.join("-")
}
