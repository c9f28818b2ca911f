//! `semnal demo`: the walk-through in a terminal. A real server on a temporary directory and free ports, a request bin
//! as the receiver, one event from the catalogue, and the signature checked as a receiver would.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use semnal_core::signature::Verifier;
use serde_json::{Value, json};

use super::{Context, End, print, print_json};
use crate::api::control;
use crate::configuration::Values;
use crate::control_client::{Question, ask_url};
use crate::serve::{Server, system_now};

/// The event of the walk-through.
const EVENT: &str = "payment_received";
/// 10 s for the delivery to arrive; it takes milliseconds.
const ARRIVAL_SECONDS: u64 = 10;

/// What the bin caught.
struct Caught {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
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
    let free = "127.0.0.1:0".to_owned();
    let flags = BTreeMap::from([("listen", free.clone()), ("bin_listen", free)]);
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
    let made = control::create_key(&server.store, system_now()(), "demo", &[], None).await;
    let key = made.map_err(|e| e.sentence())?["key"].as_str().unwrap_or_default().to_owned();
    let api = format!("http://{}", server.address);
    let ask = |method: Method, path: String, body: Option<Value>| {
        let (api, key) = (api.clone(), key.clone());
        async move { ask(&api, &key, method, &path, body).await }
    };
    let bin = ask(Method::POST, "/api/v1/bin".into(), Some(json!({ "name": "Demo" }))).await?;
    let url = format!("{}/hook", bin["url"].as_str().unwrap_or_default());
    let endpoints = "/api/v1/app/default/endpoint".to_owned();
    let wanted = json!({ "url": url, "eventTypes": [EVENT], "description": "demo" });
    let endpoint = ask(Method::POST, endpoints.clone(), Some(wanted)).await?;
    let secret_path = format!("{endpoints}/{}/secret", endpoint["id"].as_str().unwrap_or_default());
    let secret = ask(Method::GET, secret_path, None).await?;
    let event_type = ask(Method::GET, format!("/api/v1/event-type/{EVENT}"), None).await?;
    let message = json!({ "eventType": EVENT, "payload": event_type["example"] });
    let sent_at = Instant::now();
    let message = ask(Method::POST, "/api/v1/app/default/msg".into(), Some(message)).await?;
    let bin_id = bin["id"].as_str().unwrap_or_default();
    let waiting = format!("/api/v1/bin/{bin_id}/wait?after=0&timeout={ARRIVAL_SECONDS}");
    let arrived = ask(Method::GET, waiting, None).await;
    let arrived = arrived.map_err(|why| format!("the event was accepted, but nothing arrived: {why}"))?;
    let took = sent_at.elapsed();
    let caught = read(&arrived).ok_or("what the bin answers about the request is not what it should be")?;
    Ok(Story {
        api,
        url,
        secret: secret["key"].as_str().unwrap_or_default().to_owned(),
        message_id: message["id"].as_str().unwrap_or_default().to_owned(),
        caught,
        took,
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

/// Reads what a bin caught.
fn read(request: &Value) -> Option<Caught> {
    let pair = |it: &Value| Some((it[0].as_str()?.to_owned(), it[1].as_str()?.to_owned()));
    let headers = request["headers"].as_array()?.iter().map(pair).collect::<Option<_>>()?;
    Some(Caught { headers, body: STANDARD.decode(request["bodyBase64"].as_str()?).ok()? })
}

fn header<'a>(story: &'a Story, name: &str) -> &'a str {
    let found = story.caught.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
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
    let pairs = story.caught.headers.iter();
    let headers: serde_json::Map<String, Value> =
        pairs.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
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
2. A request bin waits at {}.
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
