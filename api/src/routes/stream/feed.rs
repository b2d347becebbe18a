//! One open stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::web::Bytes;
use futures::Stream;
use opstella_commands::CommandContext;
use opstella_domain::run::Run;
use opstella_domain::{Decide, ProjectSlug};
use opstella_journal::{Position, RecordedEvent, Subscription};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::filter::Filter;
use super::places::Place;
use crate::auth::SessionId;
use crate::events::{EventView, concern_of};
use crate::routes::events::query_of;
use crate::state::AppState;

/// Events read at once while catching up.
const BATCH: usize = 100;
/// Pieces that wait for the reader's connection.
const PIECES: usize = 8;
/// How long a reader may take nothing.
const LONGEST_WRITE: Duration = Duration::from_secs(30);
/// How long a heartbeat waits to learn of the reader's session.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// Whose events.
pub(super) enum Scope {
    /// Those of one run.
    Run {
        /// Which.
        id: String,
        /// Its project.
        project: ProjectSlug,
    },
    /// All that are wanted.
    All(Filter),
}

/// Who reads a stream.
pub(super) struct StreamReader {
    /// Who, with which roles.
    pub context: CommandContext,
    /// Whether they read everything.
    pub oversees: bool,
    /// When their token ends, in seconds since 1970.
    pub expires_at: u64,
    /// The session that they came by, if they did.
    pub session: Option<SessionId>,
}

/// Why a stream ends.
enum End {
    /// There will be no more.
    Done,
    /// The journal cannot be read.
    Failed,
    /// The reader may no longer read the project.
    Denied,
}

/// One open stream: what was missed, then what comes.
pub(super) struct Feed {
    state: Arc<AppState>,
    scope: Scope,
    reader: StreamReader,
    /// Where the reader is: up to here every event was looked at, whether it was in scope or not.
    last: Position,
    missed: Option<Subscription>,
    live: Receiver<Arc<RecordedEvent>>,
    ready: VecDeque<Arc<RecordedEvent>>,
    expires: Instant,
    beats_at: Instant,
    ended: bool,
    greeted: bool,
    place: Arc<Place>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        metrics::gauge!("opstella_http_streams").decrement(1.0);
    }
}

impl Feed {
    pub fn new(
        state: Arc<AppState>,
        scope: Scope,
        from: Position,
        reader: StreamReader,
        place: Place,
    ) -> Self {
        metrics::gauge!("opstella_http_streams").increment(1.0);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        // Followed before the journal is read, so that nothing falls between the two.
        let live = state.events.follow();
        let beats_at = Instant::now() + heartbeat(&state);
        let missed = Some(state.journal.subscribe(from));
        Self {
            state,
            scope,
            last: from,
            missed,
            live,
            ready: VecDeque::new(),
            expires: Instant::now() + Duration::from_secs(reader.expires_at.saturating_sub(now)),
            reader,
            beats_at,
            ended: false,
            greeted: false,
            place: Arc::new(place),
        }
    }

