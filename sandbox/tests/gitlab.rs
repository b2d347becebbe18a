//! The stand-in GitLab answers as GitLab does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::Caller;
use opstella_sandbox::gitlab::Deletion;
use opstella_sandbox::{GitLab, SandboxTool};
use serde_json::{Value, json};

fn gitlab() -> Caller<GitLab> {
    Caller {
        tool: GitLab::new("secret"),
        headers: vec![("private-token", "secret".to_owned())],
    }
}

/// A group `payments` with a project `checkout` in it; gives the project's path in the API.
fn with_project(gitlab: &Caller<GitLab>) -> String {
    let (status, group) = gitlab.json(
        "POST",
        "/api/v4/groups",
        json!({"name": "Payments", "path": "payments"}),
    );
    assert_eq!(status, 201);
    let body = json!({"name": "checkout", "namespace_id": group["id"], "topics": ["opstella"]});
    let (status, project) = gitlab.json("POST", "/api/v4/projects", body);
    assert_eq!(status, 201);
    assert_eq!(project["path_with_namespace"], "payments/checkout");
    format!("/api/v4/projects/{}", project["id"])
}

fn commit(gitlab: &Caller<GitLab>, project: &str, branch: &str, actions: Value) -> (u16, Value) {
    let body = json!({"branch": branch, "commit_message": "Change\n\nmore", "actions": actions});
    gitlab.json("POST", &format!("{project}/repository/commits"), body)
}

fn message(answer: (u16, Value)) -> (u16, Value) {
    (answer.0, answer.1["message"].clone())
}

#[test]
fn checks_credentials() {
    let mut gitlab = gitlab();
    assert_eq!(gitlab.get("/api/v4/user").1["username"], "root");
    assert_eq!(gitlab.get("/api/v4/version").0, 200);
    gitlab.headers = vec![("authorization", "Bearer secret".to_owned())];
    assert_eq!(gitlab.get("/api/v4/user").0, 200);
    for headers in [vec![], vec![("private-token", "other".to_owned())]] {
        gitlab.headers = headers;
        assert_eq!(
            gitlab.get("/api/v4/user"),
            (401, json!({"message": "401 Unauthorized"}))
        );
    }
}

#[test]
fn groups_are_made_found_changed_and_deleted() {
    let gitlab = gitlab();
    with_project(&gitlab);
    let taken = gitlab.json(
        "POST",
        "/api/v4/groups",
        json!({"name": "Other", "path": "payments"}),
    );
    assert_eq!(
        message(taken),
        (
            400,
            json!("Failed to save group {:path=>[\"has already been taken\"]}")
        )
    );
    let missing = gitlab.json("POST", "/api/v4/groups", json!({}));
    assert_eq!(
        missing,
        (400, json!({"error": "name is missing, path is missing"}))
    );
    assert_eq!(
        gitlab
            .json("POST", "/api/v4/groups", json!({"name": "x", "path": "-x"}))
            .0,
        400
    );
    let (_, group) = gitlab.get("/api/v4/groups/payments");
    let sub = json!({"name": "sub", "path": "sub", "parent_id": group["id"]});
    assert_eq!(
        gitlab.json("POST", "/api/v4/groups", sub).1["full_path"],
        "payments/sub"
    );
    assert_eq!(gitlab.get("/api/v4/groups/payments%2Fsub").0, 200);
    assert_eq!(
        gitlab.get("/api/v4/groups/payments/projects").1[0]["name"],
        "checkout"
    );
    let (status, changed) = gitlab.json(
        "PUT",
        "/api/v4/groups/payments",
        json!({"description": "made by us"}),
    );
    assert_eq!((status, &changed["description"]), (200, &json!("made by us")));
    assert_eq!(
        gitlab.delete("/api/v4/groups/payments"),
        (202, json!({"message": "202 Accepted"}))
    );
    assert_eq!(
        message(gitlab.get("/api/v4/groups/payments")),
        (404, json!("404 Group Not Found"))
    );
    assert_eq!(
        message(gitlab.get("/api/v4/projects/payments%2Fcheckout")),
        (404, json!("404 Project Not Found"))
    );
    assert_eq!(gitlab.tool.state(), json!({}));
}

