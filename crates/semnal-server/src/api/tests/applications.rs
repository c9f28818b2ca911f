//! `/api/v1/app`.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn an_application_is_made_read_replaced_changed_and_deleted() {
    let world = World::new().await;
    let given = json!({"name": "Acme", "uid": "acme", "throttleRate": 9, "metadata": {"plan": "free"}});
    let made = world.post("/api/v1/app", given).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("app_") && id.len() == 31);
    assert_eq!(
        made,
        json!({
            "id": id, "uid": "acme", "name": "Acme", "rateLimit": 9, "throttleRate": 9, "metadata": {"plan": "free"},
            "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.000Z",
        })
    );
    assert_eq!(world.get(&format!("/api/v1/app/{id}")).await.expect(200), made);
    assert_eq!(world.get("/api/v1/app/acme/").await.expect(200), made);

    world.advance_seconds(1);
    let replaced = world.put("/api/v1/app/acme", json!({"name": "Acme Ltd"})).await.expect(200);
    assert_eq!(replaced["id"], made["id"]);
    assert_eq!((&replaced["uid"], &replaced["metadata"]), (&json!("acme"), &json!({})));
    assert_eq!((&replaced["rateLimit"], &replaced["createdAt"]), (&Value::Null, &made["createdAt"]));
    assert_eq!(replaced["updatedAt"], "2023-11-14T22:13:21.000Z");

    let patched = world.patch("/api/v1/app/acme", json!({"rateLimit": 5})).await.expect(200);
    assert_eq!((&patched["name"], &patched["throttleRate"]), (&json!("Acme Ltd"), &json!(5)));
    let cleared =
        world.patch("/api/v1/app/acme", json!({"throttleRate": null, "uid": null})).await.expect(200);
    assert_eq!((&cleared["rateLimit"], &cleared["uid"]), (&Value::Null, &Value::Null));
    world.get("/api/v1/app/acme").await.refused(404, "not_found");

    assert_eq!(world.delete(&format!("/api/v1/app/{id}")).await.expect(204), Value::Null);
    world.delete(&format!("/api/v1/app/{id}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_put_makes_what_its_path_names() {
    let world = World::new().await;
    let made = world.put("/api/v1/app/acme", json!({"name": "Acme"})).await.expect(201);
    assert_eq!(made["uid"], "acme");
    assert_eq!(
        world.put("/api/v1/app/other", json!({"name": "Acme", "uid": "another"})).await.invalid(),
        ["body.uid"]
    );
    let id = made["id"].as_str().unwrap();
    world.delete("/api/v1/app/acme").await.expect(204);
    world.put(&format!("/api/v1/app/{id}"), json!({"name": "Acme"})).await.refused(404, "not_found");
    world.put("/api/v1/app/has%20space", json!({"name": "Acme"})).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_application_that_exists_is_given_back_when_asked_for() {
    let world = World::new().await;
    let body = json!({"name": "Acme", "uid": "acme"});
    let made = world.post("/api/v1/app?get_if_exists=true", body.clone()).await.expect(201);
    assert_eq!(world.post("/api/v1/app?get_if_exists=true", body.clone()).await.expect(200), made);
    world.post("/api/v1/app", body).await.refused(409, "conflict");
    world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    world.patch("/api/v1/app/other", json!({"uid": "acme"})).await.refused(409, "conflict");
    assert_eq!(world.get("/api/v1/app/acme").await.expect(200), made);
}

#[tokio::test]
async fn what_is_wrong_with_an_application_is_named() {
    let world = World::new().await;
    let check = async |body: Value, expected: &[&str]| {
        assert_eq!(world.post("/api/v1/app", body).await.invalid(), expected);
    };
    check(json!({}), &["body.name"]).await;
    check(json!({"name": ""}), &["body.name"]).await;
    check(json!({"name": "x".repeat(1_025)}), &["body.name"]).await;
    check(
        json!({"name": null, "uid": "a b", "metadata": {"a": 1}}),
        &["body.name", "body.uid", "body.metadata"],
    )
    .await;
    check(json!({"name": "a", "rateLimit": 1, "throttleRate": 2}), &["body.rateLimit"]).await;
    check(json!({"name": "a", "throttleRate": 0}), &["body.throttleRate"]).await;
    check(json!({"name": "a", "metadata": {"a": "x".repeat(4_097)}}), &["body.metadata"]).await;
    assert_eq!(world.get("/api/v1/app").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn applications_are_listed_in_either_order_and_back() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let made = world.post("/api/v1/app", json!({"name": format!("Shop {n}")})).await.expect(201);
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let pages = |ids: &[String]| ids.chunks(2).map(<[String]>::to_vec).collect::<Vec<_>>();
    assert_eq!(world.walk("/api/v1/app?limit=2", "id").await, pages(&ids));
    ids.reverse();
    assert_eq!(world.walk("/api/v1/app?limit=2&order=descending", "id").await, pages(&ids));
}

#[tokio::test]
async fn wrong_parameters_are_named_together() {
    let world = World::new().await;
    let places = world.get("/api/v1/app?limit=0&iterator=%00x&order=up").await.invalid();
    assert_eq!(places, ["query.limit", "query.order", "query.iterator"]);
    for limit in ["251", "-1", "x", "1.5"] {
        assert_eq!(world.get(&format!("/api/v1/app?limit={limit}")).await.invalid(), ["query.limit"]);
    }
    let empty = world.get("/api/v1/app/?limit=250&iterator=").await.expect(200);
    assert_eq!(empty, json!({"data": [], "iterator": null, "prevIterator": null, "done": true}));
}
