//! Reads streams. Those who ask while a read is under way share the next one: one round trip for all of them.

use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::JournalError;
use crate::cache::StreamKey;
use crate::reader::{Reader, Rows};

/// How many events of one stream a shared read fetches; the rest of a longer one is read apart.
pub(crate) const PAGE: usize = 1000;
/// How many streams share one read.
const SHARED: usize = 256;
/// How many shared reads are under way at once.
const READS: usize = 2;
const WAITING: usize = 16_384;

// The snapshot comes with the first row of its stream only. Streams without anything have no row.
const READ: &str = "
SELECT k.n, s.last_sequence,
       CASE WHEN e.sequence IS NULL OR e.sequence = s.last_sequence + 1 THEN s.payload::text END,
       e.sequence, e.event_type, e.event_version, e.payload
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(t, i, n)
LEFT JOIN snapshots s ON s.aggregate_type = k.t AND s.aggregate_id = k.i AND s.made_by = $3
LEFT JOIN LATERAL (
    SELECT e.sequence, e.event_type, e.event_version, e.payload::text
    FROM events e
    WHERE e.aggregate_type = k.t AND e.aggregate_id = k.i AND e.sequence > coalesce(s.last_sequence, 0)
    ORDER BY e.sequence
    LIMIT $4
) e ON true
WHERE s.last_sequence IS NOT NULL OR e.sequence IS NOT NULL
ORDER BY k.n, e.sequence";

// The same for one stream, made for speed; the snapshot comes as a row of its own.
const READ_ONE: &str = "
SELECT s.last_sequence, NULL::text, NULL::text, s.payload::text
FROM snapshots s
WHERE s.aggregate_type = $1 AND s.aggregate_id = $2 AND s.made_by = $3
UNION ALL
(SELECT e.sequence, e.event_type, e.event_version, e.payload::text
 FROM events e
 WHERE e.aggregate_type = $1 AND e.aggregate_id = $2
   AND e.sequence > coalesce((SELECT s.last_sequence FROM snapshots s
                              WHERE s.aggregate_type = $1 AND s.aggregate_id = $2 AND s.made_by = $3), 0)
 ORDER BY e.sequence
 LIMIT $4)";

const READ_AFTER: &str = "
SELECT sequence, event_type, event_version, payload::text
FROM events
WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3
ORDER BY sequence
LIMIT $4";

/// An event as a state is made from it.
pub(crate) struct StoredEvent {
    pub sequence: u64,
    pub event_type: String,
    pub event_version: String,
    pub payload: String,
}

/// What is stored of a stream, or the first page of it.
#[derive(Default)]
pub(crate) struct StoredStream {
    pub snapshot: Option<(u64, String)>,
    pub events: Vec<StoredEvent>,
    /// Whether there may be more events.
    pub more: bool,
}

struct Request {
    key: StreamKey,
    answer: oneshot::Sender<Result<StoredStream, JournalError>>,
}

/// Reads streams from their snapshot on.
pub(crate) struct Loader {
    reader: Reader,
    tag: Arc<str>,
    turns: Arc<Semaphore>,
    requests: mpsc::Sender<Request>,
}

impl Loader {
    /// The loader, and the task to run for it.
    pub fn new(reader: Reader, tag: &str) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (requests, queue) = mpsc::channel(WAITING);
        let turns = Arc::new(Semaphore::new(READS));
        let tag: Arc<str> = tag.into();
        let task = share_reads(reader.clone(), Arc::clone(&tag), Arc::clone(&turns), queue);
        (
            Self {
                reader,
                tag,
                turns,
                requests,
            },
            task,
        )
    }

    /// Reads one stream: at once if few others read, else together with those who wait.
    pub async fn read(&self, key: &StreamKey) -> Result<StoredStream, JournalError> {
        let single = sqlx::query(READ_ONE)
            .bind(key.aggregate_type)
            .bind(&*key.id)
            .bind(&*self.tag)
            .bind(PAGE as i64);
        if let Some(read) = self.reader.fetch_single(single).await {
            return one_stream(&read);
        }
        if let Ok(_turn) = self.turns.try_acquire() {
            self.reader.restore_single().await;
            let mut streams = read_streams(&self.reader, &self.tag, std::slice::from_ref(key)).await?;
            return Ok(streams.pop().unwrap_or_default());
        }
        let (answer, answered) = oneshot::channel();
        let request = Request {
            key: key.clone(),
            answer,
        };
        self.requests
            .try_send(request)
            .map_err(|_| JournalError::QueueFull)?;
        answered.await.map_err(|_| JournalError::Closed)?
    }

    /// The events of a stream after `sequence`, at most [`PAGE`] of them; and whether there may be more.
    pub async fn read_after(
        &self,
        key: &StreamKey,
        sequence: u64,
    ) -> Result<(Vec<StoredEvent>, bool), JournalError> {
        let Rows { rows, cut } = self
            .reader
            .fetch_bounded(|| {
                sqlx::query(READ_AFTER)
                    .bind(key.aggregate_type)
                    .bind(&*key.id)
                    .bind(sequence as i64)
                    .bind(PAGE as i64)
            })
            .await?;
        let more = cut || rows.len() == PAGE;
        let events = rows.iter().map(|row| stored_event(row, 0));
        Ok((events.collect::<Result<_, _>>()?, more))
    }
}

