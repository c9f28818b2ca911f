//! What bins caught: lists, searches, waiting, streams, verdicts, commands and files.

use axum::body::{Body, HttpBody};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use semnal_core::id::{BinId, CapturedId, IdKind};
use semnal_core::request_bin::capture::{Capture, delivery_of};
use semnal_core::request_bin::head::Head;
use semnal_core::signature::{Secret, Signer};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{World, request};

const BIN: &str = "/api/v1/bin/mine";

impl World {
    /// Makes the bin `mine`.
    async fn mine(&self) -> BinId {
        let made = self.post("/api/v1/bin", json!({"uid": "mine"})).await.expect(201);
        let (_, key) = self.store().ids().decode(IdKind::Bin, made["id"].as_str().unwrap()).unwrap();
        BinId(key)
    }

    /// Captures what a listener would.
    async fn catch(&self, bin: BinId, head: &str, body: &[u8]) -> CapturedId {
        let head = format!("{}\r\nHost: b\r\n\r\n", head.replace('\n', "\r\n"));
        let of = delivery_of(&Head::parse(head.as_bytes()), self.store().ids());
        let capture = Capture {
            received_at: self.api.now(),
            remote: "192.0.2.1:99".parse().unwrap(),
            head: head.into_bytes(),
            body: body.to_vec(),
            body_bytes: body.len() as u64,
            framed: None,
            problem: None,
            message: of.map(|(message, _)| message),
            attempt: of.and_then(|(_, attempt)| attempt),
        };
        self.api.bins.as_ref().unwrap().bins.capture(bin, capture).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_request_shows_its_parts_and_its_bytes() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "pUT /mine/a%2f?x=1&x HTTP/1.1\nB: 1\na: \u{fffd}\nB: 2", b"\0\xff").await;
    let whole = world.get(&format!("{BIN}/request/1")).await.expect(200);
    assert_eq!((&whole["method"], &whole["target"]), (&json!("pUT"), &json!("/mine/a%2f?x=1&x")));
    assert_eq!(whole["headers"], json!([["B", "1"], ["a", "\u{fffd}"], ["B", "2"], ["Host", "b"]]));
    assert_eq!(STANDARD.decode(whole["bodyBase64"].as_str().unwrap()).unwrap(), b"\0\xff");
    assert_eq!((&whole["bodyBytes"], &whole["truncated"]), (&json!(2), &json!(false)));
    assert_eq!(
        world.get(&format!("{BIN}/request/{}", whole["id"].as_str().unwrap())).await.expect(200),
        whole
    );
    let raw = world.get(&format!("{BIN}/request/1/raw")).await;
    assert!(raw.body.starts_with(b"pUT /mine") && raw.body.ends_with(b"\r\n\r\n\0\xff"));
    assert_eq!(raw.headers["content-security-policy"], "sandbox");
    assert!(raw.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    for name in ["2", "0", "x", "-1", "req_000000000000000000000000000"] {
        world.get(&format!("{BIN}/request/{name}")).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn lists_are_newest_first_and_searched() {
    let world = World::new().await;
    let bin = world.mine().await;
    for number in 0..30 {
        let (method, body) = if number % 3 == 0 { ("POST", "fizz") } else { ("GET", "other") };
        world.catch(bin, &format!("{method} /mine/{number} HTTP/1.1"), body.as_bytes()).await;
    }
    let pages = world.walk(&format!("{BIN}/request?limit=12"), "target").await;
    let expected: Vec<String> = (0..30).rev().map(|n| format!("/mine/{n}")).collect();
    assert_eq!(pages.concat(), expected);
    let fizz = world.walk(&format!("{BIN}/request?limit=4&q=FIZZ"), "target").await.concat();
    assert_eq!(fizz.len(), 10);
    for (filter, count) in [("method=post", 10), ("path=/mine/2", 11), ("body=other", 20), ("q=nothing", 0)] {
        let found = world.get(&format!("{BIN}/request?{filter}")).await.expect(200);
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{filter}");
    }
    assert_eq!(world.get(&format!("{BIN}/request?message_id=msg_x")).await.invalid(), ["query.message_id"]);
    world.delete(&format!("{BIN}/request/30")).await.expect(204);
    world.delete(&format!("{BIN}/request/30")).await.refused(404, "not_found");
    world.delete(&format!("{BIN}/request")).await.expect(204);
    assert_eq!(world.get(&format!("{BIN}/request")).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn whoever_waits_gets_the_first_request_that_matches() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "POST /mine/early HTTP/1.1", b"").await;
    world.get(&format!("{BIN}/wait?timeout=0")).await.refused(408, "nothing_came");
    let early = world.get(&format!("{BIN}/wait?timeout=0&after=0")).await.expect(200);
    assert_eq!(early["target"], "/mine/early");
    let waiting = format!("{BIN}/wait?method=POST&path=/x&body=text");
    let (found, ()) = tokio::join!(world.get(&waiting), async {
        for (head, body) in [
            ("GET /mine/x HTTP/1.1", "text"),
            ("POST /mine/x HTTP/1.1", "else"),
            ("POST /mine/x HTTP/1.1", "a text"),
        ] {
            tokio::task::yield_now().await;
            world.catch(bin, head, body.as_bytes()).await;
        }
    });
    assert_eq!(found.expect(200)["number"], 4);
    let next = world.get(&format!("{BIN}/wait?timeout=0&after=3&method=POST")).await.expect(200);
    assert_eq!(next["number"], 4);
    for wrong in ["timeout=61", "timeout=x", "after=x"] {
        assert_eq!(world.get(&format!("{BIN}/wait?{wrong}")).await.invalid().len(), 1, "{wrong}");
    }
    let (gone, ()) = tokio::join!(world.get(&waiting), async {
        tokio::task::yield_now().await;
        world.delete(BIN).await.expect(204);
    });
    gone.refused(404, "not_found");
}

/// Reads events until there are so many of a kind.
async fn events(body: &mut Body, kind: &str, count: usize) -> Vec<(Option<String>, Value)> {
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        let frame = body.frame().await.expect("the stream goes on").unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&frame).unwrap());
        found.clear();
        for event in text.split("\n\n").filter(|it| it.contains("event: ") && it.contains("data: ")) {
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if field("event: ").as_deref() == Some(kind) {
                found.push((field("id: "), serde_json::from_str(&field("data: ").unwrap()).unwrap()));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_stream_tells_what_comes_and_goes_on_where_it_stopped() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "POST /mine/1 HTTP/1.1", b"").await;
    let mut ask = request("GET", &format!("{BIN}/stream"), Some(&world.key), None);
    let answer = world.network.clone().oneshot(ask).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    assert_eq!(events(&mut body, "bin", 1).await[0].1["lastNumber"], 1);
    world.catch(bin, "POST /mine/2 HTTP/1.1", b"").await;
    let found = events(&mut body, "request", 1).await;
    assert_eq!((found[0].0.as_deref(), &found[0].1["target"]), (Some("2"), &json!("/mine/2")));
    drop(body);
    for number in 3..=400 {
        world.catch(bin, &format!("POST /mine/{number} HTTP/1.1"), b"").await;
    }
    ask = request("GET", &format!("{BIN}/stream"), Some(&world.key), None);
    ask.headers_mut().insert("last-event-id", "2".parse().unwrap());
    let mut body = world.network.clone().oneshot(ask).await.unwrap().into_body();
    let found = events(&mut body, "request", 398).await;
    let ids: Vec<String> = found.into_iter().filter_map(|(id, _)| id).collect();
    assert_eq!(ids, (3..=400).map(|n| n.to_string()).collect::<Vec<_>>());
    world.delete(BIN).await.expect(204);
    while body.frame().await.is_some() {}
    assert!(body.is_end_stream() || body.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let world = World::new().await;
    world.mine().await;
    let ask = request("GET", &format!("{BIN}/stream"), Some(&world.key), None);
    let mut body = world.network.clone().oneshot(ask).await.unwrap().into_body();
    events(&mut body, "bin", 1).await;
    let waiting = format!("{BIN}/wait");
    let (waited, ()) = tokio::join!(world.get(&waiting), async {
        tokio::task::yield_now().await;
        world.api.bins.as_ref().unwrap().shutdown.cancel();
    });
    waited.refused(503, "unavailable");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_after_the_time_that_was_asked_for_also_when_requests_never_cease() {
    let world = World::new().await;
    let bin = world.mine().await;
    let at_once = world.get(&format!("{BIN}/stream?timeout=0")).await;
    let text = String::from_utf8(at_once.body.to_vec()).unwrap();
    assert_eq!(text, "event: bin\ndata: {\"requests\":0,\"bytes\":0,\"lastNumber\":0}\n\n");
    let never_cease = async {
        loop {
            world.catch(bin, "GET /mine HTTP/1.1", b"").await;
        }
    };
    let path = format!("{BIN}/stream?timeout=1");
    tokio::select! {
        answer = world.get(&path) => assert!(answer.body.starts_with(b"event: bin")),
        () = never_cease => {}
    }
    assert_eq!(world.get(&format!("{BIN}/stream?timeout=3601")).await.invalid(), ["query.timeout"]);
}

#[tokio::test]
async fn a_body_to_send_again_that_is_given_twice_must_be_the_same() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "POST /mine HTTP/1.1", b"{}").await;
    let path = format!("{BIN}/request/1/replay");
    let given = json!({
        "url": "https://example.com/", "body": "a", "bodyBase64": "Yg==", "headers": [["a b", "v"]], "method": "",
    });
    assert_eq!(world.post(&path, given).await.invalid(), ["body.method", "body.headers", "body.body"]);
}

#[tokio::test]
async fn a_signature_is_judged_at_the_moment_of_arrival_with_the_reason_of_its_failure() {
    let world = World::new().await;
    let bin = world.mine().await;
    let now = world.api.now().unix_seconds();
    let secret = Secret::Symmetric(vec![7; 24]);
    let pair = Secret::Ed25519([9; 32]);
    let sign = |secret: &Secret, seconds: i64| {
        let mut header = String::new();
        Signer::new(secret).sign("msg_1", seconds, b"{}", &mut header);
        header
    };
    let head = |prefix: &str, seconds: i64, signature: &str| {
        format!(
            "POST /mine HTTP/1.1\n{prefix}-id: msg_1\n{prefix}-timestamp: {seconds}\n{prefix}-signature: {signature}"
        )
    };
    world.catch(bin, &head("webhook", now, &sign(&secret, now)), b"{}").await;
    world.catch(bin, &head("svix", now - 10, &sign(&pair, now - 10)), b"{}").await;
    world.catch(bin, &head("webhook", now - 301, &sign(&secret, now - 301)), b"{}").await;
    world.catch(bin, &head("webhook", now + 301, &sign(&secret, now + 301)), b"{}").await;
    world.catch(bin, &head("webhook", now, &sign(&secret, now)), b"{} ").await;
    world.catch(bin, "POST /mine HTTP/1.1\nwebhook-signature: v1,x", b"{}").await;
    world.catch(bin, "POST /mine HTTP/1.1", b"{}").await;
    world.advance_seconds(3_600);
    let verify = async |number: u32, secret: String| {
        world.post(&format!("{BIN}/request/{number}/verify"), json!({"secret": secret})).await.expect(200)
    };
    let good = verify(1, secret.reveal()).await;
    assert_eq!(
        (&good["valid"], &good["reason"], &good["skewSeconds"]),
        (&json!(true), &json!("valid"), &json!(0))
    );
    assert_eq!(good["baseString"], format!("msg_1.{now}.{{}}"));
    assert_eq!(good["got"][0], good["expected"]);
    let public = verify(2, pair.verification_key()).await;
    assert_eq!(
        (&public["valid"], &public["prefix"], &public["skewSeconds"]),
        (&json!(true), &json!("svix"), &json!(10))
    );
    assert_eq!(verify(2, pair.reveal()).await["valid"], true);
    for (number, reason) in [
        (3, "timestamp_too_old"),
        (4, "timestamp_too_new"),
        (5, "no_match"),
        (6, "missing_header"),
        (7, "missing_header"),
    ] {
        let verdict = verify(number, secret.reveal()).await;
        assert_eq!((&verdict["valid"], &verdict["reason"]), (&json!(false), &json!(reason)), "{verdict}");
        assert!(verdict["detail"].as_str().unwrap().len() > 10);
    }
    assert_eq!(verify(1, Secret::Symmetric(vec![8; 24]).reveal()).await["reason"], "no_match");
    assert!(verify(6, secret.reveal()).await["detail"].as_str().unwrap().contains("webhook-id"));
    let refused =
        world.post(&format!("{BIN}/request/1/verify"), json!({"secret": "whsec_x"})).await.invalid();
    assert_eq!(refused, ["body.secret"]);
}

#[tokio::test]
async fn a_request_is_not_sent_again_to_where_deliveries_may_not_go() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "POST /mine HTTP/1.1\nX-A: 1", b"{}").await;
    let path = format!("{BIN}/request/1/replay");
    for url in
        ["http://127.0.0.1:1/", "http://10.0.0.1/", "file:///etc/passwd", "http://example.com:25/", "x"]
    {
        assert_eq!(world.post(&path, json!({"url": url})).await.invalid(), ["body.url"], "{url}");
    }
    assert_eq!(
        world.post(&path, json!({"url": "https://example.com", "headers": [["a b", "c"]]})).await.invalid(),
        ["body.headers"]
    );
}

