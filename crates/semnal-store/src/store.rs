//! The store as the other crates see it: cheap to clone, safe to call from many tasks.

mod opening;
mod tasks;
mod withdraw;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::{DeliveryId, EndpointId, IdCipher, Key, MessageId};
use semnal_core::time::UnixMillis;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::bookkeeping::Bookkeeping;
use crate::directory::DataDirectory;
use crate::duplicates::Duplicates;
use crate::error::{OpenError, StoreError};
use crate::journal::Journal;
use crate::memory::{MemoryDisk, MemoryJournal};
use crate::message::{Appended, Fingerprint, NewMessage};
use crate::observer::{Committed, Observer};
use crate::outcome::{DueCursor, Report};
use crate::read::{ReadSource, Reader};
use crate::recovery::{Found, LOW_WATER, recover};
use crate::sqlite::{SqliteJournal, refuse_foreign};
use crate::vault::{KEY_BYTES, Vault, derived_key};
use crate::views::feed::Pending;
use crate::views::progress::{Phase, Progress};
use crate::views::{self, TRIMMED, Views};
use crate::writer::{ChangeDone, Command, Marked, Planned, Retention, Ticket, Unforgotten, Writer};
pub(crate) use opening::spawn;
use opening::{identity, last_key, number, prune_answers, split_keys, start_readers, start_views};

/// Where the store gets the time from.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// 16,384 permits wait for the writer at most; a command takes one, and one more per 16 KiB of payload, so that at
/// most 256 MiB of payload wait.
const QUEUE_PERMITS: usize = 16_384;
/// See [`QUEUE_PERMITS`].
const BYTES_PER_PERMIT: usize = 16 * 1_024;
/// Two threads read.
const READERS: usize = 2;
/// Keeps hashes of event ids apart from those of idempotency keys.
pub(crate) const EVENT_ID_SCOPE: &str = "event-id";
/// What the key that signs tokens is derived for.
const TOKEN_PURPOSE: &str = "token";

/// The durable record.
#[derive(Clone)]
pub struct Store {
    commands: Sender<Ticket>,
    capacity: Arc<Semaphore>,
    configuration: Arc<ArcSwap<Configuration>>,
    keys: Arc<KeySource>,
    cipher: IdCipher,
    reads: Sender<ReadJob>,
    /// None on the memory backend, whose lists go through the rows.
    views: Option<Arc<Progress>>,
    now: Now,
    /// Wakes whoever runs tasks.
    task_started: Arc<Notify>,
    token_key: [u8; KEY_BYTES],
}

type ReadJob = Box<dyn FnOnce(&Reader) + Send>;

/// Gives out growing keys.
pub(crate) struct KeySource(AtomicI64);

impl KeySource {
    pub(crate) fn next(&self, now: UnixMillis) -> Key {
        let step = |last| Some(Key(last).next(now).0);
        let last = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        Key(last.expect("the step always gives a key")).next(now)
    }

    pub(crate) fn last(&self) -> Key {
        Key(self.0.load(Ordering::Acquire))
    }
}

/// How to open a store.
pub struct StoreOptions {
    /// The clock.
    pub now: Now,
    /// 48 random bytes: the key for ids and the key for secrets, used only when the store is new.
    pub fresh_keys: [u8; 16 + KEY_BYTES],
    /// How long an endpoint may do nothing but fail before it is disabled; `None` disables none.
    pub disable_after: Option<Duration>,
    /// How long messages are kept. `None` keeps them for ever: a command that only looks into a store must not apply
    /// a setting that it may not know.
    pub retention: Option<Duration>,
    /// What to do wrong on purpose, for tests of the tests.
    #[cfg(feature = "fault-injection")]
    pub sabotage: Option<Sabotage>,
}

impl StoreOptions {
    /// Returns the options of a store that disables no endpoint by itself, keeps everything and does nothing wrong on
    /// purpose.
    pub fn new(now: Now, fresh_keys: [u8; 16 + KEY_BYTES]) -> StoreOptions {
        StoreOptions {
            now,
            fresh_keys,
            disable_after: None,
            retention: None,
            #[cfg(feature = "fault-injection")]
            sabotage: None,
        }
    }
}

impl StoreOptions {
    fn skips_recovery(&self) -> bool {
        #[cfg(feature = "fault-injection")]
        return self.sabotage == Some(Sabotage::NoRecovery);
        #[cfg(not(feature = "fault-injection"))]
        return false;
    }
}

