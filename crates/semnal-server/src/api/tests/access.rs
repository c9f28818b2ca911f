//! Who may do what: every route without a key, with keys that do not open, with scopes, and across organisations.

use http::header;
use semnal_core::application::Scope;
use semnal_core::time::UnixMillis;
use serde_json::{Value, json};

use super::{START, World, request, token};

/// Every route that needs a key, with the scope that it needs.
const ROUTES: &[(&str, &str, Scope)] = &[
    ("GET", "/api/v1/app", Scope::Read),
    ("POST", "/api/v1/app", Scope::Manage),
    ("GET", "/api/v1/app/acme", Scope::Read),
    ("PUT", "/api/v1/app/acme", Scope::Manage),
    ("PATCH", "/api/v1/app/acme", Scope::Manage),
    ("DELETE", "/api/v1/app/acme", Scope::Manage),
    ("GET", "/api/v1/app/acme/endpoint", Scope::Read),
    ("POST", "/api/v1/app/acme/endpoint", Scope::Manage),
    ("GET", "/api/v1/app/acme/endpoint/e", Scope::Read),
    ("PUT", "/api/v1/app/acme/endpoint/e", Scope::Manage),
    ("PATCH", "/api/v1/app/acme/endpoint/e", Scope::Manage),
    ("DELETE", "/api/v1/app/acme/endpoint/e", Scope::Manage),
    ("GET", "/api/v1/app/acme/endpoint/e/headers", Scope::Read),
    ("PUT", "/api/v1/app/acme/endpoint/e/headers", Scope::Manage),
    ("PATCH", "/api/v1/app/acme/endpoint/e/headers", Scope::Manage),
    ("GET", "/api/v1/app/acme/endpoint/e/secret", Scope::Manage),
    ("POST", "/api/v1/app/acme/endpoint/e/secret/rotate", Scope::Manage),
    ("POST", "/api/v1/app/acme/endpoint/e/recover", Scope::Manage),
    ("POST", "/api/v1/app/acme/endpoint/e/replay-missing", Scope::Manage),
    ("POST", "/api/v1/app/acme/endpoint/e/bulk-replay", Scope::Manage),
    ("GET", "/api/v1/background-task", Scope::Read),
    ("GET", "/api/v1/background-task/q", Scope::Read),
    ("POST", "/api/v1/background-task/q/cancel", Scope::Manage),
    ("POST", "/api/v1/stats/usage/app", Scope::Read),
    ("PUT", "/api/v1/stats/usage/event-types", Scope::Read),
    ("POST", "/api/v1/app/acme/endpoint/e/send-example", Scope::Send),
    ("GET", "/api/v1/app/acme/msg", Scope::Read),
    ("POST", "/api/v1/app/acme/msg", Scope::Send),
    ("GET", "/api/v1/app/acme/msg/m", Scope::Read),
    ("GET", "/api/v1/app/acme/msg/m/attempt/a", Scope::Read),
    ("GET", "/api/v1/app/acme/msg/m/attempt/a/headers", Scope::Read),
    ("GET", "/api/v1/app/acme/msg/m/endpoint", Scope::Read),
    ("POST", "/api/v1/app/acme/msg/m/endpoint/e/resend", Scope::Manage),
    ("DELETE", "/api/v1/app/acme/msg/m/content", Scope::Manage),
    ("DELETE", "/api/v1/app/acme/msg/m/attempt/a/content", Scope::Manage),
    ("POST", "/api/v1/app/acme/msg/m/cancel", Scope::Manage),
    ("POST", "/api/v1/app/acme/msg/m/endpoint/e/cancel", Scope::Manage),
    ("GET", "/api/v1/app/acme/attempt/msg/m", Scope::Read),
    ("GET", "/api/v1/app/acme/attempt/endpoint/e", Scope::Read),
    ("POST", "/api/v1/auth/app-portal-access/acme", Scope::Manage),
    ("POST", "/api/v1/auth/app/acme/expire-all", Scope::Manage),
    ("GET", "/api/v1/event-type", Scope::Read),
    ("POST", "/api/v1/event-type", Scope::Manage),
    ("GET", "/api/v1/event-type/t", Scope::Read),
    ("PUT", "/api/v1/event-type/t", Scope::Manage),
    ("PATCH", "/api/v1/event-type/t", Scope::Manage),
    ("DELETE", "/api/v1/event-type/t", Scope::Manage),
    ("GET", "/api/v1/bin", Scope::Read),
    ("POST", "/api/v1/bin", Scope::Manage),
    ("GET", "/api/v1/bin/b", Scope::Read),
    ("PATCH", "/api/v1/bin/b", Scope::Manage),
    ("DELETE", "/api/v1/bin/b", Scope::Manage),
    ("GET", "/api/v1/bin/b/response", Scope::Read),
    ("PUT", "/api/v1/bin/b/response", Scope::Manage),
    ("GET", "/api/v1/bin/b/request", Scope::Read),
    ("DELETE", "/api/v1/bin/b/request", Scope::Manage),
    ("GET", "/api/v1/bin/b/request/1", Scope::Read),
    ("DELETE", "/api/v1/bin/b/request/1", Scope::Manage),
    ("GET", "/api/v1/bin/b/request/1/raw", Scope::Read),
    ("GET", "/api/v1/bin/b/request/1/curl", Scope::Read),
    ("POST", "/api/v1/bin/b/request/1/replay", Scope::Manage),
    ("POST", "/api/v1/bin/b/request/1/verify", Scope::Read),
    ("GET", "/api/v1/bin/b/wait", Scope::Read),
    ("GET", "/api/v1/bin/b/stream", Scope::Read),
    ("GET", "/api/v1/bin/b/export", Scope::Read),
    ("GET", "/api/v1/app/acme/msg/m/captured-request", Scope::Read),
];

