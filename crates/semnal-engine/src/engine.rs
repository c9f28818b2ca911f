//! The engine: it hears of every commit as the store's observer, keeps the scheduler, and runs the attempts.
//!
//! The path of a delivery: [`Observer::committed`] → `Scheduler::offer_fresh` → `dispatch` → `deliver::work` →
//! `Scheduler::finish` → `dispatch` → [`Store::report`] → [`Observer::committed`].

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::{DeliveryId, EndpointId, IdCipher};
use semnal_core::integration::{Integration, ZAPIER};
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::observer::{Committed, Loaded, Observer};
use semnal_store::store::{ChangePlan, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::deliver;
use crate::destination::RequestForm;
use crate::randomness::Randomness;
use crate::scheduler::Scheduler;
use crate::scheduler::work::{Job, Load, Status};
use crate::transport::Transport;

/// 2,048 attempts at once over all endpoints.
pub const IN_FLIGHT_MAX: usize = 2_048;
/// 30 s for attempts that are under way when the server stops (DESIGN 12).
pub const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// What an engine is made of.
pub struct EngineOptions {
    /// The time.
    pub clock: Clock,
    /// The jitter of retries.
    pub randomness: Randomness,
    /// The way out.
    pub transport: Transport,
    /// How requests look.
    pub form: RequestForm,
    /// Attempts at once over all endpoints.
    pub in_flight_max: usize,
    /// What makes the public ids of messages.
    pub cipher: IdCipher,
    /// How long from one probe of an endpoint that is disabled for failing to the next; `None` makes none.
    pub probe_interval: Option<Duration>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) transport: Transport,
    pub(crate) cipher: IdCipher,
    pub(crate) scheduler: Mutex<Scheduler>,
    store: OnceLock<Store>,
    tasks: TaskTracker,
    /// Wakes the dispatcher.
    work: Notify,
    /// Wakes whoever waits for the engine to come to rest.
    changed: Notify,
    stopping: CancellationToken,
    failed: CancellationToken,
}

impl Engine {
    /// Makes an engine; it starts to work with [`Engine::run`].
    pub fn new(options: EngineOptions) -> Engine {
        let EngineOptions { clock, randomness, transport, form, in_flight_max, cipher, probe_interval } =
            options;
        let scheduler = Mutex::new(Scheduler::new(form, in_flight_max, probe_interval, clock.now()));
        let inner = Inner {
            clock,
            randomness,
            transport,
            cipher,
            scheduler,
            store: OnceLock::new(),
            tasks: TaskTracker::new(),
            work: Notify::new(),
            changed: Notify::new(),
            stopping: CancellationToken::new(),
            failed: CancellationToken::new(),
        };
        Engine { inner: Arc::new(inner) }
    }

    /// Returns what the store tells of its commits.
    pub fn observer(&self) -> Arc<dyn Observer> {
        self.inner.clone()
    }

    /// Starts the dispatcher.
    pub fn run(&self, store: Store) {
        if self.inner.store.set(store).is_err() {
            tracing::error!("the engine runs already");
            return;
        }
        let inner = self.inner.clone();
        self.inner.tasks.spawn(inner.clone().guarded(dispatch(inner)));
    }

    /// Returns figures.
    pub fn status(&self) -> Status {
        self.inner.scheduler.lock().status()
    }

    /// Tells whether an endpoint takes more work of the kind that can wait: bulk work that is given only then does not
    /// stand before new events.
    pub fn takes_bulk(&self, endpoint: EndpointId) -> bool {
        self.inner.scheduler.lock().takes_bulk(endpoint)
    }

    /// Returns a token that is cancelled when the store has stopped for good.
    pub fn failed(&self) -> CancellationToken {
        self.inner.failed.clone()
    }

    /// Waits until nothing happens any more without time passing, and returns when time has something to do next: a
    /// retry, a look into the store for later ones, tidying up.
    pub async fn rest(&self) -> UnixMillis {
        loop {
            let changed = self.inner.changed.notified();
            {
                let scheduler = self.inner.scheduler.lock();
                let wake = scheduler.next_wake().unwrap_or(UnixMillis::MAX);
                if !scheduler.status().busy && wake > self.inner.clock.now() {
                    return wake;
                }
            }
            changed.await;
        }
    }

    /// Starts no more attempts, waits for those under way, and hands their outcomes over.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.work.notify_one();
        self.inner.tasks.close();
        let limit = self.inner.clock.now() + DRAIN_LIMIT;
        tokio::select! {
            () = self.inner.tasks.wait() => {}
            () = self.inner.clock.sleep_until(limit) => {
                tracing::warn!("attempts under way did not end in 30 s; they are made again after the next start");
            }
        }
        self.inner.hand_over().await;
    }
}