    /// The stream's body. It is made in a task of its own, so that it ends also where the reader takes
    /// nothing: after a while, with its token, with the server.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        let (sender, receiver) = mpsc::channel(PIECES);
        // A connection that nobody reads from is still one: its place is free when it is gone.
        let place = Arc::clone(&self.place);
        tokio::spawn(self.send_all(sender));
        futures::stream::unfold((receiver, place), |(mut receiver, place)| async move {
            let piece = receiver.recv().await?;
            Some((Ok(piece), (receiver, place)))
        })
    }

    async fn send_all(mut self, pieces: mpsc::Sender<Bytes>) {
        loop {
            let piece = tokio::select! {
                piece = self.next() => piece,
                () = pieces.closed() => return,
            };
            let Some(piece) = piece else { return };
            // What there is a place for is sent, also where the time is up: it may say that.
            tokio::select! {
                biased;
                sent = timeout(LONGEST_WRITE, pieces.send(piece)) => match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => {
                        metrics::counter!("opstella_http_streams_dropped_total").increment(1);
                        return;
                    }
                },
                () = sleep_until(self.expires) => return,
                () = self.state.stopping.cancelled() => return,
            }
        }
    }

    /// The next piece of text, or the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            // Tells the reader at once that it is connected, how soon to come back, and from where: what happens between
            // two connections is not lost either where no event came on the first.
            return Some(Bytes::from(format!("id: {}\nretry: 2000\n\n", self.last)));
        }
        if self.ended {
            return None;
        }
        let stopping = self.state.stopping.clone();
        let (expires, beats_at) = (self.expires, self.beats_at);
        // In this order: however many events there are, they do not hold up what ends the stream.
        tokio::select! {
            biased;
            () = stopping.cancelled() => None,
            () = sleep_until(expires) => {
                self.ended = true;
                Some(Bytes::from_static(b": the token has expired\n\n"))
            }
            () = sleep_until(beats_at) => Some(self.beat().await),
            event = self.event() => Some(self.show(event)),
        }
    }

    /// A sign of life, as long as the reader's session has one.
    async fn beat(&mut self) -> Bytes {
        self.beats_at = Instant::now() + heartbeat(&self.state);
        if self.session_has_ended().await {
            self.ended = true;
            return Bytes::from_static(b": the session has ended\n\n");
        }
        // The place moves on also where nothing is in scope: coming back, that need not be looked at again.
        Bytes::from(format!(": heartbeat\nid: {}\n\n", self.last))
    }

    /// Where that cannot be told now, the next heartbeat asks again: without the database, no events come either.
    async fn session_has_ended(&self) -> bool {
        let (Some(session), Some(sign_in)) = (&self.reader.session, &self.state.sign_in) else {
            return false;
        };
        let goes_on = timeout(LONGEST_LOOK, sign_in.goes_on(session)).await;
        matches!(goes_on, Ok(Ok(false)))
    }

    fn show(&mut self, event: Result<Arc<RecordedEvent>, End>) -> Bytes {
        match event {
            Ok(event) => {
                self.ended = matches!(self.scope, Scope::Run { .. }) && ends_run(&event.event_type);
                frame(&event)
            }
            Err(end) => {
                self.ended = true;
                Bytes::from_static(match end {
                    End::Done => b": the run has ended\n\n",
                    End::Denied => b": you may no longer read this\n\n",
                    End::Failed => b": the journal cannot be read; come back with Last-Event-ID\n\n",
                })
            }
        }
    }

    /// The next event that is in scope. Dropping the future loses nothing.
    async fn event(&mut self) -> Result<Arc<RecordedEvent>, End> {
        loop {
            while let Some(event) = self.ready.front().cloned() {
                // Taken out only when that is known: nothing is lost where the future is dropped meanwhile.
                let shown = self.in_scope(&event).await?;
                self.ready.pop_front();
                self.last = event.position;
                if shown {
                    return Ok(event);
                }
            }
            if let Some(missed) = &mut self.missed {
                let batch = missed.try_next(BATCH).await.map_err(|error| failed(&error))?;
                if batch.events.is_empty() {
                    self.missed = None;
                    if self.run_has_ended().await {
                        return Err(End::Done);
                    }
                }
                self.ready.extend(batch.events.into_iter().map(Arc::new));
                continue;
            }
            match self.live.recv().await {
                Ok(event) if event.position > self.last => self.ready.push_back(event),
                Ok(_) => {}
                // More came meanwhile than is kept: the journal has it. A reader that takes nothing is dropped elsewhere.
                Err(RecvError::Lagged(_)) => {
                    self.missed = Some(self.state.journal.subscribe(self.last));
                }
                Err(RecvError::Closed) => return Err(End::Done),
            }
        }
    }

    async fn in_scope(&self, event: &RecordedEvent) -> Result<bool, End> {
        match &self.scope {
            Scope::All(filter) if !filter.takes_type(&event.aggregate_type) => Ok(false),
            Scope::All(filter) if self.reader.oversees && filter.takes_every_place() => Ok(true),
            Scope::All(filter) => match concern_of(&self.state.journal, event).await {
                Ok(concern) if !filter.takes(&concern) => Ok(false),
                Ok(_) if self.reader.oversees => Ok(true),
                Ok(concern) => match concern.project {
                    Some(project) => self.may(query_of(&event.aggregate_type), &project).await,
                    None => Ok(false),
                },
                Err(error) => Err(failed(&error)),
            },
            Scope::Run { id, project } => {
                if event.aggregate_type != <Run as Decide>::TYPE || &event.aggregate_id != id {
                    return Ok(false);
                }
                match self.may(query_of(&event.aggregate_type), project).await? {
                    true => Ok(true),
                    false => Err(End::Denied),
                }
            }
        }
    }

    /// Whether the reader may ask such a query of the project now: that may change while the stream is open.
    async fn may(&self, query: &'static str, project: &ProjectSlug) -> Result<bool, End> {
        let answer = self
            .state
            .commands
            .may(&self.reader.context, query, project)
            .await;
        answer.map_err(|error| failed(&error))
    }

    /// Whether the reader has had the last event of its run already.
    async fn run_has_ended(&self) -> bool {
        let Scope::Run { id, .. } = &self.scope else {
            return false;
        };
        match self.state.journal.load::<Run>(id).await {
            // The newest events may not be readable in order yet; they come live.
            Ok(run) if run.state.status.ended() => {
                let last = self
                    .state
                    .journal
                    .history(<Run as Decide>::TYPE, id, run.version, 1)
                    .await;
                last.is_ok_and(|events| events.last().is_some_and(|e| e.position <= self.last))
            }
            _ => false,
        }
    }
}

/// Between two heartbeats.
fn heartbeat(state: &AppState) -> Duration {
    Duration::from_secs(state.config.limits.heartbeat_seconds)
}

fn failed(error: &dyn std::error::Error) -> End {
    tracing::warn!(%error, "a stream cannot read the journal");
    End::Failed
}

fn ends_run(event_type: &str) -> bool {
    matches!(
        event_type,
        "RunSucceeded" | "RunFailed" | "RunCancelled" | "RunAbandoned"
    )
}

/// An event in the form of the event stream. JSON has no line breaks.
fn frame(event: &RecordedEvent) -> Bytes {
    let data = serde_json::to_string(&EventView::of(event)).unwrap_or_default();
    Bytes::from(format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        event.position, event.event_type
    ))
}
