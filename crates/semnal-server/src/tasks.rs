//! Runs background tasks: reads from the rows which ones there are, and takes a step of each in turn.
//!
//! Nothing is kept here that matters: a server that is killed goes on with the rows after its next start. A step that
//! fails is tried again. Invariant: what a task does, it does in [`Store::step_task`].

mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::endpoint::Endpoint;
use semnal_core::id::{DeliveryId, EndpointId, MessageId, TaskId};
use semnal_core::time::UnixMillis;
use semnal_engine::clock::Clock;
use semnal_store::error::StoreError;
use semnal_store::read::Reader;
use semnal_store::store::Store;
use semnal_store::task::{STEP_DELIVERIES_MAX, Step, Stepped, Task, TaskEnd, TaskKind, TaskStatus};
use semnal_store::views::apply::State;
use semnal_store::views::filter::{
    DeliveriesOf, DeliveryFilter, Direction, Found, Kind, MessageFilter, Slice,
};
use tokio_util::sync::CancellationToken;

/// 16 tasks take turns; later ones wait for one of them to end.
const AT_ONCE_MAX: usize = 16;
/// When every endpoint has enough to do, the next look is 10 ms later.
const PAUSE: Duration = Duration::from_millis(10);
/// After a step that failed the next try is made 500 ms later.
const RETRY: Duration = Duration::from_millis(500);
/// A task waits for its endpoint 5 s at most: one that is always behind must not stop it for ever.
const PATIENCE_MS: i64 = 5_000;

/// Tells whether an endpoint takes more bulk work at the moment.
pub(crate) type TakesBulk = Arc<dyn Fn(EndpointId) -> bool + Send + Sync>;

/// See the module.
pub(crate) struct TaskRunner {
    store: Store,
    clock: Clock,
    takes_bulk: TakesBulk,
    /// Since when tasks have waited for their endpoints.
    waiting: HashMap<TaskId, UnixMillis>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// No task runs.
    Idle,
    /// At least one went on.
    Advanced,
    /// All wait for their endpoints.
    Waiting,
}

impl TaskRunner {
    pub(crate) fn new(store: Store, clock: Clock, takes_bulk: TakesBulk) -> TaskRunner {
        TaskRunner { store, clock, takes_bulk, waiting: HashMap::new() }
    }

    /// Runs tasks until the token is cancelled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let stopped = shutdown.clone();
        tokio::select! {
            () = stopped.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&mut self) {
        loop {
            match self.round().await {
                Ok(Round::Idle) => self.store.task_started().await,
                Ok(Round::Advanced) => {}
                Ok(Round::Waiting) => self.clock.sleep_until(self.clock.now() + PAUSE).await,
                // The engine ends the server then.
                Err(StoreError::Stopped) => return,
                Err(error) => {
                    tracing::warn!(error = %error, "a step of a background task failed and is tried again");
                    self.clock.sleep_until(self.clock.now() + RETRY).await;
                }
            }
        }
    }

