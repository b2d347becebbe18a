//! Failures of tools, and what they are classed as.

use std::time::Duration;

use opstella_adapters::StepError;
use opstella_sandbox::Fault;

/// A fault of the sandbox and whether an error is what it has to be classed as.
pub type Failure = (Fault, fn(&StepError) -> bool);

/// 503, 429 with Retry-After, 401, a page with 200 and with 404, and an answer that is lost, on every call to a tool.
pub fn failures(tool: &str) -> [Failure; 6] {
    let any = || Fault::on(tool);
    [
        (any().status(503), |e| {
            matches!(
                e,
                StepError::Transient {
                    retry_after: None,
                    ..
                }
            )
        }),
        (
            any().status(429).retry_after(7),
            |e| matches!(e, StepError::Transient { retry_after: Some(after), .. } if *after == Duration::from_secs(7)),
        ),
        (any().status(401), |e| matches!(e, StepError::Unauthorised { .. })),
        (page(tool), |e| {
            matches!(
                e,
                StepError::Transient {
                    retry_after: None,
                    ..
                }
            )
        }),
        (page_not_found(tool), |e| {
            matches!(
                e,
                StepError::Transient {
                    retry_after: None,
                    ..
                }
            )
        }),
        (any().drop_after(), |e| {
            matches!(
                e,
                StepError::Transient {
                    retry_after: None,
                    ..
                }
            )
        }),
    ]
}

/// An HTML page with 200: something in between answers.
pub fn page(tool: &str) -> Fault {
    Fault {
        content_type: Some("text/html".into()),
        ..Fault::on(tool).status(200).body("<html>Back soon</html>")
    }
}

/// An HTML page with 404: an ingress that does not know where the tool is.
pub fn page_not_found(tool: &str) -> Fault {
    Fault {
        content_type: Some("text/html".into()),
        ..Fault::on(tool).status(404).body("default backend - 404")
    }
}

/// The tool does the work of one call and its answer is lost.
pub fn lost(tool: &str, method: &str, path: &str) -> Fault {
    let call = Fault::on(tool).method(method).path(path);
    call.drop_after().times(1)
}

/// What a permanent error says.
#[track_caller]
pub fn permanent(error: &StepError) -> String {
    assert!(matches!(error, StepError::Permanent { .. }), "{error:?}");
    error.to_string()
}

/// What a passing error says.
#[track_caller]
pub fn transient(error: &StepError) -> String {
    assert!(matches!(error, StepError::Transient { .. }), "{error:?}");
    error.to_string()
}