/// What a store does wrong on purpose, so that the fault harness can show that it would notice.
#[cfg(feature = "fault-injection")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Undecided deliveries are not looked for at start.
    NoRecovery,
    /// The journal is not synced.
    NoSync,
}

/// A store that has been opened but does not serve yet: it has to know its observer first.
pub struct Opened {
    journal: Journal,
    configuration: Configuration,
    cipher: IdCipher,
    duplicates_in: Option<std::path::PathBuf>,
    token_key: [u8; KEY_BYTES],
    options: StoreOptions,
}

/// What became of a request to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resent {
    /// It is due.
    Accepted,
    /// The message does not exist.
    NoSuchMessage,
    /// The endpoint does not exist.
    NoSuchEndpoint,
    /// The payload was expunged or has expired: there is nothing to send.
    PayloadGone,
}

/// An answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What became of a change.
#[derive(Debug)]
pub enum Changed<T> {
    /// It is durable and in force.
    Applied(T),
    /// The same request came before; this was its answer.
    Repeated(StoredAnswer),
}

/// What a closure given to [`Store::change`] wants.
pub struct ChangePlan<T> {
    /// The changes, applied together or not at all.
    pub changes: Vec<Change>,
    /// The answer to keep for a repetition of the request, when it has an idempotency key.
    pub answer: Option<StoredAnswer>,
    /// What to hand back.
    pub value: T,
}

impl Opened {
    /// Opens the SQLite store of a data directory.
    ///
    /// # Errors
    /// [`OpenError`] says why it cannot be used and what to do.
    pub fn sqlite(directory: &DataDirectory, options: StoreOptions) -> Result<Opened, OpenError> {
        let (id_key, secret) = split_keys(&options.fresh_keys);
        // Before the key: a key that is missing is no matter of ours when the journal is not ours.
        refuse_foreign(directory.path())?;
        let secret = directory.secret_key(secret)?;
        let (vault, token_key) = (Arc::new(Vault::new(&secret)), derived_key(&secret, TOKEN_PURPOSE));
        let journal = SqliteJournal::open(directory.path())?;
        #[cfg(feature = "fault-injection")]
        if options.sabotage == Some(Sabotage::NoSync) {
            journal.connection.pragma_update(None, "synchronous", "OFF")?;
        }
        let cipher = identity(&journal.connection, &vault, id_key, directory.path())?;
        let trimmed = ReadSource::Sqlite(&journal.connection).meta_number(TRIMMED)?.unwrap_or(0);
        let feed = Pending::after(views::last_position(&journal.connection, trimmed)?);
        let journal = Journal::Sqlite { journal, vault, feed };
        let configuration = journal.load_configuration()?;
        let duplicates_in = Some(directory.path().to_path_buf());
        Ok(Opened { journal, configuration, cipher, duplicates_in, token_key, options })
    }

    /// Opens a store in memory.
    ///
    /// # Errors
    /// [`StoreError`] when the rows of an earlier store do not fit together.
    pub fn memory(disk: MemoryDisk, options: StoreOptions) -> Result<Opened, StoreError> {
        let (id_key, secret) = split_keys(&options.fresh_keys);
        let (cipher, token_key) = (IdCipher::new(id_key), derived_key(&secret, TOKEN_PURPOSE));
        let journal = Journal::Memory(MemoryJournal::new(disk));
        let configuration = journal.load_configuration()?;
        Ok(Opened { journal, configuration, cipher, duplicates_in: None, token_key, options })
    }

    /// Returns the configuration as it was found.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Returns what makes and checks public ids.
    pub fn ids(&self) -> &IdCipher {
        &self.cipher
    }

    /// Returns what a store beside this one is opened with: the clock, and what encrypts secrets.
    pub(crate) fn surroundings(&self) -> (Now, Option<Arc<Vault>>) {
        let vault = match &self.journal {
            Journal::Sqlite { vault, .. } => Some(vault.clone()),
            Journal::Memory(_) => None,
        };
        (self.options.now.clone(), vault)
    }

