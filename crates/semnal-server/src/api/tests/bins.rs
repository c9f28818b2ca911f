//! Request bins: making, changing and deleting them, and what they answer.

use semnal_core::application::Scope;
use semnal_core::request_bin::BINS_MAX;
use semnal_engine::clock::Clock;
use semnal_engine::transport::dialer::Dialer;
use semnal_engine::transport::resolver::Resolver;
use semnal_engine::transport::{Transport, TransportOptions};
use semnal_store::bins::{BinLimits, Bins, MemoryBins};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{World, token};
use crate::api::{ApiState, BinsApi, BinsAway};

/// Bins in memory, as every test has them.
pub(super) fn in_memory(api: &ApiState) -> BinsApi {
    let transport = Transport::new(TransportOptions {
        resolver: Resolver::system(),
        dialer: Dialer::Tcp,
        policy: (*api.policy).clone(),
        extra_roots: Vec::new(),
        open_connections_max: 8,
        tasks: TaskTracker::new(),
        clock: Clock::System,
    });
    let bins = Bins::memory(&MemoryBins::default(), api.clock.clone(), BinLimits::default()).unwrap();
    BinsApi {
        bins,
        base_url: "https://bins.example.com".into(),
        transport: transport.unwrap(),
        shutdown: CancellationToken::new(),
    }
}

#[tokio::test]
async fn a_bin_is_made_found_changed_and_deleted() {
    let world = World::new().await;
    let made = world.post("/api/v1/bin", json!({"uid": "mine", "name": "My bin"})).await.expect(201);
    assert_eq!(made["url"], "https://bins.example.com/mine");
    assert_eq!(made["expiresAt"], "2023-11-21T22:13:20.000Z");
    assert_eq!((&made["requests"], &made["limits"]["requests"]), (&json!(0), &json!(1_000)));
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("bin_") && id.len() == 31);
    for name in [id, "mine"] {
        assert_eq!(world.get(&format!("/api/v1/bin/{name}")).await.expect(200), made);
    }
    world.advance_seconds(60);
    let changed = json!({"name": "Other", "uid": null, "expiresAt": "2023-12-01T00:00:00Z"});
    let changed = world.patch("/api/v1/bin/mine", changed).await.expect(200);
    assert_eq!((&changed["name"], &changed["uid"]), (&json!("Other"), &Value::Null));
    assert_eq!(changed["url"], format!("https://bins.example.com/{id}"));
    assert_eq!(changed["expiresAt"], "2023-12-01T00:00:00.000Z");
    let path = format!("/api/v1/bin/{id}");
    let renewed = world.patch(&path, json!({"expiresAt": null})).await.expect(200);
    assert_eq!(renewed["expiresAt"], "2023-11-21T22:14:20.000Z");
    world.delete(&path).await.expect(204);
    world.get(&path).await.refused(404, "not_found");
    world.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_bin_without_a_body_has_a_name_and_an_id_for_its_url() {
    let world = World::new().await;
    let made = world.call("POST", "/api/v1/bin", None).await.expect(201);
    assert_eq!((&made["name"], &made["uid"]), (&json!("Request bin"), &Value::Null));
    assert_eq!(made["url"], format!("https://bins.example.com/{}", made["id"].as_str().unwrap()));
}

#[tokio::test]
async fn fields_that_cannot_be_are_named() {
    let world = World::new().await;
    let places =
        world.post("/api/v1/bin", json!({"uid": "a b", "name": "", "expiresAt": "soon"})).await.invalid();
    assert_eq!(places, ["body.uid", "body.name", "body.expiresAt"]);
    for at in ["2023-11-14T22:13:20Z", "2040-01-01T00:00:00Z"] {
        let refused = world.post("/api/v1/bin", json!({"expiresAt": at})).await.invalid();
        assert_eq!(refused, ["body.expiresAt"], "{at}");
    }
}

