//! Payloads that are held against the schema of their event type.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use semnal_store::memory::MemoryDisk;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{START, World};
use crate::api::payload_schema::PayloadSchema;
use crate::seed;

const PATH: &str = "/api/v1/event-type";

fn order() -> Value {
    json!({
        "type": "object",
        "required": ["customer"],
        "properties": {"customer": {
            "type": "object", "required": ["email"], "properties": {"email": {"type": "string"}},
        }},
    })
}

/// Makes `order.paid`, whose schema is enforced.
async fn enforced(world: &World) {
    let body = json!({
        "name": "order.paid", "description": "Paid", "schemas": {"1": order()}, "schemaEnforced": true,
    });
    assert_eq!(world.post(PATH, body).await.expect(201)["schemaEnforced"], true);
}

fn message(payload: &Value) -> Value {
    json!({"eventType": "order.paid", "payload": payload})
}

#[tokio::test]
async fn a_payload_that_does_not_satisfy_an_enforced_schema_is_refused() {
    let world = World::new().await;
    let app = world.acme().await;
    let path = format!("{app}/msg");
    enforced(&world).await;
    let answer = world.post(&path, message(&json!({"customer": {}}))).await;
    assert_eq!(answer.json()["detail"][0]["type"], "missing");
    assert_eq!(answer.invalid(), ["body.payload.customer.email"]);
    let wrong = world.post(&path, message(&json!({"customer": {"email": 7}}))).await;
    assert_eq!(wrong.invalid(), ["body.payload.customer.email"]);
    assert!(world.get(&path).await.expect(200)["data"].as_array().unwrap().is_empty());
    world.post(&path, message(&json!({"customer": {"email": "ana@example.com"}}))).await.expect(202);
    // Other event types, of the catalogue or not, are not concerned.
    world.post(&path, json!({"eventType": "order.lost", "payload": {}})).await.expect(202);
}

#[tokio::test]
async fn a_large_payload_is_checked_as_well() {
    let world = World::new().await;
    let path = format!("{}/msg", world.acme().await);
    enforced(&world).await;
    let note = "ș".repeat(20_000);
    let wrong = message(&json!({"note": note, "customer": {}}));
    assert_eq!(world.post(&path, wrong).await.invalid(), ["body.payload.customer.email"]);
    world.post(&path, message(&json!({"note": note, "customer": {"email": "a"}}))).await.expect(202);
}

#[tokio::test]
async fn a_schema_is_enforced_only_when_it_is_asked_for_and_the_newest_counts() {
    let world = World::new().await;
    let path = format!("{}/msg", world.acme().await);
    let one = format!("{PATH}/order.paid");
    let lax = json!({"name": "order.paid", "description": "", "schemas": {"1": order()}});
    assert_eq!(world.post(PATH, lax).await.expect(201)["schemaEnforced"], false);
    world.post(&path, message(&json!({}))).await.expect(202);
    let patched = world.patch(&one, json!({"schemaEnforced": true})).await.expect(200);
    assert_eq!((&patched["schemaEnforced"], &patched["schemas"]), (&json!(true), &json!({"1": order()})));
    assert_eq!(world.post(&path, message(&json!({}))).await.invalid(), ["body.payload.customer"]);
    // A field that is left out keeps its value, and the new schema is the one that counts.
    world.patch(&one, json!({"description": "x"})).await.expect(200);
    assert_eq!(world.post(&path, message(&json!({}))).await.invalid(), ["body.payload.customer"]);
    let newer = json!({"schemas": {"2": order(), "10": {"required": ["total"]}}});
    world.patch(&one, newer).await.expect(200);
    assert_eq!(world.post(&path, message(&json!({}))).await.invalid(), ["body.payload.total"]);
    // An archived event type keeps its rule.
    world.delete(&one).await.expect(204);
    assert_eq!(world.post(&path, message(&json!({}))).await.invalid(), ["body.payload.total"]);
    world.patch(&one, json!({"schemaEnforced": false})).await.expect(200);
    world.post(&path, message(&json!({}))).await.expect(202);
    // PUT replaces: what is not given has its default.
    world.patch(&one, json!({"schemaEnforced": true})).await.expect(200);
    let put = world.put(&one, json!({"description": "x"})).await.expect(200);
    assert_eq!(put["schemaEnforced"], false);
}

