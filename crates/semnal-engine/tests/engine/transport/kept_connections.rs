//! A connection is kept, used again, and given up at the right moment.

use std::sync::mpsc;
use std::time::Duration;

use semnal_core::attempt::Cause;
use semnal_engine::transport::connections::{AGE_LIMIT, IDLE_LIMIT};

use super::receiver::Receiver;
use super::world::{World, arrival, assert_answered, assert_failed, settle, status};

const URL: &str = "http://ok.example/hook";

#[tokio::test]
async fn the_second_request_uses_the_connection_of_the_first() {
    let receiver = Receiver::answering(status(200));
    let world = World::with(&receiver);
    let first = world.send(URL).await;
    let second = world.send(URL).await;
    assert_answered(&second, 200);
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 2));
    assert_eq!(world.asked(), ["ok.example"]);
    assert_eq!(second.address, first.address);
    assert_eq!((second.phases.dns_us, second.phases.connect_us), (None, None));
    assert!(second.phases.wait_us.is_some());
}

#[tokio::test]
async fn a_connection_that_the_receiver_closed_meanwhile_is_replaced() {
    let (closed, was_closed) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        peer.write(status(200)).unwrap();
        drop(peer);
        closed.send(()).unwrap();
    });
    let world = World::with(&receiver);
    assert_answered(&world.send(URL).await, 200);
    arrival(&was_closed).await;
    assert_answered(&world.send(URL).await, 200);
    assert_eq!((receiver.connections(), receiver.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_request_that_was_not_written_is_sent_once_more_on_a_new_connection() {
    let (close, may_close) = mpsc::channel();
    let (closed, was_closed) = mpsc::channel();
    let may_close = std::sync::Mutex::new(may_close);
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        peer.write(status(200 + u16::try_from(peer.number).unwrap())).unwrap();
        if peer.number == 1 {
            may_close.lock().unwrap().recv().unwrap();
            drop(peer);
            closed.send(()).unwrap();
        }
    });
    let world = World::with(&receiver);
    assert_answered(&world.send(URL).await, 201);
    close.send(()).unwrap();
    // The runtime stands still until the end has arrived; the next turn then wakes the connection's task with
    // it, but runs this test first: the request meets a connection that is closed and does not know it yet.
    was_closed.recv().unwrap();
    tokio::task::yield_now().await;
    let result = world.send(URL).await;
    assert_answered(&result, 202);
    assert!(result.phases.dns_us.is_some(), "the connection was known to be closed");
    assert_eq!((receiver.connections(), receiver.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_request_that_may_have_been_written_is_not_sent_again() {
    let receiver = Receiver::start(|mut peer| {
        assert!(peer.read_request());
        peer.write(status(200)).unwrap();
        // The second request is read and the connection closed without an answer.
        peer.read_request();
    });
    let world = World::with(&receiver);
    assert_answered(&world.send(URL).await, 200);
    let result = world.send(URL).await;
    assert_failed(&result, Cause::ConnectionClosed, "the receiver closed the connection");
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_connection_that_says_close_is_not_kept() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    let world = World::with(&receiver);
    for _ in 0..2 {
        assert_answered(&world.send(URL).await, 200);
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_too_long_is_not_used() {
    let receiver = Receiver::answering(status(200));
    let world = World::with(&receiver);
    assert_answered(&world.send(URL).await, 200);
    world.clock.advance(IDLE_LIMIT - Duration::from_millis(1));
    assert_answered(&world.send(URL).await, 200);
    assert_eq!(receiver.connections(), 1);
    world.clock.advance(IDLE_LIMIT);
    assert_answered(&world.send(URL).await, 200);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_not_used_however_busy() {
    let receiver = Receiver::answering(status(200));
    let world = World::with(&receiver);
    let step = Duration::from_secs(50);
    for _ in 0..AGE_LIMIT.as_secs() / step.as_secs() {
        assert_answered(&world.send(URL).await, 200);
        assert_eq!(receiver.connections(), 1);
        world.clock.advance(step);
    }
    assert_answered(&world.send(URL).await, 200);
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn close_expired_closes_what_is_idle_for_too_long() {
    let (ended, has_ended) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        peer.write(status(200)).unwrap();
        peer.sees_the_end();
        ended.send(()).unwrap();
    });
    let world = World::with(&receiver);
    assert_answered(&world.send(URL).await, 200);
    world.transport.close_expired();
    assert_eq!(world.connections.idle(), 1);
    world.clock.advance(IDLE_LIMIT);
    world.transport.close_expired();
    assert_eq!(world.connections.idle(), 0);
    arrival(&has_ended).await;
}

#[tokio::test]
async fn connections_to_the_old_url_of_an_endpoint_are_closed() {
    let receiver = Receiver::answering(status(200));
    let world = World::with(&receiver);
    assert_answered(&world.send("http://ok.example/old").await, 200);
    assert_answered(&world.send("http://ok.example/new").await, 200);
    assert_eq!((receiver.connections(), world.connections.idle()), (2, 1));
}

#[tokio::test]
async fn a_connection_on_which_a_body_is_still_being_sent_takes_no_other_request() {
    // More than the kernel's buffers swallow.
    const BODY_BYTES: usize = 32 << 20;
    let (ended, has_ended) = mpsc::channel();
    let (end, until_end) = mpsc::channel::<()>();
    let until_end = std::sync::Mutex::new(until_end);
    let receiver = Receiver::start(move |mut peer| {
        if peer.number == 1 {
            // Answers as soon as something arrives and never reads on.
            peer.waits_for_bytes();
            peer.write(status(413)).unwrap();
            assert!(until_end.lock().unwrap().recv().is_err());
            assert!(peer.sees_the_end() < BODY_BYTES, "the rest was sent though nobody waits for it");
            return ended.send(()).unwrap();
        }
        assert!(peer.read_request());
        peer.write(status(200)).unwrap();
    });
    let world = World::with(&receiver);
    let large = super::world::request(&"x".repeat(BODY_BYTES));
    let url = super::world::endpoint_url(URL);
    let early = world.transport.send(&world.connections, &url, large, Default::default()).await;
    assert_answered(&early, 413);
    assert_answered(&world.send(URL).await, 200);
    assert_eq!(receiver.connections(), 2);
    world.connections.close();
    settle().await;
    drop(end);
    arrival(&has_ended).await;
}
