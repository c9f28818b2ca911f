//! The bins and what they catch, in a file of their own (`bins.db`) with threads of their own: a stranger's flood never
//! touches the journal, and a damaged file never stops a delivery.
//!
//! One thread writes (`bins/writer.rs`); everything that waits becomes one transaction, and an answer is given after its
//! commit with fsync. Bins are few and live in memory ([`directory`]); requests are read from the file by threads that only
//! read. The numbers of a bin's requests grow for ever, so that a number is a place from which a stream can go on.

mod backend;
pub mod directory;
mod memory;
mod read;
mod sqlite;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use semnal_core::id::{BinId, CapturedId, Key, MessageId, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::request_bin::capture::{Capture, CapturedRequest, Wanted};
use semnal_core::request_bin::{Bin, Tally};
use semnal_core::time::UnixMillis;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::directory::DataDirectory;
use crate::error::{OpenError, StoreError};
use crate::store::{Now, Opened};
use crate::views::filter::{Found, Slice};
use backend::Backend;
use directory::Directory;
pub use memory::MemoryBins;
use read::Reader;
use writer::{Command, Made, Ticket, Writer};

/// 7 days: how long a bin lives after its last use, and how long it keeps a request, unless told otherwise.
pub const LIFETIME_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// 1,000 requests in a bin, unless told otherwise; the oldest go.
pub const REQUESTS_MAX_DEFAULT: u64 = 1_000;
/// 64 MiB of requests in a bin; the oldest go.
pub const BIN_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// 1 GiB of requests in all bins together, unless told otherwise: a flood must not fill the disk of the journal.
pub const TOTAL_BYTES_MAX_DEFAULT: u64 = 1_024 * 1_024 * 1_024;
/// 4,096 permits wait for the writer at most; a command takes one, and one more per 16 KiB that it brings, so that at
/// most 64 MiB wait.
const QUEUE_PERMITS: usize = 4_096;
/// See [`QUEUE_PERMITS`].
const BYTES_PER_PERMIT: u64 = 16 * 1_024;
/// Two threads read.
const READERS: usize = 2;

/// How much bins may hold, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinLimits {
    /// How long a bin lives after its last use, and how long it keeps a request.
    pub lifetime: Duration,
    /// How many requests a bin keeps.
    pub requests_max: u64,
    /// How many bytes a bin keeps; its newest request stays whatever its size.
    pub bytes_max: u64,
    /// How many bytes all bins keep; the oldest requests of the largest bin go first.
    pub total_bytes_max: u64,
}

impl Default for BinLimits {
    fn default() -> BinLimits {
        BinLimits {
            lifetime: LIFETIME_DEFAULT,
            requests_max: REQUESTS_MAX_DEFAULT,
            bytes_max: BIN_BYTES_MAX,
            total_bytes_max: TOTAL_BYTES_MAX_DEFAULT,
        }
    }
}

/// A change of the bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinChange {
    /// Makes or changes one.
    Put(Box<Bin>),
    /// Deletes one with everything that it holds.
    Delete(BinId),
}

/// A bin and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinState {
    /// The bin.
    pub bin: Arc<Bin>,
    /// What it holds.
    pub tally: Tally,
}

/// The bins. Cheap to clone, safe to call from many tasks.
#[derive(Clone)]
pub struct Bins {
    commands: Sender<Ticket>,
    capacity: Arc<Semaphore>,
    shared: Arc<Shared>,
    reads: Sender<ReadJob>,
    keys: Arc<AtomicI64>,
    now: Now,
    limits: BinLimits,
}

type ReadJob = Box<dyn FnOnce(&Reader) + Send>;

/// What the writer tells everybody else: the bins as they are committed, and whom to wake.
#[derive(Default)]
struct Shared {
    directory: RwLock<Directory>,
    watchers: Mutex<HashMap<BinId, watch::Sender<Tally>>>,
}

impl Bins {
    /// Opens the bins beside a store that has been opened. A damaged file is put aside and a new one begun: what bins
    /// hold is not worth a server that does not start.
    ///
    /// # Errors
    /// [`OpenError`] when the file was written by a later version or cannot be written.
    pub fn beside(opened: &Opened, directory: &DataDirectory, limits: BinLimits) -> Result<Bins, OpenError> {
        let (now, vault) = opened.surroundings();
        match vault {
            Some(vault) => {
                let (writer, reader) = sqlite::open(directory.path(), &vault, (now)())?;
                let readers = (1..READERS).map(|_| reader.again()).collect::<Result<Vec<_>, _>>()?;
                let readers = readers.into_iter().chain([reader]).map(Reader::Sqlite).collect();
                Ok(Bins::start(Backend::Sqlite(writer), readers, now, limits)?)
            }
            None => Ok(Bins::memory(&MemoryBins::default(), now, limits)?),
        }
    }