#[test]
fn lists_are_paged() {
    let gitlab = gitlab();
    for n in 0..45 {
        let name = format!("team-{n:02}");
        assert_eq!(
            gitlab
                .json("POST", "/api/v4/groups", json!({"name": name, "path": name}))
                .0,
            201
        );
    }
    let reply = gitlab.send("GET", "/api/v4/groups?page=2&search=team", None, String::new());
    let header = |name: &str| reply.headers[name].to_str().unwrap().to_owned();
    assert_eq!(common::parse(&reply).1.as_array().unwrap().len(), 20);
    assert_eq!(
        (header("x-total"), header("x-total-pages"), header("x-page")),
        ("45".into(), "3".into(), "2".into())
    );
    assert_eq!(
        (header("x-next-page"), header("x-prev-page")),
        ("3".into(), "1".into())
    );
    assert!(
        header("link")
            .contains("<http://127.0.0.1/gitlab/api/v4/groups?search=team&page=3&per_page=20>; rel=\"next\"")
    );
    let last = gitlab.send("GET", "/api/v4/groups?page=3&per_page=20", None, String::new());
    assert_eq!(
        (
            common::parse(&last).1.as_array().unwrap().len(),
            last.headers["x-next-page"].to_str().unwrap()
        ),
        (5, "")
    );
    let capped = gitlab.send("GET", "/api/v4/groups?per_page=1000", None, String::new());
    assert_eq!(capped.headers["x-per-page"], "100");
}

#[test]
fn project_names_and_paths_are_unique_in_a_namespace() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    let (_, group) = gitlab.get("/api/v4/groups/payments");
    let again = json!({"name": "checkout", "namespace_id": group["id"]});
    let (status, refused) = gitlab.json("POST", "/api/v4/projects", again);
    assert_eq!(status, 400);
    assert_eq!(refused["message"]["path"], json!(["has already been taken"]));
    assert_eq!(refused["message"]["name"], json!(["has already been taken"]));
    assert_eq!(
        gitlab
            .json("POST", "/api/v4/projects", json!({"name": "checkout"}))
            .0,
        201,
        "another namespace"
    );
    assert_eq!(gitlab.json("POST", "/api/v4/projects", json!({})).0, 400);
    let nowhere = gitlab.json(
        "POST",
        "/api/v4/projects",
        json!({"name": "x", "namespace_id": 999}),
    );
    assert_eq!(message(nowhere), (400, json!({"namespace": ["is not valid"]})));
    let (_, shown) = gitlab.get(&project);
    assert_eq!(
        (&shown["default_branch"], &shown["empty_repo"], &shown["topics"]),
        (&Value::Null, &json!(true), &json!(["opstella"]))
    );
    let (_, changed) = gitlab.json(
        "PUT",
        &project,
        json!({"description": "d", "default_branch": "nope"}),
    );
    assert!(changed["message"]["base"].is_array());
    let wrong = gitlab.delete(&format!(
        "{project}?permanently_remove=true&full_path=payments/other"
    ));
    assert_eq!(wrong.0, 400);
    assert_eq!(
        gitlab
            .delete(&format!(
                "{project}?permanently_remove=true&full_path=payments/checkout"
            ))
            .0,
        202
    );
    assert_eq!(gitlab.delete(&project).0, 404);
}

#[test]
fn what_is_deleted_may_be_kept_for_some_days() {
    let gitlab = gitlab();
    let at_once = |path: &str| format!("?permanently_remove=true&full_path={path}");
    for deletion in [Deletion::Delayed, Deletion::Retained] {
        gitlab.tool.delete_by(deletion);
        let project = with_project(&gitlab);
        let id = project.rsplit('/').next().unwrap();
        let early = gitlab.delete(&format!("{project}{}", at_once("payments/checkout")));
        assert_eq!(early.0, 400);
        assert_eq!(gitlab.delete(&project).0, 202);
        let (_, kept) = gitlab.get(&project);
        let path = format!("payments/checkout-deletion_scheduled-{id}");
        assert_eq!(kept["path_with_namespace"], path);
        assert!(kept["marked_for_deletion_on"].is_string(), "{kept}");
        let again = message(gitlab.delete(&project));
        assert_eq!(
            again,
            (400, json!("Project has been already marked for deletion"))
        );
        let (status, _) = gitlab.delete(&format!("{project}{}", at_once(&path)));
        let retained = deletion == Deletion::Retained;
        assert_eq!(status, if retained { 400 } else { 202 });
        assert_eq!(gitlab.get(&project).0, if retained { 200 } else { 404 });

        let (_, group) = gitlab.get("/api/v4/groups/payments");
        assert_eq!(gitlab.delete("/api/v4/groups/payments").0, 202);
        assert_eq!(gitlab.get("/api/v4/groups/payments").0, 404);
        let (_, kept) = gitlab.get(&format!("/api/v4/groups/{}", group["id"]));
        assert_eq!(
            kept["full_path"],
            format!("payments-deletion_scheduled-{}", group["id"])
        );
        assert!(kept["marked_for_deletion_on"].is_string(), "{kept}");
    }
}

