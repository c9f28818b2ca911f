//! `POST …/endpoint/{endpoint_id}/send-example`.

use semnal_core::id::{IdKind, MessageId};
use serde_json::{Value, json};

use super::World;

const TYPES: &str = "/api/v1/event-type";

/// Makes event types: one with an example, one whose newest schema has examples, one with nothing.
async fn catalogue(world: &World) {
    let examples = json!({"1": {"examples": [{"n": 1}]}, "2": {"examples": [{"n": 2}, {"n": 3}]}});
    for more in [
        json!({"name": "own", "example": {"n": 0}, "schemas": examples}),
        json!({"name": "schema", "schemas": examples}),
        json!({"name": "nothing", "schemas": {"1": {"examples": []}}}),
        json!({"name": "odd", "schemas": {"1": {"examples": ["text"]}}}),
    ] {
        let mut body = json!({"description": ""});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.post(TYPES, body).await.expect(201);
    }
}

async fn endpoints_of(world: &World, message: &Value) -> Vec<String> {
    let (partition, key) =
        world.store().ids().decode(IdKind::Message, message["id"].as_str().unwrap()).unwrap();
    let stored = world.store().read(move |reader| reader.message(MessageId(key))).await.unwrap().unwrap();
    stored.endpoints.iter().map(|it| world.store().ids().encode(IdKind::Endpoint, partition, it.0)).collect()
}

#[tokio::test]
async fn an_example_goes_to_one_endpoint_whatever_it_wants() {
    let world = World::new().await;
    let app = world.acme().await;
    catalogue(&world).await;
    world.endpoint(app, json!({})).await;
    let picky = world.endpoint(app, json!({"eventTypes": ["other"], "channels": ["ro"]})).await;
    let sent = world
        .post(&format!("{app}/endpoint/{picky}/send-example"), json!({"eventType": "own"}))
        .await
        .expect(200);
    assert_eq!((&sent["eventType"], &sent["payload"]), (&json!("own"), &json!({"n": 0})));
    assert_eq!(endpoints_of(&world, &sent).await, [picky]);
    let listed = world.get(&format!("{app}/msg")).await.expect(200);
    assert_eq!(listed["data"][0]["id"], sent["id"]);
}

#[tokio::test]
async fn an_example_is_a_test_by_its_channel_and_nothing_else_can_be_on_it() {
    let world = World::new().await;
    let app = world.acme().await;
    catalogue(&world).await;
    let endpoint = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{endpoint}/send-example");
    let sent = world.post(&path, json!({"eventType": "own"})).await.expect(200);
    assert_eq!(sent["channels"], json!(["webhook-test"]));
    let listed = world.get(&format!("{app}/msg?channel=webhook-test")).await.expect(200);
    assert_eq!(listed["data"][0]["id"], sent["id"]);
    let claimed = json!({"eventType": "own", "channels": ["a", "webhook-test"], "payload": {}});
    assert_eq!(world.post(&format!("{app}/msg"), claimed).await.invalid(), ["body.channels.1"]);
}

#[tokio::test]
async fn an_example_waits_for_an_endpoint_that_is_paused() {
    let world = World::new().await;
    let app = world.acme().await;
    catalogue(&world).await;
    let paused = world.endpoint(app, json!({"paused": true})).await;
    let path = format!("{app}/endpoint/{paused}/send-example");
    let sent = world.post(&path, json!({"eventType": "own"})).await.expect(200);
    let path = format!("{app}/msg/{}/endpoint", sent["id"].as_str().unwrap());
    let there = world.get(&path).await.expect(200);
    assert_eq!(
        (&there["data"][0]["id"], &there["data"][0]["statusText"]),
        (&json!(paused), &json!("pending"))
    );
}

#[tokio::test]
async fn which_example_is_sent_can_be_chosen() {
    let world = World::new().await;
    let app = world.acme().await;
    catalogue(&world).await;
    let endpoint = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{endpoint}/send-example");
    let check = async |body: Value, expected: Value| {
        assert_eq!(world.post(&path, body.clone()).await.expect(200)["payload"], expected, "{body}");
    };
    check(json!({"eventType": "schema"}), json!({"n": 2})).await;
    check(json!({"eventType": "schema", "exampleIndex": 1}), json!({"n": 3})).await;
    check(json!({"eventType": "own", "exampleIndex": 1}), json!({"n": 3})).await;
    check(json!({"eventType": "own", "payload": {"mine": true}}), json!({"mine": true})).await;
    check(json!({"eventType": "nothing", "payload": {}}), json!({})).await;
    let refused = async |body: Value, place: &str, code: &str| {
        let answer = world.post(&path, body).await;
        assert_eq!(answer.json()["detail"][0]["type"], code);
        assert_eq!(answer.invalid(), [place]);
    };
    refused(json!({"eventType": "schema", "exampleIndex": 2}), "body.exampleIndex", "out_of_range").await;
    refused(json!({"eventType": "nothing"}), "body.eventType", "no_example").await;
    refused(json!({"eventType": "odd"}), "body.eventType", "no_example").await;
    refused(json!({"eventType": "unknown"}), "body.eventType", "unknown_event_type").await;
    refused(json!({"eventType": "own", "payload": []}), "body.payload", "wrong_type").await;
    refused(json!({}), "body.eventType", "missing").await;
    world
        .post(&format!("{app}/endpoint/none/send-example"), json!({"eventType": "own"}))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn a_repeated_example_is_sent_once() {
    let world = World::new().await;
    let app = world.acme().await;
    catalogue(&world).await;
    let endpoint = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{endpoint}/send-example");
    let first = world.post_once("k", &path, json!({"eventType": "own"})).await.expect(200);
    world.delete(&format!("{TYPES}/own?expunge=true")).await.expect(204);
    assert_eq!(world.post_once("k", &path, json!({"eventType": "own"})).await.expect(200), first);
    assert_eq!(world.get(&format!("{app}/msg")).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_example_that_breaks_its_own_schema_is_not_sent() {
    let world = World::new().await;
    let app = world.acme().await;
    let endpoint = world.endpoint(app, json!({})).await;
    let body = json!({
        "name": "a", "description": "", "example": {"n": "x"}, "schemaEnforced": true,
        "schemas": {"1": {"properties": {"n": {"type": "integer"}}}},
    });
    world.post(TYPES, body).await.expect(201);
    let path = format!("{app}/endpoint/{endpoint}/send-example");
    assert_eq!(world.post(&path, json!({"eventType": "a"})).await.invalid(), ["event_type.example.n"]);
    let own = json!({"eventType": "a", "payload": {"n": "x"}});
    assert_eq!(world.post(&path, own).await.invalid(), ["body.payload.n"]);
}
