//! Stands between the engine and the adapters, and does to one step of a run what the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use opstella_adapters::engine::{Action, InProcess, StepExecutor, StepOrder, StepReport};
use opstella_domain::run::FailureClass;
use tokio_util::sync::CancellationToken;

/// What happens to a step.
#[derive(Clone)]
pub enum Sabotage {
    /// It fails for good, before anything is done.
    FailForGood,
    /// The tool does the work, the answer says that it failed for good.
    WorkThenFailForGood,
    /// It fails this many times, in a way that may pass.
    FailTransiently(u32),
    /// It fails for good, once this is cancelled.
    FailWhen(CancellationToken),
    /// It is carried out once this is cancelled, not before.
    HoldUntil(CancellationToken),
    /// The tool does not take our credential, once.
    Refuse,
    /// It fails once, and the tool asks to wait this long, in milliseconds.
    AskToWait(u64),
    /// The tool does the work, and the first answer is lost.
    DropAnswer,
    /// The tool does the work, the answer says that it failed for good, and the undoing fails for good, too.
    WorkThenFailForGoodAndUndo,
    /// The undoing of the step fails for good, until the sabotage is lifted.
    FailUndo,
    /// The tool does the work, the answer says that it failed for good, and the undoing fails in a way that passes: the
    /// last of these many times after the tool has done it.
    WorkThenFailForGoodAndUndoTransiently(u32),
    /// The tool does the work, the answer says that it failed for good; the undoing fails once, and the tool asks to
    /// wait this long, in milliseconds.
    WorkThenFailForGoodAndUndoLater(u64),
    /// The process dies when the step is about to be carried out.
    DieBefore(CancellationToken),
    /// The process dies when the step's work is done and not yet recorded.
    DieAfter(CancellationToken),
    /// The process dies when the step is about to be undone.
    DieBeforeUndo(CancellationToken),
    /// The process dies when the step is undone and that is not yet recorded.
    DieAfterUndo(CancellationToken),
}

/// Project, or service as `project/service`, and step that a sabotage is for.
type Target = (String, String);

#[derive(Clone, Default)]
pub struct Plans(Arc<Mutex<HashMap<Target, Sabotage>>>);

impl Plans {
    pub fn set(&self, project: &str, step: &str, sabotage: Sabotage) {
        self.0
            .lock()
            .unwrap()
            .insert((project.into(), step.into()), sabotage);
    }

    pub fn lift(&self, project: &str, step: &str) {
        self.0
            .lock()
            .unwrap()
            .remove(&(project.to_owned(), step.to_owned()));
    }

    fn get(&self, order: &StepOrder) -> Option<Sabotage> {
        let plans = self.0.lock().unwrap();
        let of = |whose: String| plans.get(&(whose, order.step.to_string())).cloned();
        of(order.service.to_string()).or_else(|| of(order.service.project.to_string()))
    }

    /// The sabotage, once: later tries go through.
    fn take(&self, order: &StepOrder) {
        self.lift(order.service.project.as_str(), order.step.as_str());
    }

    fn count_down(&self, order: &StepOrder, left: u32) {
        let project = order.service.project.as_str();
        if left <= 1 {
            self.take(order);
        } else {
            self.set(project, order.step.as_str(), Sabotage::FailTransiently(left - 1));
        }
    }
}

pub struct Saboteur {
    pub inner: InProcess,
    pub plans: Plans,
    /// Carries every order out twice.
    pub twice: bool,
}

/// How long something that is under way in a tool is left alone: a test has no time.
const PAUSE_MS: u64 = 20;

impl Saboteur {
    async fn carry_out(&self, order: StepOrder) -> StepReport {
        match self.inner.execute(order).await {
            StepReport::Awaited { message, look_in_ms } => StepReport::Awaited {
                message,
                look_in_ms: look_in_ms.min(PAUSE_MS),
            },
            report => report,
        }
    }
}

/// Whether the tool has not done the work yet.
fn is_under_way(report: &StepReport) -> bool {
    matches!(report, StepReport::Awaited { .. })
}

fn failed(class: FailureClass) -> StepReport {
    StepReport::Failed {
        class,
        message: "sabotaged".into(),
        retry_after_ms: None,
    }
}

