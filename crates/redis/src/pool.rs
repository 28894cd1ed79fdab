//! Connections over which calls are sent in batches. What waits while a batch is on its way
//! is the next one, so a busy server has few round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::calls::CallError;
use crate::connect::connect;
use crate::newest::NewestEpoch;
use crate::settings::{Replicas, Settings};

/// Most calls of a batch.
const MAX_BATCH: usize = 64;
/// Most calls that wait for one connection. Beyond it they are refused.
const MAX_WAITING: usize = 4_096;
/// The first wait before a connection is tried again; each is twice as long as the last.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// How long to wait before the next try: several servers lose the same Redis at one time.
pub(crate) fn wait_after(tries: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(MAX_WAIT);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Pool {
    lines: Vec<Line>,
    /// The line of the next call.
    next: AtomicUsize,
    /// Of a call.
    longest_answer: Duration,
    _tasks: JoinSet<()>,
}

/// The caller's end of a connection.
#[derive(Debug)]
struct Line {
    calls: mpsc::Sender<Call>,
    is_up: Arc<AtomicBool>,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Its answer.
    Answer,
    /// That replicas have what it wrote, if that is required.
    Replicas,
}

/// A call on its way.
#[derive(Debug)]
struct Call {
    command: Cmd,
    wait: CallWait,
}

/// The caller's wait.
#[derive(Debug)]
struct CallWait {
    needs: Needs,
    answer: oneshot::Sender<Result<Value, CallError>>,
}

impl Pool {
    /// Begins all connections; `first` is one.
    pub(crate) fn begin(
        settings: &Arc<Settings>,
        newest_epoch: &Arc<NewestEpoch>,
        first: MultiplexedConnection,
    ) -> Self {
        let mut first = Some(first);
        let mut tasks = JoinSet::new();
        let lines = (0..settings.connections.max(1)).map(|_| {
            let (calls, waiting) = mpsc::channel(MAX_WAITING);
            let is_up = Arc::new(AtomicBool::new(false));
            let end = LineEnd {
                settings: Arc::clone(settings),
                newest_epoch: Arc::clone(newest_epoch),
                waiting,
                is_up: Arc::clone(&is_up),
            };
            let connection = first.take();
            is_up.store(connection.is_some(), Ordering::Release);
            tasks.spawn(end.run(connection));
            Line { calls, is_up }
        });
        Self {
            lines: lines.collect(),
            next: AtomicUsize::new(0),
            longest_answer: settings.longest_answer(),
            _tasks: tasks,
        }
    }

    pub(crate) async fn call(&self, command: Cmd, needs: Needs) -> Result<Value, CallError> {
        let (answer, answered) = oneshot::channel();
        let wait = CallWait { needs, answer };
        self.send(Call { command, wait })?;
        let answered = tokio::time::timeout(self.longest_answer, answered);
        let late = |_| unavailable("there is no answer in time");
        answered
            .await
            .map_err(late)?
            .map_err(|_| unavailable("the connection ended"))?
    }

    /// Gives a call to a connection with room for it.
    fn send(&self, mut call: Call) -> Result<(), CallError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.lines.len();
        let lines = (0..count).map(|index| &self.lines[first.wrapping_add(index) % count]);
        let mut why = "there is no connection";
        for line in lines.filter(|line| line.is_up.load(Ordering::Acquire)) {
            call = match line.calls.try_send(call) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(call) | TrySendError::Closed(call)) => call,
            };
            why = "too many calls wait";
        }
        Err(unavailable(why))
    }
}

fn unavailable(why: &str) -> CallError {
    CallError::Unavailable(why.to_owned())
}

/// The other end of a line: a connection, or the tries to get one.
struct LineEnd {
    settings: Arc<Settings>,
    newest_epoch: Arc<NewestEpoch>,
    waiting: mpsc::Receiver<Call>,
    is_up: Arc<AtomicBool>,
}

impl LineEnd {
    async fn run(mut self, mut first: Option<MultiplexedConnection>) {
        loop {
            let connection = match first.take() {
                Some(connection) => connection,
                None => match self.connect().await {
                    Some(connection) => connection,
                    None => return,
                },
            };
            self.is_up.store(true, Ordering::Release);
            let is_over = self.serve(connection).await;
            self.is_up.store(false, Ordering::Release);
            if is_over {
                return;
            }
        }
    }

