//! The listener on real sockets.

use std::time::{Duration, Instant};

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(30);

struct Served {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    ended: tokio::task::JoinHandle<()>,
}

async fn served(router: Router, limits: ListenerLimits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    let serving = serve(Listener::Tcp(listener), router, limits, shutdown.clone(), tasks.clone());
    Served { address, shutdown, ended: tokio::spawn(serving), tasks }
}

fn limits() -> ListenerLimits {
    ListenerLimits { head_timeout: LONG, idle_timeout: LONG, ..ListenerLimits::default() }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

async fn send(address: std::net::SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads one answer of [`hello`].
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the server closed");
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let served = served(hello(), ListenerLimits { head_timeout: SHORT, ..limits() }).await;
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: a"] {
        let started = Instant::now();
        let mut stream = send(served.address, bytes).await;
        assert_eq!(rest(&mut stream).await, "");
        assert!(started.elapsed() >= SHORT);
    }
    // The second head of a connection has the same time.
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one_answer(&mut stream).await;
    stream.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_connection_may_idle_longer_than_a_head_may_take() {
    let given = ListenerLimits { head_timeout: SHORT, idle_timeout: SHORT * 4, ..limits() };
    let served = served(hello(), given).await;
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one_answer(&mut stream).await;
    let started = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(started.elapsed() >= SHORT * 3, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_slow_handler_is_not_an_idle_client() {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = Arc::new(tokio::sync::Mutex::new(Some(wait)));
    let slow = move || async move {
        if let Some(wait) = wait.lock().await.take() {
            wait.await.unwrap();
        }
        "hello"
    };
    let given = ListenerLimits { head_timeout: SHORT, idle_timeout: SHORT, ..limits() };
    let served = served(Router::new().route("/", get(slow)), given).await;
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Another connection is given up meanwhile: that is how long the handler takes.
    for _ in 0..3 {
        assert_eq!(rest(&mut send(served.address, b"").await).await, "");
    }
    go.send(()).unwrap();
    assert!(one_answer(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_before_the_connection_ends() {
    let served = served(hello(), limits()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(1_000_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
    let many: String = (0..101).map(|n| format!("x-{n}: a\r\n")).collect();
    let mut stream = send(served.address, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
    let mut stream = send(served.address, b"\x16\x03\x01\x02\x00\r\n\r\n").await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn over_the_limit_a_connection_waits_for_its_turn() {
    let served = served(hello(), ListenerLimits { connections_max: 1, ..limits() }).await;
    let mut first = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one_answer(&mut first).await;
    let mut second = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut byte = [0];
    assert!(timeout(SHORT, second.read(&mut byte)).await.is_err(), "nobody may be served beside the first");
    drop(first);
    assert!(one_answer(&mut second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_request_in_flight_is_finished_when_the_server_stops() {
    let (arrived, has_arrived) = tokio::sync::oneshot::channel::<()>();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let ends = Arc::new(tokio::sync::Mutex::new(Some((arrived, wait))));
    let slow = move || async move {
        let (arrived, wait) = ends.lock().await.take().unwrap();
        arrived.send(()).unwrap();
        wait.await.unwrap();
        "hello"
    };
    let served = served(Router::new().route("/", get(slow)), limits()).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    has_arrived.await.unwrap();
    served.shutdown.cancel();
    served.ended.await.unwrap();
    assert_eq!(rest(&mut idle).await, "", "a connection without a request is closed");
    go.send(()).unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
    served.tasks.close();
    served.tasks.wait().await;
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_connection_that_rests_does_not_hold_up_the_end() {
    let served = served(Router::new().route("/", get(async || "hello")), limits()).await;
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
    }
    served.shutdown.cancel();
    served.tasks.close();
    // The client has not closed its side: had the server lingered, this would take all of the time.
    timeout(LINGER / 2, served.tasks.wait()).await.expect("nothing is waited for");
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_given_up_when_the_server_stops() {
    let forever = || std::future::pending::<&'static str>();
    let served = served(
        Router::new().route("/", get(forever)),
        ListenerLimits { shutdown_timeout: SHORT, ..limits() },
    )
    .await;
    let mut stream = send(served.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Answered in the order of arrival: when this one is served, the first has been taken.
    drop(send(served.address, b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await);
    served.shutdown.cancel();
    served.tasks.close();
    served.tasks.wait().await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_unix_socket_is_served_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    let serving = tokio::spawn(serve(listener, hello(), limits(), shutdown.clone(), tasks.clone()));
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"));
    shutdown.cancel();
    serving.await.unwrap();
}