    /// Recovers, starts the threads, and tells the observer of what was undecided.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub fn start(self, observer: &Arc<dyn Observer>) -> Result<Store, StoreError> {
        let Opened { mut journal, configuration, cipher, duplicates_in, token_key, options } = self;
        let started_at = (options.now)();
        prune_answers(&mut journal, started_at)?;
        let source = journal.source();
        let duplicates = Duplicates::open(duplicates_in.as_deref(), &source)?;
        let mut books = Bookkeeping::default();
        let last_message = source.last_message()?.unwrap_or_default();
        let (marked, trimmed) = (number(&source, LOW_WATER)?, number(&source, TRIMMED)?);
        let skip = options.skips_recovery();
        let found = if skip { Found::default() } else { recover(&source, &configuration, &mut books)? };
        let last = last_key(&source, &configuration, &found)?;
        let (cleanup, failing) = (source.cuts()?, source.failing()?.into_iter().collect());
        let kept_from = source.first_message()?.unwrap_or(Key(last.0 + 1));
        let retention = Retention::open(&source, options.retention)?;
        let mut readers = (0..READERS).map(|_| journal.reader()).collect::<Result<Vec<_>, _>>()?;
        let views = start_views(&journal, trimmed, &mut readers)?;
        let progress = views.as_ref().map(Views::progress);
        let checkpointer = journal.checkpointer()?;
        let answers = journal.load_answers()?.into_iter().map(|row| (row.fingerprint, row)).collect();
        let configuration = Arc::new(ArcSwap::from_pointee(configuration));
        let capacity = Arc::new(Semaphore::new(QUEUE_PERMITS));
        let keys = Arc::new(KeySource(AtomicI64::new(last.0)));
        let ((commands, received), now) = (channel(), options.now);
        let writer = Writer {
            journal,
            commands: received,
            capacity: capacity.clone(),
            observer: observer.clone(),
            configuration: configuration.clone(),
            keys: keys.clone(),
            now: now.clone(),
            cipher: cipher.clone(),
            books,
            duplicates,
            answers,
            forgot_at: started_at,
            checkpointer,
            cleanup,
            last_message,
            kept_from,
            retention,
            unforgotten: Unforgotten::default(),
            marked: Marked { at: UnixMillis(0), position: Key(marked) },
            retained: Vec::new(),
            full: false,
            views,
            trimmed,
            failing,
            disable_after: options.disable_after,
        };
        writer.observer.committed(Committed {
            recovered: found.recovered,
            backlogs: found.backlogs,
            configuration: Some(configuration.load_full()),
            ..Committed::default()
        });
        spawn("semnal-writer", move || writer.run())?;
        let reads = start_readers(readers)?;
        Ok(Store {
            commands,
            capacity,
            configuration,
            keys,
            cipher,
            reads,
            views: progress,
            now,
            task_started: Arc::default(),
            token_key,
        })
    }
}

