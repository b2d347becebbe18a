//! get, list, create, update, patch, apply, delete.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::kinds::{KINDS, Kind};
use super::objects::{Key, Store, Stored, complete, key, map, now, set, text};
use super::owners::{self, Owners};
use super::selector::Selector;
use super::status::Status;
use super::{Answer, Target, patch};
use crate::{Reply, Request};

pub(super) fn answer(store: &mut Store, request: &Request, target: Target) -> Answer {
    match (&request.method, &target.name) {
        (&Method::GET, None) => list(store, request, &target),
        (&Method::POST, None) => create(store, request, &target),
        (method, Some(name)) => {
            let key = key(target.kind, target.namespace.as_deref().unwrap_or_default(), name);
            match *method {
                Method::GET => {
                    let stored = store
                        .objects
                        .get(&key)
                        .ok_or_else(|| Status::not_found(target.kind, name))?;
                    Ok(Reply::json(StatusCode::OK, &stored.object))
                }
                Method::PUT => update(store, request, &target, &key),
                Method::PATCH => patch_object(store, request, &target, &key),
                Method::DELETE => delete(store, request, &target, &key),
                _ => Err(Status::method_not_allowed()),
            }
        }
        _ => Err(Status::method_not_allowed()),
    }
}

fn list(store: &Store, request: &Request, target: &Target) -> Answer {
    if request
        .query_value("watch")
        .is_some_and(|w| w == "true" || w == "1")
    {
        // Nobody can hold a stream open through a pure function.
        return Err(Status::method_not_allowed());
    }
    let labels = Selector::parse(request.query_value("labelSelector").unwrap_or_default())
        .map_err(Status::bad_request)?;
    let fields = Selector::parse(request.query_value("fieldSelector").unwrap_or_default())
        .map_err(Status::bad_request)?;
    let limit = request
        .query_value("limit")
        .and_then(|l| l.parse::<usize>().ok())
        .filter(|l| *l > 0);
    let after = match request.query_value("continue").filter(|c| !c.is_empty()) {
        None => None,
        Some(token) => {
            let decoded = URL_SAFE_NO_PAD.decode(token).ok();
            let pair = decoded.and_then(|bytes| serde_json::from_slice::<(String, String)>(&bytes).ok());
            Some(pair.ok_or_else(|| Status::bad_request("continue key is not valid"))?)
        }
    };
    let resource = target.kind.resource();
    let found: Vec<(&Key, &Value)> = store
        .objects
        .iter()
        .filter(|((kind, namespace, _), _)| {
            *kind == resource && target.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
        })
        .filter(|((_, namespace, name), stored)| {
            let identity = json!({ "metadata.name": name, "metadata.namespace": namespace,
                                   "type": text(&stored.object, "/type"),
                                   "status.phase": text(&stored.object, "/status/phase") });
            labels.passes(stored.object.pointer("/metadata/labels")) && fields.passes(Some(&identity))
        })
        .filter(|((_, namespace, name), _)| {
            after
                .as_ref()
                .is_none_or(|(ns, last)| (namespace, name) > (ns, last))
        })
        .map(|(key, stored)| (key, &stored.object))
        .collect();
    let count = limit.unwrap_or(found.len()).min(found.len());
    let mut metadata = json!({ "resourceVersion": store.revision().to_string() });
    if let (true, Some(((_, namespace, name), _)), Some(fields)) = (
        count < found.len(),
        found.get(count.wrapping_sub(1)),
        metadata.as_object_mut(),
    ) {
        let token = URL_SAFE_NO_PAD.encode(json!([namespace, name]).to_string());
        fields.insert("continue".to_owned(), json!(token));
        fields.insert("remainingItemCount".to_owned(), json!(found.len() - count));
    }
    let items: Vec<&Value> = found.iter().take(count).map(|(_, object)| *object).collect();
    let body = json!({ "kind": format!("{}List", target.kind.kind), "metadata": metadata,
                       "apiVersion": target.kind.api_version(), "items": items });
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The object in a request's body, of this kind and meant for this place.
fn object(request: &Request, target: &Target) -> Result<Value, Status> {
    let object = request
        .json::<Value>()
        .filter(Value::is_object)
        .ok_or_else(Status::bad_json)?;
    let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
    let expected = target.kind.api_version();
    if !version.is_empty() && version != expected {
        return Err(Status::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if !kind.is_empty() && kind != target.kind.kind {
        return Err(Status::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: no kind \"{kind}\" is registered",
            target.kind.version, target.kind.kind
        )));
    }
    let namespace = text(&object, "/metadata/namespace");
    if target.kind.namespaced
        && !namespace.is_empty()
        && target.namespace.as_ref().is_some_and(|n| n != namespace)
    {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(object)
}

fn manager(request: &Request) -> String {
    let agent = request.header("user-agent").unwrap_or("unknown");
    let agent = agent.split(['/', ' ']).next().unwrap_or("unknown");
    request.query_value("fieldManager").unwrap_or(agent).to_owned()
}

fn is_dry(request: &Request) -> bool {
    request.query_value("dryRun") == Some("All")
}

fn check_place(store: &Store, target: &Target) -> Result<(), Status> {
    let Some(namespace) = &target.namespace else {
        return if target.kind.namespaced {
            Err(Status::method_not_allowed())
        } else {
            Ok(())
        };
    };
    let namespaces = KINDS.iter().find(|k| k.kind == "Namespace");
    match namespaces {
        Some(kind) if !store.objects.contains_key(&key(kind, "", namespace)) => {
            Err(Status::not_found(kind, namespace))
        }
        _ => Ok(()),
    }
}

fn create(store: &mut Store, request: &Request, target: &Target) -> Answer {
    let mut object = object(request, target)?;
    let prefix = text(&object, "/metadata/generateName").to_owned();
    if text(&object, "/metadata/name").is_empty() && !prefix.is_empty() {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{prefix}{}", random.get(..5).unwrap_or_default());
        set(&mut object, "metadata", "name", json!(name));
    }
    let name = text(&object, "/metadata/name").to_owned();
    check_place(store, target)?;
    check_name(target.kind, &name)?;
    if !text(&object, "/metadata/resourceVersion").is_empty() {
        return Err(Status::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    let namespace = target.namespace.clone().unwrap_or_default();
    if store.objects.contains_key(&key(target.kind, &namespace, &name)) {
        return Err(Status::already_exists(target.kind, &name));
    }
    complete(target.kind, &mut object, None)?;
    let mut owners = Owners::default();
    owners.written(&manager(request), &Value::Null, &object);
    insert(
        store,
        request,
        target,
        &name,
        Stored {
            object,
            owners,
            builtin: false,
        },
    )
}

fn check_name(kind: &Kind, name: &str) -> Result<(), Status> {
    if name.is_empty() {
        let message = "Required value: name or generateName is required";
        return Err(Status::invalid(kind, "", "metadata.name", message));
    }
    match kind.refuses(name) {
        Some(why) => Err(Status::invalid(
            kind,
            name,
            "metadata.name",
            &format!("Invalid value: \"{name}\": {why}"),
        )),
        None => Ok(()),
    }
}

fn insert(store: &mut Store, request: &Request, target: &Target, name: &str, stored: Stored) -> Answer {
    let namespace = target.namespace.clone().unwrap_or_default();
    let object = if is_dry(request) {
        // As it would be, stored in a cluster of its own.
        Store::default().insert(target.kind, &namespace, name, stored)
    } else {
        store.insert(target.kind, &namespace, name, stored)
    };
    Ok(Reply::json(StatusCode::CREATED, &object))
}

/// Identity and server-kept fields stay, whatever a client sends.
fn keep_identity(object: &mut Value, before: &Value) {
    for field in ["name", "namespace", "uid", "creationTimestamp", "managedFields"] {
        let kept = before.pointer(&format!("/metadata/{field}"));
        if let (Some(kept), Some(metadata)) = (kept, map(object, "metadata")) {
            metadata.insert(field.to_owned(), kept.clone());
        }
    }
}

fn check_version(kind: &Kind, key: &Key, object: &Value, before: &Value) -> Result<(), Status> {
    let sent = text(object, "/metadata/resourceVersion");
    if !sent.is_empty() && sent != text(before, "/metadata/resourceVersion") {
        return Err(Status::conflict(
            kind,
            &key.2,
            "the object has been modified; please apply your changes to the latest version and try again",
        ));
    }
    let uid = text(object, "/metadata/uid");
    if !uid.is_empty() && uid != text(before, "/metadata/uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            text(before, "/metadata/uid")
        );
        return Err(Status::conflict(kind, &key.2, &why));
    }
    Ok(())
}

fn replace(store: &mut Store, request: &Request, kind: &Kind, key: &Key, stored: Stored) -> Answer {
    let object = if is_dry(request) {
        stored.object
    } else {
        store.replace(kind, key, stored)
    };
    Ok(Reply::json(StatusCode::OK, &object))
}

fn update(store: &mut Store, request: &Request, target: &Target, key: &Key) -> Answer {
    let mut object = object(request, target)?;
    let name = text(&object, "/metadata/name");
    if name != key.2 {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.2
        )));
    }
    let mut stored = store
        .objects
        .get(key)
        .cloned()
        .ok_or_else(|| Status::not_found(target.kind, &key.2))?;
    check_version(target.kind, key, &object, &stored.object)?;
    keep_identity(&mut object, &stored.object);
    complete(target.kind, &mut object, Some(&stored.object))?;
    stored.owners.written(&manager(request), &stored.object, &object);
    stored.object = object;
    replace(store, request, target.kind, key, stored)
}

