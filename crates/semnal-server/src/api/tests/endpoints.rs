//! `/api/v1/app/{app_id}/endpoint`, its headers and its secret.

use serde_json::{Value, json};

use super::World;
use crate::configuration::SignatureKind;

const URL: &str = "https://example.com/hook";

#[tokio::test]
async fn an_endpoint_is_made_read_replaced_changed_and_deleted() {
    let world = World::new().await;
    let app = world.acme().await;
    let given = json!({
        "url": URL, "uid": "billing", "description": "Billing", "eventTypes": ["b", "a"], "channels": ["ro"],
        "rateLimit": 7, "concurrencyLimit": 3, "retrySchedule": ["5s", "1m"], "metadata": {"team": "a"},
    });
    let made = world.post(&format!("{app}/endpoint"), given).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("ep_") && id.len() == 30);
    assert_eq!(
        made,
        json!({
            "id": id, "uid": "billing", "url": URL, "version": 1, "description": "Billing",
            "eventTypes": ["a", "b"], "filterTypes": ["a", "b"], "channels": ["ro"],
            "disabled": false, "disabledReason": null, "paused": false, "rateLimit": 7, "throttleRate": 7,
            "concurrencyLimit": 3, "retrySchedule": ["5s", "1m"], "metadata": {"team": "a"},
            "createdAt": "2023-11-14T22:13:20.000Z", "updatedAt": "2023-11-14T22:13:20.000Z",
        })
    );
    let path = format!("{app}/endpoint/billing");
    assert_eq!(world.get(&path).await.expect(200), made);
    assert_eq!(world.get(&format!("{app}/endpoint/{id}/")).await.expect(200), made);

    let replaced = world.put(&path, json!({"url": URL, "filterTypes": ["c"]})).await.expect(200);
    assert_eq!((&replaced["id"], &replaced["uid"]), (&made["id"], &made["uid"]));
    assert_eq!((&replaced["eventTypes"], &replaced["channels"]), (&json!(["c"]), &Value::Null));
    assert_eq!((&replaced["description"], &replaced["concurrencyLimit"]), (&json!(""), &Value::Null));

    world.delete(&path).await.expect(204);
    world.get(&path).await.refused(404, "not_found");
    assert_eq!(world.put(&path, json!({"url": URL})).await.expect(201)["uid"], "billing");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let world = World::new().await;
    let app = world.acme().await;
    let more = json!({
        "uid": "x", "description": "d", "eventTypes": ["a"], "channels": ["ro"], "rateLimit": 7,
        "concurrencyLimit": 3, "retrySchedule": "5s", "metadata": {"a": "1"},
    });
    let id = world.endpoint(app, more).await;
    let path = format!("{app}/endpoint/{id}");
    let before = world.get(&path).await.expect(200);
    assert_eq!(world.patch(&path, json!({})).await.expect(200), before);
    let cleared = json!({
        "uid": null, "eventTypes": null, "channels": null, "throttleRate": null, "concurrencyLimit": null,
        "retrySchedule": null,
    });
    let after = world.patch(&path, cleared.clone()).await.expect(200);
    for name in cleared.as_object().unwrap().keys().map(String::as_str).chain(["filterTypes", "rateLimit"]) {
        assert_eq!(after[name], Value::Null, "{name}");
    }
    for name in ["url", "description", "metadata", "id", "createdAt"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    for name in ["url", "description", "disabled", "paused", "metadata"] {
        assert_eq!(
            world.patch(&path, json!({name: null, "uid": "changed"})).await.invalid(),
            [format!("body.{name}")]
        );
    }
    assert_eq!(world.get(&path).await.expect(200), after);
    let renamed = world.patch(&path, json!({"filterTypes": ["b"], "eventTypes": ["b"]})).await.expect(200);
    assert_eq!(renamed["eventTypes"], json!(["b"]));
}

#[tokio::test]
async fn a_retry_schedule_is_a_list_of_waits_or_one_text() {
    let world = World::new().await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{id}");
    let check = async |given: Value, expected: Value| {
        let after = world.patch(&path, json!({"retrySchedule": given})).await.expect(200);
        assert_eq!(after["retrySchedule"], expected);
        assert_eq!(world.patch(&path, json!({})).await.expect(200)["retrySchedule"], expected);
    };
    assert_eq!(world.get(&path).await.expect(200)["retrySchedule"], Value::Null);
    check(json!(["5ms", "90s", "24h"]), json!(["5ms", "90s", "1d"])).await;
    check(json!("5s,1m"), json!(["5s", "1m"])).await;
    check(json!([]), json!([])).await;
    check(Value::Null, Value::Null).await;
}

