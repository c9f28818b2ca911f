//! The yardstick: a forwarder with Semnal's HTTP on both sides and no store. It reads the same envelope, answers 202,
//! signs and delivers over kept connections; it forgets everything when it ends, makes three attempts at once, and
//! knows no schedule, limits or duplicates. What Semnal costs beyond it is the price of its promises.
//!
//! It runs as a process of its own (`bench null-forwarder serve`), so that its CPU can be told from the generator's.
//! It also is the fake on which the fault harness tests itself: a server that loses what it accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::clock;
use crate::error::HarnessError;
use crate::null_forwarder::directory::Directory;
use crate::null_forwarder::sender::{Delivery, deliver};

mod directory;
mod sender;

/// Kept connections to receivers, each with its own worker.
const WORKERS: usize = 64;
/// Deliveries that wait at one worker; more than that holds the 202 back.
const QUEUE_MAX: usize = 256;
/// The largest body it reads.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen, like `127.0.0.1:8080`.
    pub listen: String,
    /// Where applications and endpoints (and no message) are kept over a restart.
    pub data_dir: PathBuf,
    /// Threads of its runtime.
    pub threads: usize,
}

struct Shared {
    directory: Directory,
    workers: Vec<mpsc::Sender<Delivery>>,
    next_worker: AtomicUsize,
    next_message: AtomicUsize,
    /// Makes ids differ from those of an earlier start.
    started_ms: i64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "eventType", borrow)]
    event_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Serves until the process is ended.
///
/// # Errors
/// [`HarnessError::Io`] when it cannot listen or use its directory.
pub fn serve(options: &Options) -> Result<(), HarnessError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build()
        .map_err(HarnessError::io("starting a runtime"))?;
    let directory = Directory::open(&options.data_dir)?;
    // On a worker rather than on this thread, which would be one more than was asked for.
    let listen = options.listen.clone();
    let serving = runtime.spawn(async move {
        let listener = TcpListener::bind(&listen).await.map_err(HarnessError::io("listening"))?;
        accept(listener, directory).await
    });
    match runtime.block_on(serving) {
        Ok(result) => result,
        Err(_) => Err(HarnessError::Vacuous("the null forwarder panicked".to_owned())),
    }
}

async fn accept(listener: TcpListener, directory: Directory) -> Result<(), HarnessError> {
    let mut workers = Vec::with_capacity(WORKERS);
    for _ in 0..WORKERS {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        workers.push(sender);
        tokio::spawn(deliver(receiver));
    }
    let shared = Arc::new(Shared {
        directory,
        workers,
        next_worker: AtomicUsize::new(0),
        next_message: AtomicUsize::new(0),
        started_ms: clock::unix_now().0,
    });
    loop {
        let (stream, _) = listener.accept().await.map_err(HarnessError::io("accepting a connection"))?;
        stream.set_nodelay(true).map_err(HarnessError::io("setting TCP_NODELAY"))?;
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shared));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    let Ok(body) =
        Limited::new(body, BODY_BYTES_MAX).collect().await.map(http_body_util::Collected::to_bytes)
    else {
        return Ok(respond(StatusCode::PAYLOAD_TOO_LARGE, String::new()));
    };
    let path = head.uri.path();
    let parts: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    Ok(match (&head.method, parts.as_slice()) {
        (&Method::POST, ["app", application, "msg"]) => accept_message(application, &body, shared).await,
        (&Method::POST, ["app"]) => created(shared.directory.create_application(&body)),
        (&Method::POST, ["app", application, "endpoint"]) => {
            created(shared.directory.create_endpoint(application, &body))
        }
        (&Method::DELETE, ["app", _, "endpoint", endpoint]) => {
            shared.directory.delete_endpoint(endpoint);
            respond(StatusCode::NO_CONTENT, String::new())
        }
        (&Method::GET, _) if path == "/readyz" => respond(StatusCode::OK, String::new()),
        _ => respond(StatusCode::NOT_FOUND, String::new()),
    })
}

async fn accept_message(application: &str, body: &Bytes, shared: &Shared) -> Answer {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
        return respond(StatusCode::UNPROCESSABLE_ENTITY, String::new());
    };
    let number = shared.next_message.fetch_add(1, Ordering::Relaxed);
    let id = format!("msg_{}x{number}", shared.started_ms);
    let payload = body.slice_ref(envelope.payload.get().as_bytes());
    for target in shared.directory.matching(application, &envelope.event_type) {
        let delivery = Delivery {
            message: id.clone(),
            event_type: envelope.event_type.clone().into_owned(),
            target,
            payload: payload.clone(),
        };
        let worker = shared.next_worker.fetch_add(1, Ordering::Relaxed) % shared.workers.len();
        if shared.workers[worker].send(delivery).await.is_err() {
            return respond(StatusCode::SERVICE_UNAVAILABLE, String::new());
        }
    }
    respond(StatusCode::ACCEPTED, format!("{{\"id\":\"{id}\"}}"))
}

fn created(id: Option<String>) -> Answer {
    match id {
        Some(id) => respond(StatusCode::CREATED, format!("{{\"id\":\"{id}\"}}")),
        None => respond(StatusCode::UNPROCESSABLE_ENTITY, String::new()),
    }
}

fn respond(status: StatusCode, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

/// Returns the file that its applications and endpoints are kept in.
pub(crate) fn directory_file(data_dir: &Path) -> PathBuf {
    data_dir.join("directory.jsonl")
}
