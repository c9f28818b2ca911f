//! Bodies that are too large, too slow, or in pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header;
use hyper::body::Frame;
use serde_json::json;

use super::{World, request};

/// A body in pieces that counts how many of them were read, and can end by never ending.
struct Pieces {
    left: Vec<Bytes>,
    read: Arc<AtomicUsize>,
    hangs: bool,
}

impl Pieces {
    fn body(mut pieces: Vec<Bytes>, hangs: bool) -> (Body, Arc<AtomicUsize>) {
        pieces.reverse();
        let read = Arc::new(AtomicUsize::new(0));
        (Body::new(Pieces { left: pieces, read: read.clone(), hangs }), read)
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop() {
            Some(piece) => {
                self.read.fetch_add(piece.len(), Ordering::SeqCst);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn mebibytes(count: usize) -> Vec<Bytes> {
    vec![Bytes::from(vec![b'x'; 1_024 * 1_024]); count]
}

#[tokio::test]
async fn a_body_in_pieces_is_put_together() {
    let world = World::new().await;
    let app = world.acme().await;
    let text = json!({"eventType": "a", "payload": {"n": "x".repeat(1_000)}}).to_string();
    let pieces: Vec<Bytes> = text.as_bytes().chunks(100).map(Bytes::copy_from_slice).collect();
    let mut sent = request("POST", &format!("{app}/msg"), Some(&world.key), None);
    *sent.body_mut() = Pieces::body(pieces, false).0;
    assert_eq!(world.raw(sent).await.expect(202)["payload"]["n"], "x".repeat(1_000));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_read_to_its_end_before_the_413() {
    let world = World::new().await;
    let app = world.acme().await;
    let (body, read) = Pieces::body(mebibytes(10), false);
    let mut sent = request("POST", &format!("{app}/msg"), Some(&world.key), None);
    *sent.body_mut() = body;
    let answer = world.raw(sent).await;
    assert_eq!(read.load(Ordering::SeqCst), 10 * 1_024 * 1_024);
    assert!(!answer.headers.contains_key(header::CONNECTION));
    answer.refused(413, "body_too_large");
}

#[tokio::test]
async fn draining_has_an_end() {
    let world = World::new().await;
    let (body, read) = Pieces::body(mebibytes(100), false);
    let mut sent = request("POST", "/api/v1/app", Some(&world.key), None);
    *sent.body_mut() = body;
    let answer = world.raw(sent).await;
    assert!(read.load(Ordering::SeqCst) < 40 * 1_024 * 1_024);
    assert_eq!(answer.headers[header::CONNECTION], "close");
    answer.refused(413, "body_too_large");
}

#[tokio::test]
async fn a_stranger_s_body_is_read_away() {
    let world = World::new().await;
    let (body, read) = Pieces::body(mebibytes(5), false);
    let mut sent = request("POST", "/api/v1/app", None, None);
    *sent.body_mut() = body;
    world.raw(sent).await.refused(401, "authentication_failed");
    assert_eq!(read.load(Ordering::SeqCst), 5 * 1_024 * 1_024);
}

#[tokio::test]
async fn the_largest_body_is_accepted_and_one_byte_more_is_not() {
    let world = World::with(|api| api.limits.body_bytes_max = 1_000).await;
    let app = world.acme().await;
    let body = |bytes: usize| {
        let envelope = r#"{"eventType":"a","payload":{"n":""}}"#.len();
        json!({"eventType": "a", "payload": {"n": "x".repeat(bytes - envelope)}})
    };
    world.post(&format!("{app}/msg"), body(1_000)).await.expect(202);
    world.post(&format!("{app}/msg"), body(1_001)).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let world = World::with(|api| api.limits.body_read_timeout = Duration::from_millis(20)).await;
    let (body, _) = Pieces::body(vec![Bytes::from_static(b"{")], true);
    let mut sent = request("POST", "/api/v1/app", Some(&world.key), None);
    *sent.body_mut() = body;
    let answer = world.raw(sent).await;
    assert_eq!(answer.headers[header::CONNECTION], "close");
    answer.refused(408, "body_timeout");
}
