//! Events, the catalogue, the settings and the dashboard.

use http::StatusCode;
use serde_json::json;

use super::{Browser, token_in};

/// Somebody who is logged in, in an organisation with one application.
async fn signed_up() -> Browser {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.world.post("/api/v1/app", json!({ "name": "shop", "uid": "shop" })).await.expect(201);
    browser
}

const SCHEMA: &str = r#"{"type":"object","required":["email"],"properties":{"email":{"type":"string"}}}"#;

#[tokio::test]
async fn an_event_tells_who_got_it_and_why_others_did_not() {
    let mut browser = signed_up().await;
    for (name, types) in [("all", json!(null)), ("other", json!(["order.sent"]))] {
        let body = json!({ "url": "https://example.com/", "description": name, "filterTypes": types });
        browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201);
    }
    let body = json!({ "eventType": "order.paid", "eventId": "o-1", "payload": { "big": 12_345_678_901_234_567_u64 } });
    let it = browser.world.post("/api/v1/app/shop/msg", body).await.expect(202);
    let path = format!("/events/{}", it["id"].as_str().unwrap());
    let list = browser.get("/events?app=shop").await.body;
    assert!(list.contains(&path) && list.contains("o-1"), "{list}");
    assert!(browser.get("/events?app=shop&event=order.sent").await.body.contains("no-match"));
    let page = browser.get(&path).await.body;
    for expected in ["12345678901234567", "Sent to one webhook", "It does not want order.paid."] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let resend = format!("{path}/resend");
    assert_eq!(browser.post_with(&resend, "no token", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post(&resend, &path, &[]).await.to, path);
}

