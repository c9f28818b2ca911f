//! `semnal send` and `semnal trigger`: events from the command line.

use std::io::Read;

use clap::Args;
use http::Method;
use semnal_core::application::DEFAULT_APPLICATION;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Context, End, print, print_json};
use crate::control_client::{Answer, ClientError, Question, ask_control, ask_url};

#[derive(Args)]
pub(super) struct SendArguments {
    /// The event type
    event_type: String,
    /// The payload: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    data: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
pub(super) struct TriggerArguments {
    /// The event type
    event_type: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
struct Target {
    /// The application's id or uid
    #[arg(long, default_value = DEFAULT_APPLICATION)]
    app: String,
    /// Your own id for the event; a second event with it is refused
    #[arg(long, value_name = "EVENT_ID")]
    id: Option<String>,
    /// The server; without it, the one that runs on the data directory
    #[arg(long, env = "SEMNAL_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The API key, for --server
    #[arg(long, env = "SEMNAL_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

pub(super) async fn send(context: &Context, arguments: SendArguments) -> End {
    let payload = match read_payload(&arguments.data) {
        Ok(payload) => payload,
        Err(why) => return End::Usage(why),
    };
    post(context, &arguments.event_type, payload, &arguments.target).await
}

pub(super) async fn trigger(context: &Context, arguments: TriggerArguments) -> End {
    let name = &arguments.event_type;
    let path = format!("/api/v1/event-type/{}", escape(name));
    let question = Question { method: Method::GET, path: &path, body: None, key: None };
    let answer = match ask(context, &arguments.target, question).await {
        Ok(answer) => answer,
        Err(end) => return end,
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.status.is_success() {
        return End::Usage(format!("there is no event type {name:?}: {}", body["detail"]));
    }
    let Some(example) = body.get("example").filter(|e| e.is_object()) else {
        return End::Usage(format!("{name} has no example payload; use: semnal send {name} --data JSON"));
    };
    let payload = RawValue::from_string(example.to_string()).expect("a JSON value is JSON");
    post(context, name, payload, &arguments.target).await
}

async fn post(context: &Context, event_type: &str, payload: Box<RawValue>, target: &Target) -> End {
    let mut body = format!("{{\"eventType\":{},", Value::from(event_type));
    if let Some(id) = &target.id {
        body.push_str(&format!("\"eventId\":{},", Value::from(id.as_str())));
    }
    body.push_str(&format!("\"payload\":{}}}", payload.get()));
    let path = format!("/api/v1/app/{}/msg", escape(&target.app));
    let question = Question { method: Method::POST, path: &path, body: Some(body.into_bytes()), key: None };
    let answer = match ask(context, target, question).await {
        Ok(answer) => answer,
        Err(end) => return end,
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.status.is_success() {
        return End::Usage(format!("the server refused the event ({}): {}", answer.status, body["detail"]));
    }
    if context.json { print_json(&body) } else { print(body["id"].as_str().unwrap_or_default()) }
}

async fn ask(context: &Context, target: &Target, question: Question<'_>) -> Result<Answer, End> {
    let answered = match &target.server {
        Some(server) => ask_url(server, Question { key: target.key.as_deref(), ..question }).await,
        None => ask_control(&context.data_dir, question).await,
    };
    answered.map_err(|error| match error {
        ClientError::NotRunning => End::Failed(format!(
            "no server runs on {}; start one with `semnal serve`, or name one with --server URL --key KEY",
            context.data_dir.display()
        )),
        ClientError::BadUrl { .. } => End::Usage(error.to_string()),
        ClientError::Unreachable { .. } => End::Failed(error.to_string()),
    })
}

fn read_payload(data: &str) -> Result<Box<RawValue>, String> {
    let text = if data == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| format!("standard input: {e}"))?;
        text
    } else if let Some(file) = data.strip_prefix('@') {
        std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?
    } else {
        data.to_owned()
    };
    let payload: Box<RawValue> =
        serde_json::from_str(text.trim()).map_err(|e| format!("--data is not JSON: {e}"))?;
    if payload.get().starts_with('{') { Ok(payload) } else { Err("--data must be a JSON object".into()) }
}

/// Names have only letters, digits, '-', '_' and '.'; anything else cannot be part of a path.
fn escape(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().map(|c| if keep(c) { c.to_string() } else { "%20".into() }).collect()
}
