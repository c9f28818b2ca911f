//! The honest test: whatever a receiver does, the page says it, in both languages. Real sockets and a real engine; only
//! names are answered by a script.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use semnal_core::address::AddressPolicy;
use semnal_engine::clock::Clock;
use semnal_engine::destination::RequestForm;
use semnal_engine::engine::{Engine, EngineOptions};
use semnal_engine::randomness::Randomness;
use semnal_engine::transport::dialer::Dialer;
use semnal_engine::transport::resolver::{Resolver, ScriptedAnswer};
use semnal_engine::transport::{Budget, Transport, TransportOptions};
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::{Browser, token_in};
use crate::api::tests::World;

/// An attempt may take 500 ms here.
const ATTEMPT: Duration = Duration::from_millis(500);

/// Answers every connection with a text, after reading a request; an empty text is never an answer.
fn receiver(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut request = [0; 16_384];
                let _read = stream.read(&mut request);
                if answer.is_empty() {
                    // Until the other side has had enough.
                    let _end = stream.read(&mut request);
                } else {
                    let _written = stream.write_all(answer.as_bytes());
                }
                let _closed = stream.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// Speaks TLS with a certificate that nobody signed.
fn self_signed() -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["tls.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            handshake(&config, &mut stream);
        }
    });
    address
}

fn handshake(config: &Arc<ServerConfig>, stream: &mut TcpStream) {
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(stream).is_err() {
            return;
        }
    }
}

fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Loopback is open, as in development.
fn loopback() -> AddressPolicy {
    AddressPolicy { allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() }
}

/// A console with an engine that sends.
async fn browser() -> (Browser, Engine) {
    let made: Arc<OnceLock<Engine>> = Arc::default();
    let keeps = made.clone();
    let world = World::heard_by(
        |api| {
            api.deliveries.attempt_timeout = ATTEMPT;
            api.policy = Arc::new(loopback());
        },
        move |opened| {
            let transport = Transport::new(TransportOptions {
                resolver: Resolver::Scripted(Arc::new(|_| ScriptedAnswer::NoSuchHost)),
                dialer: Dialer::Tcp,
                policy: loopback(),
                extra_roots: Vec::new(),
                open_connections_max: 100,
                tasks: TaskTracker::new(),
                clock: Clock::System,
            });
            let budget = Budget { total: ATTEMPT, ..Budget::default() };
            let engine = Engine::new(EngineOptions {
                clock: Clock::System,
                randomness: Randomness::seeded(7),
                transport: transport.unwrap(),
                form: RequestForm { budget, ..RequestForm::default() },
                in_flight_max: 100,
                cipher: opened.ids().clone(),
                probe_interval: None,
            });
            let observer = engine.observer();
            assert!(keeps.set(engine).is_ok());
            observer
        },
    )
    .await;
    let engine = made.get().unwrap().clone();
    engine.run(world.api.store.clone());
    let mut browser = Browser::of(world, "127.0.0.1:8080");
    browser.sign_up().await;
    browser.world.post("/api/v1/app", json!({ "name": "Shop", "uid": "shop" })).await.expect(201);
    let paid = json!({ "name": "paid", "description": "", "example": { "n": 1 } });
    browser.world.post("/api/v1/event-type", paid).await.expect(201);
    (browser, engine)
}

/// Sends a test to a URL and returns the heading of the verdict in English and in Romanian.
async fn verdicts(browser: &mut Browser, url: &str) -> [String; 2] {
    let body = json!({ "url": url });
    let made = browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201);
    let path = format!("/webhooks/{}/test", made["id"].as_str().unwrap());
    let seen = browser.post(&path, &path, &[("event", "paid"), ("payload", "{\"n\": 2}")]).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let mut all = Vec::new();
    for language in ["en", "ro"] {
        browser.post("/preferences", "/webhooks", &[("language", language)]).await;
        let body = browser.get(&seen.to).await.body;
        let (_, verdict) = body.split_once("id=\"verdict\" data-announce>").expect("a verdict");
        all.push(verdict.split("</h2>").next().unwrap().to_owned());
    }
    all.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_is_the_attempts_whatever_the_receiver_does() {
    let (mut browser, engine) = browser().await;
    let plain = |answer| format!("http://{}/hook", receiver(answer));
    let cases: [(String, [&str; 2]); 8] = [
        (plain("HTTP/1.1 204 No Content\r\n\r\n"), ["Delivered · 204", "Livrat · 204"]),
        (plain("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), ["Delivered · 200", "Livrat · 200"]),
        (
            plain("HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno"),
            ["Not delivered · 500", "Nelivrat · 500 · destinația a răspuns cu o eroare"],
        ),
        (
            plain("HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n"),
            ["Not delivered · 302", "Nelivrat · 302 · redirecționat; redirecționările nu sunt urmate"],
        ),
        (
            format!("http://{}/", closed()),
            ["TCP · the connection was refused", "TCP · conexiunea a fost refuzată"],
        ),
        (
            format!("https://{}/", self_signed()),
            [
                "TLS · nobody known vouches for the certificate",
                "TLS · nimeni cunoscut nu garantează certificatul",
            ],
        ),
        ("http://no-such-host.example/".to_owned(), ["DNS · no such host", "DNS · gazda nu există"]),
        (plain(""), ["HTTP · no answer in time", "HTTP · niciun răspuns la timp"]),
    ];
    for (url, words) in cases {
        let found = verdicts(&mut browser, &url).await;
        for (found, words) in found.iter().zip(words) {
            assert!(found.contains(words), "{url}: {found}");
            let good = words.starts_with("Delivered") || words.starts_with("Livrat");
            assert_eq!(
                found.contains("Not delivered") || found.contains("Nelivrat"),
                !good,
                "{url}: {found}"
            );
        }
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_to_a_paused_webhook_is_held_and_says_so_without_waiting() {
    let (mut browser, engine) = browser().await;
    let body = json!({ "url": "https://example.com/", "paused": true });
    let made = browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201);
    let path = format!("/webhooks/{}/test", made["id"].as_str().unwrap());
    let page = browser.get(&path).await.body;
    assert!(page.contains("A test would wait too"), "{page}");
    let token = token_in(&page);
    let sent = browser.post_with(&path, &token, &[("event", "paid"), ("payload", "{}")]).await;
    let body = browser.get(&sent.to).await.body;
    assert!(body.contains("Not sent yet") && body.contains("It is paused"), "{body}");
    engine.stop().await;
}
