//! `semnal import ultimate-multisite`: the webhooks of an original, over its REST API or from a dump of its database.
//!
//! Rows are handed over in batches, through the control socket while a server runs, else into the data directory itself;
//! what becomes of each is [`crate::ultimate_multisite::import`]'s to say.

mod dump;
mod remote;
mod rows;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use http::Method;
use semnal_store::directory::DataDirectory;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::{Opened, Store};
use serde_json::{Value, json};

use super::secret_text::read_secrets;
use super::{Context, End, print, print_json};
use crate::configuration::Settings;
use crate::control_client::{ClientError, Question, ask_control};
use crate::seed;
use crate::serve::{ServeError, policy, store_options, system_now, url_rules};
use crate::ultimate_multisite::import::{self, Fate, Gate, Imported, Order, Row};

/// 200 webhooks are handed over at once.
const BATCH_ROWS: usize = 200;

#[derive(Subcommand)]
pub(super) enum ImportCommand {
    /// Take over the webhooks of Ultimate Multisite, with their numbers
    #[command(
        after_help = "Exit code 0 when every webhook is here, 1 when some were refused.\n\nExample:\n  semnal import \
                      ultimate-multisite --url https://network.example --key @key.txt --secret @secret.txt --dry-run\n  \
                      semnal import ultimate-multisite --sql dump.sql"
    )]
    UltimateMultisite(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The network's address; its REST API has to be on
    #[arg(long, required_unless_present = "sql", conflicts_with = "sql", requires = "key")]
    url: Option<String>,
    /// Its API key: the text, @FILE, or - for a line of standard input
    #[arg(long, value_name = "TEXT", requires = "secret")]
    key: Option<String>,
    /// Its API secret: @FILE or - rather than the text, which other users of the machine would see
    #[arg(long, value_name = "TEXT", requires = "key")]
    secret: Option<String>,
    /// A dump of its database, as mysqldump and phpMyAdmin write it
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// The application that gets the webhooks, by id or uid
    #[arg(long, default_value = semnal_core::application::DEFAULT_APPLICATION)]
    app: String,
    /// Print what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave webhooks inactive that are stored so, although the original sends to them
    #[arg(long)]
    keep_inactive: bool,
}

pub(super) async fn import(context: &Context, command: ImportCommand) -> End {
    let ImportCommand::UltimateMultisite(mut arguments) = command;
    if let Err(why) = read_secrets([&mut arguments.key, &mut arguments.secret]) {
        return End::Usage(why);
    }
    let (rows, mut broken) = match gather(&arguments).await {
        Ok(gathered) => gathered,
        Err(end) => return end,
    };
    match hand_over(context, &arguments, rows).await {
        Ok(mut found) => {
            found.append(&mut broken);
            report(context, &arguments, &found)
        }
        Err(end) => end,
    }
}

/// Returns the rows of the original, and those that cannot be read.
async fn gather(arguments: &Arguments) -> Result<(Vec<Row>, Vec<Imported>), End> {
    let parsed = if let Some(path) = &arguments.sql {
        dump::read(path).map_err(End::Usage)?
    } else if let (Some(url), Some(key), Some(secret)) = (&arguments.url, &arguments.key, &arguments.secret) {
        remote::fetch(url, key, secret, &progress).await.map_err(End::Failed)?
    } else {
        return Err(End::Usage("give --url with --key and --secret, or --sql".into()));
    };
    progress(&format!("{} webhooks found", parsed.rows.len() + parsed.broken.len()));
    Ok((parsed.rows, parsed.broken))
}

async fn hand_over(context: &Context, arguments: &Arguments, rows: Vec<Row>) -> Result<Vec<Imported>, End> {
    let mut found = Vec::new();
    let mut offline: Option<Offline> = None;
    let batches = rows.chunks(BATCH_ROWS).map(<[Row]>::to_vec);
    // Without a row too: a name that no application has is said.
    let batches: Vec<Vec<Row>> = if rows.is_empty() { vec![Vec::new()] } else { batches.collect() };
    let mut failed = None;
    for webhooks in batches {
        let (app, dry_run) = (arguments.app.clone(), arguments.dry_run);
        let order = Order { app, keep_inactive: arguments.keep_inactive, dry_run, webhooks };
        let done = match &offline {
            Some(store) => store.import(order).await,
            None => match online(context, &order).await {
                Err(None) => match Offline::open(context).await {
                    Ok(store) => offline.insert(store).import(order).await,
                    Err(end) => Err(end),
                },
                Err(Some(end)) => Err(end),
                Ok(done) => Ok(done),
            },
        };
        match done {
            Ok(mut done) => found.append(&mut done),
            Err(end) => {
                failed = Some(end);
                break;
            }
        }
        progress(&format!("{} of {} webhooks looked at", found.len(), rows.len()));
    }
    if let Some(store) = offline {
        store.store.stop().await;
    }
    failed.map_or(Ok(found), Err)
}

