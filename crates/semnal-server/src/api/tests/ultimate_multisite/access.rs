//! Who gets in, and how keys for other systems are made.

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Face, pair, refused, request};
use crate::api::tests::World;

fn basic(key: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:{secret}")))
}

#[tokio::test]
async fn a_pair_opens_by_basic_by_query_by_form_and_by_json_in_both_spellings() {
    let it = Face::new().await;
    let (key, secret) = (&it.key, &it.secret);
    let send = async |path: &str, authorization: Option<&str>, body: String| {
        it.world.raw(request("GET", path, authorization, Body::from(body))).await.status.as_u16()
    };
    assert_eq!(send("/auth", Some(&basic(key, secret)), String::new()).await, 200);
    assert_eq!(send("/auth/", Some(&basic(key, secret).replace("Basic", "bAsIc")), String::new()).await, 200);
    for (k, s) in [("api_key", "api_secret"), ("api-key", "api-secret"), ("api_key", "api-secret")] {
        let form = format!("{k}={key}&{s}={secret}");
        assert_eq!(send(&format!("/auth?{form}"), None, String::new()).await, 200, "{k} in the query");
        assert_eq!(send("/auth", None, form.clone()).await, 200, "{k} in a form");
        assert_eq!(send("/auth", None, json!({ k: key, s: secret }).to_string()).await, 200, "{k} in JSON");
        assert_eq!(send("/auth", Some(&basic("x", "y")), form).await, 401, "Basic wins");
    }
}