    /// Opens bins in memory.
    ///
    /// # Errors
    /// [`StoreError`] when no thread can be started.
    pub fn memory(disk: &MemoryBins, now: Now, limits: BinLimits) -> Result<Bins, StoreError> {
        let readers = vec![Reader::Memory(disk.tables())];
        Bins::start(Backend::Memory(disk.writer()), readers, now, limits)
    }

    fn start(
        backend: Backend,
        readers: Vec<Reader>,
        now: Now,
        limits: BinLimits,
    ) -> Result<Bins, StoreError> {
        let directory = Directory::of(backend.load()?);
        let last = directory.iter().map(|it| it.bin.id.0.0).max().unwrap_or(0);
        let shared = Arc::new(Shared { directory: RwLock::new(directory.clone()), ..Shared::default() });
        let capacity = Arc::new(Semaphore::new(QUEUE_PERMITS));
        let (commands, received) = channel();
        let writer = Writer {
            backend,
            commands: received,
            capacity: capacity.clone(),
            shared: shared.clone(),
            directory,
            now: now.clone(),
            limits,
        };
        crate::store::spawn("semnal-bins", move || writer.run())?;
        let reads = start_readers(readers)?;
        let keys = Arc::new(AtomicI64::new(last));
        Ok(Bins { commands, capacity, shared, reads, keys, now, limits })
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &BinLimits {
        &self.limits
    }

    /// Returns when a bin goes away, if nothing uses it any more.
    pub fn expires_at(&self, it: &BinState) -> UnixMillis {
        it.bin.expires_at(&it.tally, self.limits.lifetime)
    }

    /// Gives out an id for a new bin.
    pub fn next_id(&self) -> BinId {
        let now = (self.now)();
        let step = |last| Some(Key(last).next(now).0);
        let last = self.keys.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        BinId(Key(last.expect("the step always gives a key")).next(now))
    }

    /// Returns a bin that has not expired.
    pub fn get(&self, id: BinId) -> Option<BinState> {
        self.live(self.shared.directory.read().get(id))
    }

    /// Returns a bin of an organisation by its uid.
    pub fn by_uid(&self, organisation: OrganisationId, uid: &Uid) -> Option<BinState> {
        self.live(self.shared.directory.read().by_uid(organisation, uid))
    }

    /// Returns the bins of an organisation, oldest first.
    pub fn of_organisation(&self, organisation: OrganisationId) -> Vec<BinState> {
        let directory = self.shared.directory.read();
        directory.of_organisation(organisation).filter_map(|it| self.live(Some(it))).collect()
    }

    fn live(&self, found: Option<&BinState>) -> Option<BinState> {
        found.filter(|it| self.expires_at(it) > (self.now)()).cloned()
    }

    /// Changes bins. `make` sees them as they are at the moment of the change; what it returns is applied as a whole
    /// or not at all.
    ///
    /// # Errors
    /// The outer error is the store's, the inner one is `make`'s.
    pub async fn change<T, E>(
        &self,
        make: impl FnOnce(&Directory) -> Result<(Vec<BinChange>, T), E> + Send + 'static,
    ) -> Result<Result<T, E>, StoreError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let filled = slot.clone();
        let make: Made = Box::new(move |directory| match make(directory) {
            Ok((changes, value)) => {
                *filled.lock() = Some(Ok(value));
                changes
            }
            Err(error) => {
                *filled.lock() = Some(Err(error));
                Vec::new()
            }
        });
        let (answer, answered) = oneshot::channel();
        self.send(Command::Change { make, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)??;
        let made = slot.lock().take();
        made.ok_or(StoreError::Stopped)
    }

    /// Keeps a request, and answers when that is durable: its id, or `None` when there is no such bin.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was kept. [`StoreError::Stopped`]: whether it was kept shows after the next start.
    pub async fn capture(&self, bin: BinId, capture: Capture) -> Result<Option<CapturedId>, StoreError> {
        let bytes = capture.bytes();
        let (answer, answered) = oneshot::channel();
        self.send(Command::Capture { bin, capture: Box::new(capture), answer }, bytes).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Deletes a request; returns whether there was one.
    ///
    /// # Errors
    /// As [`Bins::capture`]; so for the functions below.
    pub async fn delete(&self, id: CapturedId) -> Result<bool, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Delete { id, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Deletes what a bin holds; returns whether there is such a bin.
    ///
    /// # Errors
    /// As [`Bins::capture`].
    pub async fn empty(&self, bin: BinId) -> Result<bool, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Empty { bin, answer }, 0).await?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    /// Returns a request.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read; so for the functions below.
    pub async fn request(&self, id: CapturedId) -> Result<Option<CapturedRequest>, StoreError> {
        self.read(move |reader| reader.request(id)).await
    }

    /// Returns a part of a bin's requests that are what somebody looks for. A part ends early when it has 16 MiB.
    ///
    /// # Errors
    /// As [`Bins::request`].
    pub async fn requests(
        &self,
        bin: BinId,
        slice: Slice<u32>,
        wanted: Wanted,
    ) -> Result<Found<CapturedRequest, u32>, StoreError> {
        self.read(move |reader| reader.requests(bin, &slice, &wanted)).await
    }

    /// Returns the requests of an organisation's bins that say that they are deliveries of a message, newest first, 250
    /// at most.
    ///
    /// # Errors
    /// As [`Bins::request`].
    pub async fn of_message(
        &self,
        organisation: OrganisationId,
        message: MessageId,
    ) -> Result<Vec<CapturedRequest>, StoreError> {
        let found = self.read(move |reader| reader.of_message(message)).await?;
        let is_theirs =
            |it: &CapturedRequest| self.get(it.id.bin).is_some_and(|it| it.bin.organisation == organisation);
        Ok(found.into_iter().filter(is_theirs).collect())
    }

    /// Returns the number of the newest request of a bin that says that it is a delivery of a message.
    ///
    /// # Errors
    /// As [`Bins::request`].
    pub async fn last_of_message(&self, bin: BinId, message: MessageId) -> Result<Option<u32>, StoreError> {
        self.read(move |reader| reader.last_of_message(bin, message)).await
    }

    /// Returns what a bin holds, now and whenever that changes; ends with the bin.
    pub fn watch(&self, bin: BinId) -> Option<watch::Receiver<Tally>> {
        let mut watchers = self.shared.watchers.lock();
        // Under the lock of the watchers: the writer publishes to the directory first.
        let tally = self.get(bin)?.tally;
        let sender = watchers.entry(bin).or_insert_with(|| watch::channel(tally).0);
        sender.send_replace(tally);
        Some(sender.subscribe())
    }

    /// Writes what waits, closes the file and ends the writing thread.
    pub async fn stop(&self) {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(Ticket { command: Command::Stop(answer), permits: 0 });
        if sent.is_err() || answered.await.is_err() {
            tracing::debug!("the writer of the bins had stopped already");
        }
    }

    async fn send(&self, command: Command, bytes: u64) -> Result<(), StoreError> {
        let permits = 1 + usize::try_from(bytes / BYTES_PER_PERMIT).unwrap_or(QUEUE_PERMITS);
        let permits = u32::try_from(permits.min(QUEUE_PERMITS)).expect("at most 4,096");
        let taken = self.capacity.acquire_many(permits).await.map_err(|_| StoreError::Stopped)?;
        taken.forget();
        self.commands.send(Ticket { command, permits }).map_err(|_| StoreError::Stopped)
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |reader| {
            if answer.send(question(reader)).is_err() {
                tracing::debug!("whoever asked the bins has gone");
            }
        });
        self.reads.send(job).map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }
}

impl Shared {
    /// Wakes those who watch a bin, or tells them that it is gone.
    fn tell(&self, bin: BinId, state: Option<&BinState>) {
        let mut watchers = self.watchers.lock();
        let Some(sender) = watchers.get(&bin) else { return };
        match state {
            Some(state) if sender.receiver_count() > 0 => {
                sender.send_replace(state.tally);
            }
            _ => {
                watchers.remove(&bin);
            }
        }
    }
}

fn start_readers(readers: Vec<Reader>) -> Result<Sender<ReadJob>, StoreError> {
    let (reads, received) = channel::<ReadJob>();
    let received = Arc::new(Mutex::new(received));
    for reader in readers {
        let received = received.clone();
        crate::store::spawn("semnal-bin-reader", move || {
            loop {
                let job = received.lock().recv();
                match job {
                    Ok(job) => job(&reader),
                    Err(_) => return,
                }
            }
        })?;
    }
    Ok(reads)
}
