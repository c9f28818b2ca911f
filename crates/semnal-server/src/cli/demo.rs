//! `semnal demo`: the walk-through in a terminal. A real server on a temporary directory and free ports, a receiver of
//! its own, one event from the catalogue, and the signature checked as a receiver would.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use semnal_core::signature::Verifier;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Context, End, print, print_json};
use crate::api::control;
use crate::configuration::Values;
use crate::control_client::{Question, ask_url};
use crate::serve::{Server, system_now};

/// The event of the walk-through.
const EVENT: &str = "payment_received";
/// 10 s for the delivery to arrive; it takes milliseconds.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(10);

/// What the receiver caught.
struct Caught {
    headers: HeaderMap,
    body: Bytes,
}

/// The whole story, as it is told.
struct Story {
    api: String,
    url: String,
    secret: String,
    message_id: String,
    caught: Caught,
    took: Duration,
}

pub(super) async fn demo(context: &Context) -> End {
    let directory = match tempfile::tempdir() {
        Ok(directory) => directory,
        Err(error) => return End::Failed(format!("no temporary directory can be made: {error}")),
    };
    // Settings of this machine do not reach the demo: it looks the same everywhere.
    let flags = BTreeMap::from([
        ("listen", "127.0.0.1:0".to_owned()),
        ("bin_listen", "none".to_owned()),
        ("dev", "true".to_owned()),
    ]);
    let settings = Values::gather(&flags, |_| None, None, directory.path()).and_then(|v| v.settings());
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return End::Failed(error.to_string()),
    };
    let server = match Server::start(&directory.path().join("data"), &settings).await {
        Ok(server) => server,
        Err(error) => return End::Failed(error.to_string()),
    };
    let told = play(&server).await;
    server.stop().await;
    let story = match told {
        Ok(story) => story,
        Err(why) => return End::Failed(why),
    };
    let verified = verify(&story);
    let printed = if context.json {
        print_json(&as_json(&story, verified.is_ok()))
    } else {
        print(&in_words(&story, &verified))
    };
    match (printed, verified.is_ok()) {
        (End::Success, false) => End::No,
        (printed, _) => printed,
    }
}

async fn play(server: &Server) -> Result<Story, String> {
    let (address, mut caught) = receiver().await.map_err(|e| format!("no receiver can be started: {e}"))?;
    let made = control::create_key(&server.store, system_now()(), "demo", &[], None).await;
    let key = made.map_err(|e| e.sentence())?["key"].as_str().unwrap_or_default().to_owned();
    let api = format!("http://{}", server.address);
    let url = format!("http://{address}/hook");
    let ask = |method: Method, path: String, body: Option<Value>| {
        let (api, key) = (api.clone(), key.clone());
        async move { ask(&api, &key, method, &path, body).await }
    };
    let endpoints = "/api/v1/app/default/endpoint".to_owned();
    let wanted = json!({ "url": url, "eventTypes": [EVENT], "description": "demo" });
    let endpoint = ask(Method::POST, endpoints.clone(), Some(wanted)).await?;
    let secret_path = format!("{endpoints}/{}/secret", endpoint["id"].as_str().unwrap_or_default());
    let secret = ask(Method::GET, secret_path, None).await?;
    let event_type = ask(Method::GET, format!("/api/v1/event-type/{EVENT}"), None).await?;
    let message = json!({ "eventType": EVENT, "payload": event_type["example"] });
    let sent_at = Instant::now();
    let message = ask(Method::POST, "/api/v1/app/default/msg".into(), Some(message)).await?;
    let arrived = tokio::time::timeout(ARRIVAL_LIMIT, caught.recv()).await;
    let caught = arrived.ok().flatten().ok_or("the event was accepted, but nothing arrived in 10 s")?;
    Ok(Story {
        api,
        url,
        secret: secret["key"].as_str().unwrap_or_default().to_owned(),
        message_id: message["id"].as_str().unwrap_or_default().to_owned(),
        caught,
        took: sent_at.elapsed(),
    })
}

async fn ask(api: &str, key: &str, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
    let body = body.map(|b| b.to_string().into_bytes());
    let answer =
        ask_url(api, Question { method, path, body, key: Some(key) }).await.map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if answer.status.is_success() {
        Ok(value)
    } else {
        Err(format!("{path} answered {}: {value}", answer.status))
    }
}

/// Starts a receiver that answers 204 and hands over what it caught. It ends with the process.
async fn receiver() -> std::io::Result<(SocketAddr, mpsc::Receiver<Caught>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (sender, caught) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let (head, body) = request.into_parts();
                    if let Ok(body) = body.collect().await {
                        let caught = Caught { headers: head.headers, body: body.to_bytes() };
                        // Only the first one is shown.
                        drop(sender.try_send(caught));
                    }
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = StatusCode::NO_CONTENT;
                    Ok::<_, Infallible>(response)
                }
            });
            let serving =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    Ok((address, caught))
}

fn header<'a>(story: &'a Story, name: &str) -> &'a str {
    story.caught.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Checks the request as any receiver would: with the secret and what arrived, nothing else.
fn verify(story: &Story) -> Result<(), String> {
    if header(story, "webhook-id") != story.message_id {
        return Err("another message arrived than was sent".into());
    }
    let verifier = Verifier::parse(&story.secret).map_err(|e| e.to_string())?;
    let (id, time) = (header(story, "webhook-id"), header(story, "webhook-timestamp"));
    let signature = header(story, "webhook-signature");
    verifier.verify(id, time, signature, &story.caught.body, system_now()()).map_err(|e| e.to_string())
}

fn as_json(story: &Story, verified: bool) -> Value {
    let headers: serde_json::Map<String, Value> = story
        .caught
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    json!({
        "verified": verified,
        "url": story.url,
        "secret": story.secret,
        "headers": headers,
        "body": String::from_utf8_lossy(&story.caught.body),
        "durationMs": u64::try_from(story.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn in_words(story: &Story, verified: &Result<(), String>) -> String {
    let verdict = match verified {
        Ok(()) => "the signature verifies: this request is from the server and nobody changed it".to_owned(),
        Err(why) => format!("the signature does NOT verify: {why}"),
    };
    format!(
        "1. A server started at {} on a temporary directory.
2. A receiver waits at {}.
3. A webhook for {EVENT} was added; its secret is {}.
4. The event was sent with its example payload and accepted as {}.
5. It arrived after {} ms, {} bytes:
     webhook-id: {}
     webhook-timestamp: {}
     webhook-signature: {}
     webhook-event: {}
6. {verdict}

The server has stopped and its directory is gone. Start one that stays: semnal serve --dev",
        story.api,
        story.url,
        story.secret,
        story.message_id,
        story.took.as_millis(),
        story.caught.body.len(),
        header(story, "webhook-id"),
        header(story, "webhook-timestamp"),
        header(story, "webhook-signature"),
        header(story, "webhook-event"),
    )
}
