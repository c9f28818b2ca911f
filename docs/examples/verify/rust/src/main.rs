//! A webhook receiver: WEBHOOK_SECRET=whsec_… PORT=9000 cargo run

mod verify;

use std::collections::HashSet;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

struct Receiver {
    secret: String,
    /// A message can arrive twice. Remember its id when the work is done, best in the same transaction, for as long
    /// as retries last. A set that is lost at the end of the process is for this example only.
    seen: Mutex<HashSet<String>>,
}

/// Your work. Do it in the background when it takes more than a few seconds: the sender waits for the answer.
fn handle(id: &str, event_type: &str, payload: &[u8]) {
    println!("verified {id} {event_type} {}", String::from_utf8_lossy(payload));
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = match verify::verify(&receiver.secret, header, &body, SystemTime::now()) {
        Ok(id) => id,
        Err(why) => return (StatusCode::BAD_REQUEST, why),
    };
    let seen = || receiver.seen.lock().expect("nothing panics while it has the lock");
    if seen().contains(id) {
        println!("repeated {id}");
        return (StatusCode::OK, "repeated");
    }
    handle(id, header("webhook-event").unwrap_or_default(), &body);
    seen().insert(id.to_owned());
    (StatusCode::OK, "verified")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = env::var("WEBHOOK_SECRET")?;
    let port = env::var("PORT").unwrap_or_else(|_| "9000".to_owned());
    let receiver = Arc::new(Receiver { secret, seen: Mutex::default() });
    let router = Router::new()
        .fallback(post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(receiver);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