#[tokio::test]
async fn whoever_has_no_pair_is_refused_in_the_form_of_wordpress() {
    let it = Face::new().await;
    let api_key = it.world.add_key("default", &[], 9, |_| {}).await;
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(100_000));
    for (authorization, body) in [
        (None, ""),
        (Some(basic(&it.key, "wrong")), ""),
        (Some(basic("wrong", &it.secret)), ""),
        (Some(basic(&it.key, "")), ""),
        (Some(basic("prevent", "prevent")), ""),
        (Some("Basic !!".to_owned()), ""),
        (Some(format!("Bearer {api_key}")), ""),
        (Some(basic(&api_key, &it.secret)), ""),
        (None, "{\"api_key\":7}"),
        (None, "\u{fffd}&=%zz"),
        (None, long.as_str()),
    ] {
        let sent = request("GET", "/webhook", authorization.as_deref(), Body::from(body.to_owned()));
        let message = refused(it.world.raw(sent).await, 401, "rest_forbidden");
        assert_eq!(message, "Sorry, you are not allowed to do that.");
    }
    // A pair is no key of the API.
    let text = it.key.clone();
    it.world.call_as(&text, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn a_pair_opens_its_application_only_and_no_longer_than_it_is_valid() {
    let it = Face::new().await;
    it.world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    it.world.endpoint("/api/v1/app/other", json!({})).await;
    assert_eq!(it.get("/webhook").await.expect(200), json!([]));
    assert_eq!(it.get("/auth").await.expect(200)["label"], "Acme");

    let keys = it.world.control("GET", "/control/keys", None).await.expect(200);
    let listed = keys["data"].as_array().unwrap().iter().find(|key| key["name"] == "zapier").unwrap().clone();
    assert_eq!(
        (&listed["integration"], &listed["hint"]),
        (&json!("ultimate-multisite"), &json!(it.key[..4]))
    );
    let text = listed.to_string();
    assert!(!text.contains(&it.key) && !text.contains(&it.secret));
    let path = format!("/control/keys/{}/revoke", listed["id"].as_str().unwrap());
    it.world.control("POST", &path, Some(json!({}))).await.expect(200);
    refused(it.get("/auth").await, 401, "rest_forbidden");
}

#[tokio::test]
async fn a_pair_expires_and_goes_with_its_application() {
    let mut it = Face::new().await;
    let body = json!({"name": "z", "integration": "ultimate-multisite", "app": "acme", "expires": "1h"});
    let made = it.world.control("POST", "/control/keys", Some(body)).await.expect(201);
    let (key, secret) = (it.key.clone(), it.secret.clone());
    it.key = made["key"].as_str().unwrap().to_owned();
    it.secret = made["secret"].as_str().unwrap().to_owned();
    it.get("/auth").await.expect(200);
    it.world.advance_seconds(3_600);
    refused(it.get("/auth").await, 401, "rest_forbidden");
    (it.key, it.secret) = (key, secret);
    it.get("/auth").await.expect(200);
    it.world.delete("/api/v1/app/acme").await.expect(204);
    refused(it.get("/auth").await, 401, "rest_forbidden");
}

#[tokio::test]
async fn a_new_pair_has_24_letters_and_digits_each_and_one_that_exists_can_be_brought_along() {
    let mut it = Face::new().await;
    for text in [&it.key, &it.secret] {
        assert!(text.len() == 24 && text.bytes().all(|b| b.is_ascii_alphanumeric()), "{text}");
    }
    let (key, secret) = ("OldKeyOfTheNetwork123456", "OldSecretOfTheNetwork123");
    let body = json!({"name": "old", "integration": "ultimate-multisite", "app": "acme", "key": key, "secret": secret});
    let made = it.world.control("POST", "/control/keys", Some(body.clone())).await.expect(201);
    assert_eq!((&made["key"], &made["secret"]), (&json!(key), &json!(secret)));
    assert_eq!(made["url"], "https://hooks.example.com");
    it.world.control("POST", "/control/keys", Some(body)).await.refused(409, "conflict");
    (it.key, it.secret) = (key.to_owned(), secret.to_owned());
    it.get("/auth").await.expect(200);
    // Revoked, it may be brought again: that is how a mistyped secret is mended.
    let path = format!("/control/keys/{}/revoke", made["id"].as_str().unwrap());
    it.world.control("POST", &path, Some(json!({}))).await.expect(200);
    refused(it.get("/auth").await, 401, "rest_forbidden");
    let mended = "OtherSecretOfTheNetwork1";
    let body = json!({"name": "old", "integration": "ultimate-multisite", "app": "acme", "key": key, "secret": mended});
    assert_eq!(it.world.control("POST", "/control/keys", Some(body)).await.expect(201)["id"], made["id"]);
    refused(it.get("/auth").await, 401, "rest_forbidden");
    it.secret = mended.to_owned();
    it.get("/auth").await.expect(200);
    let it = Face { world: it.world.restarted().await, ..it };
    it.get("/auth").await.expect(200);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_for_another_system_is_named() {
    let world = World::new().await;
    world.acme().await;
    let long_enough = "a".repeat(24);
    let check = async |body: Value, expected: &[&str]| {
        let found = world.control("POST", "/control/keys", Some(body.clone())).await.invalid();
        assert_eq!(found, expected, "{body}");
    };
    check(json!({"name": "x", "integration": "other"}), &["body.integration"]).await;
    check(json!({"name": "x", "app": "acme"}), &["body.integration"]).await;
    check(json!({"name": "", "integration": "ultimate-multisite"}), &["body.name"]).await;
    let pair = json!({"name": "x", "integration": "ultimate-multisite", "key": "a:b", "secret": long_enough});
    check(pair, &["body.key"]).await;
    check(json!({"name": "x", "integration": "ultimate-multisite", "key": long_enough}), &["body.secret"])
        .await;
    let source = "ultimate-multisite-source";
    check(
        json!({"name": "x", "integration": source, "key": long_enough, "secret": long_enough}),
        &["body.key"],
    )
    .await;
    for app in ["nothing", "operational"] {
        let body = json!({"name": "x", "integration": "ultimate-multisite", "app": app});
        world.control("POST", "/control/keys", Some(body)).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn what_nobody_serves_is_no_route() {
    let it = Face::new().await;
    for (method, path) in [
        ("GET", "/register"),
        ("POST", "/auth"),
        ("DELETE", "/webhook"),
        ("GET", "/webhook/abc"),
        ("GET", "/webhook/-1"),
        ("PUT", "/event"),
        ("GET", "/event/x"),
    ] {
        refused(it.send(method, path, None).await, 404, "rest_no_route");
    }
    let sent = request("GET", "/nothing", None, Body::empty());
    refused(it.world.raw(sent).await, 404, "rest_no_route");
}

#[tokio::test]
async fn two_pairs_of_two_applications_see_their_own_webhooks() {
    let mut it = Face::new().await;
    it.world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    let made = it.webhook(json!({})).await;
    assert_eq!(made["id"], 1);
    (it.key, it.secret) = pair(&it.world, "other").await;
    refused(it.get("/webhook/1").await, 404, "wu_rest_webhook_invalid_id");
    refused(it.send("DELETE", "/webhook/1", None).await, 404, "wu_rest_webhook_invalid_id");
    assert_eq!(it.webhook(json!({})).await["id"], 1, "each application counts for itself");
}
