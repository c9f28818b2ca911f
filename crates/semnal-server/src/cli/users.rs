//! `semnal users`: who may use the console, through the control socket. A link needs a server that takes it, so there
//! has to be one.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Context, End, print, print_json};
use crate::control_client::{ClientError, Question, ask_control};

#[derive(Subcommand)]
pub(super) enum UsersCommand {
    /// List the users of the console
    #[command(after_help = "Example:\n  semnal users list --json")]
    List,
    /// Print a link, once, by which a user sets a new password within 24 hours
    #[command(
        after_help = "The old password counts until the link is used.\n\nExample:\n  semnal users reset-password ana@example.com"
    )]
    ResetPassword {
        /// The user's name or e-mail address
        name: String,
    },
}

pub(super) async fn users(context: &Context, command: UsersCommand) -> End {
    let question = match &command {
        UsersCommand::List => Question { method: Method::GET, path: "/control/users", body: None, key: None },
        UsersCommand::ResetPassword { name } => Question {
            method: Method::POST,
            path: "/control/users/reset",
            body: Some(json!({ "name": name }).to_string().into_bytes()),
            key: None,
        },
    };
    let answer = match ask_control(&context.data_dir, question).await {
        Ok(answer) => answer,
        Err(ClientError::NotRunning) => {
            return End::Failed(format!(
                "no server runs on {}; start one with `semnal serve`, then ask again",
                context.data_dir.display()
            ));
        }
        Err(error) => return End::Failed(error.to_string()),
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.status.is_success() {
        return End::Usage(body["detail"].as_str().unwrap_or("the server refused").to_owned());
    }
    if context.json {
        return print_json(&body);
    }
    match command {
        UsersCommand::ResetPassword { .. } => print(body["url"].as_str().unwrap_or_default()),
        UsersCommand::List => {
            let all = body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            let line = |it: &Value| {
                let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
                format!("{}  {}", text("createdAt"), text("name"))
            };
            if all.is_empty() {
                print("there are no users; the log of `semnal serve` has the link that makes the first one")
            } else {
                print(&all.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}