/// Asks the server that runs on the data directory; `Err(None)` when none does.
async fn online(context: &Context, order: &Order) -> Result<Vec<Imported>, Option<End>> {
    let failed = |why: String| Some(End::Failed(why));
    let body = serde_json::to_vec(order).map_err(|why| failed(why.to_string()))?;
    let path = "/control/import/ultimate-multisite";
    let question = Question { method: Method::POST, path, body: Some(body), key: None };
    let answer = match ask_control(&context.data_dir, question).await {
        Ok(answer) => answer,
        Err(ClientError::NotRunning) => return Err(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.status.is_success() {
        let detail = body["detail"].as_str().map_or_else(|| body["detail"].to_string(), str::to_owned);
        let is_wrong = answer.status.is_client_error();
        return Err(Some(if is_wrong { End::Usage(detail) } else { End::Failed(detail) }));
    }
    serde_json::from_value(body["data"].clone()).map_err(|why| failed(format!("the server's answer: {why}")))
}

/// The data directory, while no server runs on it.
struct Offline {
    store: Store,
    settings: Settings,
    _directory: DataDirectory,
}

impl Offline {
    async fn open(context: &Context) -> Result<Offline, End> {
        let settings = context.values(&BTreeMap::new())?.settings().map_err(|e| End::Usage(e.to_string()))?;
        let opened = async {
            let directory = DataDirectory::open(&context.data_dir)?;
            let deaf: Arc<dyn Observer> = Arc::new(Deaf);
            let store = Opened::sqlite(&directory, store_options()?)?.start(&deaf)?;
            seed::seed(&store, system_now()()).await?;
            Ok::<_, ServeError>((store, directory))
        };
        let (store, directory) = opened.await.map_err(|error| End::Failed(error.to_string()))?;
        Ok(Offline { store, settings, _directory: directory })
    }

    async fn import(&self, order: Order) -> Result<Vec<Imported>, End> {
        let rules = url_rules(&self.settings, self.settings.bin_listen);
        let policy = policy(&self.settings, self.settings.listen, self.settings.bin_listen);
        let signature = self.settings.default_signature;
        let gate = Gate { url_rules: &rules, policy: &policy, signature };
        let done = import::import(&self.store, system_now()(), &gate, order).await;
        done.map_err(|error| End::Usage(error.sentence()))
    }
}

/// Tells on standard error how far it is, so that standard output has the result alone.
fn progress(text: &str) {
    if writeln!(std::io::stderr().lock(), "semnal: {text}").is_err() {
        tracing::debug!("nobody reads standard error");
    }
}

fn report(context: &Context, arguments: &Arguments, found: &[Imported]) -> End {
    let count = |fate: Fate| found.iter().filter(|it| it.result == fate).count();
    let made_active = |it: &&Imported| it.was_inactive && it.active && it.result == Fate::Imported;
    let summary = json!({
        "dryRun": arguments.dry_run,
        "imported": count(Fate::Imported),
        "unchanged": count(Fate::Unchanged),
        "refused": count(Fate::Refused),
        "madeActive": found.iter().filter(made_active).map(|it| it.id).collect::<Vec<_>>(),
        "webhooks": found,
    });
    let printed = if context.json { print_json(&summary) } else { print(&in_words(&summary, found)) };
    match printed {
        End::Success if count(Fate::Refused) > 0 => End::No,
        other => other,
    }
}

fn in_words(summary: &Value, found: &[Imported]) -> String {
    let would = if summary["dryRun"] == true { "would be " } else { "" };
    let mut lines = vec![format!(
        "{} webhooks {would}imported, {} here already, {} refused",
        summary["imported"], summary["unchanged"], summary["refused"]
    )];
    let line = |it: &Imported| format!("  {:>5}  {}  {}", it.id, it.event, it.name);
    let mut list = |heading: &str, wanted: &dyn Fn(&Imported) -> bool| {
        let some: Vec<String> = found.iter().filter(|it| wanted(it)).map(line).collect();
        if !some.is_empty() {
            lines.push(format!("{heading}:"));
            lines.extend(some);
        }
    };
    let imported = |it: &Imported| it.result == Fate::Imported;
    list(
        "stored as inactive and active here, because the original sends to them (--keep-inactive leaves them so)",
        &|it| imported(it) && it.was_inactive && it.active,
    );
    list("inactive", &|it| imported(it) && !it.active);
    list("of an event that is in no catalogue here", &|it| imported(it) && it.unknown_event);
    for it in found.iter().filter(|it| it.result == Fate::Refused) {
        lines.push(format!("refused: {:>5}  {}: {}", it.id, it.name, it.why.as_deref().unwrap_or("")));
    }
    lines.join("\n")
}
