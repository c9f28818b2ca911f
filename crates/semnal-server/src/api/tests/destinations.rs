//! `GET …/msg/{msg_id}/endpoint`.

use semnal_core::attempt::AttemptEnd;
use serde_json::{Value, json};

use super::attempts::report;
use super::{START, World};

#[tokio::test]
async fn the_destinations_of_a_message_say_how_far_it_has_come() {
    let world = World::new().await;
    let app = world.acme().await;
    let delivered = world.endpoint(app, json!({"uid": "crm", "description": "CRM", "rateLimit": 5})).await;
    let waiting = world.endpoint(app, json!({})).await;
    let held = world.endpoint(app, json!({"paused": true})).await;
    let never = world.endpoint(app, json!({})).await;
    let gone = world.endpoint(app, json!({})).await;
    world.endpoint(app, json!({"eventTypes": ["other"]})).await;
    let message = world.message(app, json!({"eventId": "order-1"})).await;
    report(&world, &message, 0, 1, AttemptEnd::Answered(200), START).await;
    report(&world, &message, 1, 1, AttemptEnd::Answered(500), START + 5).await;
    report(&world, &message, 4, 1, AttemptEnd::Answered(500), START + 5).await;
    for deleted in [&never, &gone] {
        world.delete(&format!("{app}/endpoint/{deleted}")).await.expect(204);
    }
    let found = world.get(&format!("{app}/msg/order-1/endpoint")).await.expect(200);
    let first = &found["data"][0];
    assert_eq!(
        *first,
        json!({
            "id": delivered, "status": 0, "statusText": "success", "nextAttempt": null, "attempts": 1,
            "uid": "crm", "url": "https://example.com/hook", "description": "CRM", "eventTypes": null,
            "channels": null, "disabled": false, "paused": false, "deleted": false, "rateLimit": 5,
            "throttleRate": 5, "createdAt": first["createdAt"], "updatedAt": first["updatedAt"],
        })
    );
    let shown: Vec<Value> = found["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["id"], it["statusText"], it["nextAttempt"], it["paused"], it["deleted"]]))
        .collect();
    // The row asks for the next attempt one millisecond after the failed one.
    assert_eq!(
        shown,
        [
            json!([delivered, "success", null, false, false]),
            json!([waiting, "pending", "2023-11-14T22:13:20.006Z", false, false]),
            json!([held, "pending", null, true, false]),
            json!([gone, "fail", null, false, true]),
        ]
    );
    assert_eq!(found["data"][3]["url"], "https://example.com/hook");
    let expanded = world.get(&format!("{app}/msg/order-1/endpoint?expanded_statuses=true")).await.expect(200);
    assert_eq!(
        (&expanded["data"][3]["status"], &expanded["data"][3]["statusText"]),
        (&json!(4), &json!("canceled"))
    );
    world.get(&format!("{app}/msg/order-2/endpoint")).await.refused(404, "not_found");
}

#[tokio::test]
async fn destinations_are_paged_in_both_directions() {
    let world = World::new().await;
    let app = world.acme().await;
    let mut endpoints = Vec::new();
    for _ in 0..5 {
        endpoints.push(world.endpoint(app, json!({})).await);
    }
    let message = world.message(app, json!({})).await;
    let pages = world.walk(&format!("{app}/msg/{message}/endpoint?limit=2"), "id").await;
    assert_eq!(pages, [&endpoints[..2], &endpoints[2..4], &endpoints[4..]]);
    let other = world.get(&format!("{app}/endpoint?limit=1")).await.expect(200);
    let iterator = other["iterator"].as_str().unwrap();
    let path = format!("{app}/msg/{message}/endpoint?iterator={iterator}");
    assert_eq!(world.get(&path).await.invalid(), ["query.iterator"]);
}
