//! Every way in which no answer comes has its own cause.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use semnal_core::attempt::Cause;
use semnal_engine::transport::ATTEMPT_LIMIT;
use semnal_engine::transport::resolver::ScriptedAnswer;
use tokio::net::{TcpSocket, TcpStream};

use super::receiver::Receiver;
use super::world::{OK_ADDRESS, Setup, World, assert_answered, assert_failed, cause, status};

const URL: &str = "http://ok.example/hook";

/// Sends to a receiver that answers with these bytes and closes.
async fn cause_of(answer: impl Into<Vec<u8>>) -> Cause {
    let answer = answer.into();
    let receiver = Receiver::start(move |mut peer| {
        if peer.read_request() {
            // A receiver that is cut off while it floods is what some of these tests are about.
            drop(peer.write(&answer));
        }
    });
    let world = World::with(&receiver);
    let result = world.send(URL).await;
    assert_eq!(result.address, Some(OK_ADDRESS.parse().unwrap()));
    assert_eq!(world.connections.idle(), 0);
    cause(&result)
}

/// Returns a port on which nothing listens, and what keeps others from it.
fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn a_receiver_that_never_answers_uses_up_the_budget() {
    let receiver = Receiver::start(|mut peer| {
        assert!(peer.read_request());
        peer.sees_the_end();
    });
    let world = World::with(&receiver);
    let result = world.send_until(URL, ATTEMPT_LIMIT).await;
    assert_failed(&result, Cause::ResponseTimeout, "no answer within 15s");
    assert!(result.phases.wait_us.is_some());
}

#[tokio::test]
async fn a_reset_before_the_answer_is_a_closed_connection() {
    let receiver = Receiver::start(|peer| peer.reset());
    let result = World::with(&receiver).send(URL).await;
    assert_failed(&result, Cause::ConnectionClosed, "the receiver reset the connection");
}

#[tokio::test]
async fn an_end_before_or_within_the_head_is_a_closed_connection() {
    assert_eq!(cause_of("").await, Cause::ConnectionClosed);
    assert_eq!(cause_of("HTTP/1.1 200 OK\r\nserver:").await, Cause::ConnectionClosed);
    assert_eq!(cause_of("HTTP/1.1 100 Continue\r\n\r\n").await, Cause::ConnectionClosed);
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    for answer in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "220 mail.example ESMTP\r\n",
        "\0\0\0\u{12}\u{4}\0\0\0\0\0",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        assert_eq!(cause_of(answer).await, Cause::ProtocolError, "{answer:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_speaks_first_is_a_protocol_error() {
    let receiver = Receiver::start(|mut peer| {
        peer.write("220 mail.example ESMTP\r\n").unwrap();
        peer.sees_the_end();
    });
    assert_eq!(cause(&World::with(&receiver).send(URL).await), Cause::ProtocolError);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_protocol_error() {
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(16 * 1024));
    assert_eq!(cause_of(long).await, Cause::ProtocolError);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_eq!(cause_of(many).await, Cause::ProtocolError);
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "x-flood: yes\r\n".repeat(1 << 20));
    assert_eq!(cause_of(endless).await, Cause::ProtocolError);
}

#[tokio::test]
async fn interim_answers_without_end_are_a_protocol_error_before_the_budget_is_used_up() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"] {
        let receiver = Receiver::start(move |mut peer| {
            assert!(peer.read_request());
            while peer.write(interim).is_ok() {}
        });
        let result = World::with(&receiver).send(URL).await;
        assert_failed(
            &result,
            Cause::ProtocolError,
            "the answer's head, interim answers included, does not end",
        );
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let (_held, closed) = closed_port();
    let world = Setup::new().name("ok.example", &["93.184.216.34"]).route(OK_ADDRESS, closed).build();
    let result = world.send(URL).await;
    assert_failed(&result, Cause::ConnectRefused, "nothing listens at this address");
    assert_eq!(result.address, Some(OK_ADDRESS.parse().unwrap()));
}