#[tokio::test]
async fn only_schemas_that_can_be_enforced_are_saved_as_such() {
    let world = World::new().await;
    let save = async |schemas: Value| {
        let body = json!({"name": "a", "description": "", "schemas": schemas, "schemaEnforced": true});
        world.post(PATH, body).await
    };
    assert_eq!(save(Value::Null).await.invalid(), ["body.schemaEnforced"]);
    assert_eq!(save(json!({})).await.invalid(), ["body.schemas"]);
    for schema in [
        json!({"type": "objekt"}),
        json!({"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}}}),
        json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
        json!({"pattern": "(?=a)b"}),
        json!(7),
    ] {
        let answer = save(json!({ "1": schema })).await;
        assert_eq!(answer.json()["detail"][0]["type"], "invalid_schema");
        assert_eq!(answer.invalid(), ["body.schemas"]);
    }
    world.get(&format!("{PATH}/a")).await.refused(404, "not_found");
    // Without enforcement they are kept as they are: documentation may say anything.
    let body = json!({"name": "a", "description": "", "schemas": {"1": {"type": "objekt"}}});
    world.post(PATH, body).await.expect(201);
    let turned_on = world.patch(&format!("{PATH}/a"), json!({"schemaEnforced": true})).await;
    assert_eq!(turned_on.invalid(), ["body.schemas"]);
    let null = world.patch(&format!("{PATH}/a"), json!({"schemaEnforced": null})).await;
    assert_eq!(null.invalid(), ["body.schemaEnforced"]);
    assert_eq!(world.get(&format!("{PATH}/a")).await.expect(200)["schemaEnforced"], false);
    let put = json!({"description": "", "schemas": {"1": {"type": 1}}, "schemaEnforced": true});
    assert_eq!(world.put(&format!("{PATH}/a"), put).await.invalid(), ["body.schemas"]);
}

#[tokio::test]
async fn a_repeated_message_is_answered_after_the_schema_has_changed() {
    let world = World::new().await;
    let path = format!("{}/msg", world.acme().await);
    let first = world.post_once("k", &path, message(&json!({}))).await.expect(202);
    enforced(&world).await;
    assert_eq!(world.post_once("k", &path, message(&json!({}))).await.expect(202)["id"], first["id"]);
    assert_eq!(
        world.post_once("other", &path, message(&json!({}))).await.invalid(),
        ["body.payload.customer"]
    );
}

#[tokio::test]
async fn a_schema_is_compiled_once_and_again_when_it_is_saved() {
    let world = World::new().await;
    let path = format!("{}/msg", world.acme().await);
    enforced(&world).await;
    let compiled = || world.api.schemas.compiled();
    assert_eq!(compiled(), 0);
    for _ in 0..3 {
        world.post(&path, message(&json!({}))).await.expect(422);
        assert_eq!(compiled(), 1);
    }
    world.patch(&format!("{PATH}/order.paid"), json!({"description": "x"})).await.expect(200);
    world.post(&path, message(&json!({}))).await.expect(422);
    assert_eq!(compiled(), 2);
}

#[tokio::test]
async fn an_event_type_has_several_feature_flags_or_one() {
    let world = World::new().await;
    let body = json!({"name": "a", "description": "", "featureFlags": ["beta", "alpha"]});
    let made = world.post(PATH, body).await.expect(201);
    assert_eq!((&made["featureFlags"], &made["featureFlag"]), (&json!(["alpha", "beta"]), &json!("alpha")));
    let one = format!("{PATH}/a");
    let patched = world.patch(&one, json!({"featureFlag": "x"})).await.expect(200);
    assert_eq!((&patched["featureFlags"], &patched["featureFlag"]), (&json!(["x"]), &json!("x")));
    assert_eq!(world.patch(&one, json!({})).await.expect(200)["featureFlags"], json!(["x"]));
    for none in [json!({"featureFlags": []}), json!({"featureFlags": null}), json!({"featureFlag": null})] {
        world.patch(&one, json!({"featureFlags": ["x"]})).await.expect(200);
        let cleared = world.patch(&one, none).await.expect(200);
        assert_eq!((&cleared["featureFlags"], &cleared["featureFlag"]), (&Value::Null, &Value::Null));
    }
    let contradiction = json!({"featureFlags": ["x"], "featureFlag": "y"});
    assert_eq!(world.patch(&one, contradiction).await.invalid(), ["body.featureFlags"]);
    let wrong = json!({"featureFlags": ["a b"]});
    assert_eq!(world.patch(&one, wrong).await.invalid(), ["body.featureFlags.0"]);
}

#[tokio::test]
async fn every_event_of_the_catalogue_could_be_enforced_and_satisfies_its_schema() {
    let world = World::start(MemoryDisk::default(), Arc::new(AtomicI64::new(START)), |_| {});
    seed::seed(world.store(), world.api.now()).await.unwrap();
    let configuration = world.store().configuration();
    let organisation = configuration.organisation_by_name("default").unwrap().id;
    let mut seen = 0;
    for it in configuration.event_types(organisation) {
        let schema = PayloadSchema::compile(it.schemas.as_deref().unwrap()).unwrap();
        let example = RawValue::from_string(it.example.clone().unwrap()).unwrap();
        assert_eq!(schema.check(&example, &[]), Ok(()), "{}", it.name);
        seen += 1;
    }
    assert!(seen > 0);
}