#[tokio::test]
async fn an_event_type_of_ones_own_is_added_checked_changed_and_archived() {
    let mut browser = signed_up().await;
    let new = "/catalogue/~new";
    let filled = |name: &'static str, schema: &'static str| {
        vec![("name", name), ("title", "Paid"), ("description", "When."), ("schema", schema), ("example", "")]
    };
    for (fields, field) in [
        (filled("", SCHEMA), "#name"),
        (filled("no spaces", SCHEMA), "#name"),
        (filled("order.paid", "{\"type\":"), "#schema"),
        (vec![("name", "a"), ("example", "[1]")], "#example"),
        (vec![("name", "a"), ("enforced", "on")], "#schema"),
    ] {
        let seen = browser.post(new, new, &fields).await;
        assert_eq!(seen.status, StatusCode::OK, "{fields:?}");
        assert!(seen.body.contains(&format!("href=\"{field}\"")), "{fields:?}: {}", seen.body);
    }
    let fields = filled("order.paid", SCHEMA);
    assert_eq!(browser.post_with(new, "no token", &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post(new, new, &fields).await.to, "/catalogue/order.paid");
    let again = browser.post(new, new, &fields).await.body;
    assert!(again.contains("href=\"#name\"") && again.contains("value=\"Paid\""), "values are kept");
    let it = browser.world.get("/api/v1/event-type/order.paid").await.expect(200);
    assert_eq!((&it["title"], &it["schemas"]["1"]["required"]), (&json!("Paid"), &json!(["email"])));
    let edit = "/catalogue/order.paid/edit";
    let change = [("title", ""), ("description", "Later."), ("schema", SCHEMA), ("enforced", "on")];
    assert_eq!(browser.post(edit, edit, &change).await.to, "/catalogue/order.paid");
    let it = browser.world.get("/api/v1/event-type/order.paid").await.expect(200);
    assert_eq!((&it["title"], &it["schemaEnforced"]), (&json!(null), &json!(true)));
    let page = "/catalogue/order.paid";
    assert_eq!(browser.post("/catalogue/order.paid/archive", page, &[("archived", "on")]).await.to, page);
    let link = "href=\"/catalogue/order.paid\"";
    assert!(!browser.get("/catalogue").await.body.contains(link));
    assert!(browser.get("/catalogue?archived=1").await.body.contains(link));
    assert_eq!(browser.post("/catalogue/order.paid/archive", page, &[]).await.to, page);
    assert!(browser.get("/catalogue?q=LATER").await.body.contains(link));
}

#[tokio::test]
async fn trying_a_payload_names_the_place_that_is_wrong() {
    let mut browser = signed_up().await;
    let body = json!({ "name": "order.paid", "description": "", "schemas": { "1": { "type": "object",
        "properties": { "buyer": { "properties": { "email": { "type": "string" } } } } } } });
    browser.world.post("/api/v1/event-type", body).await.expect(201);
    let (path, page) = ("/catalogue/order.paid/validate", "/catalogue/order.paid");
    let verdict = async |browser: &mut Browser, payload: &str| {
        browser.post(path, page, &[("payload", payload)]).await.body
    };
    assert!(verdict(&mut browser, r#"{"buyer":{"email":"a@b"}}"#).await.contains("banner good"));
    let wrong = verdict(&mut browser, r#"{"buyer":{"email":1}}"#).await;
    assert!(wrong.contains("banner bad") && wrong.contains("/buyer/email"), "{wrong}");
    let broken = verdict(&mut browser, "{\n\"a\": }").await;
    assert!(broken.contains("line 2, column 6"), "{broken}");
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_revoked() {
    let mut browser = signed_up().await;
    let seen = browser.post("/settings/keys", "/settings", &[("name", "")]).await;
    assert!(seen.body.contains("href=\"#name\""), "{}", seen.body);
    let fields = [("name", "Zapier"), ("scope-send", "on"), ("life", "30d")];
    let token = "no token";
    assert_eq!(browser.post_with("/settings/keys", token, &fields).await.status, StatusCode::FORBIDDEN);
    let made = browser.post("/settings/keys", "/settings", &fields).await.body;
    let (_, rest) = made.split_once("data-copy=\"semnal_").unwrap();
    let key = format!("semnal_{}", rest.split('"').next().unwrap());
    let page = browser.get("/settings").await.body;
    assert!(page.contains("Zapier") && page.contains("send") && !page.contains(&key), "{page}");
    let digest = crate::keys::digest_of(&key).unwrap();
    let is_valid = |browser: &Browser| {
        let configuration = browser.world.api.store.configuration();
        configuration.key_by_digest(&digest).unwrap().revoked_at.is_none()
    };
    assert!(is_valid(&browser));
    let (_, rest) = page.split_once("/settings/keys/").unwrap();
    let revoke = format!("/settings/keys/{}/revoke", rest.split('/').next().unwrap());
    assert!(browser.get(&revoke).await.body.contains("Revoke Zapier?"));
    assert_eq!(browser.post(&revoke, &revoke, &[]).await.to, "/settings");
    assert!(!is_valid(&browser));
}

#[tokio::test]
async fn a_key_of_another_system_is_not_said_to_open_everything() {
    let mut browser = signed_up().await;
    let body = json!({ "name": "network", "integration": "ultimate-multisite", "app": "shop" });
    browser.world.control("POST", "/control/keys", Some(body)).await.expect(201);
    assert!(!browser.get("/settings").await.body.contains("<span>network</span>"));
    let page = browser.get("/settings/integrations").await.body;
    let (_, row) = page.split_once("<span>network</span>").expect("its row");
    let (row, _) = row.split_once("</tr>").unwrap();
    assert!(row.contains("<span>Webhooks and events of shop</span>"), "{row}");
}

#[tokio::test]
async fn a_portal_reads_the_catalogue_and_changes_nothing_of_the_organisation() {
    let mut browser = signed_up().await;
    for (name, flags) in [("order.paid", json!([])), ("order.secret", json!(["beta"]))] {
        let body = json!({ "name": name, "description": "", "featureFlags": flags });
        browser.world.post("/api/v1/event-type", body).await.expect(201);
    }
    browser.cookies.clear();
    let answer = browser.world.post("/api/v1/auth/app-portal-access/shop", json!({})).await.expect(200);
    browser.post("/login/portal", "/login", &[("key", answer["token"].as_str().unwrap())]).await;
    let list = browser.get("/catalogue").await.body;
    assert!(
        list.contains("order.paid") && !list.contains("order.secret") && !list.contains("~new"),
        "{list}"
    );
    assert_eq!(browser.get("/catalogue/order.secret").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/dashboard").await.status, StatusCode::OK);
    let token = token_in(&list);
    for path in ["/settings", "/catalogue/~new", "/catalogue/order.paid/edit"] {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in
        ["/settings/keys", "/catalogue/~new", "/catalogue/order.paid/edit", "/catalogue/order.paid/archive"]
    {
        let seen = browser.post_with(path, &token, &[("name", "x")]).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn the_dashboard_counts_what_happened_in_a_day() {
    let mut browser = signed_up().await;
    assert!(browser.get("/dashboard?app=shop").await.body.contains("class=\"empty nothing\""));
    let body = json!({ "url": "https://example.com/" });
    browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201);
    for _ in 0..3 {
        let body = json!({ "eventType": "order.paid", "payload": {} });
        browser.world.post("/api/v1/app/shop/msg", body).await.expect(202);
    }
    let page = browser.get("/dashboard?app=shop").await.body;
    assert!(page.contains("3 events in 24 hours") && page.contains("<dt>Waiting</dt><dd>3"), "{page}");
}

#[tokio::test]
async fn a_pair_for_another_system_is_made_shown_once_used_and_revoked() {
    let mut browser = signed_up().await;
    let path = "/settings/integrations";
    let list = browser.get(path).await.body;
    assert!(list.contains("No integrations yet"), "{list}");
    let (options, _) = list.split_once(">shop</option>").unwrap();
    let app = options.rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned();
    let seen = browser.post(path, path, &[("name", ""), ("kind", "ultimate-multisite"), ("app", &app)]).await;
    assert!(seen.body.contains("href=\"#name\"") && !seen.body.contains("made-pair"), "{}", seen.body);
    let fields = [("name", "Zapier"), ("kind", "ultimate-multisite"), ("app", app.as_str()), ("life", "90d")];
    assert_eq!(browser.post_with(path, "no token", &fields).await.status, StatusCode::FORBIDDEN);
    let made = browser.post(path, path, &fields).await.body;
    let texts: Vec<&str> =
        made.split("data-copy=\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
    let [_, key, secret] = texts[..] else { panic!("{texts:?}") };
    let auth = format!("/wp-json/wu/v2/auth?api_key={key}&api_secret={secret}");
    assert_eq!(browser.get(&auth).await.status, StatusCode::OK);
    let list = browser.get(path).await.body;
    assert!(list.contains("Webhooks and events of shop") && !list.contains(secret), "{list}");
    assert!(!browser.get("/settings").await.body.contains("<span>Zapier</span>"));
    let (_, rest) = list.split_once("/settings/keys/").unwrap();
    let revoke = format!("/settings/keys/{}/revoke", rest.split('/').next().unwrap());
    assert!(browser.get(&revoke).await.body.contains("href=\"/settings/integrations\""));
    assert_eq!(browser.post(&revoke, &revoke, &[]).await.to, path);
    assert_eq!(browser.get(&auth).await.status, StatusCode::UNAUTHORIZED);
    let fields = [("name", "Network"), ("kind", "ultimate-multisite-source"), ("app", app.as_str())];
    let made = browser.post(path, path, &fields).await.body;
    assert!(made.contains("/in/") && made.contains("/{event}"), "{made}");
}
