//! Gates written in Rego, over the same input as the others.

use futures::future::join_all;
use opstella_domain::policy::{CustomGate, GateInput, GateName, GateResult, GateVerdict};
use serde_json::value::{RawValue, to_raw_value};

use crate::gate::{AT_ONCE, Answer, GateProgram, NoAnswer, Question};
use crate::{CommandError, Commands};

impl Commands {
    /// Looks at custom gates. One that cannot be evaluated is closed, and says why.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] where one could not be looked at for want of a process: that says nothing of the
    /// release, and must neither close the gate nor void approvals.
    pub(super) async fn look_at_custom(
        &self,
        gates: &[CustomGate],
        input: &GateInput,
    ) -> Result<Vec<GateResult>, CommandError> {
        if gates.is_empty() {
            return Ok(Vec::new());
        }
        let input = to_raw_value(input).map_err(|error| NoAnswer::NotStarted(error.to_string()));
        let mut results = Vec::new();
        // Each takes a copy of the input along: so many at once, as there are places for.
        for some in gates.chunks(AT_ONCE) {
            let looks = some.iter().map(|gate| {
                let input = input.clone();
                async move { result(gate, ask(self.gates.as_ref(), gate, input).await) }
            });
            for looked in join_all(looks).await {
                results.extend(looked?);
            }
        }
        Ok(results)
    }
}

async fn ask(
    program: Option<&GateProgram>,
    gate: &CustomGate,
    input: Result<Box<RawValue>, NoAnswer>,
) -> Result<Answer, NoAnswer> {
    let none = || NoAnswer::NotStarted("this process has none".to_owned());
    let question = Question {
        rego: gate.rego.clone(),
        input: Some(input?),
    };
    program.ok_or_else(none)?.ask(&question).await
}

fn result(gate: &CustomGate, answer: Result<Answer, NoAnswer>) -> Result<Option<GateResult>, CommandError> {
    let Ok(name) = format!("custom:{}", gate.name).parse::<GateName>() else {
        return Ok(None);
    };
    let (verdict, reason, remedy) = match answer {
        Ok(Answer::Passed) => (
            GateVerdict::Passed,
            "it has nothing against the release".to_owned(),
            None,
        ),
        Ok(Answer::Denied { reasons, more }) => {
            let mut reason = reasons.join("; ");
            if more > 0 {
                reason.push_str(&format!("; and {more} more"));
            }
            let remedy = "what it names is mended, or security waives the gate";
            (GateVerdict::Failed, reason, Some(remedy.to_owned()))
        }
        Ok(answer) => {
            let remedy =
                "whoever wrote the gate mends it, in the policy of the environment or of the project";
            (GateVerdict::Failed, fault(&answer), Some(remedy.to_owned()))
        }
        Err(why @ NoAnswer::TooLarge) => {
            let remedy = "security waives the gate; reports of this size are for people to read";
            (
                GateVerdict::Failed,
                format!("it was not looked at: {why}"),
                Some(remedy.to_owned()),
            )
        }
        Err(why @ (NoAnswer::Busy | NoAnswer::NotStarted(_))) => {
            tracing::warn!(gate = %name, %why, "a custom gate was not looked at");
            return Err(CommandError::Unavailable {
                what: format!("the gate `{name}` could not be looked at: {why}"),
                remedy: "try again in a few seconds; if it stays so, a platform admin looks into the server's log",
            });
        }
    };
    Ok(Some(GateResult {
        gate: name,
        verdict,
        reason,
        remedy,
        opens_at: None,
        evidence: Vec::new(),
    }))
}

/// What is wrong with a gate's module.
pub(crate) fn fault(answer: &Answer) -> String {
    match answer {
        Answer::DoesNotCompile {
            line: Some(line),
            message,
        } => format!("it does not compile: line {line}: {message}"),
        Answer::DoesNotCompile { line: None, message } => format!("it does not compile: {message}"),
        Answer::Undefined => "`deny` has no value; it should be a set, empty where all is well".to_owned(),
        Answer::WrongType { found } => format!("`deny` is {found}; it should be a set of texts"),
        Answer::OutOfTime => "it takes longer than 100 ms".to_owned(),
        Answer::OutOfMemory => "it needs more memory than 64 MiB".to_owned(),
        Answer::Broken { message } => format!("it cannot be evaluated: {message}"),
        Answer::Passed | Answer::Denied { .. } | Answer::Compiles => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> CustomGate {
        CustomGate {
            name: "weekdays".to_owned(),
            rego: String::new(),
        }
    }

    fn told(answer: Result<Answer, NoAnswer>) -> GateResult {
        result(&gate(), answer).unwrap().unwrap()
    }

    #[test]
    fn a_denial_is_told_with_its_reasons() {
        let answer = Answer::Denied {
            reasons: vec!["one".to_owned(), "two".to_owned()],
            more: 3,
        };
        let told = told(Ok(answer));
        assert_eq!(told.gate.as_str(), "custom:weekdays");
        assert_eq!(told.verdict, GateVerdict::Failed);
        assert_eq!(told.reason, "one; two; and 3 more");
        assert!(told.remedy.is_some());
    }

    #[test]
    fn only_a_module_that_passed_opens_its_gate() {
        let faults = [
            Answer::Compiles,
            Answer::Undefined,
            Answer::OutOfTime,
            Answer::OutOfMemory,
            Answer::DoesNotCompile {
                line: Some(3),
                message: "unexpected".to_owned(),
            },
            Answer::WrongType {
                found: "a number".to_owned(),
            },
            Answer::Broken {
                message: "gone".to_owned(),
            },
        ];
        for answer in faults {
            let told = told(Ok(answer.clone()));
            assert_eq!(told.verdict, GateVerdict::Failed, "{answer:?}");
            assert!(!told.reason.is_empty() && told.remedy.is_some(), "{answer:?}");
        }
        assert_eq!(told(Err(NoAnswer::TooLarge)).verdict, GateVerdict::Failed);
        assert_eq!(told(Ok(Answer::Passed)).verdict, GateVerdict::Passed);
    }

    #[test]
    fn a_gate_that_nobody_could_look_at_says_nothing() {
        for why in [NoAnswer::Busy, NoAnswer::NotStarted("no such file".to_owned())] {
            let error = result(&gate(), Err(why.clone())).unwrap_err();
            let CommandError::Unavailable { what, .. } = &error else {
                panic!("{error:?}")
            };
            assert!(
                what.contains("custom:weekdays") && what.contains(&why.to_string()),
                "{what}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_program_nobody_looks() {
        let input = to_raw_value(&serde_json::json!({})).unwrap();
        assert!(matches!(
            ask(None, &gate(), Ok(input)).await,
            Err(NoAnswer::NotStarted(_))
        ));
    }
}