#[test]
fn the_old_path_of_a_project_leads_to_it() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    gitlab.json("PUT", &project, json!({"path": "till", "name": "till"}));
    for below in ["", "/variables"] {
        let path = format!("/api/v4/projects/payments%2FCheckout{below}");
        let moved = gitlab.send("GET", &path, None, String::new());
        assert_eq!(moved.status, 301);
        let location = format!("http://127.0.0.1/gitlab{project}{below}");
        assert_eq!(moved.headers["location"], location);
        assert_eq!(gitlab.delete(&path).0, 405);
    }
    // Until another one takes it.
    let (_, group) = gitlab.get("/api/v4/groups/payments");
    let body = json!({"name": "checkout", "path": "checkout", "namespace_id": group["id"]});
    let (status, other) = gitlab.json("POST", "/api/v4/projects", body);
    assert_eq!(status, 201, "{other}");
    let (_, there) = gitlab.get("/api/v4/projects/payments%2Fcheckout");
    assert_eq!(there["id"], other["id"]);
}

#[test]
fn a_readme_makes_the_default_branch() {
    let gitlab = gitlab();
    let body = json!({"name": "App One", "initialize_with_readme": true, "default_branch": "trunk"});
    let (_, project) = gitlab.json("POST", "/api/v4/projects", body);
    assert_eq!(
        (&project["default_branch"], &project["path"]),
        (&json!("trunk"), &json!("app-one"))
    );
    let readme = gitlab.send(
        "GET",
        "/api/v4/projects/root%2Fapp-one/repository/files/README.md/raw",
        None,
        String::new(),
    );
    assert_eq!(&readme.body[..], b"# App One\n");
}

