//! The bins, on both backends: what is answered is kept, limits are held, and nothing of it concerns the journal.

mod limits;
mod lists;
mod survival;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use semnal_core::id::{CapturedId, Key, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::request_bin::capture::{Capture, CapturedRequest, Wanted};
use semnal_core::request_bin::response::BinResponse;
use semnal_core::request_bin::{Bin, Expiry, Tally};
use semnal_core::time::UnixMillis;
use semnal_store::bins::{BinChange, BinLimits, Bins, MemoryBins};
use semnal_store::directory::DataDirectory;
use semnal_store::store::{Now, Opened};
use semnal_store::views::filter::{Direction, Found, Slice};
use tempfile::TempDir;

use crate::fixture::{START, options};

/// Makes of each `async fn sentence(world: BinWorld)` a module with one test per backend.
macro_rules! on_both {
    ($($sentence:ident),* $(,)?) => {$(
        mod $sentence {
            #[tokio::test]
            async fn sqlite() {
                super::$sentence(crate::bins::BinWorld::sqlite()).await;
            }

            #[tokio::test]
            async fn memory() {
                super::$sentence(crate::bins::BinWorld::memory()).await;
            }
        }
    )*};
}
use on_both;

/// An hour: how long a bin lives in every test.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3_600);
pub(crate) const OURS: OrganisationId = OrganisationId(Key(1));
pub(crate) const THEIRS: OrganisationId = OrganisationId(Key(2));

enum Disk {
    Sqlite(TempDir),
    Memory(MemoryBins),
}

/// Bins that a test can fill, stop, crash and start again.
pub(crate) struct BinWorld {
    disk: Disk,
    clock: Arc<AtomicI64>,
    limits: BinLimits,
    directory: Option<DataDirectory>,
    pub(crate) bins: Bins,
}

fn open(disk: &Disk, clock: &Arc<AtomicI64>, limits: BinLimits) -> (Bins, Option<DataDirectory>) {
    match disk {
        Disk::Sqlite(path) => {
            let directory = DataDirectory::open(path.path()).unwrap();
            let opened = Opened::sqlite(&directory, options(clock, None)).unwrap();
            (Bins::beside(&opened, &directory, limits).unwrap(), Some(directory))
        }
        Disk::Memory(disk) => {
            let time = clock.clone();
            let now: Now = Arc::new(move || UnixMillis(time.load(Ordering::SeqCst)));
            (Bins::memory(disk, now, limits).unwrap(), None)
        }
    }
}

impl BinWorld {
    pub(crate) fn sqlite() -> BinWorld {
        BinWorld::new(Disk::Sqlite(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn memory() -> BinWorld {
        BinWorld::new(Disk::Memory(MemoryBins::default()))
    }

    fn new(disk: Disk) -> BinWorld {
        let clock = Arc::new(AtomicI64::new(START.0));
        let limits =
            BinLimits { lifetime: LIFETIME, requests_max: 20, bytes_max: 100_000, total_bytes_max: 150_000 };
        let (bins, directory) = open(&disk, &clock, limits);
        BinWorld { disk, clock, limits, directory, bins }
    }

    /// Stops and starts again.
    pub(crate) async fn restart(self) -> BinWorld {
        self.closed().await.opened()
    }

    pub(crate) async fn closed(mut self) -> BinWorld {
        self.bins.stop().await;
        drop(self.directory.take());
        self
    }

    pub(crate) fn opened(mut self) -> BinWorld {
        (self.bins, self.directory) = open(&self.disk, &self.clock, self.limits);
        self
    }

    /// Starts again from what is on the disk, as after a power cut. Nothing may be under way.
    pub(crate) fn crash(mut self) -> BinWorld {
        if let Disk::Sqlite(old) = &self.disk {
            let image = tempfile::tempdir().unwrap();
            crate::fixture::copy(old.path(), image.path());
            drop(self.directory.take());
            self.disk = Disk::Sqlite(image);
        }
        self.opened()
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        match &self.disk {
            Disk::Sqlite(directory) => directory.path(),
            Disk::Memory(_) => panic!("only SQLite has a directory"),
        }
    }

    pub(crate) fn disk(&self) -> &MemoryBins {
        match &self.disk {
            Disk::Sqlite(_) => panic!("only the memory backend has faults"),
            Disk::Memory(disk) => disk,
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, length: Duration) {
        self.clock.fetch_add(i64::try_from(length.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Makes a bin of our organisation.
    pub(crate) async fn bin(&self, uid: &str) -> Bin {
        let bin = self.new_bin(uid);
        self.apply(vec![BinChange::Put(Box::new(bin.clone()))]).await;
        bin
    }

    pub(crate) fn new_bin(&self, uid: &str) -> Bin {
        Bin {
            id: self.bins.next_id(),
            organisation: OURS,
            uid: Uid::parse(uid).ok(),
            name: format!("Bin {uid}"),
            response: BinResponse::default(),
            response_after: 0,
            expiry: Expiry::AfterUse,
            created_at: self.now(),
            updated_at: self.now(),
            made_by: None,
        }
    }

    pub(crate) async fn apply(&self, changes: Vec<BinChange>) {
        self.bins.change(move |_| Ok::<_, ()>((changes, ()))).await.unwrap().unwrap();
    }

    /// Captures a request whose body is a text.
    pub(crate) async fn capture(&self, bin: &Bin, body: &str) -> Option<CapturedId> {
        self.bins.capture(bin.id, capture(self.now(), body.as_bytes())).await.unwrap()
    }

    pub(crate) async fn tally(&self, bin: &Bin) -> Tally {
        self.bins.get(bin.id).expect("the bin is there").tally
    }

    pub(crate) async fn part(
        &self,
        bin: &Bin,
        slice: Slice<u32>,
        wanted: Wanted,
    ) -> Found<CapturedRequest, u32> {
        self.bins.requests(bin.id, slice, wanted).await.unwrap()
    }

    /// Returns the numbers of all requests, newest first.
    pub(crate) async fn numbers(&self, bin: &Bin) -> Vec<u32> {
        let all = Slice { from: None, direction: Direction::Older, limit: 10_000 };
        self.part(bin, all, Wanted::default()).await.items.iter().map(|it| it.id.number).collect()
    }
}

pub(crate) fn capture(at: UnixMillis, body: &[u8]) -> Capture {
    Capture {
        received_at: at,
        remote: "192.0.2.7:4711".parse().unwrap(),
        head: b"POST /b/x HTTP/1.1\r\nHost: b\r\nX-A: \xff\r\n\r\n".to_vec(),
        body: body.to_vec(),
        body_bytes: body.len() as u64,
        framed: None,
        problem: None,
        message: None,
        attempt: None,
    }
}
