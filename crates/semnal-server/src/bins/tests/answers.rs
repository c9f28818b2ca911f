//! What is answered, and how connections go on and end.

use semnal_core::id::CapturedId;
use semnal_core::request_bin::handshake::{Handshake, Sender};
use semnal_core::request_bin::response::{Fault, FaultKind};

use super::*;

const GET: &[u8] = b"GET /mine HTTP/1.1\r\nhost: b\r\n\r\n";

fn assert_safe(answer: &str) {
    for line in ["Content-Security-Policy: sandbox\r\n", "X-Content-Type-Options: nosniff\r\n"] {
        assert!(answer.contains(line), "{answer}");
    }
    let lower = answer.to_ascii_lowercase();
    for name in ["set-cookie", "allow-credentials", "strict-transport-security", "refresh:"] {
        assert!(!lower.contains(name), "{answer}");
    }
}

#[tokio::test]
async fn every_answer_is_in_a_sandbox() {
    let served = Served::new().await;
    let nobody = &b"GET /nobody HTTP/1.1\r\nhost: b\r\n\r\n"[..];
    for request in [GET, b"\x16\x03\x01", b"GET /mine\r\n\r\n", nobody] {
        assert_safe(&served.exchange(request).await);
    }
    let headers = vec![
        ("X-A".to_owned(), "1".to_owned()),
        ("Access-Control-Allow-Origin".to_owned(), "https://x".to_owned()),
    ];
    let body = Some(b"<script>alert(1)</script>".to_vec());
    let content_type = Some("text/html".to_owned());
    served
        .answering(BinResponse { status: 418, headers, body, content_type, ..BinResponse::default() })
        .await;
    let answer = served.exchange(GET).await;
    assert_safe(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/html\r\nX-A: 1\r\n"),
        "{answer}"
    );
    assert_eq!(answer.matches("Access-Control-Allow-Origin").count(), 1);
    assert!(answer.contains("Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n<script>alert(1)</script>"));
}

#[tokio::test]
async fn the_default_answer_names_the_request() {
    let served = Served::new().await;
    let answer = served.exchange(GET).await;
    let id = served.server.store.ids().encode_captured(CapturedId { bin: served.bin, number: 1 });
    assert!(answer.ends_with(&format!("\r\n\r\n{{\"received\":true,\"id\":\"{id}\"}}")), "{answer}");
}

#[tokio::test]
async fn requests_share_a_connection_also_when_they_come_at_once() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    let two = [GET, b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 2\r\n\r\nab", GET].concat();
    stream.write_all(&two).await.unwrap();
    for number in 1..=3 {
        let (_, body) = one_answer(&mut stream).await;
        let id = served.server.store.ids().encode_captured(CapturedId { bin: served.bin, number });
        assert!(String::from_utf8(body).unwrap().contains(&id));
    }
    stream.write_all(b"HEAD /mine HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n").await.unwrap();
    let last = rest(&mut stream).await;
    assert!(
        last.ends_with("\r\n\r\n") && last.contains("Content-Length: ") && last.contains("Connection: close")
    );
    assert_eq!(served.caught().await.len(), 4);
}

#[tokio::test]
async fn a_connection_has_so_many_requests() {
    let limits = BinListenerLimits { requests_max: 2, ..BinListenerLimits::default() };
    let served = Served::with(limits).await;
    let answers = served.exchange(&[GET, GET, GET].concat()).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2);
    assert_eq!(answers.matches("Connection: close").count(), 1);
}

#[tokio::test]
async fn http_1_0_closes_unless_it_asks_to_stay() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /mine HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await.unwrap();
    let (head, _) = one_answer(&mut stream).await;
    assert!(head.contains("Connection: keep-alive"), "{head}");
    stream.write_all(b"GET /mine HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.contains("Connection: close"));
}