impl Store {
    /// Returns the configuration that is in force.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.configuration.load_full()
    }

    /// Returns what makes and checks public ids.
    pub fn ids(&self) -> &IdCipher {
        &self.cipher
    }

    /// Returns the key that signs tokens of this server. It is derived from the key file, so that it survives a restart.
    pub fn token_key(&self) -> &[u8; KEY_BYTES] {
        &self.token_key
    }

    /// Gives out a key for a new row of the configuration.
    pub fn next_key(&self) -> Key {
        self.keys.next((self.now)())
    }

    /// Stores messages that were matched against the configuration of `version`, and answers when they are durable.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was stored. [`StoreError::Stopped`]: whether anything was stored shows after the
    /// next start.
    pub async fn append(&self, messages: Vec<NewMessage>, version: u64) -> Result<Vec<Appended>, StoreError> {
        if let Some(views) = &self.views {
            views.room().await;
        }
        let bytes: usize = messages.iter().map(|m| m.payload.len()).sum();
        let (answer, answered) = oneshot::channel();
        self.send(Command::Append { messages, version, answer }, bytes).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Hands over what the engine has to report; the observer hears when it is durable. Waits when much is waiting
    /// already.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub async fn report(&self, reports: Vec<Report>) -> Result<(), StoreError> {
        self.send(Command::Report(reports), 0).await
    }

    /// Changes the configuration. `make` sees it as it is at the moment of the change; what it returns is applied
    /// as a whole or not at all.
    ///
    /// # Errors
    /// The outer error is the store's, the inner one is `make`'s.
    pub async fn change<T, E>(
        &self,
        idempotency: Option<Fingerprint>,
        make: impl FnOnce(&Configuration) -> Result<ChangePlan<T>, E> + Send + 'static,
    ) -> Result<Result<Changed<T>, E>, StoreError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let filled = slot.clone();
        let make = Box::new(move |configuration: &Configuration| match make(configuration) {
            Ok(plan) => {
                *filled.lock() = Some(Ok(plan.value));
                Some(Planned { changes: plan.changes, answer: plan.answer })
            }
            Err(error) => {
                *filled.lock() = Some(Err(error));
                None
            }
        });
        let (answer, answered) = oneshot::channel();
        self.send(Command::Change { idempotency, make, answer }, 0).await?;
        let done = answered.await.map_err(|_| StoreError::Stopped)??;
        let made = slot.lock().take();
        Ok(match (done, made) {
            (ChangeDone::Repeated(answer), _) => Ok(Changed::Repeated(answer)),
            (ChangeDone::Applied, Some(Ok(value))) => Ok(Changed::Applied(value)),
            (ChangeDone::Applied, Some(Err(error))) => Err(error),
            (ChangeDone::Applied, None) => return Err(StoreError::Stopped),
        })
    }

    /// Makes a delivery due at once, whatever its state; adds it when the message had not matched the endpoint.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was stored. [`StoreError::Stopped`] as for [`Store::append`].
    pub async fn resend(
        &self,
        message: MessageId,
        endpoint: EndpointId,
        asked_by: String,
    ) -> Result<Resent, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Resend { message, endpoint, asked_by, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Asks for retry rows beyond `after` that are due before `until`; the observer gets them in the order of
    /// commits.
    pub fn load_due(&self, after: DueCursor, until: UnixMillis, limit: usize) {
        self.send_now(Command::LoadDue { after, until, limit });
    }

    /// Asks for retry rows of an endpoint that wait without a time; the observer gets them in the order of commits.
    pub fn load_queued(&self, endpoint: EndpointId, after: Option<DeliveryId>, limit: usize) {
        self.send_now(Command::LoadQueued { endpoint, after, limit });
    }

    /// Asks for the retry row of an endpoint's oldest undecided delivery; the observer gets it in the order of commits.
    pub fn load_oldest(&self, endpoint: EndpointId) {
        self.send_now(Command::LoadOldest(endpoint));
    }

    /// Runs `question` on a reading thread.
    ///
    /// # Errors
    /// Whatever `question` returns, or [`StoreError::Stopped`].
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |reader| {
            if answer.send(question(reader)).is_err() {
                tracing::debug!("whoever asked the store has gone");
            }
        });
        self.reads.send(job).map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Runs `question`, which asks for lists or counts, when the views have reached what is committed now; 250 ms later
    /// at most.
    ///
    /// # Errors
    /// [`StoreError::ViewsBuilding`], and as for [`Store::read`].
    pub async fn list<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(views) = &self.views {
            views.caught_up().await?;
        }
        self.read(question).await
    }

    /// Returns what the views are doing and how many changes they are behind the journal.
    pub fn views_status(&self) -> (Phase, u64) {
        self.views.as_ref().map_or((Phase::Following, 0), |views| views.status())
    }

    /// Has the views built anew from the journal; [`Store::views_status`] tells how far it is.
    pub fn rebuild_views(&self) {
        if let Some(views) = &self.views {
            views.rebuild();
        }
    }

    /// Proves the ledger; see [`crate::verify`].
    ///
    /// # Errors
    /// [`StoreError`] when the journal or the views cannot be read.
    pub async fn verify(&self) -> Result<crate::verify::Verification, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Inspect(answer), 0).await?;
        let inspection = answered.await.map_err(|_| StoreError::Stopped)??;
        let proof = tokio::task::spawn_blocking(move || crate::verify::verify(&inspection));
        let mut verification = proof.await.map_err(|_| StoreError::Stopped)??;
        if let Some(views) = &self.views {
            let standing = views.stand_still().await.map_err(|_| StoreError::Stopped)??;
            let audit = tokio::task::spawn_blocking(move || crate::views::audit::audit(&standing));
            verification.add_views(audit.await.map_err(|_| StoreError::Stopped)??);
        }
        Ok(verification)
    }

    /// Writes what waits, closes the journal and ends the writer thread.
    pub async fn stop(&self) {
        let (answer, answered) = oneshot::channel();
        self.send_now(Command::Stop(answer));
        if answered.await.is_err() {
            tracing::debug!("the writer had stopped already");
        }
    }

    async fn send(&self, command: Command, bytes: usize) -> Result<(), StoreError> {
        let permits = 1 + bytes / BYTES_PER_PERMIT;
        let permits = u32::try_from(permits.min(QUEUE_PERMITS)).expect("at most 16,384");
        let taken = self.capacity.acquire_many(permits).await.map_err(|_| StoreError::Stopped)?;
        taken.forget();
        self.commands.send(Ticket { command, permits }).map_err(|_| StoreError::Stopped)
    }

    /// For commands whose number is limited by their caller.
    fn send_now(&self, command: Command) {
        if self.commands.send(Ticket { command, permits: 0 }).is_err() {
            tracing::debug!("the writer has stopped");
        }
    }
}
