//! A store that a test can fill, stop, crash and start again, with a clock that stands still until it is moved.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use semnal_core::application::{Application, Organisation};
use semnal_core::attempt::{AttemptEnd, Cause, Phases};
use semnal_core::configuration::Change;
use semnal_core::delivery::Progress;
use semnal_core::endpoint::{Endpoint, EndpointSecret, EndpointState};
use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key, MessageId, OrganisationId};
use semnal_core::name::{EventTypeName, Uid};
use semnal_core::signature::Secret;
use semnal_core::time::UnixMillis;
use semnal_store::called_off::Withdrawn;
use semnal_store::directory::DataDirectory;
use semnal_store::memory::MemoryDisk;
use semnal_store::message::{Appended, Message, NewMessage};
use semnal_store::observer::Observer;
use semnal_store::outcome::{Outcome, Report, RetryRow, Trigger, Verdict};
use semnal_store::read::Delivery;
use semnal_store::store::{ChangePlan, Changed, Opened, Resent, Store, StoreOptions};
use semnal_store::verify::Verification;
use semnal_store::views::progress::Phase;
use tempfile::TempDir;

use crate::recorder::Recorder;

/// When every test begins.
pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_000);
/// An hour of the clock.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// How long an endpoint may do nothing but fail in every test.
pub(crate) const DISABLE_AFTER: Duration = Duration::from_secs(3_600);

/// Where the rows are.
enum Backend {
    Sqlite(TempDir),
    Memory(MemoryDisk),
}

/// A running store with one organisation.
pub(crate) struct World {
    backend: Backend,
    clock: Arc<AtomicI64>,
    retention: Option<Duration>,
    directory: Option<DataDirectory>,
    /// Stores that crashed: they are never used again, and dropped last.
    crashed: Vec<Store>,
    pub(crate) store: Store,
    pub(crate) heard: Arc<Recorder>,
}

/// How every test opens its store.
pub(crate) fn options(clock: &Arc<AtomicI64>, retention: Option<Duration>) -> StoreOptions {
    let clock = clock.clone();
    StoreOptions {
        now: Arc::new(move || UnixMillis(clock.load(Ordering::SeqCst))),
        fresh_keys: [7; 48],
        disable_after: Some(DISABLE_AFTER),
        retention,
        #[cfg(feature = "fault-injection")]
        sabotage: None,
    }
}

fn start(
    backend: &Backend,
    clock: &Arc<AtomicI64>,
    retention: Option<Duration>,
) -> (Store, Arc<Recorder>, Option<DataDirectory>) {
    let (opened, directory) = match backend {
        Backend::Sqlite(path) => {
            let directory = DataDirectory::open(path.path()).unwrap();
            (Opened::sqlite(&directory, options(clock, retention)).unwrap(), Some(directory))
        }
        Backend::Memory(disk) => (Opened::memory(disk.clone(), options(clock, retention)).unwrap(), None),
    };
    let heard = Arc::new(Recorder::default());
    let observer: Arc<dyn Observer> = heard.clone();
    (opened.start(&observer).unwrap(), heard, directory)
}