async fn share_reads(
    reader: Reader,
    tag: Arc<str>,
    turns: Arc<Semaphore>,
    mut queue: mpsc::Receiver<Request>,
) {
    loop {
        let mut requests = Vec::new();
        let Some(first) = queue.recv().await else { return };
        requests.push(first);
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        while requests.len() < SHARED
            && let Ok(request) = queue.try_recv()
        {
            requests.push(request);
        }
        let (reader, tag) = (reader.clone(), Arc::clone(&tag));
        tokio::spawn(async move {
            let keys: Vec<StreamKey> = requests.iter().map(|request| request.key.clone()).collect();
            let result = read_streams(&reader, &tag, &keys).await;
            drop(turn);
            match result {
                Ok(streams) => {
                    for (request, stream) in requests.into_iter().zip(streams) {
                        // Nobody listens when the caller gave up.
                        let _ = request.answer.send(Ok(stream));
                    }
                }
                Err(error) => {
                    for request in requests {
                        let _ = request.answer.send(Err(error.clone()));
                    }
                }
            }
        });
    }
}

async fn read_streams(
    reader: &Reader,
    tag: &str,
    keys: &[StreamKey],
) -> Result<Vec<StoredStream>, JournalError> {
    let Rows { rows, cut } = reader
        .fetch_bounded(|| {
            sqlx::query(READ)
                .bind(keys.iter().map(|key| key.aggregate_type).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| &*key.id).collect::<Vec<_>>())
                .bind(tag)
                .bind(PAGE as i64)
        })
        .await?;
    let mut streams: Vec<StoredStream> = keys.iter().map(|_| StoredStream::default()).collect();
    let mut last = 0_i64;
    for row in &rows {
        let number: i64 = row.try_get(0)?;
        let Some(stream) = streams.get_mut((number - 1).unsigned_abs() as usize) else {
            continue;
        };
        if let Some(snapshot) = row.try_get::<Option<String>, _>(2)? {
            stream.snapshot = Some((row.try_get::<i64, _>(1)?.unsigned_abs(), snapshot));
        }
        if row.try_get::<Option<i64>, _>(3)?.is_some() {
            stream.events.push(stored_event(row, 3)?);
        }
        last = number;
    }
    for (stream, number) in streams.iter_mut().zip(1..) {
        // Of those after the last row nothing was read.
        stream.more = stream.events.len() == PAGE || (cut && number >= last);
    }
    Ok(streams)
}

fn one_stream(read: &Rows) -> Result<StoredStream, JournalError> {
    let mut stream = StoredStream::default();
    for row in &read.rows {
        if row.try_get::<Option<&str>, _>(1)?.is_some() {
            stream.events.push(stored_event(row, 0)?);
        } else {
            stream.snapshot = Some((row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get(3)?));
        }
    }
    stream.more = read.cut || stream.events.len() == PAGE;
    Ok(stream)
}

fn stored_event(row: &PgRow, first: usize) -> Result<StoredEvent, sqlx::Error> {
    Ok(StoredEvent {
        sequence: row.try_get::<i64, _>(first)?.unsigned_abs(),
        event_type: row.try_get(first + 1)?,
        event_version: row.try_get(first + 2)?,
        payload: row.try_get(first + 3)?,
    })
}
