//! `/wp-json/wu/v2` and `/in`, on the store in memory.

mod access;
mod events;
mod import;
mod source;
mod webhooks;

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Request, header};
use serde_json::{Value, json};

use super::{Answered, World};

/// A world in which a pair opens the application `acme`.
struct Face {
    world: World,
    key: String,
    secret: String,
}

impl Face {
    async fn new() -> Face {
        let world = World::new().await;
        world.acme().await;
        let (key, secret) = pair(&world, "acme").await;
        Face { world, key, secret }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        let basic = BASE64_STANDARD.encode(format!("{}:{}", self.key, self.secret));
        let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string()));
        let request = request(method, path, Some(&format!("Basic {basic}")), body);
        self.world.raw(request).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        self.send("POST", path, Some(body)).await
    }

    /// Makes a webhook and returns it.
    async fn webhook(&self, more: Value) -> Value {
        let mut body = json!({
            "name": "Mine", "webhook_url": "https://example.com/hook", "event": "payment_received",
            "integration": "manual",
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/webhook", body).await.expect(200)
    }

    /// Returns the numbers of a page of the list.
    async fn ids(&self, query: &str) -> Vec<u64> {
        let list = self.get(&format!("/webhook?{query}")).await.expect(200);
        list.as_array().unwrap().iter().map(|it| it["id"].as_u64().unwrap()).collect()
    }
}

/// Makes a pair for an application.
async fn pair(world: &World, app: &str) -> (String, String) {
    let body = json!({ "name": "zapier", "integration": "ultimate-multisite", "app": app });
    let made = world.control("POST", "/control/keys", Some(body)).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("secret"))
}

fn request(method: &str, path: &str, authorization: Option<&str>, body: Body) -> Request<Body> {
    let path = if path.starts_with("/in/") { path.to_owned() } else { format!("/wp-json/wu/v2{path}") };
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    if let Some(value) = authorization {
        request.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
    }
    request
}

/// Asserts the form of errors and returns the message.
fn refused(answered: Answered, status: u16, code: &str) -> String {
    let body = answered.expect(status);
    assert_eq!((&body["code"], &body["data"]["status"]), (&json!(code), &json!(status)), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    let message = body["message"].as_str().unwrap();
    assert!(message.len() > 10, "{body}");
    message.to_owned()
}