#[tokio::test]
async fn a_uid_belongs_to_one_bin_until_it_expires() {
    let world = World::new().await;
    let made = world.post("/api/v1/bin", json!({"uid": "mine"})).await.expect(201);
    let other = world.post("/api/v1/bin", json!({"uid": "other"})).await.expect(201);
    world.post("/api/v1/bin", json!({"uid": "mine"})).await.refused(409, "conflict");
    world.patch("/api/v1/bin/other", json!({"uid": "mine"})).await.refused(409, "conflict");
    world.patch("/api/v1/bin/mine", json!({"uid": "mine"})).await.expect(200);
    let found = world.post("/api/v1/bin?get_if_exists=true", json!({"uid": "mine"})).await.expect(200);
    assert_eq!(found["id"], made["id"]);
    assert_ne!(made["id"], other["id"]);
    world.advance_seconds(8 * 24 * 3_600);
    world.get("/api/v1/bin/mine").await.refused(404, "not_found");
    let anew = world.post("/api/v1/bin", json!({"uid": "mine"})).await.expect(201);
    assert_ne!(anew["id"], made["id"]);
}

#[tokio::test]
async fn a_repeated_request_makes_no_second_bin() {
    let world = World::new().await;
    let first = world.post_once("k", "/api/v1/bin", json!({})).await.expect(201);
    let second = world.post_once("k", "/api/v1/bin", json!({})).await.expect(201);
    let third = world.post_once("other", "/api/v1/bin", json!({})).await.expect(201);
    assert_eq!(first["id"], second["id"]);
    assert_ne!(first["id"], third["id"]);
    world.advance_seconds(13 * 3_600);
    assert_ne!(world.post_once("k", "/api/v1/bin", json!({})).await.expect(201)["id"], first["id"]);
}