/// Gives the scheduler's reports and questions to the store, and jobs to tasks, whenever there are some.
async fn dispatch(inner: Arc<Inner>) {
    loop {
        inner.hand_over().await;
        if inner.stopping.is_cancelled() {
            return;
        }
        inner.start_jobs();
        let wake = inner.scheduler.lock().next_wake();
        let time = async {
            match wake {
                Some(at) => inner.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = inner.work.notified() => {}
            () = time => {
                let now = inner.clock.now();
                let tidy = inner.scheduler.lock().tick(now);
                if tidy {
                    inner.transport.close_expired();
                }
            }
        }
    }
}

impl Inner {
    /// Runs a task of the engine; when it panics the server has to end, since it would accept and not send.
    async fn guarded(self: Arc<Inner>, task: impl Future<Output = ()>) {
        let guard = self.failed.clone().drop_guard();
        task.await;
        guard.disarm();
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.get().expect("attempts are made only after run() has set the store")
    }

    async fn hand_over(&self) {
        let (reports, loads) = self.scheduler.lock().drain();
        let Some(store) = self.store.get() else { return };
        if !reports.is_empty() && store.report(reports).await.is_err() {
            self.failed.cancel();
        }
        for load in loads {
            match load {
                Load::Due { after, until, limit } => store.load_due(after, until, limit),
                Load::Queued { endpoint, after, limit } => store.load_queued(endpoint, after, limit),
                Load::Oldest { endpoint } => store.load_oldest(endpoint),
            }
        }
        self.changed.notify_waiters();
    }

    fn start_jobs(self: &Arc<Inner>) {
        let now = self.clock.now();
        loop {
            let Some(job) = self.scheduler.lock().next(now) else { return };
            self.tasks.spawn(self.clone().guarded(deliver::work(self.clone(), job)));
        }
    }

    /// Settles a job with the scheduler and returns the next one.
    pub(crate) fn finish(
        self: &Arc<Inner>,
        job: &Job,
        settle: impl FnOnce(&Arc<Inner>, &Job, UnixMillis),
    ) -> Option<Job> {
        let now = self.clock.now();
        settle(self, job, now);
        self.work.notify_one();
        if self.stopping.is_cancelled() {
            return None;
        }
        self.scheduler.lock().next(now)
    }

    /// Disables an endpoint that answered 410, unless somebody has changed it meanwhile. One that Zapier made is removed:
    /// so its hooks say that nobody listens any more, and that they are not to be sent to again.
    pub(crate) fn disable_gone(self: &Arc<Inner>, asked: &Endpoint) {
        let inner = self.clone();
        let (id, as_of) = (asked.id, asked.updated_at);
        self.tasks.spawn(async move {
            let now = inner.clock.now();
            let disabled = inner
                .store()
                .change(None, move |configuration| {
                    const FAILING: EndpointState = EndpointState::Disabled(DisabledReason::Failing);
                    let sent_to = |state| matches!(state, EndpointState::Active | FAILING);
                    let same = |e: &&Arc<Endpoint>| sent_to(e.state) && e.updated_at == as_of;
                    let endpoint = configuration.endpoint(id).filter(same);
                    let changes = endpoint.map_or_else(Vec::new, |e| gone(configuration, e, now));
                    Ok::<_, std::convert::Infallible>(ChangePlan { changes, answer: None, value: () })
                })
                .await;
            match disabled {
                Ok(_) => {
                    tracing::warn!(
                        endpoint.key = id.0.0,
                        "an endpoint answered 410 Gone: it gets nothing more"
                    );
                }
                Err(error) => {
                    tracing::error!(error = %error, "an endpoint that is gone could not be disabled");
                    inner.scheduler.lock().start_again(id, inner.clock.now());
                }
            }
        });
    }
}

/// Returns what becomes of an endpoint that answered 410.
fn gone(configuration: &Configuration, endpoint: &Endpoint, now: UnixMillis) -> Vec<Change> {
    match configuration.integration_of(endpoint.id).filter(|it| it.service == ZAPIER) {
        Some(it) => {
            let it = Integration { gone_at: Some(now), ..(**it).clone() };
            vec![Change::PutIntegration(Box::new(it)), Change::DeleteEndpoint(endpoint.id)]
        }
        None => {
            let state = EndpointState::Disabled(DisabledReason::Gone);
            let it = Endpoint { state, updated_at: now, ..endpoint.clone() };
            vec![Change::PutEndpoint(Box::new(it))]
        }
    }
}

impl Observer for Inner {
    fn committed(&self, batch: Committed<'_>) {
        let now = self.clock.now();
        let mut scheduler = self.scheduler.lock();
        // First: an operational event may go to an endpoint that the same transaction made.
        if let Some(configuration) = batch.configuration {
            scheduler.reconfigure(configuration, batch.changed, batch.deleted, now);
        }
        for message in batch.messages {
            for (ordinal, endpoint) in (0u16..).zip(&message.endpoints) {
                let delivery = DeliveryId { message: message.id, ordinal };
                scheduler.offer_fresh(*endpoint, delivery, Some(message.clone()), now);
            }
        }
        scheduler.confirmed(batch.reports, now);
        for endpoint in batch.backlogs {
            scheduler.found_backlog(endpoint, now);
        }
        for found in batch.recovered {
            scheduler.offer_fresh(found.endpoint, found.delivery, None, now);
        }
        scheduler.resent(batch.resent, now);
        scheduler.call_off(batch.called_off, now);
        drop(scheduler);
        self.work.notify_one();
        self.changed.notify_waiters();
    }

    fn loaded(&self, loaded: Loaded) {
        let now = self.clock.now();
        let mut scheduler = self.scheduler.lock();
        match loaded {
            Loaded::Due { rows, reached } => scheduler.loaded_due(rows, reached, now),
            Loaded::Queued { endpoint, rows, complete } => {
                scheduler.loaded_queued(endpoint, &rows, complete, now);
            }
            Loaded::Oldest { endpoint, row } => scheduler.loaded_oldest(endpoint, row, now),
        }
        drop(scheduler);
        self.work.notify_one();
        self.changed.notify_waiters();
    }

    fn disk_full(&self, full: bool) {
        self.scheduler.lock().set_disk_full(full);
        self.work.notify_one();
    }

    fn stopped(&self, _: &StoreError) {
        self.failed.cancel();
    }

    fn deliveries_without_row(&self) -> Option<u64> {
        Some(self.scheduler.lock().fresh())
    }
}