#[tokio::test]
async fn a_client_that_waits_is_told_to_continue() {
    let served = Served::new().await;
    let mut stream = served.connect().await;
    let head = b"POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: 2\r\nexpect: 100-Continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
    let unknown = b"POST /nobody HTTP/1.1\r\nhost: b\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    assert!(served.exchange(unknown).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_status_without_a_body_has_none() {
    let served = Served::new().await;
    for status in [204, 205, 304] {
        served.answering(BinResponse { status, ..BinResponse::default() }).await;
        let answer = served.exchange(GET).await;
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("\r\nContent-Type"), "{answer}");
        assert_eq!(answer.contains("Content-Length: 0"), status == 205, "{answer}");
    }
}

#[tokio::test]
async fn a_browser_s_question_is_captured_and_answered() {
    let served = Served::new().await;
    let answer = served
        .exchange(b"OPTIONS /mine HTTP/1.1\r\nhost: b\r\norigin: https://x\r\naccess-control-request-method: POST\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 204 ") && answer.contains("Access-Control-Allow-Methods: POST\r\n"),
        "{answer}"
    );
    assert_safe(&answer);
    assert!(served.only().await.head.starts_with(b"OPTIONS"));
}

#[tokio::test]
async fn a_handshake_is_captured_and_answered() {
    let served = Served::new().await;
    let handshake = Some(Handshake { sender: Sender::Slack, secret: None });
    served.answering(BinResponse { status: 500, handshake, ..BinResponse::default() }).await;
    let body = r#"{"type":"url_verification","challenge":"<b>"}"#;
    let request = format!("POST /mine HTTP/1.1\r\nhost: b\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = served.exchange(request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ")
            && answer.ends_with("\r\n\r\n<b>")
            && answer.contains("text/plain")
    );
    assert_eq!(served.only().await.body, body.as_bytes());
}

#[tokio::test]
async fn faults_happen_after_the_request_was_kept() {
    let limits =
        BinListenerLimits { answer_timeout: Duration::from_millis(300), ..BinListenerLimits::default() };
    let served = Served::with(limits).await;
    let fault = |kind| BinResponse {
        fault: Some(Fault { kind, percent: 100 }),
        body: Some(b"abc".to_vec()),
        ..BinResponse::default()
    };
    served.answering(fault(FaultKind::Status(503))).await;
    assert!(served.exchange(GET).await.starts_with("HTTP/1.1 503 "));
    served.answering(fault(FaultKind::Reset)).await;
    let mut stream = served.connect().await;
    stream.write_all(GET).await.unwrap();
    let reset = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    served.answering(fault(FaultKind::Timeout)).await;
    let mut stream = served.connect().await;
    stream.write_all(GET).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    served.answering(fault(FaultKind::Drip)).await;
    let dripped = served.exchange(GET).await;
    assert!(dripped.contains("Content-Length: 3") && dripped.contains("\r\n\r\na"), "{dripped}");
    assert_eq!(served.caught().await.len(), 4);
}

#[tokio::test]
async fn a_request_that_could_not_be_kept_is_not_answered_with_2xx() {
    let served = Served::new().await;
    served.disk.faults.set_disk_full(true);
    let answer = served.exchange(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 5"), "{answer}");
    served.disk.faults.set_disk_full(false);
    assert!(served.exchange(GET).await.starts_with("HTTP/1.1 200 "));
    served.disk.faults.fail_next_commit();
    for _ in 0..2 {
        assert!(served.exchange(GET).await.starts_with("HTTP/1.1 503 "));
    }
    assert_eq!(served.caught().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_stops_answers_at_once_and_ends_idle_connections() {
    let served = Served::new().await;
    let mut idle = served.connect().await;
    idle.write_all(GET).await.unwrap();
    one_answer(&mut idle).await;
    served.answering(BinResponse { delay_ms: 30_000, ..BinResponse::default() }).await;
    let mut waiting = served.connect().await;
    waiting.write_all(GET).await.unwrap();
    let mut watch = served.server.bins.watch(served.bin).unwrap();
    while watch.borrow_and_update().last_number < 2 {
        watch.changed().await.unwrap();
    }
    served.shutdown.cancel();
    let answer = rest(&mut waiting).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(rest(&mut idle).await, "");
    served.serving.await.unwrap();
    served.tasks.close();
    served.tasks.wait().await;
    assert!(TcpStream::connect(served.address).await.is_err());
}