#[tokio::test]
async fn an_organisation_has_so_many_bins_and_sees_only_its_own() {
    let world = World::new().await;
    for _ in 0..BINS_MAX {
        world.post("/api/v1/bin", json!({})).await.expect(201);
    }
    world.post("/api/v1/bin", json!({})).await.refused(409, "conflict");
    world.walk("/api/v1/bin?limit=40", "id").await;
    let theirs = token(&json!({"sub": "org_other"}));
    let list = world.call_as(&theirs, "GET", "/api/v1/bin", None).await.expect(200);
    assert_eq!(list["data"], json!([]));
    let made = world.call_as(&theirs, "POST", "/api/v1/bin", Some(json!({"uid": "mine"}))).await.expect(201);
    // A path names no organisation: only uids of the default one lead to a bin.
    assert_eq!(made["url"], format!("https://bins.example.com/{}", made["id"].as_str().unwrap()));
    for name in ["mine", made["id"].as_str().unwrap()] {
        for (method, end) in
            [("GET", ""), ("DELETE", ""), ("GET", "/request"), ("GET", "/response"), ("GET", "/wait")]
        {
            let path = format!("/api/v1/bin/{name}{end}");
            world.call(method, &path, None).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn the_token_of_an_application_sees_no_bins() {
    let world = World::new().await;
    world
        .call_as(
            &token(&json!({"sub": "org_a"})),
            "POST",
            "/api/v1/app",
            Some(json!({"name": "A", "uid": "a"})),
        )
        .await
        .expect(201);
    let portal = token(&json!({"sub": "app_a", "org": "org_a"}));
    let made =
        world.call_as(&token(&json!({"sub": "org_a"})), "GET", "/api/v1/app/a", None).await.expect(200);
    let portal_of = token(&json!({"sub": made["id"], "org": "org_a"}));
    for token in [portal, portal_of] {
        let answer = world.call_as(&token, "GET", "/api/v1/bin", None).await;
        assert!(matches!(answer.status.as_u16(), 401 | 403), "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_without_bins_says_why() {
    for (away, word) in [(BinsAway::TurnedOff, "bin_listen"), (BinsAway::Broken, "log")] {
        let world = World::without_bins(away).await;
        let answer = world.get("/api/v1/bin").await;
        assert!(answer.json()["detail"].as_str().unwrap().contains(word), "{answer:?}");
        answer.refused(503, "bins_unavailable");
        world.get("/api/v1/app").await.expect(200);
    }
}

#[tokio::test]
async fn a_response_is_set_as_a_whole_and_read_back() {
    let world = World::new().await;
    world.post("/api/v1/bin", json!({"uid": "mine"})).await.expect(201);
    let path = "/api/v1/bin/mine/response";
    let default = world.get(path).await.expect(200);
    assert_eq!(
        (&default["status"], &default["body"], &default["fault"]),
        (&json!(200), &Value::Null, &Value::Null)
    );
    let wanted = json!({
        "status": 503, "sequence": [500, 200], "contentType": "text/html", "body": "<b>ș</b>", "delayMs": 250,
        "headers": [["Retry-After", "7"], ["X-A", "1"], ["x-a", "2"]],
        "handshake": {"sender": "zoom", "secret": "of zoom"}, "fault": {"kind": "status", "status": 429, "percent": 30},
    });
    let set = world.put(path, wanted.clone()).await.expect(200);
    assert_eq!(world.get(path).await.expect(200), set);
    for field in ["status", "sequence", "contentType", "body", "delayMs", "headers", "fault"] {
        assert_eq!(set[field], wanted[field], "{field}");
    }
    assert_eq!(set["handshake"], json!({"sender": "zoom", "hasSecret": true}));
    let kept = world.put(path, json!({"handshake": {"sender": "zoom"}})).await.expect(200);
    assert_eq!((&kept["handshake"]["hasSecret"], &kept["status"]), (&json!(true), &json!(200)));
    let other = world.put(path, json!({"handshake": {"sender": "meta"}})).await.expect(200);
    assert_eq!(other["handshake"]["hasSecret"], false);
}

#[tokio::test]
async fn a_response_that_reaches_beyond_itself_is_refused_by_name() {
    let world = World::new().await;
    world.post("/api/v1/bin", json!({"uid": "mine"})).await.expect(201);
    for (name, value) in [
        ("Set-Cookie", "a=b"),
        ("content-security-policy", "default-src *"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Strict-Transport-Security", "max-age=1"),
        ("Refresh", "0; url=https://x"),
        ("Location", "javascript:alert(1)"),
        ("Content-Length", "1"),
        ("Content-Type", "text/html"),
        ("X-A", "1\r\nSet-Cookie: a=b"),
        ("X A", "1"),
    ] {
        let answer = world.put("/api/v1/bin/mine/response", json!({"headers": [[name, value]]})).await;
        let body = answer.expect(422);
        assert_eq!(body["detail"][0]["loc"], json!(["body", "headers"]));
        assert!(body["detail"][0]["msg"].as_str().unwrap().contains(name), "{body}");
    }
    for wrong in [
        json!({"status": 199}),
        json!({"sequence": [200, 600]}),
        json!({"delayMs": 30_001}),
        json!({"body": "x".repeat(65_537)}),
        json!({"bodyBase64": "?"}),
        json!({"body": "a", "bodyBase64": "Yg=="}),
        json!({"contentType": "a\nb"}),
        json!({"fault": {"kind": "explode"}}),
        json!({"fault": {"kind": "status"}}),
        json!({"fault": {"kind": "drip", "percent": 101}}),
        json!({"handshake": {"sender": "nobody"}}),
    ] {
        assert_eq!(world.put("/api/v1/bin/mine/response", wrong.clone()).await.invalid().len(), 1, "{wrong}");
    }
}

#[tokio::test]
async fn a_key_for_reading_changes_no_bin() {
    let world = World::new().await;
    let key = world.add_key("default", &[Scope::Read], 5, |_| {}).await;
    world.call_as(&key, "POST", "/api/v1/bin", Some(json!({}))).await.refused(403, "forbidden");
    world.call_as(&key, "GET", "/api/v1/bin", None).await.expect(200);
}