#[tokio::test]
async fn the_next_address_is_dialled_when_one_refuses() {
    let (_held, closed) = closed_port();
    let receiver = Receiver::answering(status(200));
    let world = Setup::new()
        .name("ok.example", &["93.184.216.33", "93.184.216.34"])
        .route("93.184.216.33:80", closed)
        .route(OK_ADDRESS, receiver.address)
        .build();
    let result = world.send(URL).await;
    assert_answered(&result, 200);
    assert_eq!(result.address, Some(OK_ADDRESS.parse().unwrap()));
    assert_eq!(world.dialled(), ["93.184.216.33:80", "93.184.216.34:80"]);
}

#[tokio::test]
async fn an_address_that_swallows_packets_gets_its_share_of_the_connect_limit() {
    // A listener whose queue is full answers nothing at all.
    let (socket, full) = closed_port();
    let _listener = socket.listen(1).unwrap();
    let _queued = [TcpStream::connect(full).await.unwrap(), TcpStream::connect(full).await.unwrap()];
    let receiver = Receiver::answering(status(200));

    let alone = Setup::new().name("ok.example", &["93.184.216.34"]).route(OK_ADDRESS, full).build();
    let result = alone.send_until(URL, Duration::from_secs(5)).await;
    assert_failed(&result, Cause::ConnectTimeout, "no connection within 5s");

    let first_of_two = Setup::new()
        .name("ok.example", &["93.184.216.33", "93.184.216.34"])
        .route("93.184.216.33:80", full)
        .route(OK_ADDRESS, receiver.address)
        .build();
    let result = first_of_two.send_until(URL, Duration::from_millis(2_500)).await;
    assert_answered(&result, 200);
}

#[tokio::test]
async fn a_receiver_that_never_finishes_the_handshake_is_a_tls_failure() {
    let receiver = Receiver::start(|mut peer| {
        peer.sees_the_end();
    });
    let world = Setup::new()
        .name("ok.example", &["93.184.216.34"])
        .route("93.184.216.34:443", receiver.address)
        .build();
    let result = world.send_until("https://ok.example/", ATTEMPT_LIMIT).await;
    assert_failed(&result, Cause::TlsFailed, "the handshake did not end within 15s");
}

#[tokio::test]
async fn dns_failures_have_causes_of_their_own() {
    let world = Setup::new()
        .answers("gone.example", vec![ScriptedAnswer::NoSuchHost])
        .answers("broken.example", vec![ScriptedAnswer::Failed("SERVFAIL".to_owned())])
        .answers("empty.example", vec![ScriptedAnswer::Addresses(Vec::new())])
        .answers("silent.example", vec![ScriptedAnswer::Silence])
        .build();
    assert_failed(&world.send("http://gone.example/").await, Cause::DnsNoSuchHost, "no such host");
    assert_failed(&world.send("http://broken.example/").await, Cause::DnsFailed, "SERVFAIL");
    let empty = world.send("http://empty.example/").await;
    assert_failed(&empty, Cause::DnsFailed, "empty.example has no address");
    let silent = world.send_until("http://silent.example/", Duration::from_secs(5)).await;
    assert_failed(&silent, Cause::DnsTimeout, "no answer for silent.example within 5s");
    assert_eq!(silent.address, None);
    assert!(silent.phases.dns_us.is_some());
    assert!(world.dialled().is_empty());
}

#[tokio::test]
async fn dropping_an_attempt_closes_its_connection() {
    let (read, was_read) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        read.send(()).unwrap();
        peer.sees_the_end();
        ended.send(()).unwrap();
    });
    let world = World::with(&receiver);
    tokio::select! {
        result = world.send(URL) => panic!("{result:?}"),
        () = super::world::arrival(&was_read) => {}
    }
    super::world::arrival(&has_ended).await;
}
