//! The cap on open connections holds, and idle connections do not starve anyone.

use std::sync::mpsc;

use semnal_core::attempt::Cause;
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::{ATTEMPT_LIMIT, Budget};

use super::receiver::Receiver;
use super::world::{OK_ADDRESS, Setup, World, arrival, assert_answered, assert_failed};
use super::world::{endpoint_url, request, status};

const URL: &str = "http://ok.example/hook";

fn world_with_one_place(receiver: &Receiver) -> World {
    let mut setup = Setup::new().name("ok.example", &["93.184.216.34"]).route(OK_ADDRESS, receiver.address);
    setup.open_connections_max = 1;
    setup.build()
}

#[tokio::test]
async fn an_idle_connection_gives_its_place_to_another_endpoint() {
    let receiver = Receiver::answering(status(200));
    let world = world_with_one_place(&receiver);
    let url = endpoint_url(URL);
    for _ in 0..3 {
        assert_answered(&world.send(URL).await, 200);
        let other = Connections::new();
        let result = world.transport.send(&other, &url, request(""), Budget::default()).await;
        assert_answered(&result, 200);
        assert_eq!((world.connections.idle(), other.idle()), (0, 1));
    }
}

#[tokio::test]
async fn a_request_waits_for_a_place_and_takes_the_first_that_is_free() {
    let (read, was_read) = mpsc::channel();
    let (answer, may_answer) = mpsc::channel();
    let may_answer = std::sync::Mutex::new(may_answer);
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        if peer.number == 1 {
            read.send(()).unwrap();
            may_answer.lock().unwrap().recv().unwrap();
        }
        peer.write(status(200)).unwrap();
        peer.sees_the_end();
    });
    let world = world_with_one_place(&receiver);
    let url = endpoint_url(URL);
    let other = Connections::new();
    let (first, second, ()) = tokio::join!(
        world.send(URL),
        world.transport.send(&other, &url, request(""), Budget::default()),
        async {
            arrival(&was_read).await;
            assert_eq!(receiver.connections(), 1);
            answer.send(()).unwrap();
        }
    );
    assert_answered(&first, 200);
    assert_answered(&second, 200);
    assert_eq!((world.connections.idle(), other.idle()), (0, 1));
}

#[tokio::test]
async fn waiting_for_a_place_ends_with_the_budget() {
    let (read, was_read) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        read.send(()).unwrap();
        peer.sees_the_end();
    });
    let world = world_with_one_place(&receiver);
    let url = endpoint_url(URL);
    let other = Connections::new();
    let long = Budget { total: ATTEMPT_LIMIT * 2, ..Budget::default() };
    tokio::select! {
        holder = world.transport.send(&other, &url, request(""), long) => panic!("{holder:?}"),
        result = async {
            arrival(&was_read).await;
            world.send_until(URL, ATTEMPT_LIMIT).await
        } => {
            assert_failed(&result, Cause::NoFreeConnection, "no connection became free within 15s");
            assert_eq!(result.address, None);
        }
    }
}