    /// Takes a step of each running task, oldest first.
    ///
    /// # Errors
    /// The first error of a step, after every task had its turn.
    pub(crate) async fn round(&mut self) -> Result<Round, StoreError> {
        let running = self.store.read(|reader| reader.running_tasks(AT_ONCE_MAX)).await?;
        self.waiting.retain(|id, _| running.iter().any(|task| task.id == *id));
        let (mut round, mut failed) = (Round::Idle, None);
        for task in running {
            match self.turn(&task).await {
                Ok(true) => round = Round::Advanced,
                Ok(false) if round == Round::Idle => round = Round::Waiting,
                Ok(false) => {}
                Err(StoreError::Corrupt { table, key, what }) => {
                    let why = format!("row {key} of {table} is damaged: {what}");
                    self.store.end_task(task.id, TaskEnd::Failed(why)).await?;
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(round), Err)
    }

    /// Takes a step of a task; tells whether it went on.
    async fn turn(&mut self, task: &Task) -> Result<bool, StoreError> {
        match task.kind {
            TaskKind::ApplicationStats | TaskKind::EventTypes => {
                usage::finish(&self.store, task).await?;
                return Ok(true);
            }
            TaskKind::Recover | TaskKind::ReplayMissing | TaskKind::BulkReplay => {}
        }
        let configuration = self.store.configuration();
        let endpoint = task.endpoint.and_then(|id| configuration.endpoint(id)).cloned();
        let step = match endpoint {
            // The writer finds out too, and ends the task.
            None => Step { from: task.cursor, to: task.cursor, ..Step::default() },
            Some(endpoint) => {
                if !self.may_go_on(task, endpoint.id) {
                    return Ok(false);
                }
                self.next_step(task, endpoint).await?
            }
        };
        match self.store.step_task(task.id, step).await? {
            Stepped::Taken(TaskStatus::Running) | Stepped::Moved => {}
            Stepped::Taken(status) | Stepped::Ended(status) => {
                tracing::info!(
                    task.kind = task.kind.as_str(),
                    status = status.as_str(),
                    "a background task ended"
                );
            }
            Stepped::NoSuchTask => tracing::debug!("a background task is gone"),
        }
        Ok(true)
    }

    fn may_go_on(&mut self, task: &Task, endpoint: EndpointId) -> bool {
        let now = self.clock.now();
        let since = *self.waiting.entry(task.id).or_insert(now);
        let may = (self.takes_bulk)(endpoint) || now.0 - since.0 >= PATIENCE_MS;
        if may {
            self.waiting.remove(&task.id);
        }
        may
    }

    async fn next_step(&self, task: &Task, endpoint: Arc<Endpoint>) -> Result<Step, StoreError> {
        let task = task.clone();
        let question = move |reader: &Reader| match task.kind {
            TaskKind::ReplayMissing => missing(reader, &task, &endpoint),
            _ => deliveries(reader, &task, endpoint.id),
        };
        self.store.list_complete(question).await
    }
}

/// Reads the next deliveries of a task, oldest first.
fn deliveries(reader: &Reader, task: &Task, endpoint: EndpointId) -> Result<Step, StoreError> {
    let selection = &task.selection;
    let kind = Kind { event_types: selection.event_types.clone(), channel: selection.channel.clone() };
    let is_countable = kind == Kind::default();
    let of = DeliveriesOf::Endpoint(endpoint);
    let filter = DeliveryFilter { of, state: selection.state, kind, span: selection.span() };
    let slice = Slice { from: task.cursor, direction: Direction::Newer, limit: STEP_DELIVERIES_MAX };
    let Found { items, more_after } = reader.list_deliveries(&filter, &slice)?;
    let total = if task.cursor.is_none() && is_countable {
        let counts = reader.count_deliveries(endpoint, selection.since, selection.until)?;
        Some(match selection.state {
            Some(State::Delivered) => counts.delivered,
            Some(State::Pending) => counts.pending,
            Some(State::Failed) => counts.failed,
            Some(State::Cancelled) => counts.cancelled,
            Some(State::Expired) => counts.expired,
            None => counts.all(),
        })
    } else {
        None
    };
    let to = more_after.or(items.last().map(|it| it.id)).or(task.cursor);
    let deliveries = items.into_iter().map(|it| it.id).collect();
    Ok(Step { from: task.cursor, to, deliveries, total, is_last: more_after.is_none(), ..Step::default() })
}

/// Reads the next messages that may lack a delivery, oldest first.
fn missing(reader: &Reader, task: &Task, endpoint: &Endpoint) -> Result<Step, StoreError> {
    let kind = Kind { event_types: endpoint.event_types.clone(), channel: None };
    let filter = MessageFilter { application: endpoint.application, kind, span: task.selection.span() };
    let from = task.cursor.map(|cursor| cursor.message);
    let slice = Slice { from, direction: Direction::Newer, limit: STEP_DELIVERIES_MAX };
    let Found { items, more_after } = reader.list_messages(&filter, &slice)?;
    let beyond = |message: MessageId| DeliveryId { message, ordinal: u16::MAX };
    let to = more_after.or(items.last().copied()).map(beyond).or(task.cursor);
    Ok(Step { from: task.cursor, to, messages: items, is_last: more_after.is_none(), ..Step::default() })
}
