//! `/in/{token}/{event}`.

use axum::body::Body;
use serde_json::{Map, Value, json};

use super::request;
use crate::api::tests::{Answered, World};

struct Source {
    world: World,
    token: String,
}

impl Source {
    async fn new() -> Source {
        Source::with(World::new().await).await
    }

    async fn with(world: World) -> Source {
        world.acme().await;
        let body = json!({"name": "network", "integration": "ultimate-multisite-source", "app": "acme"});
        let made = world.control("POST", "/control/keys", Some(body)).await.expect(201);
        let token = made["token"].as_str().unwrap().to_owned();
        assert_eq!(made["url"], format!("https://hooks.example.com/in/{token}/{{event}}"));
        assert!(
            format!("/in/{token}/subsite_woocommerce_order").len() < 100,
            "the original keeps 191 characters"
        );
        Source { world, token }
    }

    async fn raw(&self, event: &str, body: &str) -> Answered {
        let path = format!("/in/{}/{event}", self.token);
        self.world.raw(request("POST", &path, None, Body::from(body.to_owned()))).await
    }

    async fn post(&self, event: &str, body: Value) -> Value {
        self.raw(event, &body.to_string()).await.expect(202)
    }

    async fn messages(&self) -> Vec<Value> {
        let list = self.world.get("/api/v1/app/acme/msg").await.expect(200);
        list["data"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_post_becomes_an_event_byte_for_byte() {
    let it = Source::new().await;
    let body = " {\"z\":\"\\u0219\",\"a\":1.0,\"amount\":\"&euro; 9.00\"}";
    let made = it.raw("payment_received", body).await.expect(202);
    assert_eq!((&made["test"], &made["repeated"]), (&json!(false), &json!(false)));
    let messages = it.world.get("/api/v1/app/acme/msg").await;
    let text = String::from_utf8_lossy(&messages.body).into_owned();
    assert!(text.contains(body.trim()), "{text}");
    assert_eq!(messages.json()["data"][0]["id"], made["id"]);
}

#[tokio::test]
async fn the_same_event_with_the_same_body_within_the_window_is_a_repeat() {
    let it = Source::new().await;
    let first = it.post("a", json!({"n": 1})).await;
    for (event, body) in [("b", json!({"n": 1})), ("a", json!({"n": 2}))] {
        assert_eq!(it.post(event, body).await["repeated"], false);
    }
    // The window begins with the event, wherever it stands in the minute.
    for seconds in [1, 30, 28] {
        it.world.advance_seconds(seconds);
        let repeat = it.post("a", json!({"n": 1})).await;
        assert_eq!((&repeat["id"], &repeat["repeated"]), (&first["id"], &json!(true)), "{seconds}");
    }
    it.world.advance_seconds(1);
    assert_eq!(it.post("a", json!({"n": 1})).await["repeated"], false, "a minute later it is another event");
    assert_eq!(it.messages().await.len(), 4);
}

#[tokio::test]
async fn without_a_window_every_post_is_an_event() {
    let it = Source::with(World::with(|api| api.source_repeat_window = None).await).await;
    for _ in 0..2 {
        assert_eq!(it.post("a", json!({})).await["repeated"], false);
    }
    assert_eq!(it.messages().await.len(), 2);
}

#[tokio::test]
async fn a_test_post_of_the_original_is_marked() {
    let it = Source::new().await;
    let sample = json!({"customer_id": 0, "customer_name": "John McMocked", "payment_id": 0});
    assert_eq!(it.post("payment_received", sample).await["test"], true);
    let real = json!({"customer_id": 0, "customer_name": "John McMocked", "payment_id": 9});
    assert_eq!(it.post("payment_received", real).await["test"], false);
    let kind = json!({"name": "checkout_started", "description": "x", "example": {
        "form_slug": "main", "user_id": 0, "referrer_url": "https://network.example/", "wu_version": "1",
    }});
    it.world.post("/api/v1/event-type", kind).await.expect(201);
    let sample = json!({"form_slug": "main", "user_id": 0, "referrer_url": "https://mine.example/", "wu_version": "2"});
    assert_eq!(it.post("checkout_started", sample).await["test"], true);
    assert_eq!(it.post("checkout_started", json!({"form_slug": "main", "user_id": 3})).await["test"], false);
    let marked: Vec<Value> = it.messages().await.iter().map(|it| it["channels"].clone()).collect();
    let test = json!(["webhook-test"]);
    assert_eq!(marked, [Value::Null, test.clone(), Value::Null, test]);
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_not_found_and_not_repeated() {
    let it = Source::new().await;
    let made = json!({"name": "z", "integration": "ultimate-multisite", "app": "acme"});
    let pair = it.world.control("POST", "/control/keys", Some(made)).await.expect(201);
    for token in ["wrong", pair["key"].as_str().unwrap(), "%FF"] {
        let sent = request("POST", &format!("/in/{token}/a"), None, Body::from("{}"));
        let answered = it.world.raw(sent).await;
        assert!(!String::from_utf8_lossy(&answered.body).contains(&format!("{token:?}")));
        answered.refused(404, "not_found");
    }
    let keys = it.world.control("GET", "/control/keys", None).await.expect(200);
    let source =
        keys["data"].as_array().unwrap().iter().find(|key| key["name"] == "network").unwrap().clone();
    assert_eq!(source["integration"], "ultimate-multisite-source");
    assert!(!source.to_string().contains(&it.token));
    let path = format!("/control/keys/{}/revoke", source["id"].as_str().unwrap());
    it.world.control("POST", &path, Some(json!({}))).await.expect(200);
    it.raw("a", "{}").await.refused(404, "not_found");
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let it = Source::new().await;
    it.raw("a", "").await.refused(400, "invalid_json");
    it.raw("a", "name=x").await.refused(400, "invalid_json");
    assert_eq!(it.raw("a", "[]").await.invalid(), ["body"]);
    assert_eq!(it.raw("a%20b", "{}").await.invalid(), ["path.event"]);
    let sent = request("GET", &format!("/in/{}/a", it.token), None, Body::empty());
    it.world.raw(sent).await.refused(405, "method_not_allowed");
    assert_eq!(it.messages().await, [] as [Value; 0]);
}

#[tokio::test]
async fn every_sample_of_the_original_is_a_test_whatever_the_currency() {
    let it = Source::new().await;
    let all = crate::seed::catalogue_names().into_iter().zip(crate::seed::catalogue_examples());
    for (name, example) in all {
        let kind = json!({ "name": name, "description": "", "example": example });
        it.world.post("/api/v1/event-type", kind).await.expect(201);
        let mut sample: Map<String, Value> = serde_json::from_str(example.get()).unwrap();
        for (name, value) in &mut sample {
            if name.ends_with("amount") && value.is_string() {
                *value = json!("12,50 €");
            }
        }
        assert_eq!(it.post(name, Value::Object(sample)).await["test"], true, "{name}");
    }
}

#[tokio::test]
async fn a_path_that_is_almost_right_repeats_no_token() {
    let it = Source::new().await;
    for path in [format!("/in/{}", it.token), format!("/in/{}/a/b", it.token)] {
        let answer = it.world.raw(request("POST", &path, None, Body::from("{}"))).await;
        assert_eq!(answer.status, 404);
        assert!(!String::from_utf8_lossy(&answer.body).contains(&it.token), "{path}");
    }
}
