//! Real children: this test binary, started again.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::{Answer, GateProgram, NoAnswer, Question, child};

/// What the children run.
#[test]
#[ignore = "reads a question from standard input: the other tests start it"]
fn answers_as_a_child() {
    assert_eq!(child(), std::process::ExitCode::SUCCESS);
}

fn program() -> GateProgram {
    let arguments = [
        "--exact",
        "gate::tests::answers_as_a_child",
        "--ignored",
        "--nocapture",
    ];
    GateProgram::new(std::env::current_exe().unwrap(), arguments)
}

fn question(rules: &str) -> Question {
    let input = json!({"release": "1.2.3", "environment": "PRD", "images": {"api": {"evidence": []}}});
    Question {
        rego: format!("package opstella.gate\n{rules}"),
        input: Some(to_raw_value(&input).unwrap()),
    }
}

async fn ask(rules: &str) -> Answer {
    program().ask(&question(rules)).await.unwrap()
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn an_empty_set_or_array_passes() {
    let set = "deny contains \"never\" if input.release == \"9.9.9\"";
    assert_eq!(ask(set).await, Answer::Passed);
    assert_eq!(ask("deny := []").await, Answer::Passed);
}

#[tokio::test]
async fn reasons_are_told_sorted_few_and_short() {
    let rules = "deny contains sprintf(\"%v is not for %v\", [input.release, input.environment])\n\
                 deny contains \"a reason\"";
    let reasons = vec!["1.2.3 is not for PRD".to_owned(), "a reason".to_owned()];
    assert_eq!(ask(rules).await, Answer::Denied { reasons, more: 0 });

    let rules = "deny contains sprintf(\"%d %v\", [n, concat(\"\", [\"x\" | some _ in numbers.range(1, 500)])]) if some n in numbers.range(10, 40)";
    let Answer::Denied { reasons, more } = ask(rules).await else {
        panic!("{:?}", ask(rules).await)
    };
    assert_eq!((reasons.len(), more), (10, 21));
    assert!(reasons.iter().all(|reason| reason.chars().count() == 200));
}

#[tokio::test]
async fn what_is_no_set_of_texts_is_refused() {
    for (rules, found) in [
        ("deny := true", "a truth value"),
        ("deny := {\"a\": 1}", "an object"),
        ("deny contains 7", "a set with a number in it"),
    ] {
        let found = found.to_owned();
        assert_eq!(ask(rules).await, Answer::WrongType { found }, "{rules}");
    }
    assert_eq!(
        ask("deny := [] if input.release == \"9.9.9\"").await,
        Answer::Undefined
    );
}

#[tokio::test]
async fn a_module_that_does_not_compile_names_the_line() {
    let Answer::DoesNotCompile { line, message } = ask("\ndeny contains \"x\" if {{{").await else {
        panic!("compiled")
    };
    assert_eq!(line, Some(3), "{message}");
    assert!(!message.is_empty() && !message.contains("-->"), "{message}");

    for (rego, says) in [
        ("package other\ndeny := []", "package other"),
        ("package opstella.gate\nallow := true", "no rule `deny`"),
        ("", ""),
    ] {
        let question = Question {
            rego: rego.to_owned(),
            input: None,
        };
        let answer = program().ask(&question).await.unwrap();
        let Answer::DoesNotCompile { message, .. } = &answer else {
            panic!("{rego}: {answer:?}")
        };
        assert!(message.contains(says), "{rego}: {message}");
    }
}

#[tokio::test]
async fn a_check_does_not_look() {
    let mut question = question("deny contains \"always\"");
    question.input = None;
    assert_eq!(program().ask(&question).await.unwrap(), Answer::Compiles);
}

#[tokio::test]
async fn network_files_and_environment_are_not_there() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1:1\"})",
        "opa.runtime()",
        "net.lookup_ip_addr(\"localhost\")",
    ] {
        let rules = format!("deny contains \"x\" if {call}");
        let answer = ask(&rules).await;
        let Answer::Broken { message } = &answer else {
            panic!("{call}: {answer:?}")
        };
        assert!(
            message.contains("line 2: could not find function"),
            "{call}: {message}"
        );
    }
}

#[tokio::test]
async fn dice_and_the_clock_are_not_there() {
    for (call, function) in [
        ("rand.intn(\"gate\", 2) == 0", "rand.intn"),
        ("rand[\"intn\"](\"gate\", 2) == 0", "rand.intn"),
        ("time.now_ns() > 0", "time.now_ns"),
    ] {
        let answer = ask(&format!("deny contains \"x\" if {call}")).await;
        let Answer::Broken { message } = &answer else {
            panic!("{call}: {answer:?}")
        };
        assert!(
            message.contains(&format!("`{function}` is not there")),
            "{call}: {message}"
        );
    }
}

#[tokio::test]
async fn a_huge_comprehension_is_stopped() {
    let rules = "deny contains \"x\" if count([1 | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a == b + 1e9]) > 0";
    let started = Instant::now();
    assert_eq!(ask(rules).await, Answer::OutOfTime);
    // Two tries, each with a processor's second and a life of two at most.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn what_the_interpreter_does_not_count_is_stopped_too() {
    // One call of a function: there is no step in between at which the interpreter could look at the clock.
    let started = Instant::now();
    let answer = ask("deny contains \"x\" if count(numbers.range(1, 1000000000)) == 7").await;
    assert!(
        matches!(
            answer,
            Answer::OutOfTime | Answer::OutOfMemory | Answer::Broken { .. }
        ),
        "{answer:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_memory_bomb_ends_its_own_process_only() {
    let before = resident();
    let rules = "one := concat(\"\", [\"xxxxxxxxxxxxxxxx\" | some _ in numbers.range(1, 4096)])\n\
                 two := concat(\"\", [one | some _ in numbers.range(1, 256)])\n\
                 deny contains concat(\"\", [two | some _ in numbers.range(1, 256)])";
    let answer = ask(rules).await;
    assert!(
        matches!(answer, Answer::OutOfMemory | Answer::OutOfTime),
        "{answer:?}"
    );
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "this process grew by {grown} bytes");
    // In kilobytes, the largest of all children of this process.
    let largest = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    assert!(largest < 128 << 10, "a child had {largest} KiB");
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let rules = format!("deny := {}{}", "[".repeat(20_000), "]".repeat(20_000));
    let lines = rules.replace('[', "[\n");
    let answer = ask(&lines).await;
    assert!(
        matches!(answer, Answer::DoesNotCompile { .. } | Answer::Broken { .. }),
        "{answer:?}"
    );
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let program = program();
    let question = question("deny := []");
    let all = futures::future::join_all((0..12).map(|_| program.ask(&question))).await;
    for answer in all {
        assert_eq!(answer.unwrap(), Answer::Passed);
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said() {
    let program = GateProgram::new("/nonexistent/opstella", ["gate"]);
    let answer = program.ask(&question("deny := []")).await;
    assert!(matches!(answer, Err(NoAnswer::NotStarted(_))));
    // One that ends without a word.
    let answer = GateProgram::new("/bin/false", ["gate"])
        .ask(&question("deny := []"))
        .await;
    assert!(matches!(answer, Ok(Answer::Broken { .. })));
}
