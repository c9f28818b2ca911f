//! Webhooks in the console: what the forms make, what they refuse, and who may do it. What the API says of the same
//! webhook is the measure.

use http::{Request, StatusCode};
use serde_json::{Value, json};

use semnal_store::store::ChangePlan;

use super::{Browser, token_in};

const APP: &str = "/api/v1/app/shop";

/// A person, an application, and an event type.
async fn shop() -> Browser {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.world.post("/api/v1/app", json!({ "name": "Shop", "uid": "shop" })).await.expect(201);
    let paid = json!({ "name": "paid", "description": "Somebody paid.", "example": { "n": 1 } });
    browser.world.post("/api/v1/event-type", paid).await.expect(201);
    browser
}

async fn webhook(browser: &Browser, more: Value) -> String {
    let mut body = json!({ "url": "https://example.com/hook" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = browser.world.post(&format!("{APP}/endpoint"), body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn api(browser: &Browser, id: &str) -> Value {
    browser.world.get(&format!("{APP}/endpoint/{id}")).await.expect(200)
}

fn id_in(to: &str) -> String {
    to.trim_start_matches("/webhooks/").split(['?', '/']).next().unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_of_the_form_is_active_and_shows_its_secret_once_it_is_made() {
    let mut browser = shop().await;
    let fields = [
        ("name", "Orders"),
        ("url", "https://example.com/a"),
        ("scope", "chosen"),
        ("event", "paid"),
        ("headers", "X-Team: one\nauthorization: Bearer x"),
        ("channels", "eu, us"),
        ("retry", "5s, 5m"),
        ("rate", "7"),
    ];
    let seen = browser.post("/webhooks/new", "/webhooks/new", &fields).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let made = api(&browser, &id_in(&seen.to)).await;
    assert_eq!((&made["disabled"], &made["paused"]), (&json!(false), &json!(false)));
    assert_eq!((&made["description"], &made["url"]), (&json!("Orders"), &json!("https://example.com/a")));
    assert_eq!((&made["eventTypes"], &made["channels"]), (&json!(["paid"]), &json!(["eu", "us"])));
    assert_eq!((&made["retrySchedule"], &made["rateLimit"]), (&json!(["5s", "5m"]), &json!(7)));
    let page = browser.get(&seen.to).await.body;
    assert!(page.contains("whsec_") && page.contains("/test"), "{page}");
    assert!(!page.contains("Bearer x"), "credentials are not shown");
    let later = browser.get(&format!("/webhooks/{}", id_in(&seen.to))).await.body;
    assert!(!later.contains("whsec_"), "the secret is shown when it is asked for");
}

#[tokio::test]
async fn what_the_api_refuses_the_form_refuses_in_the_language_of_the_person() {
    let mut browser = shop().await;
    for (field, value, english, romanian) in [
        ("url", "", "write where the events are sent", "scrie unde se trimit"),
        ("url", "example.com", "write the whole address", "scrie adresa întreagă"),
        ("url", "http://10.0.0.1/", "private or local", "privată sau locală"),
        ("url", "http://localhost/", "names the server itself", "numește chiar serverul"),
        ("url", "https://user:pass@example.com/", "credentials before", "date de autentificare"),
        ("url", "https://example.com:25/", "the port is", "portul nu este"),
        ("event", "", "choose at least one", "alege cel puțin unul"),
        ("secret", "whsec_short", "base64 of 24", "base64 de 24"),
        ("headers", "host: x", "set by the server", "set by the server"),
        ("headers", "no colon", "has no colon", "nu are două puncte"),
        ("headers", "a: 1\nA: 2", "is there twice", "apare de două ori"),
        ("channels", "a b/c", "at most 10", "cel mult 10"),
        ("retry", "soon", "waits with a unit", "pauze cu unitate"),
        ("rate", "0", "a whole number from 1", "un număr întreg de la 1"),
        ("concurrency", "many", "a whole number from 1", "un număr întreg de la 1"),
    ] {
        for (language, words) in [("en", english), ("ro", romanian)] {
            browser.post("/preferences", "/webhooks/new", &[("language", language)]).await;
            let mut fields =
                vec![("name", "Kept as typed"), ("url", "https://example.com/"), ("event", "paid")];
            fields.retain(|(name, _)| *name != field);
            if !value.is_empty() {
                fields.push((field, value));
            }
            let seen = browser.post("/webhooks/new", "/webhooks/new", &fields).await;
            assert_eq!(seen.status, StatusCode::OK, "{field} {value}");
            let (_, summary) = seen.body.split_once("id=\"error-summary\"").expect("a summary");
            let summary = summary.split("</div>").next().unwrap();
            assert!(summary.contains(words), "{field} {value:?}: {summary}");
            assert_eq!(summary.matches("<li>").count(), 1, "{summary}");
            assert!(seen.body.contains("value=\"Kept as typed\""), "{field} {value}");
        }
    }
    let all = browser.world.get(&format!("{APP}/endpoint")).await.expect(200);
    assert_eq!(all["data"], json!([]));
}

#[tokio::test]
async fn an_event_is_taken_over_without_a_script_and_nothing_is_made() {
    let mut browser = shop().await;
    let fields = [("name", "Typed"), ("url", "nonsense"), ("use", "paid"), ("secret", "typed too")];
    let seen = browser.post("/webhooks/new", "/webhooks/new", &fields).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.body.contains("name=\"event\" value=\"paid\" checked"), "{}", seen.body);
    assert!(seen.body.contains("value=\"Typed\"") && !seen.body.contains("error-summary"), "{}", seen.body);
    let all = browser.world.get(&format!("{APP}/endpoint")).await.expect(200);
    assert_eq!(all["data"], json!([]));
}

#[tokio::test]
async fn editing_changes_what_is_in_the_form_and_keeps_what_is_not() {
    let mut browser = shop().await;
    let id = webhook(
        &browser,
        json!({
            "uid": "mine", "description": "First\nSecond line", "metadata": { "integration": "zapier" },
            "headers": { "Authorization": "Bearer kept", "x-old": "1" }, "filterTypes": ["unlisted"],
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }),
    )
    .await;
    let edit = format!("/webhooks/{id}/edit");
    let page = browser.get(&edit).await.body;
    assert!(page.contains("Authorization: ••••••••") && !page.contains("Bearer kept"), "{page}");
    assert!(page.contains("value=\"unlisted\" checked"), "an event that is in no list stays chosen");
    let fields = [
        ("name", "Renamed"),
        ("url", "https://example.com/new"),
        ("scope", "all"),
        ("headers", "Authorization: ••••••••\nx-new: 2"),
    ];
    assert_eq!(browser.post(&edit, &edit, &fields).await.to, format!("/webhooks/{id}"));
    let made = api(&browser, &id).await;
    assert_eq!(made["description"], "Renamed\nSecond line");
    assert_eq!((&made["uid"], &made["metadata"]["integration"]), (&json!("mine"), &json!("zapier")));
    assert_eq!((&made["url"], &made["eventTypes"]), (&json!("https://example.com/new"), &Value::Null));
    let headers = browser.world.get(&format!("{APP}/endpoint/{id}/headers")).await.expect(200);
    assert_eq!(headers, json!({ "headers": { "x-new": "2" }, "sensitive": ["Authorization"] }));
    let kept =
        browser.world.api.store.configuration().endpoints().next().unwrap().headers["Authorization"].clone();
    assert_eq!(kept, "Bearer kept");
    let secret = browser.world.get(&format!("{APP}/endpoint/{id}/secret")).await.expect(200);
    assert_eq!(secret["key"], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

#[tokio::test]
async fn a_new_secret_leaves_the_old_one_a_day_or_ends_it() {
    let mut browser = shop().await;
    let id = webhook(&browser, json!({})).await;
    let rotate = format!("/webhooks/{id}/rotate");
    for (old, signing) in [("day", 2), ("day", 3), ("now", 1)] {
        let seen = browser.post(&rotate, &rotate, &[("old", old)]).await;
        assert_eq!(seen.to, format!("/webhooks/{id}?secret=show"));
        let configuration = browser.world.api.store.configuration();
        let it = configuration.endpoints().next().unwrap().clone();
        assert_eq!(it.signing_secrets(browser.world.api.now()).count(), signing, "{old}");
    }
}

#[tokio::test]
async fn several_are_paused_resumed_and_deleted_and_deleting_asks_first() {
    let mut browser = shop().await;
    let ids = [webhook(&browser, json!({})).await, webhook(&browser, json!({})).await];
    let disabled = webhook(&browser, json!({ "disabled": true })).await;
    let chosen = |act: &'static str| {
        let mut fields = vec![("act", act), ("back", "/webhooks?sort=name")];
        fields.extend(ids.iter().chain([&disabled]).map(|id| ("webhook", id.as_str())));
        fields
    };
    let seen = browser.post("/webhooks/bulk", "/webhooks", &chosen("pause")).await;
    assert_eq!(seen.to, "/webhooks?sort=name");
    assert_eq!(api(&browser, &ids[0]).await["paused"], true);
    assert_eq!(api(&browser, &disabled).await["disabledReason"], "requested", "its reason stays");
    browser.post("/webhooks/bulk", "/webhooks", &chosen("resume")).await;
    for id in ids.iter().chain([&disabled]) {
        let it = api(&browser, id).await;
        assert_eq!((&it["paused"], &it["disabled"]), (&json!(false), &json!(false)));
    }
    let asked = browser.post("/webhooks/bulk", "/webhooks", &chosen("delete")).await;
    assert_eq!(asked.status, StatusCode::OK);
    api(&browser, &ids[0]).await;
    let mut sure = chosen("delete");
    sure.push(("sure", "yes"));
    browser.post("/webhooks/bulk", "/webhooks", &sure).await;
    let gone = browser.world.get(&format!("{APP}/endpoint/{}", ids[0])).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let none = browser.post("/webhooks/bulk", "/webhooks", &[("act", "delete"), ("sure", "yes")]).await;
    assert_eq!(none.to, "/webhooks");
    assert!(browser.get("/webhooks").await.body.contains("class=\"flash bad\""));
    let elsewhere = [("act", "pause"), ("webhook", "x"), ("back", "//evil.example")];
    assert_eq!(browser.post("/webhooks/bulk", "/webhooks", &elsewhere).await.to, "/webhooks");
}

#[tokio::test]
async fn the_list_is_filtered_by_state_and_sorted() {
    let mut browser = shop().await;
    webhook(&browser, json!({ "description": "beta", "paused": true })).await;
    webhook(&browser, json!({ "description": "Alpha" })).await;
    webhook(&browser, json!({ "description": "gamma", "disabled": true })).await;
    let mut check = async |query: &str, expected: &[&str]| {
        let body = browser.get(&format!("/webhooks?{query}")).await.body;
        let mut found: Vec<_> = ["Alpha", "beta", "gamma"]
            .into_iter()
            .filter_map(|name| Some((body.find(&format!("data-open>{name}<"))?, name)))
            .collect();
        found.sort_unstable();
        assert_eq!(found.into_iter().map(|it| it.1).collect::<Vec<_>>(), expected, "{query}");
    };
    check("", &["gamma", "Alpha", "beta"]).await;
    check("sort=oldest", &["beta", "Alpha", "gamma"]).await;
    check("sort=name", &["Alpha", "beta", "gamma"]).await;
    check("state=active", &["Alpha"]).await;
    check("state=paused", &["beta"]).await;
    check("state=disabled", &["gamma"]).await;
    check("state=failing", &[]).await;
    check("q=ALPH", &["Alpha"]).await;
}

/// Every form of these pages.
fn forms(id: &str) -> Vec<String> {
    let of = ["edit", "rotate", "test", "pause", "resume"].map(|what| format!("/webhooks/{id}/{what}"));
    of.into_iter().chain(["/webhooks/new".to_owned(), "/webhooks/bulk".to_owned()]).collect()
}

fn fields(id: &str) -> Vec<(&str, &str)> {
    vec![
        ("url", "https://example.com/"),
        ("scope", "all"),
        ("event", "paid"),
        ("payload", "{}"),
        ("act", "delete"),
        ("sure", "yes"),
        ("webhook", id),
    ]
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_no_webhook() {
    let mut browser = shop().await;
    let id = webhook(&browser, json!({})).await;
    let before = api(&browser, &id).await;
    let token = token_in(&browser.get("/webhooks").await.body);
    for path in forms(&id) {
        let mut request: Request<_> = super::form(&path, &token, &fields(&id));
        request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(browser.send(request).await.status, StatusCode::FORBIDDEN, "{path}");
        let without = browser.post_with(&path, "", &fields(&id)).await;
        assert_eq!(without.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(api(&browser, &id).await, before);
    assert_eq!(browser.world.get(&format!("{APP}/msg")).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_portal_that_reads_only_changes_nothing_and_sees_no_secret() {
    let mut browser = shop().await;
    let id = webhook(&browser, json!({})).await;
    let before = api(&browser, &id).await;
    browser.cookies.clear();
    let access = "/api/v1/auth/app-portal-access/shop";
    let answer = browser.world.post(access, json!({ "readOnly": true })).await.expect(200);
    browser.post("/login/portal", "/login", &[("key", answer["token"].as_str().unwrap())]).await;
    let page = browser.get(&format!("/webhooks/{id}?secret=show&new=1")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("whsec_"), "{}", page.body);
    let token = token_in(&page.body);
    for path in forms(&id) {
        assert_eq!(
            browser.post_with(&path, &token, &fields(&id)).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    for what in ["edit", "rotate", "test", "pause", "delete"] {
        let path = format!("/webhooks/{id}/{what}");
        assert_eq!(browser.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(api(&browser, &id).await, before);
}

#[tokio::test]
async fn a_portal_reaches_no_webhook_and_no_test_of_others() {
    let mut browser = shop().await;
    let theirs = webhook(&browser, json!({})).await;
    let sent = browser
        .world
        .post(&format!("{APP}/endpoint/{theirs}/send-example"), json!({ "eventType": "paid" }))
        .await
        .expect(200);
    browser.world.post("/api/v1/app", json!({ "name": "Other", "uid": "other" })).await.expect(201);
    let mine =
        browser.world.post("/api/v1/app/other/endpoint", json!({ "url": "https://example.com/" })).await;
    let mine = mine.expect(201)["id"].as_str().unwrap().to_owned();
    browser.cookies.clear();
    let answer = browser.world.post("/api/v1/auth/app-portal-access/other", json!({})).await.expect(200);
    browser.post("/login/portal", "/login", &[("key", answer["token"].as_str().unwrap())]).await;
    let token = token_in(&browser.get("/webhooks").await.body);
    for path in forms(&theirs).iter().filter(|path| path.contains(&theirs)) {
        assert_eq!(
            browser.post_with(path, &token, &fields(&mine)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let bulk = [("act", "pause"), ("webhook", theirs.as_str())];
    browser.post_with("/webhooks/bulk", &token, &bulk).await;
    assert_eq!(api(&browser, &theirs).await["paused"], false);
    let look = format!("/webhooks/{mine}/test?sent={}", sent["id"].as_str().unwrap());
    assert_eq!(browser.get(&look).await.status, StatusCode::NOT_FOUND, "a test of somebody else");
    assert_eq!(browser.get(&format!("/webhooks/{theirs}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_refused_with_its_place_and_kept() {
    let mut browser = shop().await;
    let id = webhook(&browser, json!({})).await;
    let path = format!("/webhooks/{id}/test");
    for (payload, words) in
        [("{\n  \"a\": 1,\n}", "line 3, column 1"), ("[]", "write a JSON object"), ("", "line 1, column 0")]
    {
        let seen = browser.post(&path, &path, &[("event", "paid"), ("payload", payload)]).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(seen.body.contains(words), "{payload}: {}", seen.body);
    }
    let seen = browser.post(&path, &path, &[("event", "no such"), ("payload", "{\"kept\": 1}")]).await;
    assert!(seen.body.contains("choose one of the catalogue") && seen.body.contains("kept"), "{}", seen.body);
    assert_eq!(browser.world.get(&format!("{APP}/msg")).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_payload_that_its_schema_refuses_is_not_sent() {
    let mut browser = shop().await;
    let strict = json!({
        "name": "strict", "description": "", "schemaEnforced": true,
        "schemas": { "1": { "properties": { "n": { "type": "integer" } } } },
    });
    browser.world.post("/api/v1/event-type", strict).await.expect(201);
    let id = webhook(&browser, json!({})).await;
    let path = format!("/webhooks/{id}/test");
    let seen = browser.post(&path, &path, &[("event", "strict"), ("payload", "{\"n\": \"x\"}")]).await;
    assert!(seen.body.contains("payload.n"), "{}", seen.body);
    assert_eq!(browser.world.get(&format!("{APP}/msg")).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_webhook_of_zapier_says_so_in_the_list_and_on_its_page() {
    use semnal_core::configuration::Change;
    use semnal_core::id::{EndpointId, IdKind};
    use semnal_core::integration::Integration;
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.world.post("/api/v1/app", json!({ "name": "shop", "uid": "shop" })).await.expect(201);
    let body = json!({ "url": "https://example.com/", "description": "Zap" });
    let id = browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201)["id"].clone();
    let id = id.as_str().unwrap();
    let store = &browser.world.api.store;
    let (_, key) = store.ids().decode(IdKind::Endpoint, id).unwrap();
    let application = store.configuration().endpoint(EndpointId(key)).unwrap().application;
    let entry = Integration { service: "zapier".into(), ..Integration::new(application, 1, EndpointId(key)) };
    let plan = ChangePlan { changes: vec![Change::PutIntegration(Box::new(entry))], answer: None, value: () };
    let done = store.change(None, move |_| Ok::<_, crate::api::ApiError>(plan)).await;
    assert!(matches!(done, Ok(Ok(_))));
    for path in ["/webhooks?app=shop".to_owned(), format!("/webhooks/{id}")] {
        assert!(browser.get(&path).await.body.contains("zapier"), "{path}");
    }
}