#[tokio::test]
async fn an_endpoint_is_active_paused_or_disabled() {
    let world = World::new().await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({"disabled": true})).await;
    let path = format!("{app}/endpoint/{id}");
    let check = async |patch: Value, disabled: bool, paused: bool, reason: Value| {
        let after = world.patch(&path, patch).await.expect(200);
        let expected = json!([disabled, paused, reason]);
        assert_eq!(json!([after["disabled"], after["paused"], after["disabledReason"]]), expected);
    };
    check(json!({}), true, false, json!("requested")).await;
    check(json!({"disabled": false}), false, false, Value::Null).await;
    check(json!({"paused": true}), false, true, Value::Null).await;
    check(json!({"disabled": true, "paused": true}), true, false, json!("requested")).await;
    check(json!({"disabled": false, "paused": false}), false, false, Value::Null).await;
    let replaced = world.put(&path, json!({"url": URL, "paused": true})).await.expect(200);
    assert_eq!(replaced["paused"], true);
}

#[tokio::test]
async fn a_url_is_judged_when_it_is_saved() {
    let world = World::new().await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({})).await;
    for url in [
        "",
        "example.com",
        "ftp://example.com/",
        "http://user:password@example.com/",
        "http://localhost/",
        "http://0x7f.1/",
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:1.2.3.4]/",
        "http://169.254.169.254/latest",
    ] {
        let answer = world.post(&format!("{app}/endpoint"), json!({"url": url})).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("password"), "{url}");
        assert_eq!(answer.invalid(), ["body.url"], "{url}");
        assert_eq!(
            world.patch(&format!("{app}/endpoint/{id}"), json!({"url": url})).await.invalid(),
            ["body.url"]
        );
    }
    let made =
        world.post(&format!("{app}/endpoint"), json!({"url": "HTTP://EXAMPLE.com:80/a#b"})).await.expect(201);
    assert_eq!(made["url"], "http://example.com/a");
}

#[tokio::test]
async fn an_address_that_the_operator_opened_is_accepted() {
    let world = World::with(|api| {
        let allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        api.policy =
            std::sync::Arc::new(semnal_core::address::AddressPolicy { allow_networks, ..Default::default() });
    })
    .await;
    let app = world.acme().await;
    world.post(&format!("{app}/endpoint"), json!({"url": "http://127.0.0.1:8080/hook"})).await.expect(201);
}

#[tokio::test]
async fn what_is_wrong_with_an_endpoint_is_named() {
    let world = World::new().await;
    let app = world.acme().await;
    let check = async |body: Value, expected: &[&str]| {
        let answer = world.post(&format!("{app}/endpoint"), body).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("whsec_"));
        assert_eq!(answer.invalid(), expected);
    };
    check(json!({}), &["body.url"]).await;
    check(json!({"url": URL, "channels": []}), &["body.channels"]).await;
    check(json!({"url": URL, "eventTypes": "all"}), &["body.eventTypes"]).await;
    check(json!({"url": URL, "eventTypes": ["a", "b c"]}), &["body.eventTypes.1"]).await;
    check(json!({"url": URL, "eventTypes": ["a"], "filterTypes": ["b"]}), &["body.filterTypes"]).await;
    check(json!({"url": URL, "secret": "whsec_!!!"}), &["body.secret"]).await;
    check(json!({"url": URL, "secret": "c2hvcnQ="}), &["body.secret"]).await;
    check(json!({"url": URL, "throttleRate": -1}), &["body.throttleRate"]).await;
    for schedule in [json!("soon"), json!(["5s", "soon"]), json!(["31d"]), json!([5]), json!({})] {
        check(json!({"url": URL, "retrySchedule": schedule}), &["body.retrySchedule"]).await;
    }
    check(json!({"url": URL, "headers": {"Host": "x"}}), &["body.headers"]).await;
    check(
        json!({"url": URL, "description": "x".repeat(4_097), "concurrencyLimit": 0}),
        &["body.description", "body.concurrencyLimit"],
    )
    .await;
    world.endpoint(app, json!({"uid": "one"})).await;
    world.post(&format!("{app}/endpoint"), json!({"url": URL, "uid": "one"})).await.refused(409, "conflict");
}

