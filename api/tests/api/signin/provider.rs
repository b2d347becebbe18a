//! At a certified OpenID provider: `oidc-provider`, from npm, pinned with everything that it stands on.
//!
//! It comes from npm's registry, and Node.js from PyPI; `OPSTELLA_SKIP_NODE=1` leaves it out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use opstella_devservers::home::Home;
use opstella_devservers::node::{NODE, NPM};
use reqwest::Method;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Browser, KEY, change, free_port};
use crate::support::{PATIENCE, Server, eventually};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc-provider")
}

/// The folder in which the provider is installed: once a lock file, below the target directory.
async fn installed(node: &Path) -> PathBuf {
    let lock = std::fs::read(source().join("package-lock.json")).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider");
    std::fs::create_dir_all(&folder).unwrap();
    let mark = folder.join("installed-lock.json");
    if std::fs::read(&mark).is_ok_and(|installed| installed == lock) {
        std::fs::copy(source().join("server.js"), folder.join("server.js")).unwrap();
        return folder;
    }
    for file in ["package.json", "package-lock.json", "server.js"] {
        std::fs::copy(source().join(file), folder.join(file)).unwrap();
    }
    let output = Command::new(node)
        .arg(node.parent().unwrap().join(NPM))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE * 5, output).await.expect("npm ci ends in time");
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "npm ci: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(mark, lock).unwrap();
    folder
}

/// The running provider, and its issuer.
async fn start(base: &str) -> (Child, String) {
    let node = NODE.fetch(&Home::find().unwrap()).await.unwrap();
    let mut child = Command::new(&node)
        .arg("server.js")
        .args([
            format!("{base}/auth/callback"),
            format!("{base}/"),
            format!("{base}/auth/backchannel-logout"),
        ])
        .current_dir(installed(&node).await)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It also says what it thinks of its configuration.
    let issuer = timeout(PATIENCE, async {
        loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("the provider says its issuer");
            if line.starts_with("http://") {
                return line;
            }
        }
    });
    let issuer = issuer.await.expect("in time");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, issuer)
}

/// The action of a page's form.
fn action(page: &str) -> String {
    let action = page.split("action=\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    action.split('"').next().unwrap().replace("&amp;", "&")
}

/// Follows the provider's pages until it sends the browser back.
async fn through(browser: &mut Browser, from: &str, base: &str) -> String {
    let mut to = from.to_owned();
    for _ in 0..12 {
        if to.starts_with(base) {
            return to;
        }
        let answer = browser.get(&to).await;
        if answer.status.is_redirection() {
            to = url::Url::parse(&to)
                .unwrap()
                .join(answer.header("location"))
                .unwrap()
                .into();
            continue;
        }
        let page = answer.expect(200).body.as_str().unwrap().to_owned();
        let action = action(&page);
        let form: Vec<(&str, String)> = if page.contains("name=\"login\"") {
            vec![
                ("prompt", "login".into()),
                ("login", "mallory".into()),
                ("password", "any".into()),
            ]
        } else if page.contains("name=\"xsrf\"") {
            let xsrf = page.split("name=\"xsrf\" value=\"").nth(1).unwrap();
            let xsrf = xsrf.split('"').next().unwrap();
            vec![("xsrf", xsrf.to_owned()), ("logout", "yes".into())]
        } else {
            vec![("prompt", "consent".into())]
        };
        let request = browser.request(Method::POST, &action).form(&form);
        let answer = browser.send(request).await;
        assert!(answer.status.is_redirection(), "{action}: {answer:?}");
        to = url::Url::parse(&action)
            .unwrap()
            .join(answer.header("location"))
            .unwrap()
            .into();
    }
    panic!("the provider does not send the browser back: {to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_provider_signs_in_renews_and_logs_out() {
    if std::env::var("OPSTELLA_SKIP_NODE").is_ok_and(|value| value == "1") {
        eprintln!("skipped: OPSTELLA_SKIP_NODE=1");
        return;
    }
    let base = format!("http://127.0.0.1:{}", free_port());
    let (mut child, issuer) = start(&base).await;
    let mut server = Server::start_with(|config| {
        config.server.listen = base.strip_prefix("http://").unwrap().parse().unwrap();
        config.server.public_url = base.parse().unwrap();
        config.oidc.issuer = Some(issuer.clone());
        config.oidc.client_id = Some("portal".to_owned());
        config.oidc.client_secret = Some("portal-test-secret".to_owned().into());
        config.session.key = Some(KEY.to_owned().into());
    })
    .await;
    let mut browser = Browser::new(&server.base);
    let to = browser.begin().await;
    let back = through(&mut browser, to.as_str(), &base).await;
    browser.get(&back).await.expect(303);
    let session = browser.get("/auth/session").await.expect(200);
    assert_eq!(session.body["subject"], "mallory");
    assert_eq!(session.body["roles"], serde_json::json!(["platform-admin"]));
    change(&server, "UPDATE sessions SET renew_at = now()").await;
    browser.get("/api/v1/tools").await.expect(200);
    let renewed = "UPDATE sessions SET created_at = created_at WHERE renew_at > now() AND sid IS NOT NULL";
    assert_eq!(change(&server, renewed).await, 1);

    // A second browser with the provider's same session: the provider's logout ends it by the back channel.
    let mut second = browser.clone();
    let to = second.begin().await;
    second.set_session(&"A".repeat(43));
    let back = through(&mut second, to.as_str(), &base).await;
    second.get(&back).await.expect(303);
    let answer = browser
        .post("/auth/logout", serde_json::json!({}))
        .await
        .expect(200);
    let on = answer.body["continue_at"].as_str().unwrap().to_owned();
    let back = through(&mut browser, &on, &base).await;
    assert_eq!(back, format!("{base}/"));
    eventually("the other session has ended", async || {
        let answer = second.clone().get("/auth/session").await;
        (answer.status == 401).then_some(())
    })
    .await;
    // Whoever reads the record signs in, too.
    let mut admin = Browser::new(&server.base);
    let to = admin.begin().await;
    let back = through(&mut admin, to.as_str(), &base).await;
    admin.get(&back).await.expect(303);
    let events = eventually("both ends are on record", async || {
        let answer = admin
            .clone()
            .get("/api/v1/events?event_type=SignedOut")
            .await
            .expect(200);
        let items = answer.body["items"].as_array().unwrap().clone();
        (items.len() == 2).then_some(items)
    })
    .await;
    assert!(events.iter().all(|event| event["aggregate_id"] == "mallory"));
    server.token.clear();
    child.kill().await.unwrap();
    server.stop().await;
}