#[test]
fn commits_change_files_on_branches() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    let files = json!([
        {"action": "create", "file_path": "README.md", "content": "hello"},
        {"action": "create", "file_path": "src/app/main.rs", "content": "Zm4=", "encoding": "base64"},
    ]);
    let (status, first) = commit(&gitlab, &project, "main", files.clone());
    assert_eq!((status, &first["title"]), (201, &json!("Change")));
    assert_eq!(gitlab.get(&project).1["default_branch"], "main");
    assert_eq!(
        message(commit(&gitlab, &project, "main", files.clone())),
        (400, json!("A file with this name already exists"))
    );
    assert_eq!(
        message(commit(&gitlab, &project, "other", files)),
        (
            400,
            json!("You can only create or edit files when you are on a branch")
        )
    );
    let update = |last: &Value| json!([{"action": "update", "file_path": "README.md", "content": "new", "last_commit_id": last}]);
    assert_eq!(commit(&gitlab, &project, "main", update(&first["id"])).0, 201);
    assert_eq!(
        message(commit(&gitlab, &project, "main", update(&first["id"]))),
        (
            400,
            json!("The file has changed since you started editing it: README.md")
        )
    );
    let gone = json!([{"action": "delete", "file_path": "nope"}]);
    assert_eq!(
        message(commit(&gitlab, &project, "main", gone)),
        (400, json!("A file with this name doesn't exist"))
    );

    let on_branch = json!({
        "branch": "feature", "start_branch": "main", "commit_message": "m",
        "actions": [{"action": "delete", "file_path": "README.md"}],
    });
    let commits = format!("{project}/repository/commits");
    assert_eq!(gitlab.json("POST", &commits, on_branch.clone()).0, 201);
    assert!(
        message(gitlab.json("POST", &commits, on_branch))
            .1
            .as_str()
            .unwrap()
            .starts_with("A branch called 'feature' already exists")
    );
    assert_eq!(
        gitlab.json("POST", &commits, json!({"branch": "x"})).1,
        json!({"error": "commit_message is missing, actions is missing"})
    );
    assert_eq!(
        gitlab
            .get(&format!("{commits}?ref_name=feature"))
            .1
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        gitlab
            .get(&format!("{commits}?path=src/app/main.rs"))
            .1
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let file = |path: &str| gitlab.get(&format!("{project}/repository/files/{path}"));
    let (_, main) = file("src%2Fapp%2Fmain.rs?ref=main");
    assert_eq!(
        (&main["content"], &main["last_commit_id"]),
        (&json!("Zm4="), &first["id"])
    );
    assert_eq!(
        message(file("README.md?ref=feature")),
        (404, json!("404 File Not Found"))
    );
    assert_eq!(file("README.md").1, json!({"error": "ref is missing"}));
    let tree = |query: &str| -> Vec<String> {
        let (_, entries) = gitlab.get(&format!("{project}/repository/tree?{query}"));
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["path"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tree(""), ["src", "README.md"]);
    assert_eq!(
        tree("recursive=true"),
        ["src", "src/app", "README.md", "src/app/main.rs"]
    );
    assert_eq!(tree("path=src"), ["src/app"]);
}

#[test]
fn branches_and_their_protection() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    commit(
        &gitlab,
        &project,
        "main",
        json!([{"action": "create", "file_path": "a", "content": ""}]),
    );
    let branches = format!("{project}/repository/branches");
    assert_eq!(
        gitlab
            .json("POST", &branches, json!({"branch": "dev", "ref": "main"}))
            .0,
        201
    );
    assert_eq!(
        message(gitlab.json("POST", &branches, json!({"branch": "dev", "ref": "main"}))),
        (400, json!("Branch already exists"))
    );
    assert_eq!(
        message(gitlab.json("POST", &branches, json!({"branch": "q", "ref": "nope"}))),
        (400, json!("Invalid reference name: nope"))
    );
    assert_eq!(
        message(gitlab.get(&format!("{branches}/nope"))),
        (404, json!("404 Branch Not Found"))
    );
    assert_eq!(gitlab.delete(&format!("{branches}/dev")).0, 204);
    assert_eq!(gitlab.delete(&format!("{branches}/main")).0, 405);

    // GitLab protects the default branch by itself.
    let protected = format!("{project}/protected_branches");
    assert_eq!(
        gitlab.get(&format!("{protected}/main")).1["push_access_levels"][0]["access_level"],
        40
    );
    let body = json!({"name": "main", "push_access_level": 0, "allow_force_push": false});
    assert_eq!(
        message(gitlab.json("POST", &protected, body.clone())),
        (409, json!("Protected branch 'main' already exists"))
    );
    assert_eq!(gitlab.delete(&format!("{protected}/main")).0, 204);
    assert_eq!(
        message(gitlab.get(&format!("{protected}/main"))),
        (404, json!("404 Not found"))
    );
    let (status, made) = gitlab.json("POST", &protected, body);
    assert_eq!(
        (status, &made["push_access_levels"][0]["access_level"]),
        (201, &json!(0))
    );
    let (_, changed) = gitlab.json(
        "PATCH",
        &format!("{protected}/main"),
        json!({"allow_force_push": true}),
    );
    assert_eq!(changed["allow_force_push"], true);
}

#[test]
fn environments_stop_before_they_go() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    let environments = format!("{project}/environments");
    let (status, made) = gitlab.json(
        "POST",
        &environments,
        json!({"name": "dev", "external_url": "https://dev.example.com"}),
    );
    assert_eq!(
        (status, &made["state"], &made["slug"], &made["tier"]),
        (201, &json!("available"), &json!("dev"), &json!("development"))
    );
    assert_eq!(
        message(gitlab.json("POST", &environments, json!({"name": "dev"}))),
        (400, json!({"name": ["has already been taken"]}))
    );
    assert_eq!(
        gitlab
            .get(&format!("{environments}?name=dev"))
            .1
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(gitlab.get(&format!("{environments}?name=de")).1, json!([]));
    let one = format!("{environments}/{}", made["id"]);
    assert_eq!(
        gitlab.json("PUT", &one, json!({"tier": "production"})).1["tier"],
        "production"
    );
    assert_eq!(gitlab.json("PUT", &one, json!({"tier": "x"})).0, 400);
    assert_eq!(message(gitlab.delete(&one)), (403, json!("403 Forbidden")));
    assert_eq!(
        gitlab.json("POST", &format!("{one}/stop"), json!({})).1["state"],
        "stopped"
    );
    assert_eq!(gitlab.delete(&one).0, 204);
    assert_eq!(message(gitlab.delete(&one)), (404, json!("404 Not found")));
}

