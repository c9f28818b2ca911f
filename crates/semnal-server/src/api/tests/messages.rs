//! `/api/v1/app/{app_id}/msg`.

use axum::body::Body;
use http::Request;
use semnal_core::id::IdKind;
use serde_json::{Value, json};

use super::{World, request};

#[tokio::test]
async fn a_message_is_accepted_and_read_back() {
    let world = World::new().await;
    let app = world.acme().await;
    let body =
        json!({"eventType": "shop.opened", "eventId": "order-1", "channels": ["ro"], "payload": {"n": 1}});
    let made = world.post(&format!("{app}/msg"), body).await.expect(202);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("msg_") && id.len() == 31);
    assert_eq!(
        made,
        json!({
            "id": id, "eventType": "shop.opened", "eventId": "order-1", "channels": ["ro"], "payload": {"n": 1},
            "timestamp": "2023-11-14T22:13:20.000Z",
        })
    );
    assert_eq!(world.get(&format!("{app}/msg/{id}")).await.expect(200), made);
    assert_eq!(world.get(&format!("{app}/msg/order-1/")).await.expect(200), made);
    let without = world.get(&format!("{app}/msg/{id}?with_content=false")).await.expect(200);
    assert_eq!((&without["payload"], &without["id"]), (&json!({}), &made["id"]));
    let body = json!({"eventType": "a", "payload": {"n": 2}});
    let made = world.post(&format!("{app}/msg?with_content=false"), body).await.expect(202);
    assert_eq!(
        (&made["payload"], &made["channels"], &made["eventId"]),
        (&json!({}), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte() {
    let world = World::new().await;
    let app = world.acme().await;
    for payload in [
        r#"{ "a" :	1 ,  "b":[ 1,2 , 3 ] }"#,
        r#"{"u":18446744073709551615,"n":12345678901234567890123,"a":1.0,"e":1E+400,"z":-0.0}"#,
        r#"{"a":1,"a":2,"s":"\u0219\uD83D\ude00\/","\u0061":3}"#,
        "{}",
    ] {
        let body = format!(r#"{{ "payload" :  {payload}  , "eventType":"a" }}"#);
        let path = format!("{app}/msg");
        let mut sent = request("POST", &path, Some(&world.key), None);
        *sent.body_mut() = Body::from(body);
        let made = world.raw(sent).await;
        assert!(
            String::from_utf8_lossy(&made.body).contains(&format!(r#""payload":{payload},"#)),
            "{made:?}"
        );
        // Not every library reads 1E+400; only the id is looked at.
        #[derive(serde::Deserialize)]
        struct Made {
            id: String,
        }
        let Made { id } = serde_json::from_slice(&made.body).unwrap();
        let read = world.get(&format!("{app}/msg/{id}")).await;
        assert!(String::from_utf8_lossy(&read.body).contains(&format!(r#""payload":{payload},"#)));
        let (_, key) = world.store().ids().decode(IdKind::Message, &id).unwrap();
        let stored = world.store().read(move |reader| reader.message(key.into())).await.unwrap().unwrap();
        assert_eq!(stored.payload, payload.as_bytes());
    }
}

#[tokio::test]
async fn a_message_matches_the_endpoints_that_want_it() {
    let world = World::new().await;
    let app = world.acme().await;
    let all = world.endpoint(app, json!({})).await;
    let of_type = world.endpoint(app, json!({"eventTypes": ["shop.opened"]})).await;
    world.endpoint(app, json!({"eventTypes": ["shop.closed"]})).await;
    let paused = world.endpoint(app, json!({"paused": true})).await;
    world.endpoint(app, json!({"channels": ["ro"]})).await;
    let id = world.message(app, json!({})).await;
    let (_, key) = world.store().ids().decode(IdKind::Message, &id).unwrap();
    let stored = world.store().read(move |reader| reader.message(key.into())).await.unwrap().unwrap();
    let partition = stored.application.partition();
    let ids: Vec<String> = stored
        .endpoints
        .iter()
        .map(|e| world.store().ids().encode(IdKind::Endpoint, partition, e.0))
        .collect();
    assert_eq!(ids, [all, of_type, paused]);
}

#[tokio::test]
async fn an_event_id_is_given_once_in_an_application() {
    let world = World::new().await;
    let app = world.acme().await;
    world.message(app, json!({"eventId": "order-1"})).await;
    let body = json!({"eventType": "a", "payload": {}, "eventId": "order-1"});
    world.post(&format!("{app}/msg"), body.clone()).await.refused(409, "conflict");
    world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    world.get("/api/v1/app/other/msg/order-1").await.refused(404, "not_found");
    world.post("/api/v1/app/other/msg", body).await.expect(202);
    world.get(&format!("{app}/msg/order-2")).await.refused(404, "not_found");
    assert_eq!(world.get(&format!("{app}/msg")).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_event_type_is_refused_only_by_a_strict_server() {
    let body = json!({"eventType": "a.b", "payload": {}});
    let lax = World::new().await;
    let app = lax.acme().await;
    lax.post(&format!("{app}/msg"), body.clone()).await.expect(202);

    let strict = World::with(|api| api.strict_event_types = true).await;
    strict.acme().await;
    let answer = strict.post(&format!("{app}/msg"), body.clone()).await;
    assert_eq!(answer.json()["detail"][0]["type"], "unknown_event_type");
    assert_eq!(answer.invalid(), ["body.eventType"]);
    strict.post("/api/v1/event-type", json!({"name": "a.b", "description": "x"})).await.expect(201);
    strict.post(&format!("{app}/msg"), body.clone()).await.expect(202);
    strict.delete("/api/v1/event-type/a.b").await.expect(204);
    strict.post(&format!("{app}/msg"), body).await.expect(202);
}

#[tokio::test]
async fn a_message_brings_its_application_along() {
    let world = World::new().await;
    let body =
        |uid: &str| json!({"eventType": "a", "payload": {}, "application": {"name": "New", "uid": uid}});
    assert_eq!(world.post("/api/v1/app/new/msg", body("other")).await.invalid(), ["body.application.uid"]);
    let nameless = json!({"eventType": "a", "payload": {}, "application": {"uid": "new"}});
    assert_eq!(world.post("/api/v1/app/new/msg", nameless).await.invalid(), ["body.application.name"]);
    world.get("/api/v1/app/new").await.refused(404, "not_found");
    world.post("/api/v1/app/new/msg", body("new")).await.expect(202);
    world.post("/api/v1/app/new/msg", body("new")).await.expect(202);
    assert_eq!(world.get("/api/v1/app/new").await.expect(200)["name"], "New");
    assert_eq!(world.get("/api/v1/app/new/msg").await.expect(200)["data"].as_array().unwrap().len(), 2);
    world
        .post("/api/v1/app/nobody/msg", json!({"eventType": "a", "payload": {}}))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_filtered() {
    let world = World::new().await;
    let app = world.acme().await;
    world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    let mut ids = Vec::new();
    for n in 0..5 {
        world.advance_seconds(1);
        let (event_type, channel) = if n % 2 == 0 { ("even", "a") } else { ("odd", "b") };
        ids.push(world.message(app, json!({"eventType": event_type, "channels": [channel]})).await);
        world.message("/api/v1/app/other", json!({})).await;
    }
    ids.reverse();
    let pages: Vec<Vec<String>> = ids.chunks(2).map(<[String]>::to_vec).collect();
    assert_eq!(world.walk(&format!("{app}/msg?limit=2"), "id").await, pages);

    let check = async |query: &str, expected: &[usize]| {
        let found = world.walk(&format!("{app}/msg?{query}"), "id").await.concat();
        let expected: Vec<&String> = expected.iter().map(|n| &ids[4 - n]).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    };
    check("event_types=even", &[4, 2, 0]).await;
    check("event_types=even&event_types=odd", &[4, 3, 2, 1, 0]).await;
    check("event_types=even,odd", &[4, 3, 2, 1, 0]).await;
    check("event_types=none", &[]).await;
    check("channel=b", &[3, 1]).await;
    check("channel=b&limit=1", &[3, 1]).await;
    // Message n was made at 22:13:(21 + n).
    check("before=2023-11-14T22:13:23Z", &[1, 0]).await;
    check("after=2023-11-14T22:13:23Z", &[4, 3]).await;
    check("after=2023-11-14T22:13:21Z&before=2023-11-14T22:13:25Z&limit=2", &[3, 2, 1]).await;
    assert_eq!(
        world.get(&format!("{app}/msg?before=soon&channel=a%20b&event_types=x%20y")).await.invalid(),
        ["query.before", "query.channel", "query.event_types"]
    );
    let without = world.get(&format!("{app}/msg?with_content=false")).await.expect(200);
    assert_eq!(without["data"][0]["payload"], json!({}));
}

#[tokio::test]
async fn a_full_disk_is_a_503_that_says_when_to_come_back() {
    let world = World::new().await;
    let app = world.acme().await;
    world.disk.faults.set_disk_full(true);
    let answer = world.post(&format!("{app}/msg"), json!({"eventType": "a", "payload": {}})).await;
    assert_eq!(answer.headers["retry-after"], "5");
    answer.refused(503, "storage_full");
    world.post("/api/v1/app", json!({"name": "x"})).await.refused(503, "storage_full");
    world.get(&format!("{app}/msg")).await.expect(200);
    world.disk.faults.set_disk_full(false);
    world.message(app, json!({})).await;
    world.store().stop().await;
    let answer = world.post(&format!("{app}/msg"), json!({"eventType": "a", "payload": {}})).await;
    answer.refused(503, "unavailable");
}

#[tokio::test]
async fn messages_keep_coming_while_the_configuration_changes() {
    let world = std::sync::Arc::new(World::new().await);
    let app = world.acme().await;
    let senders = (0..4).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                world.message(app, json!({})).await;
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    // Fewer than a message is matched at most, so that none can be refused.
    for _ in 0..9 {
        world.endpoint(app, json!({})).await;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let verified = world.store().verify().await.unwrap();
    assert_eq!(verified.messages, 200);
}

#[tokio::test]
async fn a_malformed_body_is_a_400() {
    let world = World::new().await;
    let app = world.acme().await;
    for body in ["", "{", r#"{"eventType":"a","payload":{},}"#, "{} {}", r#"{"payload":{"a":NaN}}"#] {
        let mut sent: Request<Body> = request("POST", &format!("{app}/msg"), Some(&world.key), None);
        *sent.body_mut() = Body::from(body);
        world.raw(sent).await.refused(400, "invalid_json");
    }
    for body in ["[]", "7", "null", "\"x\""] {
        let mut sent: Request<Body> = request("POST", &format!("{app}/msg"), Some(&world.key), None);
        *sent.body_mut() = Body::from(body);
        assert_eq!(world.raw(sent).await.invalid(), ["body"]);
    }
}
