//! `/api/v1/event-type`.

use serde_json::{Value, json};

use super::World;

const PATH: &str = "/api/v1/event-type";

#[tokio::test]
async fn an_event_type_is_made_read_changed_archived_and_removed() {
    let world = World::new().await;
    let schemas = json!({"1": {"type": "object", "title": "Invoice"}});
    let given = json!({
        "name": "invoice.paid", "description": "Paid", "schemas": schemas, "groupName": "Money",
        "featureFlag": "beta", "title": "Invoice paid", "example": {"n": 1},
    });
    let made = world.post(PATH, given).await.expect(201);
    assert_eq!(made["schemas"], schemas);
    assert_eq!(
        (&made["archived"], &made["deprecated"], &made["groupName"]),
        (&json!(false), &json!(false), &json!("Money"))
    );
    assert_eq!(world.get(&format!("{PATH}/invoice.paid")).await.expect(200), made);

    let patch = json!({"description": "Was paid", "schemas": null});
    let patched = world.patch(&format!("{PATH}/invoice.paid"), patch).await.expect(200);
    assert_eq!((&patched["description"], &patched["schemas"]), (&json!("Was paid"), &Value::Null));
    assert_eq!(patched["featureFlag"], "beta");

    let replaced = world.put(&format!("{PATH}/invoice.paid"), json!({"description": "x"})).await.expect(200);
    assert_eq!((&replaced["featureFlag"], &replaced["createdAt"]), (&Value::Null, &made["createdAt"]));
    world.put(&format!("{PATH}/invoice.voided"), json!({"description": "x"})).await.expect(201);

    world.delete(&format!("{PATH}/invoice.paid")).await.expect(204);
    assert_eq!(world.get(&format!("{PATH}/invoice.paid")).await.expect(200)["archived"], true);
    world.delete(&format!("{PATH}/invoice.paid?expunge=true")).await.expect(204);
    world.get(&format!("{PATH}/invoice.paid")).await.refused(404, "not_found");
    world.delete(&format!("{PATH}/invoice.paid")).await.refused(404, "not_found");
    world.get(&format!("{PATH}/has%20space")).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_event_type_is_made_once_unless_it_is_archived() {
    let world = World::new().await;
    let body = json!({"name": "a.b", "description": "x"});
    world.post(PATH, body.clone()).await.expect(201);
    world.post(PATH, body.clone()).await.refused(409, "conflict");
    world.delete(&format!("{PATH}/a.b")).await.expect(204);
    assert_eq!(world.post(PATH, body).await.expect(201)["archived"], false);
}

#[tokio::test]
async fn what_is_wrong_with_an_event_type_is_named() {
    let world = World::new().await;
    assert_eq!(world.post(PATH, json!({})).await.invalid(), ["body.name", "body.description"]);
    let wrong = json!({"name": "știre", "description": 7, "schemas": [], "archived": "yes"});
    let places = ["body.name", "body.description", "body.archived", "body.schemas"];
    assert_eq!(world.post(PATH, wrong).await.invalid(), places);
    assert_eq!(
        world.put(&format!("{PATH}/a%20b"), json!({"description": "x"})).await.invalid(),
        ["path.event_type_name"]
    );
    world.post(PATH, json!({"name": "a", "description": ""})).await.expect(201);
    assert_eq!(
        world.patch(&format!("{PATH}/a"), json!({"description": null})).await.invalid(),
        ["body.description"]
    );
}

#[tokio::test]
async fn event_types_are_listed_by_name_without_the_archived_ones() {
    let world = World::new().await;
    for name in ["c", "a", "e", "b", "d"] {
        let body = json!({"name": name, "description": "x", "schemas": {"1": {}}});
        world.post(PATH, body).await.expect(201);
    }
    assert_eq!(
        world.walk(&format!("{PATH}?limit=2"), "name").await,
        [vec!["a", "b"], vec!["c", "d"], vec!["e"]]
    );
    assert_eq!(
        world.walk(&format!("{PATH}?limit=3&order=descending"), "name").await,
        [vec!["e", "d", "c"], vec!["b", "a"]]
    );
    world.delete(&format!("{PATH}/b")).await.expect(204);
    assert_eq!(world.walk(PATH, "name").await, [["a", "c", "d", "e"]]);
    let all = world.get(&format!("{PATH}?include_archived=true&with_content=true")).await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 5);
    assert_eq!(all["data"][1]["archived"], true);
    assert_eq!(all["data"][0]["schemas"], json!({"1": {}}));
    assert_eq!(world.get(PATH).await.expect(200)["data"][0]["schemas"], Value::Null);
}

#[tokio::test]
async fn an_event_type_can_have_a_retry_schedule() {
    let world = World::new().await;
    let path = format!("{PATH}/a");
    let made = world.post(PATH, json!({"name": "a", "description": "", "retrySchedule": ["5s", "1m"]})).await;
    assert_eq!(made.expect(201)["retrySchedule"], json!(["5s", "1m"]));
    assert_eq!(world.patch(&path, json!({})).await.expect(200)["retrySchedule"], json!(["5s", "1m"]));
    let changed = world.patch(&path, json!({"retrySchedule": ["7ms"]})).await.expect(200);
    assert_eq!(changed["retrySchedule"], json!(["7ms"]));
    let cleared = world.patch(&path, json!({"retrySchedule": null})).await.expect(200);
    assert_eq!(cleared["retrySchedule"], Value::Null);
    let wrong = world.patch(&path, json!({"retrySchedule": ["soon"]})).await;
    assert_eq!(wrong.invalid(), ["body.retrySchedule"]);
}