#[tokio::test]
async fn endpoints_are_listed_newest_first_and_back() {
    let world = World::new().await;
    let app = world.acme().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.endpoint(app, json!({})).await);
    }
    let pages = |ids: &[String]| ids.chunks(2).map(<[String]>::to_vec).collect::<Vec<_>>();
    assert_eq!(world.walk(&format!("{app}/endpoint?limit=2&order=ascending"), "id").await, pages(&ids));
    ids.reverse();
    assert_eq!(world.walk(&format!("{app}/endpoint?limit=2"), "id").await, pages(&ids));
}

#[tokio::test]
async fn custom_headers_are_set_changed_and_hidden() {
    let world = World::new().await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({"headers": {"X-First": "1"}})).await;
    let path = format!("{app}/endpoint/{id}/headers");
    assert_eq!(world.get(&path).await.expect(200), json!({"headers": {"X-First": "1"}, "sensitive": []}));
    let given = json!({"headers": {"X-Shop": "7", "X-Old": "1", "Authorization": "Bearer hidden-value"}});
    world.put(&path, given).await.expect(204);
    let shown = json!({"headers": {"X-Old": "1", "X-Shop": "7"}, "sensitive": ["Authorization"]});
    assert_eq!(world.get(&path).await.expect(200), shown);
    let patch = json!({"headers": {"x-shop": "8", "X-None": null}, "deleteHeaders": ["x-old"]});
    world.patch(&path, patch).await.expect(204);
    assert_eq!(
        world.get(&path).await.expect(200),
        json!({"headers": {"x-shop": "8"}, "sensitive": ["Authorization"]})
    );
    for headers in [
        json!({"webhook-id": "x"}),
        json!({"a b": "x"}),
        json!({"x": "a\r\nb"}),
        json!({"x": "1", "X": "2"}),
        json!(7),
    ] {
        assert_eq!(world.put(&path, json!({"headers": headers})).await.invalid(), ["body.headers"]);
        assert_eq!(world.patch(&path, json!({"headers": headers})).await.invalid(), ["body.headers"]);
    }
    assert_eq!(world.put(&path, json!({})).await.invalid(), ["body.headers"]);
}

#[tokio::test]
async fn a_secret_is_made_given_and_rotated() {
    let world = World::new().await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{id}/secret");
    let first = world.get(&path).await.expect(200)["key"].as_str().unwrap().to_owned();
    assert!(first.starts_with("whsec_") && first.len() == 38);
    let rotated = world.call("POST", &format!("{path}/rotate"), None).await.expect(200);
    let second = world.get(&path).await.expect(200)["key"].as_str().unwrap().to_owned();
    assert_eq!(rotated, json!({"key": second}));
    assert_ne!(first, second);
    let secrets = |world: &World| {
        let configuration = world.store().configuration();
        let it = configuration.endpoints().next().unwrap().clone();
        it.signing_secrets(world.api.now()).map(|s| s.reveal()).collect::<Vec<_>>()
    };
    assert_eq!(secrets(&world), [second.clone(), first]);
    world.advance_seconds(86_400);
    assert_eq!(secrets(&world), [second]);
    let chosen = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    world.post(&format!("{path}/rotate"), json!({"key": chosen, "gracePeriodSeconds": 0})).await.expect(200);
    assert_eq!(secrets(&world), [chosen]);
    assert_eq!(
        world
            .post(&format!("{path}/rotate"), json!({"key": "x", "gracePeriodSeconds": 604_801}))
            .await
            .invalid(),
        ["body.key", "body.gracePeriodSeconds"]
    );
    let plain = world.endpoint(app, json!({"secret": &chosen[6..]})).await;
    assert_eq!(world.get(&format!("{app}/endpoint/{plain}/secret")).await.expect(200)["key"], chosen);
}

#[tokio::test]
async fn an_ed25519_endpoint_shows_its_public_key_and_stays_ed25519() {
    let world = World::with(|api| api.default_signature = SignatureKind::Ed25519).await;
    let app = world.acme().await;
    let id = world.endpoint(app, json!({})).await;
    let path = format!("{app}/endpoint/{id}/secret");
    let first = world.get(&path).await.expect(200);
    assert!(first["key"].as_str().unwrap().starts_with("whpk_"));
    world.call("POST", &format!("{path}/rotate"), None).await.expect(200);
    let second = world.get(&path).await.expect(200);
    assert!(second["key"].as_str().unwrap().starts_with("whpk_") && second != first);
}
