//! `/auth`, `/hooks` and `/event`.

use serde_json::{Value, json};

use super::{Face, refused};

fn event(more: Value) -> Value {
    let mut body = json!({
        "severity": 2, "payload": {"a": "true"}, "initiator": "system", "object_type": "network",
        "slug": "payment_received",
    });
    let (Value::Object(fields), Value::Object(more)) = (&mut body, more) else {
        unreachable!("both are objects")
    };
    fields.extend(more);
    body
}

#[tokio::test]
async fn auth_says_which_network_it_is() {
    let it = Face::new().await;
    let expected = json!({"success": true, "label": "Acme", "message": "Welcome to our API"});
    assert_eq!(it.get("/auth").await.expect(200), expected);
}

#[tokio::test]
async fn every_answer_is_json() {
    let it = Face::new().await;
    let html = "<script>alert(1)</script>";
    it.webhook(json!({"name": html})).await;
    it.post("/event", event(json!({"payload": {"title": html}}))).await.expect(200);
    for path in ["/webhook", "/webhook/1", "/event", "/hooks", "/auth", "/webhook/2", "/nothing"] {
        let answered = it.get(path).await;
        assert_eq!(answered.headers["content-type"], "application/json", "{path}");
    }
}

#[tokio::test]
async fn hooks_are_the_catalogue_by_slug_in_its_order_without_the_version() {
    let it = Face::new().await;
    assert_eq!(it.get("/hooks").await.expect(200), json!({}));
    for body in [
        json!({"name": "zz.own", "description": "Own"}),
        json!({"name": "site_published", "title": "Site Published", "description": "B", "example": {"z": 0, "a": "true", "wu_version": "2"}}),
        json!({"name": "payment_received", "title": "Payment Received", "description": "A", "example": {"b": null}}),
        json!({"name": "payment_failed", "description": "C", "archived": true}),
    ] {
        it.world.post("/api/v1/event-type", body).await.expect(201);
    }
    let answered = it.get("/hooks").await;
    let text = String::from_utf8_lossy(&answered.body).into_owned();
    let position =
        |slug: &str| text.find(&format!("\"{slug}\":{{")).unwrap_or_else(|| panic!("{slug}: {text}"));
    assert!(position("payment_received") < position("site_published"), "the order of registration");
    assert!(position("site_published") < position("zz.own"));
    let hooks = answered.json();
    assert_eq!(hooks.as_object().unwrap().len(), 3);
    let site = json!({"name": "Site Published", "desc": "B", "payload": {"z": 0, "a": "true"}, "deprecated_args": []});
    assert_eq!(hooks["site_published"], site);
    assert_eq!(hooks["payment_received"]["deprecated_args"]["amount"], "payment_total");
    let own = json!({"name": "zz.own", "desc": "Own", "payload": [], "deprecated_args": []});
    assert_eq!(hooks["zz.own"], own);
}

#[tokio::test]
async fn every_hook_of_the_catalogue_has_the_payload_of_the_original() {
    let it = Face::new().await;
    for (name, example) in crate::seed::catalogue_names().iter().zip(crate::seed::catalogue_examples()) {
        let body = format!("{{\"name\":\"{name}\",\"description\":\"x\",\"example\":{}}}", example.get());
        let sent = super::super::request("POST", "/api/v1/event-type", Some(&it.world.key), None);
        let (parts, _) = sent.into_parts();
        it.world.raw(http::Request::from_parts(parts, body.into())).await.expect(201);
    }
    let hooks = it.get("/hooks").await.expect(200);
    assert_eq!(hooks.as_object().unwrap().len(), 23);
    let received = hooks["payment_received"]["payload"].as_object().unwrap();
    assert_eq!(received.len(), 35, "36 with the version");
    assert_eq!((&received["payment_total"], &received["payment_total_raw"]), (&json!("$ 0.00"), &json!(0)));
    assert_eq!(received["payment_currency"], Value::Null);
    assert_eq!(hooks["domain_created"]["payload"]["domain_active"], "true");
    assert!(hooks.to_string().find("wu_version").is_none());
}

