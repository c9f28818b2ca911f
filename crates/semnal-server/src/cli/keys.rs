//! `semnal keys`: API keys, through the control socket while a server runs, else in the data directory itself.

use std::sync::Arc;

use clap::Subcommand;
use http::Method;
use semnal_store::directory::DataDirectory;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::Opened;
use serde_json::{Value, json};

use super::{Context, End, print, print_json};
use crate::api::control;
use crate::control_client::{ClientError, Question, ask_control};
use crate::seed;
use crate::serve::{ServeError, store_options, system_now};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it, once
    #[command(after_help = "Example:\n  semnal keys create --name shop --scope send --expires 90d")]
    Create {
        /// What the key is for
        #[arg(long)]
        name: String,
        /// What it may do: read, send, manage (repeatable); all when not given
        #[arg(long)]
        scope: Vec<String>,
        /// From when on it is refused, counted from now: 90d, 12h
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
    },
    /// List the keys, without their texts
    #[command(after_help = "Example:\n  semnal keys list --json")]
    List,
    /// Refuse a key from now on
    #[command(after_help = "Example:\n  semnal keys revoke key_2Xd…")]
    Revoke {
        /// The key's id, as `semnal keys list` shows it
        id: String,
    },
}

pub(super) async fn keys(context: &Context, command: KeysCommand) -> End {
    let (method, path, body) = match &command {
        KeysCommand::Create { name, scope, expires } => {
            let body = json!({ "name": name, "scopes": scope, "expires": expires });
            (Method::POST, "/control/keys".to_owned(), Some(body))
        }
        KeysCommand::List => (Method::GET, "/control/keys".to_owned(), None),
        KeysCommand::Revoke { id } => {
            if !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return End::Usage(format!("{id:?} is not the id of a key; `semnal keys list` shows them"));
            }
            (Method::POST, format!("/control/keys/{id}/revoke"), Some(json!({})))
        }
    };
    let text = body.as_ref().map(|b| b.to_string().into_bytes());
    let question = Question { method: method.clone(), path: &path, body: text, key: None };
    let answered = match ask_control(&context.data_dir, question).await {
        Ok(answer) => {
            let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            if answer.status.is_success() { Ok(body) } else { Err(detail(&body)) }
        }
        Err(ClientError::NotRunning) => match offline(context, &command).await {
            Ok(answered) => answered,
            Err(error) => return End::Failed(error.to_string()),
        },
        Err(error) => return End::Failed(error.to_string()),
    };
    match answered {
        Ok(body) if context.json => print_json(&body),
        Ok(body) => print(&in_words(&command, &body)),
        Err(why) => End::Usage(why),
    }
}

fn detail(body: &Value) -> String {
    match &body["detail"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn offline(context: &Context, command: &KeysCommand) -> Result<Result<Value, String>, ServeError> {
    let directory = DataDirectory::open(&context.data_dir)?;
    let deaf: Arc<dyn Observer> = Arc::new(Deaf);
    let store = Opened::sqlite(&directory, store_options()?)?.start(&deaf)?;
    let now = system_now()();
    seed::seed(&store, now).await?;
    let answered = match command {
        KeysCommand::Create { name, scope, expires } => {
            control::create_key(&store, now, name, scope, expires.as_deref()).await
        }
        KeysCommand::List => Ok(control::list_keys(&store, now)),
        KeysCommand::Revoke { id } => control::revoke_key(&store, now, id).await,
    };
    store.stop().await;
    Ok(answered.map_err(|error| error.sentence()))
}

fn in_words(command: &KeysCommand, body: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    match command {
        KeysCommand::Create { .. } => text(&body["key"]),
        KeysCommand::Revoke { .. } => format!("{} is refused from now on", text(&body["id"])),
        KeysCommand::List => {
            let keys = body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            let line = |k: &Value| {
                format!(
                    "{}  {}…  {:<8}  {}",
                    text(&k["id"]),
                    text(&k["hint"]),
                    text(&k["state"]),
                    text(&k["name"])
                )
            };
            if keys.is_empty() {
                "there are no keys; make one with: semnal keys create --name NAME".into()
            } else {
                keys.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
