//! What is kept of a request, whatever it is.

use super::*;

#[tokio::test]
async fn bytes_are_kept_as_they_came() {
    let served = Served::new().await;
    let head = b"pOsT /mine//a%2F?x=1&x&%ff HTTP/1.1\r\nhOsT:  b \r\nX-B: 1\r\nx-a:\t\xff\xfe\r\nX-B: 2\r\nX-Empty:\r\n\
        X-Folded: 1\r\n  2\r\nContent-Length: 5\r\n\r\n";
    let answer = served.exchange(&[&head[..], b"\0\r\n\xff\n"].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let capture = served.only().await;
    assert_eq!(capture.head, head);
    assert_eq!((&*capture.body, capture.body_bytes), (&b"\0\r\n\xff\n"[..], 5));
    assert_eq!((capture.framed, capture.problem), (None, None));
    assert_eq!(capture.received_at, UnixMillis(START));
}

#[tokio::test]
async fn chunks_are_kept_as_they_came_and_as_the_body_that_they_are() {
    let served = Served::new().await;
    let framing = "5;ext=\"a;b\"\r\nhello\r\n1 \r\n \r\n00005\r\nworld\r\n0\r\nTrailer: 1\r\n\r\n";
    let request = format!("POST /mine HTTP/1.1\r\nhost: b\r\nTransfer-Encoding: Chunked\r\n\r\n{framing}");
    assert!(served.exchange(request.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    let capture = served.only().await;
    assert_eq!(capture.body, b"hello world");
    assert_eq!(capture.framed.as_deref(), Some(framing.as_bytes()));
}

#[tokio::test]
async fn every_form_of_a_target_leads_to_its_bin() {
    let served = Served::new().await;
    let id = served.server.store.ids().encode(IdKind::Bin, 0, served.bin.0);
    let targets =
        ["/mine", "/mine?", "/mine/", "/m%69ne/../x", "http://other.example/mine/x", &format!("/{id}/y")];
    for target in targets {
        let answer = served.exchange(format!("GET {target} HTTP/1.1\r\nhost: b\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target}: {answer}");
    }
    for target in
        ["/", "/nobody", "//mine", "*", "/mine2", "/MINE", "/bin_000000000000000000000000000", "/%ff"]
    {
        let answer = served.exchange(format!("GET {target} HTTP/1.1\r\nhost: b\r\n\r\n").as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && answer.contains("no request bin"),
            "{target}: {answer}"
        );
    }
    assert_eq!(served.caught().await.len(), targets.len());
}

#[tokio::test]
async fn what_is_malformed_is_captured_with_its_problem_and_answered_with_400() {
    let served = Served::new().await;
    let requests: [&[u8]; 10] = [
        b"POST /mine HTTP/1.1\r\n\r\n",
        b"G(T /mine HTTP/1.1\r\nhost: b\r\n\r\n",
        b"GET /mine\r\n\r\n",
        b"GET /mine HTTP/9.9\r\n\r\n",
        b"GET /mine/a b HTTP/1.1\r\nhost: b\r\n\r\n",
        b"GET /mine HTTP/1.1\r\nhost: b\r\nno colon\r\n\r\n",
        b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 1x\r\n\r\n1",
        b"POST /mine HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 9\r\n\r\nshort",
    ];
    for request in requests {
        let answer = served.exchange(request).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("captured as it came"), "{answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
    let caught = served.caught().await;
    assert_eq!(caught.len(), requests.len());
    for (it, request) in caught.iter().zip(requests) {
        assert!(it.capture.problem.as_ref().is_some_and(|problem| problem.len() > 10));
        assert!(request.starts_with(&it.capture.head));
    }
    assert_eq!(caught[9].capture.body, b"short");
}

#[tokio::test]
async fn a_head_that_is_too_large_or_does_not_end_is_captured_as_far_as_it_was_read() {
    let limits =
        BinListenerLimits { head_bytes_max: 2_000, header_lines_max: 10, ..BinListenerLimits::default() };
    let served = Served::with(BinListenerLimits { head_timeout: Duration::from_millis(50), ..limits }).await;
    let long = format!("GET /mine HTTP/1.1\r\nhost: b\r\nx: {}\r\n\r\n", "y".repeat(5_000));
    assert!(served.exchange(long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET /mine HTTP/1.1\r\nhost: b\r\n{}\r\n", "a: 1\r\n".repeat(20));
    assert!(served.exchange(many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    assert!(served.exchange(b"GET /mine HTTP/1.1\r\nhost: b\r\nx").await.starts_with("HTTP/1.1 400 "));
    let mut slow = served.connect().await;
    slow.write_all(b"GET /mine HTTP/1.1\r\nhos").await.unwrap();
    assert!(rest(&mut slow).await.starts_with("HTTP/1.1 408 "));
    let caught = served.caught().await;
    assert_eq!(caught.len(), 4);
    assert_eq!(caught[0].capture.head.len(), 2_000);
    assert_eq!(caught[3].capture.head, b"GET /mine HTTP/1.1\r\nhos");
    // Two hundred headers are no trouble without that limit.
    let served = Served::new().await;
    let many = format!("GET /mine HTTP/1.1\r\nhost: b\r\n{}\r\n", "a: 1\r\n".repeat(200));
    assert!(served.exchange(many.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_long_body_is_cut_and_says_so() {
    let limits =
        BinListenerLimits { body_bytes_max: 100, body_read_bytes_max: 3_000, ..BinListenerLimits::default() };
    let served = Served::with(limits).await;
    let send = async |bytes: usize| {
        let head = format!("POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: {bytes}\r\n\r\n");
        served.exchange(&[head.into_bytes(), vec![b'x'; bytes]].concat()).await
    };
    assert!(send(2_000).await.starts_with("HTTP/1.1 200 "));
    let answer = send(100_000).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let chunk = format!(
        "POST /mine HTTP/1.1\r\nhost: b\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "1\r\nx\r\n".repeat(200)
    );
    assert!(served.exchange(chunk.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    let caught = served.caught().await;
    for it in &caught {
        assert!(it.capture.is_truncated() && it.capture.body.len() == 100, "{it:?}");
    }
    assert_eq!(caught[0].capture.body_bytes, 2_000);
    assert!(caught[1].capture.body_bytes < 30_000 && caught[1].capture.problem.is_some());
    assert_eq!((caught[2].capture.body_bytes, &caught[2].capture.framed), (200, &None));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let limits =
        BinListenerLimits { body_timeout: Duration::from_millis(50), ..BinListenerLimits::default() };
    let served = Served::with(limits).await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 408 "));
    assert_eq!(served.only().await.body, b"abc");
}

#[tokio::test]
async fn a_delivery_is_linked_to_its_message() {
    let served = Served::new().await;
    let id = served.server.store.ids().encode(IdKind::Message, 5, Key(99 << 21));
    let request = format!("POST /mine HTTP/1.1\r\nhost: b\r\nwebhook-id: {id}\r\nwebhook-attempt: 4\r\n\r\n");
    served.exchange(request.as_bytes()).await;
    let capture = served.only().await;
    assert_eq!((capture.message.map(|it| it.0), capture.attempt), (Some(Key(99 << 21)), Some(4)));
}
