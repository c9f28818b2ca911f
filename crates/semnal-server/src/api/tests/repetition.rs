//! Requests with an idempotency key.

use serde_json::json;

use super::World;

#[tokio::test]
async fn a_repeated_message_is_one_message() {
    let world = World::new().await;
    let app = world.acme().await;
    let path = format!("{app}/msg");
    let body = json!({"eventType": "a", "payload": {"n": 1}, "eventId": "order-1"});
    let first = world.post_once("k", &path, body.clone()).await.expect(202);
    // The answer comes from the message, whatever the repetition carries.
    assert_eq!(world.post_once("k", &format!("{path}/"), body.clone()).await.expect(202), first);
    let without = world.post_once("k", &format!("{path}?with_content=false"), body.clone()).await.expect(202);
    assert_eq!((&without["id"], &without["payload"]), (&first["id"], &json!({})));
    world.post_once("other", &path, body.clone()).await.refused(409, "conflict");
    world.advance_seconds(12 * 3_600);
    world.post_once("k", &path, body).await.refused(409, "conflict");
    assert_eq!(world.get(&path).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_equal_requests_at_once_make_one_message() {
    let world = World::new().await;
    let app = world.acme().await;
    let path = format!("{app}/msg");
    let body = json!({"eventType": "a", "payload": {}});
    let (first, second) =
        tokio::join!(world.post_once("k", &path, body.clone()), world.post_once("k", &path, body.clone()));
    assert_eq!(first.expect(202), second.expect(202));
}

#[tokio::test]
async fn a_repeated_change_gets_the_same_answer() {
    let world = World::new().await;
    let first = world.post_once("k", "/api/v1/app", json!({"name": "Acme", "uid": "acme"})).await.expect(201);
    assert_eq!(
        world.post_once("k", "/api/v1/app", json!({"name": "Acme", "uid": "acme"})).await.expect(201),
        first
    );
    assert_eq!(world.get("/api/v1/app").await.expect(200)["data"].as_array().unwrap().len(), 1);
    // The key belongs to its path.
    let made =
        world.post_once("k", "/api/v1/app/acme/endpoint", json!({"url": "https://example.com/"})).await;
    let endpoint = made.expect(201)["id"].as_str().unwrap().to_owned();
    let rotate = format!("/api/v1/app/acme/endpoint/{endpoint}/secret/rotate");
    let secret = format!("/api/v1/app/acme/endpoint/{endpoint}/secret");
    assert!(world.post_once("k", &rotate, json!({})).await.expect(200)["key"].is_string());
    let after_first = world.get(&secret).await.expect(200);
    assert!(world.post_once("k", &rotate, json!({})).await.expect(200)["key"].is_string());
    assert_eq!(world.get(&secret).await.expect(200), after_first);
}

#[tokio::test]
async fn a_key_belongs_to_its_caller() {
    let world = World::new().await;
    let other = world.add_key("default", &[], 2, |_| {}).await;
    let first = world.post_once("k", "/api/v1/app", json!({"name": "Acme"})).await.expect(201);
    let mut sent = super::request("POST", "/api/v1/app", Some(&other), Some(json!({"name": "Acme"})));
    sent.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    assert_ne!(world.raw(sent).await.expect(201)["id"], first["id"]);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let world = World::new().await;
    world.post_once("k", "/api/v1/app", json!({"name": ""})).await.invalid();
    world.disk.faults.set_disk_full(true);
    world.post_once("k", "/api/v1/app", json!({"name": "Acme"})).await.refused(503, "storage_full");
    world.disk.faults.set_disk_full(false);
    world.acme().await;
    world
        .post_once("k", "/api/v1/app", json!({"name": "Acme", "uid": "acme"}))
        .await
        .refused(409, "conflict");
    world.post_once("k", "/api/v1/app", json!({"name": "Acme", "uid": "other"})).await.expect(201);
}

#[tokio::test]
async fn a_repeated_resend_is_one_resend() {
    let world = World::new().await;
    let app = world.acme().await;
    let message = world.message(app, json!({})).await;
    // The endpoint came later, so that each resend writes a row.
    let endpoint = world.endpoint(app, json!({})).await;
    let path = format!("{app}/msg/{message}/endpoint/{endpoint}/resend");
    world.post_once("k", &path, json!({})).await.expect(202);
    let version = world.store().verify().await.unwrap();
    assert_eq!(world.post_once("k", &path, json!({})).await.expect(202), json!({}));
    assert_eq!(world.store().verify().await.unwrap(), version);
}

#[tokio::test]
async fn an_idempotency_key_has_a_length() {
    let world = World::new().await;
    for key in ["", &"x".repeat(513)] {
        let places = world.post_once(key, "/api/v1/app", json!({"name": "Acme"})).await.invalid();
        assert_eq!(places, ["header.idempotency-key"]);
    }
    world.post_once(&"x".repeat(512), "/api/v1/app", json!({"name": "Acme"})).await.expect(201);
}
