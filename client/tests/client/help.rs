//! The help texts are a golden file: what people read changes on purpose only.

use std::path::Path;

use crate::support::Cli;

const COMMANDS: &[&str] = &[
    "",
    "login",
    "logout",
    "projects",
    "projects list",
    "projects create",
    "services",
    "services list",
    "services show",
    "services create",
    "releases",
    "releases list",
    "releases show",
    "releases register",
    "releases seal",
    "releases evidence add",
    "promote",
    "approve",
    "reject",
    "cancel",
    "rollback",
    "promotions",
    "promotions list",
    "promotions show",
    "matrix",
    "approvals",
    "policies",
    "policies show",
    "policies set",
    "waivers",
    "waivers grant",
    "waivers revoke",
    "runs watch",
    "completions",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_help_is_as_it_was() {
    let cli = Cli::bare();
    let mut text = String::new();
    for command in COMMANDS {
        let ran = cli.run(&format!("{command} --help")).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command}");
        text.push_str(&format!(
            "$ {}\n{}\n",
            format!("opstella-client {command} --help").replace("  ", " "),
            ran.stdout
        ));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if std::env::var_os("OPSTELLA_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        text == wanted,
        "the help has changed; if that is meant, run the test with OPSTELLA_UPDATE_GOLDEN=1 and look at the difference"
    );
}
