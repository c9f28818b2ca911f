//! Signed requests: what they open, what they do not, and that nothing happens twice.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Request, header};
use semnal_core::application::{DEFAULT_ORGANISATION, Scope};
use serde_json::{Value, json};

use super::{Answered, World};
use crate::keys;

const PATH: &str = "/api/v1/app/acme/msg";

/// A request as its sender signs it.
struct Signed {
    key: String,
    id: &'static str,
    at: i64,
    path: &'static str,
    body: String,
}

impl Signed {
    async fn new(world: &World) -> Signed {
        let key = world.add_key(DEFAULT_ORGANISATION, &[Scope::Send], 77, |_| {}).await;
        let body = json!({ "eventType": "order.paid", "payload": { "n": 1 } }).to_string();
        Signed { key, id: "e-1", at: world.api.now().unix_seconds(), path: PATH, body }
    }

    fn header(&self) -> String {
        let text = format!("{}\n{}\nPOST {}\n{}", self.id, self.at, self.path, self.body);
        let signing = Key::new(HMAC_SHA256, &keys::signing(&self.key).0);
        let signature = STANDARD.encode(sign(&signing, text.as_bytes()));
        format!("Signed key={}, id={}, at={}, signature={signature}", &self.key[..11], self.id, self.at)
    }

    async fn send(&self, world: &World) -> Answered {
        send(world, "POST", self.path, &self.header(), &self.body).await
    }
}

async fn send(world: &World, method: &str, path: &str, authorization: &str, body: &str) -> Answered {
    let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, authorization);
    world.raw(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn messages(world: &World) -> usize {
    let listed: Value = world.get(PATH).await.expect(200);
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_signed_request_sends_a_message_and_a_recording_of_it_nothing_new() {
    let world = World::new().await;
    world.acme().await;
    let mut it = Signed::new(&world).await;
    let sent = it.send(&world).await.expect(202);
    assert_eq!(it.send(&world).await.expect(202)["id"], sent["id"]);
    it.at += 1;
    assert_eq!(it.send(&world).await.expect(202)["id"], sent["id"], "signed again, with the same id");
    assert_eq!(messages(&world).await, 1);
    it.id = "e-2";
    assert_ne!(it.send(&world).await.expect(202)["id"], sent["id"]);
    world.advance_seconds(299);
    it.send(&world).await.expect(202);
    world.advance_seconds(3);
    it.send(&world).await.refused(401, "authentication_failed");
    it.at += 1_000;
    it.send(&world).await.refused(401, "authentication_failed");
    assert_eq!(messages(&world).await, 2);
}

#[tokio::test]
async fn whatever_was_changed_on_the_way_is_refused() {
    let world = World::new().await;
    let app = world.acme().await;
    world.post("/api/v1/app", json!({ "name": "other", "uid": "other" })).await.expect(201);
    let it = Signed::new(&world).await;
    let header = it.header();
    let refused = async |method: &str, path: &str, header: &str, body: &str| {
        send(&world, method, path, header, body).await.refused(401, "authentication_failed");
    };
    refused("POST", PATH, &header, &it.body.replace('1', "2")).await;
    refused("POST", "/api/v1/app/other/msg", &header, &it.body).await;
    refused("POST", &format!("{PATH}?with_content=false"), &header, &it.body).await;
    refused("GET", PATH, &header, "").await;
    refused("DELETE", app, &header, "").await;
    refused("POST", &format!("{app}/endpoint"), &header, &it.body).await;
    refused("POST", PATH, &header.replace("id=e-1", "id=e-3"), &it.body).await;
    refused("POST", PATH, &header.replace(&it.key[..11], "semnal_AAAA"), &it.body).await;
    for broken in ["Signed", "Signed ", "Signed key=x", "Signed key=x, id=, at=1, signature=AAAA"] {
        refused("POST", PATH, broken, &it.body).await;
    }
    refused("POST", PATH, &format!("{header}, id=e-1"), &it.body).await;
    assert_eq!(messages(&world).await, 0);
    it.send(&world).await.expect(202);
}

#[tokio::test]
async fn no_body_is_kept_of_somebody_who_has_no_key_here() {
    let world = World::new().await;
    world.acme().await;
    let it = Signed::new(&world).await;
    let large = format!("{{\"eventType\":\"a\",\"payload\":{{\"x\":\"{}\"}}}}", "x".repeat(2 << 20));
    let of_stranger = it.header().replace(&it.key[..11], "semnal_AAAA");
    // 401 and not 413: it was read away without being looked at.
    send(&world, "POST", PATH, &of_stranger, &large).await.refused(401, "authentication_failed");
    send(&world, "POST", PATH, &it.header(), &large).await.refused(413, "body_too_large");
    let unsigned = it.header().replace("signature=", "signature=AAAA");
    send(&world, "POST", PATH, &unsigned, &it.body).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn a_signed_request_makes_no_application_whatever_its_key_may() {
    let world = World::new().await;
    let mut it = Signed::new(&world).await;
    it.key = world.add_key(DEFAULT_ORGANISATION, &[], 82, |_| {}).await;
    it.body = json!({ "eventType": "a", "payload": {}, "application": { "name": "Acme", "uid": "acme" } })
        .to_string();
    it.send(&world).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_signature_opens_no_more_than_its_key() {
    let world = World::new().await;
    world.acme().await;
    let now = world.api.now();
    let mut it = Signed::new(&world).await;
    it.key = world.add_key(DEFAULT_ORGANISATION, &[], 83, |key| key.signing = None).await;
    it.send(&world).await.refused(401, "authentication_failed");
    it.key = world.add_key(DEFAULT_ORGANISATION, &[Scope::Read], 78, |_| {}).await;
    it.send(&world).await.refused(403, "forbidden");
    it.key = world.add_key(DEFAULT_ORGANISATION, &[], 79, |key| key.revoked_at = Some(now)).await;
    it.send(&world).await.refused(401, "authentication_failed");
    it.key = world.add_key(DEFAULT_ORGANISATION, &[], 80, |key| key.expires_at = Some(now)).await;
    it.send(&world).await.refused(401, "authentication_failed");
    world.add_organisation("elsewhere").await;
    it.key = world.add_key("elsewhere", &[], 81, |_| {}).await;
    it.send(&world).await.refused(404, "not_found");
}
