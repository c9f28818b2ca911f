//! `semnal views`: what the lists are doing, and building them anew from the journal.

use std::io::Write;
use std::sync::Arc;

use http::Method;
use semnal_store::directory::DataDirectory;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::{Opened, Store};
use semnal_store::views::progress::Phase;
use serde_json::{Value, json};

use super::{Context, End, print, print_json};
use crate::control_client::{ClientError, Question, ask_control};
use crate::serve::store_options;

/// How often the progress is looked at.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// What `semnal views` is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub(super) enum ViewsCommand {
    /// Print whether the lists are there and how far they are behind the journal
    Status,
    /// Build the lists and statistics anew from the journal, and wait until they are there
    #[command(after_help = "Example:\n  semnal views rebuild --data-dir ./semnal-data")]
    Rebuild,
}

pub(super) async fn views(context: &Context, command: ViewsCommand) -> End {
    let done = match ask(context, command).await {
        Ok(answer) => Ok(answer),
        Err(ClientError::NotRunning) => offline(context, command).await,
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(status) if context.json => print_json(&status),
        Ok(status) => print(&in_words(&status)),
        Err(why) => End::Failed(why),
    }
}

/// Asks the running server.
async fn ask(context: &Context, command: ViewsCommand) -> Result<Value, ClientError> {
    let to = |method, path| Question { method, path, body: None, key: None };
    if command == ViewsCommand::Rebuild {
        ask_control(&context.data_dir, to(Method::POST, "/control/views/rebuild")).await?;
    }
    loop {
        let answer = ask_control(&context.data_dir, to(Method::GET, "/control/views")).await?;
        let status: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if command == ViewsCommand::Status || status["building"] == false {
            return Ok(status);
        }
        show_progress(context, &status);
        pause().await;
    }
}

/// Opens the store itself: no server runs.
async fn offline(context: &Context, command: ViewsCommand) -> Result<Value, String> {
    if !context.data_dir.join("journal.db").exists() {
        return Err(format!("{} has no journal", context.data_dir.display()));
    }
    let store = open(context).map_err(|error| error.to_string())?;
    if command == ViewsCommand::Rebuild {
        store.rebuild_views();
    }
    loop {
        let status = as_json(store.views_status());
        if command == ViewsCommand::Status || status["building"] == false {
            store.stop().await;
            return Ok(status);
        }
        show_progress(context, &status);
        pause().await;
    }
}

/// Waits until it is time to look again.
async fn pause() {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.tick().await;
    look.tick().await;
}

fn open(context: &Context) -> Result<Store, crate::serve::ServeError> {
    let directory = DataDirectory::open(&context.data_dir)?;
    let deaf: Arc<dyn Observer> = Arc::new(Deaf);
    Ok(Opened::sqlite(&directory, store_options()?)?.start(&deaf)?)
}

/// Returns what the views are doing as the control socket and `--json` give it.
pub(crate) fn as_json((phase, behind): (Phase, u64)) -> Value {
    match phase {
        Phase::Following => json!({ "building": false, "percent": 100, "changesBehind": behind }),
        Phase::Building { percent } => {
            json!({ "building": true, "percent": percent, "changesBehind": behind })
        }
    }
}

fn show_progress(context: &Context, status: &Value) {
    if !context.json && std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        // A terminal that is gone is no reason to stop.
        let shown = write!(std::io::stderr(), "\r{} % of the lists are built ", status["percent"]);
        drop(shown);
    }
}

fn in_words(status: &Value) -> String {
    if status["building"] == true {
        return format!("the lists are being built, {} % are done", status["percent"]);
    }
    format!("the lists are there, {} changes behind the journal", status["changesBehind"])
}
