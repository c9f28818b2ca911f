//! The listener of the bins on real sockets.

mod answers;
mod capture;
mod deliveries;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use semnal_core::application::Organisation;
use semnal_core::configuration::Change;
use semnal_core::id::{Key, OrganisationId};
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};
use semnal_core::request_bin::response::BinResponse;
use semnal_core::request_bin::{Bin, Expiry};
use semnal_core::time::UnixMillis;
use semnal_store::bins::{BinChange, BinLimits, MemoryBins};
use semnal_store::memory::MemoryDisk;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::{ChangePlan, Opened, StoreOptions};
use semnal_store::views::filter::{Direction, Slice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// 2023-11-14T22:13:20Z
const START: i64 = 1_700_000_000_000;
const OURS: OrganisationId = OrganisationId(Key(1));

/// A listener with one bin, `mine`.
struct Served {
    address: SocketAddr,
    server: Arc<BinServer>,
    disk: MemoryBins,
    bin: BinId,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    serving: tokio::task::JoinHandle<()>,
}

impl Served {
    async fn new() -> Served {
        Served::with(BinListenerLimits::default()).await
    }

    async fn with(limits: BinListenerLimits) -> Served {
        let time = Arc::new(AtomicI64::new(START));
        let clock: Now = Arc::new(move || UnixMillis(time.load(Ordering::SeqCst)));
        let observer: Arc<dyn Observer> = Arc::new(Deaf);
        let options = StoreOptions::new(clock.clone(), [7; 48]);
        let store = Opened::memory(MemoryDisk::default(), options).unwrap().start(&observer).unwrap();
        let name = Uid::parse(DEFAULT_ORGANISATION).unwrap();
        let it = Organisation { id: OURS, name, created_at: UnixMillis(START) };
        let changes = vec![Change::PutOrganisation(it)];
        let plan = move |_: &_| Ok::<_, ()>(ChangePlan { changes, answer: None, value: () });
        store.change(None, plan).await.unwrap().unwrap();
        let disk = MemoryBins::default();
        let bins = Bins::memory(&disk, clock.clone(), BinLimits::default()).unwrap();
        let server = Arc::new(BinServer { bins, store, clock, limits });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let serving = tokio::spawn(serve(listener, server.clone(), shutdown.clone(), tasks.clone()));
        let bin = server.bins.next_id();
        let served = Served { address, server, disk, bin, shutdown, tasks, serving };
        served.answering(BinResponse::default()).await;
        served
    }

    /// Sets what the bin answers.
    async fn answering(&self, response: BinResponse) {
        let tally = self.server.bins.get(self.bin).map(|it| it.tally).unwrap_or_default();
        let bin = Bin {
            id: self.bin,
            organisation: OURS,
            uid: Some(Uid::parse("mine").unwrap()),
            name: "Mine".into(),
            response,
            response_after: tally.last_number,
            expiry: Expiry::AfterUse,
            created_at: UnixMillis(START),
            updated_at: UnixMillis(START),
            made_by: None,
        };
        let change = move |_: &_| Ok::<_, ()>((vec![BinChange::Put(Box::new(bin))], ()));
        self.server.bins.change(change).await.unwrap().unwrap();
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and nothing more, and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        rest(&mut stream).await
    }

    /// Returns what was captured, oldest first.
    async fn caught(&self) -> Vec<CapturedRequest> {
        let all = Slice { from: None, direction: Direction::Newer, limit: 10_000 };
        self.server.bins.requests(self.bin, all, Wanted::default()).await.unwrap().items
    }

    /// Returns the only request that was captured.
    async fn only(&self) -> semnal_core::request_bin::capture::Capture {
        let mut caught = self.caught().await;
        assert_eq!(caught.len(), 1);
        caught.remove(0).capture
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads an answer with a length, as a client that keeps its connection does.
async fn one_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (head, body)
}