    /// Tries until there is a connection. Calls that come meanwhile are refused. `None` if
    /// no more calls can come.
    async fn connect(&mut self) -> Option<MultiplexedConnection> {
        let settings = Arc::clone(&self.settings);
        let mut connecting = Box::pin(async move {
            let mut tries = 0;
            loop {
                if let Ok(connection) = connect(&settings).await {
                    return connection;
                }
                tokio::time::sleep(wait_after(tries)).await;
                tries += 1;
            }
        });
        loop {
            tokio::select! {
                connection = &mut connecting => return Some(connection),
                call = self.waiting.recv() => refuse([call?.wait], "there is no connection"),
            }
        }
    }

    /// Answers calls until the connection is of no use. Returns whether no more can come.
    async fn serve(&mut self, mut connection: MultiplexedConnection) -> bool {
        loop {
            let mut batch = Vec::new();
            if self.waiting.recv_many(&mut batch, MAX_BATCH).await == 0 {
                return true;
            }
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            let mut waits = Vec::with_capacity(batch.len());
            // The callers of the others are gone.
            for call in batch
                .into_iter()
                .filter(|call| !call.wait.answer.is_closed())
            {
                pipeline.add_command(call.command);
                waits.push(call.wait);
            }
            if waits.is_empty() {
                continue;
            }
            let needs_replicas = waits.iter().any(|wait| wait.needs == Needs::Replicas);
            if let Some(replicas) = self.settings.replicas.filter(|_| needs_replicas) {
                add_wait(&mut pipeline, replicas);
            }
            let answers = pipeline.query_async(&mut connection).await;
            let is_useful = match answers {
                Ok(answers) => self.answer(waits, answers),
                Err(error) => {
                    let error: RedisError = error;
                    refuse(waits, &error.to_string());
                    false
                }
            };
            if !is_useful {
                return false;
            }
        }
    }

    /// Answers the calls of a batch. Returns whether the connection is of use.
    fn answer(&self, waits: Vec<CallWait>, answers: Vec<RedisResult<Value>>) -> bool {
        let is_replicated = match (self.settings.replicas, answers.get(waits.len())) {
            (None, _) => true,
            (Some(replicas), Some(Ok(Value::Int(count)))) => *count >= i64::from(replicas.count),
            _ => false,
        };
        let mut is_useful = true;
        for (wait, answer) in waits.into_iter().zip(answers) {
            let answer = match answer {
                Ok(value) if !self.is_of_newest(&value) => {
                    is_useful = false;
                    Err(unavailable("the server was replaced"))
                }
                Ok(value) if is_replicated || wait.needs == Needs::Answer => Ok(value),
                Ok(value) if !is_written(&value) => Ok(value),
                Ok(_) => Err(CallError::NotReplicated),
                Err(error) => {
                    is_useful &= !is_of_connection(&error);
                    Err(CallError::Unavailable(error.to_string()))
                }
            };
            // The caller may be gone.
            let _ = wait.answer.send(answer);
        }
        is_useful
    }

    /// Whether an answer is that of a server which knows the newest epoch.
    fn is_of_newest(&self, answer: &Value) -> bool {
        match words(answer) {
            Some((b"EPOCH", Some(Value::BulkString(epoch)))) => {
                std::str::from_utf8(epoch).is_ok_and(|epoch| self.newest_epoch.accept(epoch))
            }
            _ => true,
        }
    }
}

/// The first word of an answer, and what follows it.
fn words(answer: &Value) -> Option<(&[u8], Option<&Value>)> {
    let Value::Array(values) = answer else {
        return None;
    };
    let word: &[u8] = match values.first()? {
        Value::BulkString(word) => word,
        Value::Okay => b"OK",
        _ => return None,
    };
    Some((word, values.get(1)))
}

/// Whether something was written, by this call or by the one that it repeats.
fn is_written(answer: &Value) -> bool {
    matches!(words(answer), Some((b"OK" | b"REPEATED", _)))
}

/// Whether another connection may help: the server is a replica now, has lost its functions,
/// or the slot is elsewhere.
fn is_of_connection(error: &RedisError) -> bool {
    let kinds = [
        ServerErrorKind::ReadOnly,
        ServerErrorKind::MasterDown,
        ServerErrorKind::BusyLoading,
        ServerErrorKind::Moved,
        ServerErrorKind::ClusterDown,
    ];
    kinds.into_iter().any(|kind| error.kind() == kind.into())
        || error.to_string().contains("Function not found")
}

fn add_wait(pipeline: &mut redis::Pipeline, replicas: Replicas) {
    // 0 would be for ever.
    let millis =
        u64::try_from(replicas.within.as_millis()).map_or(u64::MAX, |millis| millis.max(1));
    pipeline.cmd("WAIT").arg(replicas.count).arg(millis);
}

fn refuse(waits: impl IntoIterator<Item = CallWait>, why: &str) {
    for wait in waits {
        let _ = wait.answer.send(Err(unavailable(why)));
    }
}