impl World {
    pub(crate) fn sqlite() -> World {
        World::new(Backend::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn memory() -> World {
        World::new(Backend::Memory(MemoryDisk::default()))
    }

    fn new(backend: Backend) -> World {
        let clock = Arc::new(AtomicI64::new(START.0));
        let (store, heard, directory) = start(&backend, &clock, None);
        World { backend, clock, retention: None, directory, crashed: Vec::new(), store, heard }
    }

    /// Stops and starts again.
    pub(crate) async fn restart(self) -> World {
        self.closed().await.start_again()
    }

    /// Stops and starts again with messages kept for so long only.
    pub(crate) async fn keeping(self, retention: Duration) -> World {
        World { retention: Some(retention), ..self.closed().await }.start_again()
    }

    /// Stops and gives the directory back.
    pub(crate) async fn closed(mut self) -> World {
        self.store.stop().await;
        drop(self.directory.take());
        self
    }

    /// Starts again after [`World::closed`].
    pub(crate) fn opened(self) -> World {
        self.start_again()
    }

    /// Starts again from what is on the disk, as after a power cut. Nothing may be under way.
    pub(crate) fn crash(mut self) -> World {
        if let Backend::Memory(disk) = &self.backend {
            self.backend = Backend::Memory(disk.image());
        } else if let Backend::Sqlite(old) = &self.backend {
            // The log is not cut while its files are copied one after the other.
            let gate = self.hold_writer();
            let image = tempfile::tempdir().unwrap();
            copy(old.path(), image.path());
            gate.open();
            self.backend = Backend::Sqlite(image);
        }
        self.crashed.push(self.store.clone());
        self.start_again()
    }

    fn start_again(mut self) -> World {
        (self.store, self.heard, self.directory) = start(&self.backend, &self.clock, self.retention);
        self
    }

    /// Stops, lets `change` at the closed journal of a SQLite store, and starts again.
    pub(crate) async fn with_closed_journal(self, change: impl FnOnce(&rusqlite::Connection)) -> World {
        let closed = self.closed().await;
        change(&rusqlite::Connection::open(closed.path().join("journal.db")).unwrap());
        closed.start_again()
    }

    /// The data directory of a SQLite store.
    pub(crate) fn path(&self) -> &Path {
        match &self.backend {
            Backend::Sqlite(directory) => directory.path(),
            Backend::Memory(_) => panic!("only SQLite has a directory"),
        }
    }

    /// What goes wrong on a memory store.
    pub(crate) fn disk(&self) -> &MemoryDisk {
        match &self.backend {
            Backend::Sqlite(_) => panic!("only the memory backend has faults"),
            Backend::Memory(disk) => disk,
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance_ms(&self, by: i64) {
        self.clock.fetch_add(by, Ordering::SeqCst);
    }

    /// Applies changes.
    pub(crate) async fn apply(&self, changes: Vec<Change>) {
        let plan = move |_: &_| Ok::<_, ()>(ChangePlan { changes, answer: None, value: () });
        let done = self.store.change(None, plan).await.unwrap().unwrap();
        assert!(matches!(done, Changed::Applied(())));
    }

    pub(crate) async fn application(&self) -> ApplicationId {
        let it = application(self.store.next_key());
        let id = it.id;
        self.apply(vec![Change::PutOrganisation(organisation()), Change::PutApplication(it)]).await;
        id
    }

    pub(crate) async fn endpoint(&self, application: ApplicationId) -> EndpointId {
        let id = EndpointId(self.store.next_key());
        self.apply(vec![Change::PutEndpoint(Box::new(endpoint(id, application)))]).await;
        id
    }

    /// An application with some endpoints.
    pub(crate) async fn tenant(&self, endpoints: usize) -> (ApplicationId, Vec<EndpointId>) {
        let application = self.application().await;
        let mut all = Vec::new();
        for _ in 0..endpoints {
            all.push(self.endpoint(application).await);
        }
        (application, all)
    }

    pub(crate) async fn delete_endpoint(&self, id: EndpointId) {
        self.apply(vec![Change::DeleteEndpoint(id)]).await;
    }

    pub(crate) async fn append(&self, messages: Vec<NewMessage>) -> Vec<Appended> {
        self.store.append(messages, self.store.configuration().version).await.unwrap()
    }

    /// Appends one message that must be new.
    pub(crate) async fn append_one(&self, message: NewMessage) -> Arc<Message> {
        created(&self.append(vec![message]).await[0])
    }

    /// Reports and waits until it is durable.
    pub(crate) async fn report(&self, reports: Vec<Report>) {
        let expected = self.heard.look(|h| h.reports.len()) + reports.len();
        self.store.report(reports).await.unwrap();
        self.heard.wait_for("reports", |h| (h.reports.len() >= expected).then_some(()));
    }

    pub(crate) async fn resend(&self, message: MessageId, endpoint: EndpointId) -> Resent {
        self.store.resend(message, endpoint, "a test".into()).await.unwrap()
    }

    pub(crate) async fn cancel(&self, message: MessageId, endpoint: Option<EndpointId>) -> Withdrawn {
        self.store.cancel(message, endpoint).await.unwrap()
    }

    /// Waits until the writer has done all that its retention asks for at this moment of the clock.
    pub(crate) async fn wait_until_gone(&self, id: MessageId) {
        while self.message(id).await.is_some() {
            self.apply(Vec::new()).await;
        }
    }

    pub(crate) async fn message(&self, id: MessageId) -> Option<Message> {
        self.store.read(move |reader| reader.message(id)).await.unwrap()
    }

    pub(crate) async fn attempts(&self, id: MessageId) -> Vec<Outcome> {
        self.store.read(move |reader| reader.attempts(id)).await.unwrap()
    }

    pub(crate) async fn deliveries(&self, id: MessageId) -> Vec<Delivery> {
        let question = move |reader: &semnal_store::read::Reader| {
            let message = reader.message(id)?.expect("the test stored it");
            reader.deliveries(&message, |_| false)
        };
        self.store.read(question).await.unwrap()
    }

    /// Builds the views anew and waits until they are there.
    pub(crate) async fn rebuild_views(&self) {
        self.store.rebuild_views();
        self.wait_for_views().await;
    }

    pub(crate) async fn wait_for_views(&self) {
        while self.store.views_status().0 != Phase::Following {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn verify(&self) -> Verification {
        self.store.verify().await.unwrap()
    }

    pub(crate) async fn assert_balanced(&self) {
        let found = self.verify().await;
        assert!(found.balances(), "{found:?}");
    }

    /// Keeps the writer busy until the gate is opened, so that everything asked for meanwhile shares one transaction.
    pub(crate) fn hold_writer(&self) -> Gate {
        let gate = self.queue_gate();
        gate.wait_until_entered();
        gate
    }

    /// The same, once the writer comes to it.
    pub(crate) fn queue_gate(&self) -> Gate {
        let (entered, arrived) = channel();
        let (open, opened) = channel::<()>();
        let change = self.store.change(None, move |_| {
            entered.send(()).unwrap();
            opened.recv().unwrap();
            Err::<ChangePlan<()>, ()>(())
        });
        drop(begin(change));
        Gate { arrived, open }
    }
}

/// Copies a data directory as a power cut leaves it: the shared memory beside a database is gone.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in from.read_dir().unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// See [`World::hold_writer`].
pub(crate) struct Gate {
    arrived: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    /// Waits until the writer stands before the gate: it has taken everything that waited then into one transaction.
    pub(crate) fn wait_until_entered(&self) {
        self.arrived.recv().unwrap();
    }

    pub(crate) fn open(self) {
        self.open.send(()).unwrap();
    }
}

/// A request that has been handed over and whose answer is awaited later.
pub(crate) type Begun<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Polls once, which hands the request to the writer. The writer must be held, or it may have answered already.
pub(crate) fn begin<'a, T>(request: impl Future<Output = T> + 'a) -> Begun<'a, T> {
    let mut request: Begun<'a, T> = Box::pin(request);
    assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    request
}

pub(crate) fn created(appended: &Appended) -> Arc<Message> {
    match appended {
        Appended::Created(message) => message.clone(),
        other => panic!("expected a new message, got {other:?}"),
    }
}

pub(crate) fn organisation() -> Organisation {
    Organisation { id: OrganisationId(Key(1)), name: uid("default"), created_at: START }
}

pub(crate) fn application(key: Key) -> Application {
    Application {
        id: ApplicationId(key),
        organisation: OrganisationId(Key(1)),
        uid: None,
        name: "Test".into(),
        rate_limit: None,
        metadata: BTreeMap::new(),
        created_at: START,
        updated_at: START,
    }
}

pub(crate) fn endpoint(id: EndpointId, application: ApplicationId) -> Endpoint {
    Endpoint {
        id,
        application,
        uid: None,
        url: "https://example.com/hook".into(),
        description: String::new(),
        state: EndpointState::Active,
        event_types: None,
        channels: None,
        rate_limit: None,
        concurrency_limit: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        secrets: vec![EndpointSecret { secret: Secret::Symmetric(vec![3; 24]), expires_at: None }],
        schedule: None,
        created_at: START,
        updated_at: START,
    }
}

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

pub(crate) fn message(application: ApplicationId, endpoints: &[EndpointId]) -> NewMessage {
    NewMessage {
        application,
        event_type: EventTypeName::parse("payment_received").unwrap(),
        event_id: None,
        channels: Vec::new(),
        endpoints: endpoints.to_vec(),
        payload: Bytes::from_static(b"{ \"amount\": 1 }"),
        idempotency: None,
        payload_retention_days: None,
    }
}

pub(crate) fn delivery(message: &Message, ordinal: u16) -> DeliveryId {
    DeliveryId { message: message.id, ordinal }
}

pub(crate) fn outcome(id: DeliveryId, endpoint: EndpointId, number: u16, verdict: Verdict) -> Outcome {
    let end = match verdict {
        Verdict::Delivered => AttemptEnd::Answered(204),
        Verdict::RetryAt(_) => AttemptEnd::Failed { cause: Cause::ConnectRefused, detail: "refused".into() },
        Verdict::Held => AttemptEnd::Answered(410),
        Verdict::Exhausted => AttemptEnd::Answered(500),
    };
    Outcome {
        id: AttemptId { delivery: id, number },
        endpoint,
        url: "https://example.com/hook".into(),
        started_at: START,
        end,
        verdict,
        trigger: Trigger::Scheduled,
        address: Some("192.0.2.1:443".parse().unwrap()),
        phases: Phases { total_us: 1_500, wait_us: Some(900), ..Phases::default() },
        response_headers: vec![("Content-Type".into(), b"text/plain; q=\"a: b\"".to_vec())],
        response_body: b"thanks".to_vec(),
        response_truncated: false,
    }
}

/// The report of attempt `number`; the schedule has come as far as the attempts.
pub(crate) fn attempt(
    id: DeliveryId,
    endpoint: EndpointId,
    number: u16,
    verdict: Verdict,
    has_row: bool,
) -> Report {
    let progress = Progress { attempts: number, step: number };
    Report::Attempt { outcome: Arc::new(outcome(id, endpoint, number, verdict)), progress, has_row }
}

/// The report that a delivery goes to the retry table without a time.
pub(crate) fn park(id: DeliveryId, endpoint: EndpointId, attempts: u16, has_row: bool) -> Report {
    let progress = Progress { attempts, step: attempts };
    let trigger = Trigger::Scheduled;
    let row = RetryRow { endpoint, delivery: id, progress, due_at: None, trigger, since: Key(0) };
    Report::Park { row, has_row }
}
