//! `/webhook`: one truth with `/api/v1`, in the original's form.

use serde_json::{Value, json};

use super::{Face, refused};

const APP: &str = "/api/v1/app/acme";

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let it = Face::new().await;
    let made = it.webhook(json!({})).await;
    let expected = r#"{"id":1,"model":"webhook","slug":"","date_created":"2023-11-14 22:13:20","date_modified":"2023-11-14 22:13:20","migrated_from_id":0,"name":"Mine","webhook_url":"https://example.com/hook","event":"payment_received","event_count":0,"active":true,"hidden":false,"integration":"manual","date_last_failed":"0000-00-00 00:00:00"}"#;
    assert_eq!(String::from_utf8_lossy(&it.get("/webhook/1").await.body), expected);
    assert_eq!(made, serde_json::from_str::<Value>(expected).unwrap());
    it.world.advance_seconds(60);
    for (method, name) in [("POST", "One"), ("PUT", "Two"), ("PATCH", "Three")] {
        let changed = it.send(method, "/webhook/1", Some(json!({ "name": name }))).await.expect(200);
        assert_eq!((&changed["name"], &changed["event"]), (&json!(name), &json!("payment_received")));
        assert_eq!(changed["date_modified"], "2023-11-14 22:14:20");
        assert_eq!(it.get("/webhook/001/").await.expect(200), changed);
    }
    let deleted = it.send("DELETE", "/webhook/1", None).await;
    assert_eq!(deleted.expect(200), json!(1));
    for method in ["GET", "DELETE", "PUT"] {
        refused(it.send(method, "/webhook/1", Some(json!({}))).await, 404, "wu_rest_webhook_invalid_id");
    }
    assert_eq!(it.webhook(json!({})).await["id"], 2, "a number is never given out twice");
    refused(it.get("/webhook/99999999999").await, 404, "wu_rest_webhook_invalid_id");
}