fn patch_object(store: &mut Store, request: &Request, target: &Target, key: &Key) -> Answer {
    let media = request.header("content-type").unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if media == "application/apply-patch+yaml" {
        return apply(store, request, target, key);
    }
    let mut stored = store
        .objects
        .get(key)
        .cloned()
        .ok_or_else(|| Status::not_found(target.kind, &key.2))?;
    let mut object = stored.object.clone();
    let patch = request.json::<Value>().ok_or_else(Status::bad_json)?;
    match media {
        "application/json-patch+json" => patch::apply(&mut object, &patch)
            .map_err(|why| Status::invalid(target.kind, &key.2, "patch", &format!("Invalid value: {why}")))?,
        // Without knowledge of each list's merge key, a strategic patch replaces lists as a merge patch does.
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            patch::merge(&mut object, &patch);
        }
        other => return Err(Status::unsupported_media_type(other)),
    }
    check_version(target.kind, key, &object, &stored.object)?;
    keep_identity(&mut object, &stored.object);
    complete(target.kind, &mut object, Some(&stored.object))?;
    stored.owners.written(&manager(request), &stored.object, &object);
    stored.object = object;
    replace(store, request, target.kind, key, stored)
}

/// Server-side apply: creates the object, or takes over exactly the fields that the manager names.
fn apply(store: &mut Store, request: &Request, target: &Target, key: &Key) -> Answer {
    let manager = request.query_value("fieldManager").filter(|m| !m.is_empty()).ok_or_else(|| {
        Status::bad_request("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")
    })?;
    let mut applied = object(request, target)?;
    if text(&applied, "/apiVersion").is_empty() || text(&applied, "/kind").is_empty() {
        return Err(Status::bad_request(
            "apiVersion and kind must be set in the applied object",
        ));
    }
    let name = text(&applied, "/metadata/name");
    if !name.is_empty() && name != key.2 {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.2
        )));
    }
    if applied
        .pointer("/metadata/managedFields")
        .is_some_and(|m| m.as_array().is_none_or(|m| !m.is_empty()))
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    set(&mut applied, "metadata", "name", json!(key.2));
    let Some(mut stored) = store.objects.get(key).cloned() else {
        check_place(store, target)?;
        check_name(target.kind, &key.2)?;
        let mut owners = Owners::default();
        owners.applied(manager, &Value::Null, &applied);
        complete(target.kind, &mut applied, None)?;
        return insert(
            store,
            request,
            target,
            &key.2,
            Stored {
                object: applied,
                owners,
                builtin: false,
            },
        );
    };
    check_version(target.kind, key, &applied, &stored.object)?;
    let conflicts = stored.owners.conflicts(manager, &stored.object, &applied);
    if !conflicts.is_empty() && request.query_value("force") != Some("true") {
        return Err(Status::apply_conflict(&conflicts));
    }
    let mut object = stored.object.clone();
    for field in stored.owners.applied(manager, &stored.object, &applied) {
        owners::remove(&mut object, &field);
    }
    patch::merge(&mut object, &applied);
    keep_identity(&mut object, &stored.object);
    complete(target.kind, &mut object, Some(&stored.object))?;
    stored.object = object;
    replace(store, request, target.kind, key, stored)
}