#[tokio::test]
async fn no_route_answers_without_a_key_that_opens() {
    let world = World::new().await;
    let revoked = world.add_key("default", &[], 2, |key| key.revoked_at = Some(UnixMillis(START))).await;
    let expired = world.add_key("default", &[], 3, |key| key.expires_at = Some(UnixMillis(START))).await;
    let mistyped = revoked.replace("semnal_", "semnal_0");
    let unknown = crate::keys::generate([9; 32]).text;
    let forged = token(&json!({"sub": "org_a"})) + "x";
    let texts = [&revoked, &expired, &mistyped, &unknown, &forged, "hello", "..", "semnal_"];
    for (method, path, _) in ROUTES {
        for slash in ["", "/"] {
            let path = format!("{path}{slash}");
            world
                .raw(request(method, &path, None, Some(json!({}))))
                .await
                .refused(401, "authentication_failed");
            for text in texts {
                let answer = world.call_as(text, method, &path, Some(json!({}))).await;
                assert!(!String::from_utf8_lossy(&answer.body).contains(text) || text.len() < 8, "{text}");
                assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
                answer.refused(401, "authentication_failed");
            }
        }
    }
    for value in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer"] {
        let mut sent = request("GET", "/api/v1/app", None, None);
        sent.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
        world.raw(sent).await.refused(401, "authentication_failed");
    }
    assert_eq!(world.store().configuration().organisations().count(), 1);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let world = World::new().await;
    for (seed, scope) in (20..).zip(Scope::ALL) {
        let key = world.add_key("default", &[scope], seed, |_| {}).await;
        for (method, path, needed) in ROUTES {
            let answer = world.call_as(&key, method, path, Some(json!({}))).await;
            let forbidden = answer.status == 403;
            assert_eq!(forbidden, *needed != scope, "{scope:?} {method} {path}: {answer:?}");
            if forbidden {
                answer.refused(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_key_for_sending_makes_no_applications() {
    let world = World::new().await;
    let key = world.add_key("default", &[Scope::Send], 2, |_| {}).await;
    let body = json!({"eventType": "a", "payload": {}, "application": {"name": "New", "uid": "new"}});
    world.call_as(&key, "POST", "/api/v1/app/new/msg", Some(body)).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_key_works_until_it_expires() {
    let world = World::new().await;
    let key = world.add_key("default", &[], 2, |key| key.expires_at = Some(UnixMillis(START + 1_000))).await;
    world.call_as(&key, "GET", "/api/v1/app", None).await.expect(200);
    world.advance_seconds(1);
    world.call_as(&key, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn one_organisation_never_sees_another() {
    let world = World::new().await;
    let app = world.acme().await;
    let own = world.get(app).await.expect(200)["id"].as_str().unwrap().to_owned();
    let endpoint = world.endpoint(app, json!({"uid": "e"})).await;
    let message = world.message(app, json!({"eventId": "m"})).await;
    let stranger = token(&json!({"sub": "org_stranger"}));
    let call = async |method: &str, path: &str| {
        world
            .call_as(
                &stranger,
                method,
                path,
                Some(json!({"name": "x", "url": "https://example.com/", "eventType": "a", "payload": {}})),
            )
            .await
    };
    call("POST", "/api/v1/app").await.expect(201);
    for app in [app.to_owned(), format!("/api/v1/app/{own}")] {
        for below in [
            "",
            "/endpoint",
            "/msg",
            &format!("/endpoint/{endpoint}"),
            "/endpoint/e/secret",
            "/endpoint/e/headers",
            &format!("/msg/{message}"),
            "/msg/m",
            "/msg/m/endpoint",
            "/attempt/msg/m",
            "/attempt/endpoint/e",
        ] {
            call("GET", &format!("{app}{below}")).await.refused(404, "not_found");
        }
        call("POST", &format!("{app}/msg")).await.refused(404, "not_found");
        call("POST", &format!("{app}/endpoint")).await.refused(404, "not_found");
        call("POST", &format!("{app}/endpoint/e/send-example")).await.refused(404, "not_found");
        let id = app.trim_start_matches("/api/v1/app/");
        call("POST", &format!("/api/v1/auth/app-portal-access/{id}")).await.refused(404, "not_found");
        call("POST", &format!("/api/v1/auth/app/{id}/expire-all")).await.refused(404, "not_found");
        call("DELETE", &app).await.refused(404, "not_found");
        call("PATCH", &app).await.refused(404, "not_found");
    }
    // Their things under an application of one's own.
    let mine = world.call_as(&stranger, "POST", "/api/v1/app", Some(json!({"name": "Mine", "uid": "mine"})));
    mine.await.expect(201);
    for below in
        [format!("/endpoint/{endpoint}"), format!("/msg/{message}"), format!("/attempt/msg/{message}")]
    {
        call("GET", &format!("/api/v1/app/mine{below}")).await.refused(404, "not_found");
    }
    assert_eq!(world.get(app).await.expect(200)["name"], "Acme");
}

#[tokio::test]
async fn a_token_makes_its_organisation_on_first_use() {
    let world = World::new().await;
    let text = token(&json!({"sub": "org_new"}));
    let empty = world.call_as(&text, "GET", "/api/v1/event-type", None).await.expect(200);
    assert_eq!(empty["data"], json!([]));
    world.call_as(&text, "POST", "/api/v1/app", Some(json!({"name": "x"}))).await.expect(201);
    let again = world.call_as(&text, "GET", "/api/v1/app", None).await.expect(200);
    assert_eq!(again["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.store().configuration().organisations().count(), 2);
    let expired = token(&json!({"sub": "org_other", "exp": START / 1_000}));
    world.call_as(&expired, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
    assert_eq!(world.store().configuration().organisations().count(), 2);
}

#[tokio::test]
async fn without_a_secret_no_token_is_accepted() {
    let world = World::with(|api| api.jwt_secret = None).await;
    let text = token(&json!({"sub": "org_a"}));
    world.call_as(&text, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn a_token_of_an_application_manages_its_endpoints_and_no_more() {
    let world = World::new().await;
    let organisation = token(&json!({"sub": "org_a"}));
    let make = async |uid: &str| -> String {
        let body = json!({"name": uid, "uid": uid});
        let made = world.call_as(&organisation, "POST", "/api/v1/app", Some(body)).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let (own, other) = (make("own").await, make("other").await);
    let body = json!({"eventType": "a", "payload": {}, "eventId": "m"});
    world.call_as(&organisation, "POST", "/api/v1/app/own/msg", Some(body)).await.expect(202);
    let text = token(&json!({"sub": own, "org": "org_a"}));
    let call =
        async |method: &str, path: &str, body: Value| world.call_as(&text, method, path, Some(body)).await;
    let url = json!({"url": "https://example.com/", "uid": "e"});
    call("POST", "/api/v1/app/own/endpoint", url.clone()).await.expect(201);
    for path in [
        "/api/v1/app/own",
        "/api/v1/app/own/endpoint",
        "/api/v1/app/own/endpoint/e/secret",
        "/api/v1/app/own/endpoint/e/headers",
        "/api/v1/app/own/msg",
        "/api/v1/app/own/msg/m",
        "/api/v1/app/own/attempt/msg/m",
        "/api/v1/app/own/attempt/endpoint/e",
        "/api/v1/event-type",
    ] {
        call("GET", path, json!({})).await.expect(200);
    }
    call("POST", "/api/v1/app/own/msg/m/endpoint/e/resend", json!({})).await.expect(202);
    call("PATCH", "/api/v1/app/own/endpoint/e", json!({"paused": true})).await.expect(200);
    for (method, path) in [
        ("GET", "/api/v1/app"),
        ("POST", "/api/v1/app"),
        ("DELETE", "/api/v1/app/own"),
        ("PATCH", "/api/v1/app/own"),
        ("PUT", "/api/v1/app/own"),
        ("POST", "/api/v1/app/own/msg"),
        ("POST", "/api/v1/app/own/msg/m/cancel"),
        ("POST", "/api/v1/app/own/msg/m/endpoint/e/cancel"),
        ("DELETE", "/api/v1/app/own/msg/m/content"),
        ("DELETE", "/api/v1/app/own/msg/m/attempt/a/content"),
        ("POST", "/api/v1/event-type"),
        ("DELETE", "/api/v1/event-type/a"),
    ] {
        call(method, path, json!({"name": "x"})).await.refused(403, "forbidden");
    }
    for path in [
        format!("/api/v1/app/{other}"),
        format!("/api/v1/app/{other}/endpoint"),
        "/api/v1/app/other/msg".into(),
    ] {
        call("GET", &path, json!({})).await.refused(404, "not_found");
    }
    call("POST", &format!("/api/v1/app/{other}/endpoint"), url).await.refused(404, "not_found");
    for claims in
        [json!({"sub": own, "org": "org_b"}), json!({"sub": "app_x", "org": "org_a"}), json!({"sub": own})]
    {
        let answer = world.call_as(&token(&claims), "GET", "/api/v1/app/own/endpoint", None).await;
        answer.refused(401, "authentication_failed");
    }
    assert_eq!(world.store().configuration().organisations().count(), 2);
}

#[tokio::test]
async fn health_needs_no_key_and_unknown_paths_have_the_common_form() {
    let world = World::new().await;
    for path in ["/api/v1/health", "/api/v1/health/", "/api/v1/health/ping"] {
        for method in ["GET", "HEAD"] {
            let answer = world.raw(request(method, path, None, None)).await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.raw(request("GET", path, None, None)).await.status, 200);
    }
    for path in ["/", "/api/v1/nothing", "/api/v1/app/acme/nothing", "/api/v1//app"] {
        world.get(path).await.refused(404, "not_found");
        world.raw(request("POST", path, None, Some(json!({})))).await.refused(404, "not_found");
    }
    let answer = world.delete("/api/v1/app").await;
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,POST");
    answer.refused(405, "method_not_allowed");
    world.delete("/api/v1/health").await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn a_made_up_id_is_not_found() {
    let world = World::new().await;
    let app = world.acme().await;
    let long = "x".repeat(5_000);
    for text in [
        "app_",
        "app_0000000000000000000000000000",
        "msg_23vYUXTRPAGYMOUBxxnwPcBYYuL",
        "..",
        "%2e%2e",
        "%00",
        "%ff",
        &long,
    ] {
        for path in
            [format!("/api/v1/app/{text}"), format!("{app}/endpoint/{text}"), format!("{app}/msg/{text}")]
        {
            world.get(&path).await.refused(404, "not_found");
        }
    }
}