#[tokio::test]
async fn a_request_becomes_a_command() {
    let world = World::new().await;
    let bin = world.mine().await;
    world.catch(bin, "POST /mine/a?b HTTP/1.1\nX-A: it's", b"x").await;
    let command = world.get(&format!("{BIN}/request/1/curl")).await.expect(200);
    let text = command["command"].as_str().unwrap();
    assert!(
        text.contains("-X 'POST' 'https://bins.example.com/mine/a?b'") && text.contains(r"'X-A: it'\''s'"),
        "{text}"
    );
    for (shell, start) in [("powershell", "Invoke-WebRequest"), ("httpie", "http ")] {
        let command = world.get(&format!("{BIN}/request/1/curl?shell={shell}")).await.expect(200);
        assert!(command["command"].as_str().unwrap().starts_with(start), "{command}");
    }
    assert_eq!(world.get(&format!("{BIN}/request/1/curl?shell=cmd")).await.invalid(), ["query.shell"]);
}

#[tokio::test]
async fn a_bin_is_exported_whole_and_oldest_first() {
    let world = World::new().await;
    let bin = world.mine().await;
    let empty = world.get(&format!("{BIN}/export")).await.expect(200);
    assert_eq!(empty, json!([]));
    for number in 0..45 {
        world.catch(bin, &format!("POST /mine/{number}?a=1 HTTP/1.1"), &[b'a', 0xff]).await;
    }
    let all = world.get(&format!("{BIN}/export?format=json")).await.expect(200);
    let targets: Vec<&str> =
        all.as_array().unwrap().iter().map(|it| it["target"].as_str().unwrap()).collect();
    assert_eq!(targets, (0..45).map(|n| format!("/mine/{n}?a=1")).collect::<Vec<_>>());
    let lines = world.get(&format!("{BIN}/export?format=ndjson")).await;
    let lines: Vec<Value> =
        std::str::from_utf8(&lines.body).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(Value::from(lines), all);
    let har = world.get(&format!("{BIN}/export?format=har&path=/mine/7")).await.expect(200);
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["request"]["url"], "https://bins.example.com/mine/7?a=1");
    assert_eq!(entries[0]["request"]["queryString"], json!([{"name": "a", "value": "1"}]));
    assert_eq!(entries[0]["request"]["postData"]["encoding"], "base64");
}

#[tokio::test]
async fn a_message_and_what_bins_caught_of_it_lead_to_each_other() {
    let world = World::new().await;
    let app = world.acme().await;
    let message = world.message(app, json!({})).await;
    let bin = world.mine().await;
    world.catch(bin, &format!("POST /mine HTTP/1.1\nwebhook-id: {message}\nwebhook-attempt: 2"), b"{}").await;
    world.catch(bin, "POST /mine HTTP/1.1\nwebhook-id: msg_somebody_elses", b"{}").await;
    let found = world.get(&format!("{app}/msg/{message}/captured-request")).await.expect(200);
    let all = found["data"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["messageId"], &all[0]["attempt"]), (1, &json!(message), &json!(2)));
    let whole = world.get(&format!("{BIN}/request/1")).await.expect(200);
    assert_eq!(whole["applicationId"], world.get(app).await.expect(200)["id"]);
    assert_eq!(world.get(&format!("{BIN}/request/2")).await.expect(200)["messageId"], Value::Null);
    let listed = world.get(&format!("{BIN}/request?message_id={message}")).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}
