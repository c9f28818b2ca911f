//! `GET …/msg/{msg_id}/attempt/{attempt_id}/headers`.

use semnal_core::attempt::AttemptEnd;
use serde_json::{Value, json};

use super::attempts::report;
use super::{START, World};

#[tokio::test]
async fn the_headers_of_an_attempt_are_those_that_are_certain() {
    let world = World::new().await;
    let app = world.acme().await;
    let headers = json!({"X-Shop": "7", "Authorization": "Bearer hunter2"});
    let endpoint = world.endpoint(app, json!({ "headers": headers })).await;
    let message = world.message(app, json!({"payload": {"n": 1}})).await;
    report(&world, &message, 0, 1, AttemptEnd::Answered(204), START + 1_000).await;
    let list = world.get(&format!("{app}/attempt/msg/{message}")).await.expect(200);
    let attempt = list["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{app}/msg/{message}/attempt/{attempt}/headers");
    let found = world.get(&path).await.expect(200);
    assert_eq!(
        found,
        json!({
            "sentHeaders": {
                "content-length": "7", "content-type": "application/json", "svix-id": message,
                "svix-timestamp": "1700000001", "webhook-attempt": "1", "webhook-event": "shop.opened",
                "webhook-id": message, "webhook-timestamp": "1700000001", "x-shop": "7",
            },
            "sensitive": ["authorization", "svix-signature", "webhook-signature"],
            "customHeadersKnown": true,
            "responseHeaders": [["x-receiver", "\u{fffd} 1"]],
        })
    );
    // After a change nobody knows which headers of its own the endpoint had at that time.
    world.advance_seconds(5);
    world.patch(&format!("{app}/endpoint/{endpoint}"), json!({"description": "x"})).await.expect(200);
    let found = world.get(&path).await.expect(200);
    assert_eq!(found["customHeadersKnown"], false);
    assert_eq!(
        (&found["sentHeaders"]["x-shop"], &found["sentHeaders"]["content-type"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(found["sentHeaders"]["webhook-timestamp"], "1700000001");
    assert_eq!(found["sensitive"], json!(["svix-signature", "webhook-signature"]));
    world.get(&format!("{app}/msg/{message}/attempt/atmpt_x/headers")).await.refused(404, "not_found");
}
