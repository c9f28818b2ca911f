//! What came back is told as it came.

use std::sync::mpsc;

use semnal_core::attempt::RESPONSE_BODY_BYTES_MAX;
use semnal_engine::transport::ATTEMPT_LIMIT;

use super::receiver::Receiver;
use super::world::{START, World, arrival, assert_answered, status};

const URL: &str = "http://ok.example/hook";

#[tokio::test]
async fn each_status_is_told_as_it_came() {
    for code in [200, 201, 204, 299, 400, 401, 404, 409, 410, 429, 500, 502, 503, 599, 999] {
        let receiver = Receiver::answering(status(code));
        let result = World::with(&receiver).send(URL).await;
        assert_answered(&result, code);
        assert_eq!(result.address, Some("93.184.216.34:80".parse().unwrap()));
        assert!(!result.response_truncated);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    for code in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {code} \r\nLocation: http://other.example/\r\ncontent-length: 0\r\n\r\n");
        let receiver = Receiver::answering(answer);
        let world = World::with(&receiver);
        let result = world.send(URL).await;
        assert_answered(&result, code);
        assert!(!result.end.is_success());
        assert_eq!(result.header("location"), Some(b"http://other.example/".as_slice()));
        assert_eq!((world.dialled().len(), world.asked().len(), receiver.requests().len()), (1, 1, 1));
    }
}

#[tokio::test]
async fn headers_are_kept_in_order_with_their_names_as_received() {
    let receiver = Receiver::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n\
         HTTP/1.1 200 OK\r\nX-TRACE: 1\r\nDate: today\r\nx-Trace: 2\r\nContent-Length: 0\r\n\r\n",
    );
    let world = World::with(&receiver);
    for _ in 0..2 {
        let result = world.send(URL).await;
        let headers: Vec<_> = result.response_headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers, ["X-TRACE", "Date", "x-Trace", "Content-Length"]);
        assert_eq!(result.header("x-trace"), Some(b"1".as_slice()));
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn the_phases_of_a_new_connection_are_measured() {
    let receiver = Receiver::answering(status(200));
    let phases = World::with(&receiver).send(URL).await.phases;
    assert!(phases.dns_us.is_some() && phases.connect_us.is_some() && phases.wait_us.is_some());
    assert_eq!(phases.tls_us, None);
    let parts = [phases.dns_us, phases.connect_us, phases.wait_us].into_iter().flatten().sum::<u32>();
    assert!(parts <= phases.total_us, "{phases:?}");
}

#[tokio::test]
async fn a_body_of_exactly_the_kept_size_is_whole_and_one_byte_more_is_cut() {
    for (length, cut) in [(RESPONSE_BODY_BYTES_MAX, false), (RESPONSE_BODY_BYTES_MAX + 1, true)] {
        let body = "x".repeat(length);
        let receiver =
            Receiver::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"));
        let world = World::with(&receiver);
        let result = world.send(URL).await;
        assert_answered(&result, 200);
        assert_eq!(result.response_body.len(), RESPONSE_BODY_BYTES_MAX);
        assert_eq!(result.response_truncated, cut);
        assert_eq!(world.connections.idle(), usize::from(!cut));
    }
}

#[tokio::test]
async fn a_chunked_body_is_put_together() {
    let receiver = Receiver::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
    );
    let world = World::with(&receiver);
    let result = world.send(URL).await;
    assert_eq!(result.response_body, b"abcde");
    assert!(!result.response_truncated);
    assert_eq!(world.connections.idle(), 1);
}

#[tokio::test]
async fn a_huge_body_is_cut_and_not_read_on() {
    // What the kernel's buffers can swallow is far below this; who reads on would take all of it.
    const OFFERED_MIB: usize = 256;
    let (written, sent) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        peer.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", OFFERED_MIB << 20)).unwrap();
        let mebibyte = vec![b'x'; 1 << 20];
        let count = (0..OFFERED_MIB).take_while(|_| peer.write(&mebibyte).is_ok()).count();
        written.send(count).unwrap();
    });
    let world = World::with(&receiver);
    let result = world.send(URL).await;
    assert_answered(&result, 200);
    assert_eq!(result.response_body.len(), RESPONSE_BODY_BYTES_MAX);
    assert!(result.response_truncated);
    // The connection's task ends when the runtime turns to it.
    let count = tokio::task::spawn_blocking(move || sent.recv().unwrap()).await.unwrap();
    assert!(count < OFFERED_MIB, "all of it was taken");
    assert_eq!(world.connections.idle(), 0);
}

#[tokio::test]
async fn a_body_that_stalls_counts_by_its_status() {
    let (written, sent) = mpsc::channel();
    let receiver = Receiver::start(move |mut peer| {
        assert!(peer.read_request());
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").unwrap();
        written.send(()).unwrap();
        peer.sees_the_end();
    });
    let world = World::with(&receiver);
    let (result, ()) = tokio::join!(world.send(URL), async {
        arrival(&sent).await;
        world.advance_when_due_next(START + ATTEMPT_LIMIT).await;
    });
    assert_answered(&result, 200);
    assert_eq!(result.response_body, b"half");
    assert!(result.response_truncated);
    assert_eq!(world.connections.idle(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_counts_by_its_status() {
    let receiver = Receiver::start(|mut peer| {
        assert!(peer.read_request());
        peer.write("HTTP/1.1 503 \r\ncontent-length: 10\r\n\r\nhalf").unwrap();
    });
    let world = World::with(&receiver);
    let result = world.send(URL).await;
    assert_answered(&result, 503);
    assert_eq!(result.response_body, b"half");
    assert!(result.response_truncated);
    assert_eq!(world.connections.idle(), 0);
}

#[tokio::test]
async fn a_body_without_length_ends_with_the_connection() {
    let receiver = Receiver::start(|mut peer| {
        assert!(peer.read_request());
        peer.write("HTTP/1.0 200 OK\r\n\r\nall of it").unwrap();
    });
    let result = World::with(&receiver).send(URL).await;
    assert_eq!(result.response_body, b"all of it");
    assert!(!result.response_truncated);
}
