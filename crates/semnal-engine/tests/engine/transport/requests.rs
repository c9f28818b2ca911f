//! What is sent is a POST with the caller's headers, and framing that the caller cannot change.

use semnal_engine::transport::{Budget, Request};

use super::receiver::Receiver;
use super::world::{Setup, World, endpoint_url, request, status};

async fn sent(url: &str, request: Request) -> String {
    let receiver = Receiver::answering(status(200));
    let world = Setup::new()
        .name("ok.example", &["93.184.216.34"])
        .route("93.184.216.34:80", receiver.address)
        .route("93.184.216.34:8000", receiver.address)
        .route("[2606:4700:4700::1111]:80", receiver.address)
        .build();
    let url = endpoint_url(url);
    let result = world.transport.send(&world.connections, &url, request, Budget::default()).await;
    assert!(result.end.is_success(), "{result:?}");
    receiver.requests().remove(0)
}

#[tokio::test]
async fn a_request_is_a_post_with_path_query_host_and_length() {
    assert_eq!(
        sent("http://ok.example/hook/a%20b?x=1&y=[|^]", request("{\"a\":1}")).await,
        "POST /hook/a%20b?x=1&y=[|^] HTTP/1.1\r\n\
         content-type: application/json\r\nhost: ok.example\r\ncontent-length: 7\r\n\r\n{\"a\":1}"
    );
}

#[tokio::test]
async fn an_empty_body_has_the_length_zero() {
    assert!(sent("http://ok.example", request("")).await.contains("content-length: 0\r\n"));
}

#[tokio::test]
async fn the_host_header_has_the_port_when_it_is_not_the_usual_one() {
    assert!(sent("http://ok.example:8000/", request("")).await.contains("\r\nhost: ok.example:8000\r\n"));
    let literal = sent("http://[2606:4700:4700::1111]/", request("")).await;
    assert!(literal.contains("\r\nhost: [2606:4700:4700::1111]\r\n"));
}

#[tokio::test]
async fn the_caller_cannot_change_how_a_request_is_framed() {
    let mut request = request("body");
    for (name, value) in [
        ("host", "evil.example"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("expect", "100-continue"),
        ("upgrade", "websocket"),
    ] {
        request.headers.insert(name, value.parse().unwrap());
    }
    request.headers.append("x-tag", "1".parse().unwrap());
    request.headers.append("x-tag", "2".parse().unwrap());
    let sent = sent("http://ok.example/", request).await;
    let mut lines: Vec<&str> = sent.lines().collect();
    lines.sort_unstable();
    let expected = [
        "",
        "POST / HTTP/1.1",
        "body",
        "content-length: 4",
        "content-type: application/json",
        "host: ok.example",
        "x-tag: 1",
        "x-tag: 2",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_host_that_is_an_address_is_not_resolved() {
    let receiver = Receiver::answering(status(200));
    let world = Setup::new().route("93.184.216.34:80", receiver.address).build();
    assert!(world.send("http://93.184.216.34/").await.end.is_success());
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let body = "x".repeat(1 << 20);
    let sent = sent("http://ok.example/", request(&body)).await;
    assert!(sent.ends_with(&body));
}

#[tokio::test]
async fn endpoints_do_not_share_connections() {
    let receiver = Receiver::answering(status(200));
    let world = World::with(&receiver);
    let other = semnal_engine::transport::connections::Connections::new();
    let url = endpoint_url("http://ok.example/hook");
    for connections in [&world.connections, &other] {
        world.transport.send(connections, &url, request(""), Budget::default()).await;
    }
    assert_eq!(receiver.connections(), 2);
}
