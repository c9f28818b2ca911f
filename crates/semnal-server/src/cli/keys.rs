//! `semnal keys`: API keys, through the control socket while a server runs, else in the data directory itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Subcommand;
use http::Method;
use semnal_core::application::DEFAULT_APPLICATION;
use semnal_store::directory::DataDirectory;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::Opened;
use serde_json::{Value, json};

use super::secret_text::read_secrets;
use super::{Context, End, print, print_json};
use crate::api::control;
use crate::control_client::{ClientError, Question, ask_control};
use crate::seed;
use crate::serve::{ServeError, reachable, store_options, system_now};
use crate::ultimate_multisite::keys::{self as integration_keys, Asked};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it, once
    #[command(
        after_help = "Example:\n  semnal keys create --name shop --scope send --expires 90d\n  semnal keys create \
                      --name zapier --integration ultimate-multisite --json"
    )]
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
        /// Make it for another system: ultimate-multisite (a key and its secret for /wp-json/wu/v2) or
        /// ultimate-multisite-source (an address at /in that takes events)
        #[arg(long, value_name = "NAME", conflicts_with = "scope")]
        integration: Option<String>,
        /// The application that the integration opens, by id or uid [default: default]
        #[arg(long, requires = "integration")]
        app: Option<String>,
        /// A key of the other system to go on using, with --secret: the text, @FILE, or - for a line of standard input
        #[arg(long, value_name = "TEXT", requires = "secret")]
        key: Option<String>,
        /// Its secret: @FILE or - rather than the text, which other users of the machine would see
        #[arg(long, value_name = "TEXT", requires = "key")]
        secret: Option<String>,
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

pub(super) async fn keys(context: &Context, mut command: KeysCommand) -> End {
    if let KeysCommand::Create { key, secret, .. } = &mut command
        && let Err(why) = read_secrets([key, secret])
    {
        return End::Usage(why);
    }
    let (method, path, body) = match &command {
        KeysCommand::Create { name, scope, expires, integration, app, key, secret } => {
            let body = json!({
                "name": name, "scopes": scope, "expires": expires,
                "integration": integration, "app": app, "key": key, "secret": secret,
            });
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

/// Returns how links begin, as the settings say.
fn public_url(context: &Context) -> String {
    let settings = context.values(&BTreeMap::new()).ok().and_then(|values| values.settings().ok());
    settings.map_or_else(String::new, |it| {
        it.public_url.unwrap_or_else(|| format!("http://{}", reachable(it.listen)))
    })
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
        KeysCommand::Create { name, scope, expires, integration: None, .. } => {
            control::create_key(&store, now, name, scope, expires.as_deref()).await
        }
        KeysCommand::Create { name, expires, integration: Some(integration), app, key, secret, .. } => {
            let asked = Asked {
                integration: integration.clone(),
                application: app.clone().unwrap_or_else(|| DEFAULT_APPLICATION.to_owned()),
                brought: key.clone().zip(secret.clone()),
            };
            let url = public_url(context);
            match control::default_organisation(&store) {
                Ok(organisation) => {
                    let expires = expires.as_deref();
                    integration_keys::create(&store, now, &url, organisation, name, expires, asked).await
                }
                Err(error) => Err(error),
            }
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
        KeysCommand::Create { .. } if body["token"].is_string() => text(&body["url"]),
        KeysCommand::Create { .. } if body["secret"].is_string() => {
            format!(
                "key     {}\nsecret  {}\nurl     {}",
                text(&body["key"]),
                text(&body["secret"]),
                text(&body["url"])
            )
        }
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