#[test]
fn variables_keep_their_scope_and_mask() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    let variables = format!("{project}/variables");
    let make = |body: Value| gitlab.json("POST", &variables, body);
    let (status, made) =
        make(json!({"key": "TOKEN", "value": "abcdefgh1", "masked": true, "environment_scope": "dev"}));
    assert_eq!(
        (status, &made["masked"], &made["environment_scope"]),
        (201, &json!(true), &json!("dev"))
    );
    assert_eq!(
        message(make(
            json!({"key": "TOKEN", "value": "x", "environment_scope": "dev"})
        )),
        (400, json!({"key": ["(TOKEN) has already been taken"]}))
    );
    for value in ["short", "has space in it", "two\nlines here", "dollar$sign"] {
        let refused = make(json!({"key": "M", "value": value, "masked": true}));
        assert_eq!(
            message(refused),
            (400, json!({"value": ["is invalid"]})),
            "{value}"
        );
    }
    assert_eq!(
        make(json!({"key": "RAW", "value": "dollar$sign", "masked": true, "raw": true})).0,
        201
    );
    assert_eq!(make(json!({"key": "bad-key", "value": "x"})).0, 400);
    assert_eq!(make(json!({"key": "TOKEN", "value": "other"})).0, 201);
    assert_eq!(gitlab.get(&format!("{variables}/TOKEN")).0, 409);
    let scoped = format!("{variables}/TOKEN?filter%5Benvironment_scope%5D=dev");
    assert_eq!(gitlab.get(&scoped).1["value"], "abcdefgh1");
    assert_eq!(
        gitlab
            .json("PUT", &scoped, json!({"value": "abcdefgh2", "protected": true}))
            .1["protected"],
        true
    );
    assert_eq!(gitlab.delete(&scoped).0, 204);
    assert_eq!(
        message(gitlab.get(&format!("{variables}/NOPE"))),
        (404, json!("404 Variable Not Found"))
    );
    let (_, hidden) = make(json!({"key": "HID", "value": "abcdefgh1", "masked_and_hidden": true}));
    assert_eq!(
        (&hidden["value"], &hidden["hidden"]),
        (&Value::Null, &json!(true))
    );
}

#[test]
fn hooks_never_give_their_token_back() {
    let gitlab = gitlab();
    let project = with_project(&gitlab);
    let hooks = format!("{project}/hooks");
    let body = json!({"url": "http://127.0.0.1:1/hook", "token": "s3cret", "pipeline_events": true});
    let (status, made) = gitlab.json("POST", &hooks, body);
    assert_eq!(
        (status, &made["pipeline_events"], &made["push_events"]),
        (201, &json!(true), &json!(true))
    );
    let one = format!("{hooks}/{}", made["id"]);
    let (_, changed) = gitlab.json("PUT", &one, json!({"push_events": false, "token": "new"}));
    assert_eq!(
        (&changed["push_events"], &changed["url"]),
        (&json!(false), &json!("http://127.0.0.1:1/hook"))
    );
    assert!(!gitlab.get(&hooks).1.to_string().contains("token\""));
    assert_eq!(
        gitlab.json("POST", &hooks, json!({})).1,
        json!({"error": "url is missing"})
    );
    assert_eq!(gitlab.json("POST", &hooks, json!({"url": "no url"})).0, 422);
    assert_eq!(
        gitlab.tool.state()["hooks"],
        json!(["payments/checkout:http://127.0.0.1:1/hook"])
    );
    assert_eq!(gitlab.delete(&one).0, 204);
    assert_eq!(gitlab.get(&one).0, 404);
}

#[test]
fn broken_json_and_unknown_routes_are_refused() {
    let gitlab = gitlab();
    let reply = gitlab.send("POST", "/api/v4/groups", Some("application/json"), "{".to_owned());
    assert_eq!(reply.status, 400);
    assert_eq!(
        gitlab.get("/api/v4/nothing"),
        (404, json!({"error": "404 Not Found"}))
    );
    let form = gitlab.form("/api/v4/groups", &[("name", "a"), ("path", "a")]);
    assert_eq!(form.0, 201);
}

#[test]
fn reserved_names_are_refused() {
    let gitlab = gitlab();
    let refused = gitlab.json(
        "POST",
        "/api/v4/groups",
        json!({"name": "Admin", "path": "admin"}),
    );
    assert_eq!(
        message(refused),
        (
            400,
            json!("Failed to save group {:path=>[\"admin is a reserved name\"]}")
        )
    );
    let refused = gitlab.json("POST", "/api/v4/projects", json!({"name": "tree"}));
    assert_eq!(
        message(refused),
        (400, json!({"path": ["tree is a reserved name"]}))
    );
}
