//! `semnal verify`: the proof of the ledger, from a running server or from the data directory itself.

use std::sync::Arc;

use http::Method;
use semnal_store::directory::DataDirectory;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::Opened;
use semnal_store::verify::Verification;
use serde_json::{Value, json};

use super::{Context, End, print, print_json};
use crate::control_client::{ClientError, Question, ask_control};
use crate::serve::{ServeError, store_options};

pub(super) async fn verify(context: &Context) -> End {
    let question = Question { method: Method::GET, path: "/control/verify", body: None, key: None };
    let found = match ask_control(&context.data_dir, question).await {
        Ok(answer) if answer.status.is_success() => {
            serde_json::from_slice(&answer.body).map_err(|e| format!("the server's answer is not JSON: {e}"))
        }
        Ok(answer) => Err(format!("the server answered {}", answer.status)),
        Err(ClientError::NotRunning) => offline(context).await.map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let found: Value = match found {
        Ok(found) => found,
        Err(why) => return End::Failed(why),
    };
    let printed = if context.json { print_json(&found) } else { print(&in_words(&found)) };
    match printed {
        End::Success if found["balances"] == true => End::Success,
        End::Success => End::No,
        failed => failed,
    }
}

async fn offline(context: &Context) -> Result<Value, ServeError> {
    if !context.data_dir.join("journal.db").exists() {
        let what = format!("{} has no journal", context.data_dir.display());
        return Err(semnal_store::error::StoreError::Corrupt { table: "journal", key: 0, what }.into());
    }
    let directory = DataDirectory::open(&context.data_dir)?;
    let deaf: Arc<dyn Observer> = Arc::new(Deaf);
    let store = Opened::sqlite(&directory, store_options()?)?.start(&deaf)?;
    let found = store.verify().await?;
    store.stop().await;
    Ok(as_json(&found))
}

/// Returns the proof as the control socket and `--json` give it.
pub(crate) fn as_json(found: &Verification) -> Value {
    json!({
        "balances": found.balances(),
        "messages": found.messages,
        "attempts": found.attempts,
        "deliveries": found.states,
        "imbalances": found.imbalance_count,
        "rows": found.imbalances.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>(),
    })
}

fn in_words(found: &Value) -> String {
    let mut lines = vec![
        format!("messages   {:>12}", found["messages"]),
        format!("attempts   {:>12}", found["attempts"]),
    ];
    if let Some(states) = found["deliveries"].as_object() {
        lines.extend(states.iter().map(|(state, count)| format!("{state:<10} {count:>12}")));
    }
    if found["balances"] == true {
        lines.push("the ledger balances".into());
    } else {
        lines.push(format!("the ledger does NOT balance: {} rows", found["imbalances"]));
        let rows = found["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(rows.iter().filter_map(Value::as_str).map(|row| format!("  {row}")));
    }
    lines.join("\n")
}
