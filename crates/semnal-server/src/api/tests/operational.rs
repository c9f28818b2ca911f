//! The built-in application `operational`, as the API shows it.

use serde_json::{Value, json};

use super::{World, token};

const APP: &str = "/api/v1/app/operational";

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|it| it["eventType"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_built_in_application_is_reached_by_its_uid_and_is_in_no_list() {
    let world = World::new().await;
    let built_in = world.get(APP).await.expect(200);
    assert_eq!(built_in["uid"], "operational");
    let by_id = format!("/api/v1/app/{}", built_in["id"].as_str().unwrap());
    assert_eq!(world.get(&by_id).await.expect(200), built_in);
    assert_eq!(world.get("/api/v1/app").await.expect(200)["data"], json!([]));
    world.acme().await;
    assert_eq!(world.get("/api/v1/app?limit=1").await.expect(200)["done"], true);
    assert_eq!(world.get("/api/v1/event-type").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn an_organisation_that_a_token_makes_has_one_too() {
    let world = World::new().await;
    let theirs = token(&json!({"sub": "org_new"}));
    let built_in = world.call_as(&theirs, "GET", APP, None).await.expect(200);
    assert_ne!(built_in["id"], world.get(APP).await.expect(200)["id"]);
    assert_eq!(world.call_as(&theirs, "GET", "/api/v1/app", None).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn it_cannot_be_changed_deleted_imitated_or_sent_to() {
    let world = World::new().await;
    world.acme().await;
    let before = world.get(APP).await.expect(200);
    for (method, path, body) in [
        ("PUT", APP.to_owned(), json!({"name": "x"})),
        ("PATCH", APP.to_owned(), json!({"uid": "x"})),
        ("DELETE", APP.to_owned(), json!({})),
        ("POST", format!("{APP}/msg"), json!({"eventType": "endpoint.deleted", "payload": {}})),
    ] {
        world.call(method, &path, Some(body)).await.refused(403, "forbidden");
    }
    let imitation = json!({"name": "x", "uid": "operational"});
    world.post("/api/v1/app", imitation.clone()).await.refused(409, "conflict");
    world.patch("/api/v1/app/acme", imitation).await.refused(409, "conflict");
    assert_eq!(world.get(APP).await.expect(200), before);
    assert_eq!(world.get(&format!("{APP}/msg")).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn the_token_of_an_application_does_not_reach_it() {
    let world = World::new().await;
    let owner = token(&json!({"sub": "org_a"}));
    let built_in = world.call_as(&owner, "GET", APP, None).await.expect(200);
    let made = world.call_as(&owner, "POST", "/api/v1/app", Some(json!({"name": "Acme"}))).await.expect(201);
    for subject in [&made["id"], &built_in["id"]] {
        let scoped = token(&json!({"sub": subject, "org": "org_a"}));
        let by_id = format!("/api/v1/app/{}", built_in["id"].as_str().unwrap());
        for app in [APP, &by_id] {
            for path in ["", "/endpoint", "/msg"] {
                let answer = world.call_as(&scoped, "GET", &format!("{app}{path}"), None).await;
                answer.refused(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn whoever_makes_an_endpoint_in_it_finds_there_what_happens() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "before"})).await;
    world.endpoint(APP, json!({"filterTypes": ["endpoint.created", "endpoint.disabled"]})).await;
    let id = world.endpoint(app, json!({"uid": "billing"})).await;
    world.patch(&format!("{app}/endpoint/billing"), json!({"description": "x"})).await.expect(200);
    world.advance_seconds(1);
    world.patch(&format!("{app}/endpoint/billing"), json!({"disabled": true})).await.expect(200);
    let list = world.get(&format!("{APP}/msg")).await.expect(200);
    assert_eq!(names(&list), ["endpoint.disabled", "endpoint.created"]);
    let created = &list["data"][1]["payload"];
    let acme = world.get(app).await.expect(200)["id"].clone();
    let data = json!({"appId": acme, "appUid": "acme", "endpointId": id, "endpointUid": "billing"});
    assert_eq!(*created, json!({"type": "endpoint.created", "data": data}));
    let disabled = &list["data"][0]["payload"]["data"];
    let expected = (&json!("requested"), &json!("2023-11-14T22:13:21.000Z"));
    assert_eq!((&disabled["reason"], &disabled["failSince"]), expected);
}