#[tokio::test]
async fn a_webhook_is_an_endpoint_and_an_endpoint_a_webhook() {
    let it = Face::new().await;
    it.webhook(json!({"name": "Of the face", "integration": "zapier", "event": "a.b"})).await;
    let list = it.world.get(&format!("{APP}/endpoint")).await.expect(200);
    let endpoint = &list["data"][0];
    assert_eq!((&endpoint["description"], &endpoint["eventTypes"]), (&json!("Of the face"), &json!(["a.b"])));

    let several =
        it.world.endpoint(APP, json!({"eventTypes": ["b", "a"], "description": "Of the API"})).await;
    it.world.endpoint(APP, json!({"disabled": true})).await;
    let shown = it.get("/webhook?order=asc").await.expect(200);
    let column = |name: &str| shown.as_array().unwrap().iter().map(|it| it[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("id"), [1, 2, 3]);
    assert_eq!(column("name"), ["Of the face", "Of the API", ""]);
    assert_eq!(column("event"), ["a.b", "a", ""]);
    assert_eq!(column("active"), [true, true, false]);
    assert_eq!(column("integration"), ["zapier", "manual", "manual"]);

    // What is changed on one side is changed on the other.
    it.world.patch(&format!("{APP}/endpoint/{several}"), json!({"description": "New"})).await.expect(200);
    assert_eq!(it.get("/webhook/2").await.expect(200)["name"], "New");
    it.send("PATCH", "/webhook/2", Some(json!({"active": false}))).await.expect(200);
    let endpoint = it.world.get(&format!("{APP}/endpoint/{several}")).await.expect(200);
    assert_eq!((&endpoint["disabled"], &endpoint["disabledReason"]), (&json!(true), &json!("requested")));
    it.send("DELETE", "/webhook/2", None).await.expect(200);
    it.world.get(&format!("{APP}/endpoint/{several}")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_change_that_would_drop_the_other_events_of_an_endpoint_is_refused() {
    let it = Face::new().await;
    it.world.endpoint(APP, json!({"eventTypes": ["b", "a"]})).await;
    it.world.endpoint(APP, json!({})).await;
    it.get("/webhook").await.expect(200);
    for number in [1, 2] {
        let path = format!("/webhook/{number}");
        refused(it.send("PUT", &path, Some(json!({"event": "c"}))).await, 400, "event");
    }
    let kept = it.send("PUT", "/webhook/1", Some(json!({"event": "a", "name": "Same"}))).await.expect(200);
    assert_eq!(kept["name"], "Same");
    let endpoints = it.world.get(&format!("{APP}/endpoint?order=ascending")).await.expect(200);
    assert_eq!(endpoints["data"][0]["eventTypes"], json!(["a", "b"]));
    assert_eq!(endpoints["data"][1]["eventTypes"], Value::Null);
}

#[tokio::test]
async fn what_is_made_without_active_is_active_and_active_is_read_in_every_form() {
    let it = Face::new().await;
    assert_eq!(it.webhook(json!({})).await["active"], true);
    for (given, expected) in [
        (json!(false), false),
        (json!("0"), false),
        (json!(1), true),
        (json!("yes"), true),
        (json!("false"), false),
    ] {
        assert_eq!(it.webhook(json!({"active": given})).await["active"], expected, "{given}");
    }
    let changed = it.send("POST", "/webhook/2", Some(json!({"active": "true"}))).await.expect(200);
    assert_eq!(changed["active"], true);
}

#[tokio::test]
async fn every_optional_field_is_kept() {
    let it = Face::new().await;
    let given = json!({
        "event_count": "5", "active": false, "hidden": 1, "date_created": "2020-01-02 03:04:05",
        "date_modified": "2021-01-02T03:04:05", "migrated_from_id": 77, "skip_validation": false,
    });
    let made = it.webhook(given).await;
    assert_eq!((&made["event_count"], &made["hidden"]), (&json!(5), &json!(true)));
    assert_eq!(made["migrated_from_id"], 77);
    assert_eq!(made["date_created"], "2020-01-02 03:04:05");
    assert_eq!(made["date_modified"], "2021-01-02 03:04:05");
    let change = json!({"event_count": 0, "hidden": "no", "integration": "make", "date_created": "2022-02-02 00:00:00"});
    let changed = it.send("PATCH", "/webhook/1", Some(change)).await.expect(200);
    assert_eq!((&changed["event_count"], &changed["hidden"]), (&json!(0), &json!(false)));
    assert_eq!(
        (&changed["integration"], &changed["date_created"]),
        (&json!("make"), &json!("2022-02-02 00:00:00"))
    );
    let again = it.world.restarted().await;
    let it = Face { world: again, key: it.key, secret: it.secret };
    assert_eq!(it.get("/webhook/1").await.expect(200), changed);
}

#[tokio::test]
async fn what_is_missing_or_of_the_wrong_type_is_named() {
    let it = Face::new().await;
    let missing = it.post("/webhook", json!({"name": "Mine", "event": null})).await;
    assert_eq!(missing.json()["data"]["params"], json!(["webhook_url", "event", "integration"]));
    let message = refused(missing, 400, "rest_missing_callback_param");
    assert_eq!(message, "Missing parameter(s): webhook_url, event, integration");
    let wrong = json!({
        "name": 7, "webhook_url": "https://example.com/", "event": "a", "integration": "manual", "active": "maybe",
        "event_count": "many", "date_created": "yesterday",
    });
    let wrong = it.post("/webhook", wrong).await;
    let names = ["active", "date_created", "event_count", "name"];
    let named: Vec<String> = wrong.json()["data"]["params"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(named, names);
    refused(wrong, 400, "rest_invalid_param");
    for body in ["", "[]", "name=Mine&event=a", "{\"name\":", "\"x\"", "\u{0}"] {
        let basic =
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{}:{}", it.key, it.secret));
        let sent =
            super::request("POST", "/webhook", Some(&format!("Basic {basic}")), body.to_owned().into());
        refused(it.world.raw(sent).await, 400, "rest_invalid_json");
    }
}

#[tokio::test]
async fn a_value_that_is_refused_is_a_400_with_its_field() {
    let it = Face::new().await;
    it.webhook(json!({})).await;
    let longest = format!("https://example.com/{}", "x".repeat(8_200));
    for (field, value, message) in [
        ("name", "", "The Name field is required"),
        ("name", "x", "The Name minimum is 2"),
        ("integration", "x", "The Integration minimum is 2"),
        ("event", "", "The Event field is required"),
        ("event", "a b", "The Event has ' '"),
        ("webhook_url", "", "The Webhook Url field is required"),
        ("webhook_url", "ftp://example.com/", "The Webhook Url is not valid url"),
        ("webhook_url", "example", "The Webhook Url is not valid url"),
        ("webhook_url", "http://127.0.0.1/", "The Webhook Url is not valid url"),
        ("webhook_url", "https://u:p@example.com/", "The Webhook Url is not valid url"),
        ("webhook_url", &longest, "The Webhook Url is not valid url"),
    ] {
        let mut body = json!({"name": "Mine", "webhook_url": "https://example.com/", "event": "a", "integration": "manual"});
        body[field] = json!(value);
        for answered in
            [it.post("/webhook", body).await, it.post("/webhook/1", json!({ field: value })).await]
        {
            let said = refused(answered, 400, field);
            assert!(said.starts_with(message), "{said}");
        }
    }
    // The switch leaves out the original's rules of style, not what a delivery needs.
    let made = it.webhook(json!({"name": "", "integration": "x", "skip_validation": true})).await;
    assert_eq!((&made["name"], &made["integration"]), (&json!(""), &json!("x")));
    let body = json!({"webhook_url": "http://10.0.0.1/", "skip_validation": 1});
    refused(it.post("/webhook/1", body).await, 400, "webhook_url");
}

#[tokio::test]
async fn a_url_of_4000_characters_is_kept_whole() {
    let it = Face::new().await;
    let url = format!("https://example.com/{}", "x".repeat(3_980));
    assert_eq!(it.webhook(json!({ "webhook_url": url })).await["webhook_url"], url);
    assert_eq!(it.get("/webhook/1").await.expect(200)["webhook_url"], url);
}

#[tokio::test]
async fn a_field_that_cannot_be_set_is_refused_and_credentials_and_meta_are_no_fields() {
    let it = Face::new().await;
    it.webhook(json!({"unknown": 1, "date_last_failed": "2020-01-01 00:00:00"})).await;
    for field in ["id", "date_last_failed", "model", "slug", "unknown"] {
        let body = json!({ field: "1", "name": "Changed" });
        refused(it.post("/webhook/1", body).await, 400, "wu_rest_webhook_invalid_set_method");
    }
    let body =
        json!({"api_key": "x", "api-key": "x", "api_secret": "x", "api-secret": "x", "meta": {"a": 1}});
    assert_eq!(it.post("/webhook/1", body).await.expect(200)["name"], "Mine");
}

#[tokio::test]
async fn lists_have_pages_with_their_headers() {
    let it = Face::new().await;
    for _ in 0..25 {
        it.webhook(json!({})).await;
    }
    let paging = |answered: &super::Answered| {
        let header = |name: &str| answered.headers[name].to_str().unwrap().to_owned();
        (header("x-wp-total"), header("x-wp-totalpages"))
    };
    let first = it.get("/webhook").await;
    assert_eq!(paging(&first), ("25".into(), "3".into()));
    assert_eq!(it.ids("").await, (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(it.ids("page=3").await, [5, 4, 3, 2, 1]);
    assert_eq!(it.ids("page=4").await, [] as [u64; 0]);
    assert_eq!(it.ids("per_page=0").await.len(), 10);
    assert_eq!(it.ids("per_page=1000&order=ASC").await, (1..=25).collect::<Vec<_>>());
    let second = it.get("/webhook?per_page=8&page=2").await;
    assert_eq!(paging(&second), ("25".into(), "4".into()));
}

#[tokio::test]
async fn lists_are_searched_filtered_and_ordered_by_any_column() {
    let it = Face::new().await;
    it.webhook(json!({"name": "Beta", "event": "b_event", "integration": "zapier"})).await;
    it.webhook(json!({"name": "alpha", "event": "a_event", "active": false})).await;
    it.webhook(
        json!({"name": "Gamma", "webhook_url": "https://zap.example/", "event_count": 9, "hidden": true}),
    )
    .await;
    let check = async |query: &str, expected: &[u64]| assert_eq!(it.ids(query).await, expected, "{query}");
    check("search=ZAP", &[3, 1]).await;
    check("search=a_event", &[2]).await;
    check("event=b_event", &[1]).await;
    check("active=0", &[2]).await;
    check("active=true&hidden=0", &[1]).await;
    check("integration=zapier", &[1]).await;
    check("name=ALPHA", &[2]).await;
    check("id=2", &[2]).await;
    check("id=x", &[]).await;
    check("event_count=9", &[3]).await;
    check("event=", &[3, 2, 1]).await;
    check("orderby=name&order=asc", &[2, 1, 3]).await;
    check("orderby=sent_events_count", &[3, 2, 1]).await;
    check("orderby=nothing&order=nothing", &[3, 2, 1]).await;
    check("number=1&offset=2", &[3, 2, 1]).await;
    assert_eq!(it.get("/webhook?search=ZAP&per_page=1").await.headers["x-wp-total"], "2");
}

#[tokio::test]
async fn a_webhook_that_zapier_made_and_that_is_gone_is_deleted_with_200() {
    use semnal_core::configuration::Change;
    use semnal_core::integration::Integration;
    let it = Face::new().await;
    it.webhook(json!({"integration": "zapier"})).await;
    let configuration = it.world.store().configuration();
    let entry = configuration.endpoints().find_map(|e| configuration.integration_of(e.id)).unwrap();
    let gone = Integration { gone_at: Some(it.world.api.now()), ..Integration::clone(entry) };
    let endpoint = gone.endpoint.unwrap();
    it.world.apply(vec![Change::PutIntegration(Box::new(gone)), Change::DeleteEndpoint(endpoint)]).await;
    assert_eq!(it.ids("").await, [] as [u64; 0]);
    refused(it.get("/webhook/1").await, 404, "wu_rest_webhook_invalid_id");
    assert_eq!(it.send("DELETE", "/webhook/1", None).await.expect(200), json!(1));
    refused(it.send("DELETE", "/webhook/1", None).await, 404, "wu_rest_webhook_invalid_id");
}
