//! Puts the name and e-mail of each new customer on a mailing list, a file of JSON lines:
//! WEBHOOK_SECRET=whsec_… MAILING_LIST=list.jsonl PORT=9000 cargo run

#[path = "../../../verify/rust/src/verify.rs"]
mod verify;

use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Error, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde::{Deserialize, Serialize};

struct MailingList {
    secret: String,
    path: String,
    /// One at a time reads the list and adds to it.
    turn: Mutex<()>,
}

/// What is needed of the event; it has more.
#[derive(Deserialize)]
struct Customer {
    customer_user_email: String,
    customer_name: String,
}

#[derive(Serialize, Deserialize)]
struct Subscriber {
    email: String,
    name: String,
}

impl MailingList {
    /// Whoever is on the list already stays there once, so a message that arrives twice does no harm.
    fn subscribe(&self, customer: Customer) -> Result<&'static str, Error> {
        let _turn = self.turn.lock().expect("nothing panics in its turn");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        for line in BufReader::new(&file).lines() {
            let on_it: Subscriber = serde_json::from_str(&line?)?;
            if on_it.email == customer.customer_user_email {
                return Ok("already on the list");
            }
        }
        let new = Subscriber { email: customer.customer_user_email, name: customer.customer_name };
        writeln!(file, "{}", serde_json::to_string(&new)?)?;
        Ok("added")
    }
}

async fn receive(
    State(list): State<Arc<MailingList>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(why) = verify::verify(&list.secret, header, &body, SystemTime::now()) {
        return (StatusCode::BAD_REQUEST, why);
    }
    if header("webhook-event") != Some("customer_created") {
        return (StatusCode::OK, "not for me");
    }
    match serde_json::from_slice(&body) {
        Ok(customer) => match list.subscribe(customer) {
            Ok(done) => (StatusCode::OK, done),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the list cannot be written"),
        },
        Err(_) => (StatusCode::BAD_REQUEST, "this is no customer"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = env::var("WEBHOOK_SECRET")?;
    let path = env::var("MAILING_LIST").unwrap_or_else(|_| "list.jsonl".to_owned());
    let port = env::var("PORT").unwrap_or_else(|_| "9000".to_owned());
    let list = Arc::new(MailingList { secret, path, turn: Mutex::new(()) });
    let router = Router::new().fallback(post(receive)).with_state(list);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