fn wait(milliseconds: u64) -> StepReport {
    StepReport::Failed {
        class: FailureClass::Transient,
        message: "sabotaged".into(),
        retry_after_ms: Some(milliseconds),
    }
}

/// Does what a dead process does: nothing, for ever.
async fn die(token: CancellationToken) -> StepReport {
    token.cancel();
    std::future::pending().await
}

#[async_trait]
impl StepExecutor for Saboteur {
    async fn execute(&self, order: StepOrder) -> StepReport {
        let undoing = order.action == Action::Compensate;
        match self.plans.get(&order) {
            Some(Sabotage::FailUndo | Sabotage::WorkThenFailForGoodAndUndo) if undoing => {
                return failed(FailureClass::Permanent);
            }
            Some(Sabotage::WorkThenFailForGoodAndUndoTransiently(left)) if undoing => {
                if left > 1 {
                    let fewer = Sabotage::WorkThenFailForGoodAndUndoTransiently(left - 1);
                    self.plans
                        .set(order.service.project.as_str(), order.step.as_str(), fewer);
                    return failed(FailureClass::Transient);
                }
                let report = self.carry_out(order.clone()).await;
                if is_under_way(&report) {
                    return report;
                }
                assert!(!matches!(report, StepReport::Failed { .. }), "{report:?}");
                self.plans.take(&order);
                return failed(FailureClass::Transient);
            }
            Some(Sabotage::WorkThenFailForGoodAndUndoLater(milliseconds)) if undoing => {
                self.plans.take(&order);
                return wait(milliseconds);
            }
            Some(Sabotage::DieBeforeUndo(token)) if undoing => {
                self.plans.take(&order);
                return die(token).await;
            }
            Some(Sabotage::DieAfterUndo(token)) if undoing => {
                let report = self.carry_out(order.clone()).await;
                if is_under_way(&report) {
                    return report;
                }
                self.plans.take(&order);
                return die(token).await;
            }
            Some(_) if undoing => {}
            Some(Sabotage::FailForGood) => return failed(FailureClass::Permanent),
            Some(
                Sabotage::WorkThenFailForGood
                | Sabotage::WorkThenFailForGoodAndUndo
                | Sabotage::WorkThenFailForGoodAndUndoTransiently(_)
                | Sabotage::WorkThenFailForGoodAndUndoLater(_),
            ) => {
                let report = self.carry_out(order).await;
                return match is_under_way(&report) {
                    true => report,
                    false => failed(FailureClass::Permanent),
                };
            }
            Some(Sabotage::FailWhen(token)) => {
                token.cancelled().await;
                return failed(FailureClass::Permanent);
            }
            Some(Sabotage::HoldUntil(token)) => token.cancelled().await,
            Some(Sabotage::Refuse) => {
                self.plans.take(&order);
                return failed(FailureClass::Unauthorised);
            }
            Some(Sabotage::AskToWait(milliseconds)) => {
                self.plans.take(&order);
                return wait(milliseconds);
            }
            Some(Sabotage::FailTransiently(left)) => {
                self.plans.count_down(&order, left);
                return failed(FailureClass::Transient);
            }
            Some(Sabotage::DropAnswer) => {
                let report = self.carry_out(order.clone()).await;
                if is_under_way(&report) {
                    return report;
                }
                self.plans.take(&order);
                return failed(FailureClass::Transient);
            }
            Some(Sabotage::DieBefore(token)) => {
                self.plans.take(&order);
                return die(token).await;
            }
            Some(Sabotage::DieAfter(token)) => {
                let report = self.carry_out(order.clone()).await;
                if is_under_way(&report) {
                    return report;
                }
                self.plans.take(&order);
                return die(token).await;
            }
            Some(Sabotage::FailUndo | Sabotage::DieBeforeUndo(_) | Sabotage::DieAfterUndo(_)) | None => {}
        }
        if self.twice {
            let again = StepOrder {
                attempt: order.attempt + 1,
                retried: true,
                ..order.clone()
            };
            let first = self.carry_out(order).await;
            assert!(!matches!(first, StepReport::Failed { .. }), "{first:?}");
            return self.carry_out(again).await;
        }
        self.carry_out(order).await
    }
}
