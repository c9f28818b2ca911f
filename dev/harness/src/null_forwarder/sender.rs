//! The null forwarder's workers: each takes deliveries from its queue and sends them over connections that it keeps.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::sync::mpsc;

use crate::client::Connection;
use crate::clock;
use crate::null_forwarder::directory::Target;

/// How often it tries, without a pause: it has no schedule.
const ATTEMPTS: u32 = 3;

/// One request to send.
pub(super) struct Delivery {
    pub(super) message: String,
    pub(super) event_type: String,
    pub(super) target: Arc<Target>,
    pub(super) payload: Bytes,
}

/// Sends what comes until the queue is closed.
pub(super) async fn deliver(mut queue: mpsc::Receiver<Delivery>) {
    let mut kept: HashMap<SocketAddr, Connection> = HashMap::new();
    while let Some(delivery) = queue.recv().await {
        for attempt in 1..=ATTEMPTS {
            if attempt_once(&delivery, attempt, &mut kept).await {
                break;
            }
        }
    }
}

/// Makes one attempt; tells whether it got a 2xx.
async fn attempt_once(delivery: &Delivery, attempt: u32, kept: &mut HashMap<SocketAddr, Connection>) -> bool {
    let address = delivery.target.address;
    let mut connection = match kept.remove(&address) {
        Some(connection) => connection,
        None => match Connection::open(address).await {
            Ok(connection) => connection,
            Err(_) => return false,
        },
    };
    let Ok(answer) = connection.send(request(delivery, attempt)).await else { return false };
    kept.insert(address, connection);
    answer.status.is_success()
}

fn request(delivery: &Delivery, attempt: u32) -> Request<Full<Bytes>> {
    let seconds = clock::unix_now().unix_seconds();
    let mut signature = String::new();
    delivery.target.signer.sign(&delivery.message, seconds, &delivery.payload, &mut signature);
    Request::post(&delivery.target.path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("user-agent", "Semnal/0")
        .header("webhook-id", &delivery.message)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .header("webhook-event", &delivery.event_type)
        .header("webhook-attempt", attempt)
        .body(Full::new(delivery.payload.clone()))
        .expect("the parts are valid header values")
}
