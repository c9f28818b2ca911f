//! The control routes.

use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let world = World::new().await;
    let body = json!({"name": "ci", "scopes": ["read"], "expires": "60s"});
    let made = world.control("POST", "/control/keys", Some(body)).await.expect(201);
    let text = made["key"].as_str().unwrap();
    assert!(text.starts_with("semnal_") && text.starts_with(made["hint"].as_str().unwrap()));
    assert_eq!((&made["scopes"], &made["expiresAt"]), (&json!(["read"]), &json!("2023-11-14T22:14:20.000Z")));
    world.call_as(text, "GET", "/api/v1/app", None).await.expect(200);
    world.call_as(text, "POST", "/api/v1/app", Some(json!({"name": "x"}))).await.refused(403, "forbidden");

    let listed = world.control("GET", "/control/keys", None).await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(text));
    let listed = listed.expect(200);
    assert_eq!(listed["data"][1]["id"], made["id"]);
    assert_eq!(listed["data"][1]["key"], Value::Null);

    let path = format!("/control/keys/{}/revoke", made["id"].as_str().unwrap());
    let revoked = world.control("POST", &path, None).await.expect(200);
    assert_eq!(revoked["revokedAt"], "2023-11-14T22:13:20.000Z");
    world.advance_seconds(1);
    assert_eq!(world.control("POST", &path, None).await.expect(200), revoked);
    world.call_as(text, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
    world.control("POST", "/control/keys/key_0/revoke", None).await.refused(404, "not_found");
    let wrong = json!({"name": "", "scopes": ["all"], "expires": "soon"});
    let places = world.control("POST", "/control/keys", Some(wrong)).await.invalid();
    assert_eq!(places, ["body.name", "body.scopes", "body.expires"]);
}

#[tokio::test]
async fn the_socket_has_all_of_the_default_organisation() {
    let world = World::new().await;
    let app = world.acme().await;
    assert_eq!(world.control("GET", app, None).await.expect(200)["name"], "Acme");
    let body = json!({"eventType": "a", "payload": {}});
    world.control("POST", &format!("{app}/msg"), Some(body)).await.expect(202);
    let proof = world.control("GET", "/control/verify", None).await.expect(200);
    assert_eq!(
        (&proof["balances"], &proof["messages"], &proof["rows"]),
        (&json!(true), &json!(1), &json!([]))
    );
    let status = world.control("GET", "/control/status", None).await.expect(200);
    assert_eq!(
        (&status["organisations"], &status["applications"], &status["keys"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn the_network_has_no_control_routes() {
    let world = World::new().await;
    for path in ["/control/keys", "/control/status", "/control/verify", "/control/keys/x/revoke"] {
        world.get(path).await.refused(404, "not_found");
        world.post(path, json!({"name": "x"})).await.refused(404, "not_found");
    }
}
