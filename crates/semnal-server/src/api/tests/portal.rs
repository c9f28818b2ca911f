//! `/api/v1/auth`: what a portal's token opens, and when it ends.

use serde_json::{Value, json};

use super::{World, token};

const ACCESS: &str = "/api/v1/auth/app-portal-access/acme";
const LOGOUT: &str = "/api/v1/auth/logout";
const EXPIRE: &str = "/api/v1/auth/app/acme/expire-all";
const DAY_SECONDS: i64 = 86_400;

async fn portal_token(world: &World, body: Value) -> String {
    world.post(ACCESS, body).await.expect(200)["token"].as_str().unwrap().to_owned()
}

/// Tells whether a token opens its application.
async fn opens(world: &World, token: &str) -> bool {
    let answer = world.call_as(token, "GET", "/api/v1/app/acme", None).await;
    if answer.status == 200 {
        return true;
    }
    answer.refused(401, "authentication_failed");
    false
}

#[tokio::test]
async fn a_link_opens_one_application_and_nothing_else() {
    let world = World::new().await;
    let app = world.acme().await;
    world.post("/api/v1/app", json!({"name": "Other", "uid": "other"})).await.expect(201);
    let made = world.post(ACCESS, json!({})).await.expect(200);
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["url"], format!("https://hooks.example.com/login#key={token}"));
    assert!(opens(&world, token).await);
    let call =
        async |method: &str, path: &str, body: Value| world.call_as(token, method, path, Some(body)).await;
    let hook = json!({"url": "https://example.com/a"});
    call("POST", &format!("{app}/endpoint"), hook.clone()).await.expect(201);
    call("POST", "/api/v1/app/other/endpoint", hook).await.refused(404, "not_found");
    call("GET", "/api/v1/app/other", json!({})).await.refused(404, "not_found");
    call("GET", "/api/v1/app", json!({})).await.refused(403, "forbidden");
    call("DELETE", app, json!({})).await.refused(403, "forbidden");
    call("POST", &format!("{app}/msg"), json!({"eventType": "a", "payload": {}}))
        .await
        .refused(403, "forbidden");
    call("POST", ACCESS, json!({})).await.refused(403, "forbidden");
    call("POST", EXPIRE, json!({})).await.refused(403, "forbidden");
    call("POST", "/api/v1/event-type", json!({})).await.refused(403, "forbidden");
    call("GET", "/api/v1/event-type", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_token_needs_no_jwt_secret_and_survives_a_restart() {
    let world = World::with(|api| api.jwt_secret = None).await;
    world.acme().await;
    let token = portal_token(&world, json!({})).await;
    assert!(opens(&world, &token).await);
    world.post(EXPIRE, json!({"sessionIds": ["a"]})).await.expect(204);
    let ended = portal_token(&world, json!({})).await;
    world.call_as(&ended, "POST", LOGOUT, None).await.expect(204);
    let world = world.restarted().await;
    assert!(opens(&world, &token).await);
    assert!(!opens(&world, &ended).await);
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_was_asked_for() {
    let world = World::new().await;
    world.acme().await;
    let week = portal_token(&world, json!({})).await;
    let hour = portal_token(&world, json!({"expiry": 3_600})).await;
    world.advance_seconds(3_599);
    assert!(opens(&world, &hour).await);
    world.advance_seconds(1);
    assert!(!opens(&world, &hour).await);
    world.advance_seconds(7 * DAY_SECONDS - 3_601);
    assert!(opens(&world, &week).await);
    world.advance_seconds(1);
    assert!(!opens(&world, &week).await);
    for expiry in [json!(3_599), json!(604_801), json!(-1), json!("1h"), json!(1.5)] {
        assert_eq!(world.post(ACCESS, json!({ "expiry": expiry })).await.invalid(), ["body.expiry"]);
    }
}

#[tokio::test]
async fn a_read_only_token_reads_and_does_nothing_else() {
    let world = World::new().await;
    let app = world.acme().await;
    let endpoint = world.endpoint(app, json!({})).await;
    let message = world.message(app, json!({})).await;
    let token = portal_token(&world, json!({"readOnly": true})).await;
    let call = async |method: &str, path: &str| {
        world.call_as(&token, method, &format!("{app}{path}"), Some(json!({}))).await
    };
    for path in
        ["", "/endpoint", "/msg", &format!("/msg/{message}/endpoint"), &format!("/attempt/msg/{message}")]
    {
        call("GET", path).await.expect(200);
    }
    let one = format!("/endpoint/{endpoint}");
    call("GET", &format!("{one}/headers")).await.expect(200);
    for (method, path) in [
        ("GET", format!("{one}/secret")),
        ("POST", format!("{one}/secret/rotate")),
        ("POST", format!("{one}/send-example")),
        ("POST", format!("/msg/{message}/endpoint/{endpoint}/resend")),
        ("POST", "/endpoint".to_owned()),
        ("PUT", one.clone()),
        ("PATCH", one.clone()),
        ("DELETE", one.clone()),
        ("PUT", format!("{one}/headers")),
        ("PATCH", format!("{one}/headers")),
    ] {
        call(method, &path).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_token_has_the_capabilities_that_it_was_made_with() {
    let world = World::new().await;
    let app = world.acme().await;
    let endpoint = world.endpoint(app, json!({})).await;
    let message = world.message(app, json!({})).await;
    let secret = format!("{app}/endpoint/{endpoint}/secret");
    let rotate = format!("{secret}/rotate");
    let resend = format!("{app}/msg/{message}/endpoint/{endpoint}/resend");
    let manage = format!("{app}/endpoint/{endpoint}");
    let can = async |body: Value| {
        let token = portal_token(&world, body).await;
        let paths = [("GET", &secret), ("POST", &rotate), ("POST", &resend), ("PATCH", &manage)];
        let mut can = Vec::new();
        for (method, path) in paths {
            can.push(world.call_as(&token, method, path, Some(json!({}))).await.status != 403);
        }
        assert!(opens(&world, &token).await);
        can
    };
    assert_eq!(can(json!({})).await, [true; 4]);
    assert_eq!(can(json!({"capabilities": []})).await, [false; 4]);
    assert_eq!(can(json!({"capabilities": ["ViewBase"]})).await, [false; 4]);
    assert_eq!(can(json!({"capabilities": ["ViewEndpointSecret"]})).await, [true, false, false, false]);
    assert_eq!(can(json!({"capabilities": ["ManageEndpointSecret"]})).await, [true, true, false, false]);
    assert_eq!(can(json!({"capabilities": ["CreateAttempts"]})).await, [false, false, true, false]);
    assert_eq!(can(json!({"capabilities": ["ManageEndpoint"]})).await, [true, true, false, true]);
    let both = json!({"readOnly": true, "capabilities": ["ManageEndpoint", "ViewEndpointSecret"]});
    assert_eq!(can(both).await, [true, false, false, false]);
    let wrong = json!({"capabilities": ["Everything"], "readOnly": "yes", "sessionId": ""});
    assert_eq!(
        world.post(ACCESS, wrong).await.invalid(),
        ["body.readOnly", "body.capabilities", "body.sessionId"]
    );
}

#[tokio::test]
async fn event_types_with_a_flag_are_shown_to_those_who_have_it() {
    let world = World::new().await;
    let app = world.acme().await;
    for (name, flags) in [("all", json!([])), ("beta", json!(["beta", "dev"])), ("gamma", json!(["gamma"]))] {
        let body = json!({"name": name, "description": "", "featureFlags": flags, "example": {}});
        world.post("/api/v1/event-type", body).await.expect(201);
    }
    let endpoint = world.endpoint(app, json!({})).await;
    let seen = async |token: &str| {
        let list = world.call_as(token, "GET", "/api/v1/event-type", None).await.expect(200);
        let names = list["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let plain = portal_token(&world, json!({})).await;
    assert_eq!(seen(&plain).await, ["all"]);
    assert_eq!(seen(&portal_token(&world, json!({"featureFlags": ["dev"]})).await).await, ["all", "beta"]);
    let names = world.get("/api/v1/event-type").await.expect(200);
    assert_eq!(names["data"].as_array().unwrap().len(), 3);
    world.call_as(&plain, "GET", "/api/v1/event-type/beta", None).await.refused(404, "not_found");
    let path = format!("{app}/endpoint/{endpoint}/send-example");
    let hidden = world.call_as(&plain, "POST", &path, Some(json!({"eventType": "beta"}))).await;
    assert_eq!(hidden.invalid(), ["body.eventType"]);
    let flags = vec!["f".repeat(200); 50];
    let flags: Vec<String> = flags.iter().enumerate().map(|(n, flag)| format!("{flag}{n}")).collect();
    assert_eq!(world.post(ACCESS, json!({ "featureFlags": flags })).await.invalid(), ["body.featureFlags"]);
}

#[tokio::test]
async fn logging_out_ends_the_token_that_it_is_called_with() {
    let world = World::new().await;
    world.acme().await;
    let (one, other) = (portal_token(&world, json!({})).await, portal_token(&world, json!({})).await);
    world.call_as(&one, "POST", LOGOUT, None).await.expect(204);
    assert!(!opens(&world, &one).await);
    assert!(opens(&world, &other).await);
    world.call_as(&one, "POST", LOGOUT, None).await.refused(401, "authentication_failed");
    world.raw(super::request("POST", LOGOUT, None, None)).await.refused(401, "authentication_failed");
    // A key is no session: it stays.
    world.call("POST", LOGOUT, None).await.expect(204);
    world.get("/api/v1/app/acme").await.expect(200);
}

#[tokio::test]
async fn a_svix_style_token_of_an_application_can_be_ended_too() {
    let world = World::new().await;
    world.add_organisation("org_a").await;
    let organisation = token(&json!({"sub": "org_a"}));
    let body = json!({"name": "Acme", "uid": "acme"});
    let made = world.call_as(&organisation, "POST", "/api/v1/app", Some(body)).await.expect(201);
    let issued = |at: Option<i64>| {
        let mut claims = json!({"sub": made["id"], "org": "org_a"});
        claims["iat"] = at.into();
        token(&claims)
    };
    let (old, timeless) = (issued(Some(1_699_999_999)), issued(None));
    let ended = token(&json!({"sub": made["id"], "org": "org_a", "exp": 1_700_000_100}));
    world.call_as(&ended, "POST", LOGOUT, None).await.expect(204);
    assert!(!opens(&world, &ended).await);
    assert!(opens(&world, &old).await && opens(&world, &timeless).await);
    world.call_as(&organisation, "POST", EXPIRE, Some(json!({}))).await.expect(204);
    assert!(!opens(&world, &old).await && !opens(&world, &timeless).await);
    assert!(opens(&world, &issued(Some(1_700_000_001))).await);
}

#[tokio::test]
async fn expiring_ends_the_tokens_that_there_are() {
    let world = World::new().await;
    world.acme().await;
    let in_session = async |session: &str| portal_token(&world, json!({ "sessionId": session })).await;
    let (a, b, none) = (in_session("a").await, in_session("b").await, portal_token(&world, json!({})).await);
    world.post(EXPIRE, json!({"sessionIds": ["a", "c"]})).await.expect(204);
    assert!(!opens(&world, &a).await && opens(&world, &b).await && opens(&world, &none).await);
    assert!(opens(&world, &in_session("a").await).await, "one that is made later is another one");
    world.post(EXPIRE, json!({"expiry": 60})).await.expect(204);
    let later = portal_token(&world, json!({})).await;
    assert!(opens(&world, &b).await);
    world.advance_seconds(60);
    assert!(!opens(&world, &b).await && !opens(&world, &none).await && opens(&world, &later).await);
    world.post(EXPIRE, json!({})).await.expect(204);
    assert!(!opens(&world, &later).await && opens(&world, &portal_token(&world, json!({})).await).await);
    for wrong in [json!({"expiry": 604_801}), json!({"expiry": -1})] {
        assert_eq!(world.post(EXPIRE, wrong).await.invalid(), ["body.expiry"]);
    }
    for wrong in [json!({"sessionIds": [""]}), json!({"sessionIds": "a"})] {
        assert_eq!(world.post(EXPIRE, wrong).await.invalid(), ["body.sessionIds"]);
    }
}

#[tokio::test]
async fn revocations_are_forgotten_when_no_token_needs_them() {
    let world = World::new().await;
    world.acme().await;
    let count = || {
        let configuration = world.store().configuration();
        let organisation = configuration.organisation_by_name("default").unwrap().id;
        let acme = configuration.applications(organisation).find(|it| !it.is_operational());
        let application = acme.unwrap().id;
        configuration.revocations(application).unwrap().iter().count()
    };
    for _ in 0..3 {
        let token = portal_token(&world, json!({})).await;
        world.call_as(&token, "POST", LOGOUT, None).await.expect(204);
    }
    assert_eq!(count(), 3);
    world.advance_seconds(7 * DAY_SECONDS);
    world.post(EXPIRE, json!({"sessionIds": ["a"]})).await.expect(204);
    assert_eq!(count(), 1);
    world.post(EXPIRE, json!({})).await.expect(204);
    world.post(EXPIRE, json!({})).await.expect(204);
    assert_eq!(count(), 1);
}

#[tokio::test]
async fn a_link_brings_its_application_along() {
    let world = World::new().await;
    world.post(ACCESS, json!({})).await.refused(404, "not_found");
    let body = |uid: &str| json!({"application": {"name": "Acme", "uid": uid}});
    assert_eq!(world.post(ACCESS, body("other")).await.invalid(), ["body.application.uid"]);
    let token = portal_token(&world, body("acme")).await;
    assert!(opens(&world, &token).await);
    // Afterwards it is ignored.
    portal_token(&world, json!({"application": {"name": ""}})).await;
    world.delete("/api/v1/app/acme").await.expect(204);
    world.call_as(&token, "GET", "/api/v1/app/acme", None).await.refused(401, "authentication_failed");
}
