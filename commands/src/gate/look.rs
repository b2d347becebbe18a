//! Looking at a gate with `regorus`. Files, network and environment are out of a module's reach: those functions are
//! not compiled in.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Extension, LimitError, PolicyLengthConfig, Value};

use super::exchange::{Answer, MOST_REASONS, Question, shortened};

/// How long a module may be looked at.
const LONGEST_LOOK: Duration = Duration::from_millis(100);
/// The name that errors call the module by.
const FILE: &str = "gate.rego";
/// Functions, and how many arguments they take, whose value is not the input's alone: a gate that throws dice opens some
/// day, and a recorded look could not be repeated. Extensions come before built-in functions.
const IMPURE: [(&str, u8); 2] = [("rand.intn", 2), ("time.now_ns", 0)];
const PACKAGE: &str = "data.opstella.gate";
const RULE: &str = "data.opstella.gate.deny";

/// The answer to a question. Bounded in time as far as the interpreter counts; the process bounds the rest.
pub(super) fn look(question: Question) -> Answer {
    let mut engine = Engine::new();
    if let Some(limits) = lengths() {
        engine.set_policy_length_config(limits);
    }
    // What it prints is not for the answer.
    engine.set_gather_prints(true);
    for (function, arguments) in IMPURE {
        if let Err(error) = engine.add_extension(function.to_owned(), arguments, refused(function)) {
            return broken(&error);
        }
    }
    match engine.add_policy(FILE.to_owned(), question.rego) {
        Err(error) => return refusal(&error),
        Ok(package) if package != PACKAGE => {
            let package = package.trim_start_matches("data.");
            let message = format!("the module is in `package {package}` instead of `package opstella.gate`");
            return Answer::DoesNotCompile {
                line: None,
                message: shortened(&message),
            };
        }
        Ok(_) => {}
    }
    match engine.has_declared_rule_rooted_at(FILE, "deny") {
        Err(error) => return refusal(&error),
        Ok(false) => {
            return Answer::DoesNotCompile {
                line: None,
                message: "the module has no rule `deny`".to_owned(),
            };
        }
        Ok(true) => {}
    }
    if let Err(error) = engine.compile_with_entrypoint(&RULE.into()) {
        return refusal(&error);
    }
    let Some(input) = question.input else {
        return Answer::Compiles;
    };
    match Value::from_json_str(input.get()) {
        Ok(input) => engine.set_input(input),
        Err(error) => return broken(&error),
    }
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: LONGEST_LOOK,
        check_interval: NonZeroU32::MIN.saturating_add(31),
    });
    match engine.eval_rule(RULE.to_owned()) {
        Ok(deny) => judge(&deny),
        Err(error) => match error.downcast_ref::<LimitError>() {
            Some(LimitError::TimeLimitExceeded { .. }) => Answer::OutOfTime,
            _ => broken(&error),
        },
    }
}

/// Stands in for a function that is not to be had.
fn refused(function: &'static str) -> Box<dyn Extension> {
    Box::new(move |_| {
        let why = format!(
            "`{function}` is not there: a gate says the same of the same input; the time is `input.at`"
        );
        Err(std::io::Error::other(why).into())
    })
}

/// Long lines are for machines; nobody reviews them.
fn lengths() -> Option<PolicyLengthConfig> {
    Some(PolicyLengthConfig {
        max_col: NonZeroU32::new(1024)?,
        max_file_bytes: NonZeroUsize::new(64 << 10)?,
        max_lines: NonZeroUsize::new(2000)?,
    })
}

/// What `deny` says.
fn judge(deny: &Value) -> Answer {
    if *deny == Value::Undefined {
        return Answer::Undefined;
    }
    let wrong = |found: &str| Answer::WrongType {
        found: found.to_owned(),
    };
    let all: Vec<&Value> = match (deny.as_set(), deny.as_array()) {
        (Ok(set), _) => set.iter_sorted().collect(),
        (_, Ok(array)) => array.iter().collect(),
        _ => return wrong(kind(deny)),
    };
    let mut reasons = Vec::new();
    for reason in &all {
        match reason.as_string() {
            Ok(text) if reasons.len() < MOST_REASONS => reasons.push(shortened(text)),
            Ok(_) => {}
            Err(_) => return wrong(&format!("a set with {} in it", kind(reason))),
        }
    }
    if reasons.is_empty() {
        return Answer::Passed;
    }
    let more = all.len().saturating_sub(reasons.len());
    Answer::Denied { reasons, more }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Set(_) => "a set",
        Value::Object(_) => "an object",
        _ => "nothing",
    }
}

/// `--> gate.rego:3:5 … error: why`, as `regorus` puts it, without the picture of the line.
fn refusal(error: &impl ToString) -> Answer {
    let text = error.to_string();
    let place = text.split_once(&format!("{FILE}:")).map(|(_, place)| place);
    let line = place.and_then(|place| place.split(':').next()?.parse().ok());
    let message = text.rsplit_once("error: ").map_or(text.as_str(), |(_, why)| why);
    Answer::DoesNotCompile {
        line,
        message: shortened(message),
    }
}

fn broken(error: &impl ToString) -> Answer {
    match refusal(error) {
        Answer::DoesNotCompile {
            line: Some(line),
            message,
        } => Answer::Broken {
            message: format!("line {line}: {message}"),
        },
        Answer::DoesNotCompile { message, .. } => Answer::Broken { message },
        other => other,
    }
}