fn delete(store: &mut Store, request: &Request, target: &Target, key: &Key) -> Answer {
    let stored = store
        .objects
        .get(key)
        .ok_or_else(|| Status::not_found(target.kind, &key.2))?;
    if target.kind.kind == "Namespace" && ["default", "kube-system", "kube-public"].contains(&key.2.as_str())
    {
        return Err(Status::forbidden(
            target.kind,
            &key.2,
            "this namespace may not be deleted",
        ));
    }
    let options = request.json::<Value>().unwrap_or_default();
    let preconditions = json!({ "metadata": options.get("preconditions") });
    check_version(target.kind, key, &preconditions, &stored.object)?;
    let mut object = stored.object.clone();
    if !is_dry(request) {
        store.remove(target.kind, key);
    }
    if target.kind.deletion_shows_object {
        if target.kind.kind == "Namespace" {
            set(&mut object, "metadata", "deletionTimestamp", json!(now()));
            set(&mut object, "status", "phase", json!("Terminating"));
        }
        return Ok(Reply::json(StatusCode::OK, &object));
    }
    let mut details =
        json!({ "name": key.2, "kind": target.kind.plural, "uid": text(&object, "/metadata/uid") });
    if let (false, Some(fields)) = (target.kind.group.is_empty(), details.as_object_mut()) {
        fields.insert("group".to_owned(), json!(target.kind.group));
    }
    let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                       "details": details });
    Ok(Reply::json(StatusCode::OK, &body))
}