#[tokio::test]
async fn a_created_event_is_a_message_whose_payload_is_flat_and_has_the_version() {
    let it = Face::new().await;
    let made =
        it.post("/event", event(json!({"severity": "4", "initiator": "manual", "object_id": "7"}))).await;
    let made = made.expect(200);
    assert_eq!((&made["slug"], &made["severity_label"]), (&json!("payment_received"), &json!("Warning")));
    assert_eq!((&made["object_id"], &made["model"]), (&json!(7), &json!("event")));
    assert_eq!(made["payload"], json!({"a": "true", "wu_version": "2.4.13-beta.1"}));
    let messages = it.world.get("/api/v1/app/acme/msg").await.expect(200);
    assert_eq!(messages["data"].as_array().unwrap().len(), 1);
    assert_eq!(messages["data"][0]["payload"], made["payload"]);
    let read = it.get(&format!("/event/{}", made["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&read["payload"], &read["severity"]), (&made["payload"], &json!(2)));
    refused(it.get("/event/1").await, 404, "wu_rest_event_invalid_id");
}

#[tokio::test]
async fn the_version_is_that_of_the_event_s_example_unless_the_payload_has_its_own() {
    let it = Face::new().await;
    let kind = json!({"name": "payment_received", "description": "x", "example": {"wu_version": "2.12.0"}});
    it.world.post("/api/v1/event-type", kind).await.expect(201);
    let made = it.post("/event", event(json!({}))).await.expect(200);
    assert_eq!(made["payload"]["wu_version"], "2.12.0");
    let made = it.post("/event", event(json!({"payload": {"wu_version": "1"}}))).await.expect(200);
    assert_eq!(made["payload"], json!({"wu_version": "1"}));
}

#[tokio::test]
async fn events_are_listed_newest_first_with_pages() {
    let it = Face::new().await;
    for n in 0..12 {
        it.world.advance_seconds(1);
        let slug = if n % 3 == 0 { "a" } else { "b" };
        it.post("/event", event(json!({"slug": slug, "payload": {"n": n}}))).await.expect(200);
    }
    // The original keeps them for a day.
    it.world.advance_seconds(2 * 86_400);
    let page = it.get("/event?per_page=5&page=2").await;
    assert_eq!(
        (&page.headers["x-wp-total"], &page.headers["x-wp-totalpages"]),
        (&"12".parse().unwrap(), &"3".parse().unwrap())
    );
    let numbers = |list: Value| {
        list.as_array().unwrap().iter().map(|it| it["payload"]["n"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(page.json()), [6, 5, 4, 3, 2]);
    let some = it.get("/event?slug=a").await;
    assert_eq!(
        (numbers(some.json()), &some.headers["x-wp-total"]),
        (vec![9, 6, 3, 0], &"4".parse().unwrap())
    );
    assert_eq!(it.get("/event?slug=a%20b").await.expect(200), json!([]));
    assert_eq!(it.get("/event?page=9999999").await.expect(200), json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_a_400() {
    let it = Face::new().await;
    let missing = it.post("/event", json!({"slug": "a"})).await;
    assert_eq!(missing.json()["data"]["params"], json!(["severity", "payload", "initiator", "object_type"]));
    refused(missing, 400, "rest_missing_callback_param");
    for (field, value) in [
        ("severity", json!(0)),
        ("severity", json!(6)),
        ("initiator", json!("nobody")),
        ("object_type", json!("Not a word")),
        ("slug", json!("")),
        ("slug", json!("a b")),
        ("payload", json!([])),
        ("payload", json!("text")),
    ] {
        refused(it.post("/event", event(json!({ field: value }))).await, 400, field);
    }
    refused(it.post("/event", event(json!({"severity": "much"}))).await, 400, "rest_invalid_param");
}

#[tokio::test]
async fn a_strict_server_and_an_enforced_schema_refuse_with_400() {
    let it = Face::new().await;
    let kind = json!({
        "name": "payment_received", "description": "x", "schemaEnforced": true,
        "schemas": {"1": {"type": "object", "required": ["payment_id"]}},
    });
    it.world.post("/api/v1/event-type", kind).await.expect(201);
    refused(it.post("/event", event(json!({}))).await, 400, "rest_validation");
    it.post("/event", event(json!({"payload": {"payment_id": 1}}))).await.expect(200);
}

#[tokio::test]
async fn an_event_whose_payload_was_expunged_says_so() {
    let it = Face::new().await;
    it.post("/event", event(json!({}))).await.expect(200);
    let sent = it.world.get("/api/v1/app/acme/msg").await.expect(200);
    let id = sent["data"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/app/acme/msg/{id}/content");
    it.world.delete(&path).await.expect(204);
    let list = it.get("/event").await.expect(200);
    assert_eq!(list[0]["payload"], json!({"expired": true}));
}
