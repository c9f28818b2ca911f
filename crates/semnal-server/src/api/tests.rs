//! Drives the whole router on a store in memory: no socket, a clock that stands still until it is moved.

mod access;
mod applications;
mod attempt_headers;
mod attempts;
mod background_tasks;
mod bin_requests;
mod bins;
mod bodies;
mod content;
mod control;
mod destinations;
mod endpoints;
mod event_types;
mod messages;
mod openapi;
mod operational;
mod payload_check;
mod portal;
mod repetition;
mod send_example;
mod signed;
mod ultimate_multisite;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use semnal_core::application::{ApiKey, DEFAULT_ORGANISATION, Opens, Organisation, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::{ApiKeyId, ApplicationId, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_store::memory::MemoryDisk;
use semnal_store::observer::{Deaf, Observer};
use semnal_store::store::{ChangePlan, Now, Opened, Store, StoreOptions};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) use attempts::report;

use super::error::ApiError;
use super::{ApiState, DeliveryDefaults, Limits, Trust, router};
use crate::configuration::SignatureKind;
use crate::keys;

/// 2023-11-14T22:13:20Z
pub(crate) const START: i64 = 1_700_000_000_000;
pub(super) const JWT_SECRET: &[u8] = b"a secret of the tests and of nobody else";

/// A server without a network.
pub(crate) struct World {
    pub api: Arc<ApiState>,
    pub disk: MemoryDisk,
    pub now: Arc<AtomicI64>,
    network: Router,
    control: Router,
    key: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Returns the JSON of an answer with this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts the common form of errors.
    pub(super) fn refused(self, status: u16, code: &str) {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    }

    /// Asserts a 422 and returns the places that it names, joined with dots.
    pub(super) fn invalid(self) -> Vec<String> {
        let body = self.expect(422);
        let place = |item: &Value| {
            let parts: Vec<&str> =
                item["loc"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
            assert!(!item["msg"].as_str().unwrap().is_empty() && !item["type"].as_str().unwrap().is_empty());
            parts.join(".")
        };
        body["detail"].as_array().unwrap().iter().map(place).collect()
    }
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(|_| {}).await
    }

    /// With other settings.
    pub(super) async fn with(change: impl FnOnce(&mut ApiState)) -> World {
        World::heard_by(change, |_| Arc::new(Deaf)).await
    }

    /// With other settings, and with somebody who hears of commits, such as an engine.
    pub(crate) async fn heard_by(
        change: impl FnOnce(&mut ApiState),
        observer: impl FnOnce(&Opened) -> Arc<dyn Observer>,
    ) -> World {
        let (disk, now) = (MemoryDisk::default(), Arc::new(AtomicI64::new(START)));
        let mut world = World::start_heard_by(disk, now, change, observer);
        world.add_organisation(DEFAULT_ORGANISATION).await;
        world.key = world.add_key(DEFAULT_ORGANISATION, &[], 1, |_| {}).await;
        world
    }

    /// On a server that has none.
    pub(crate) async fn without_bins(away: super::BinsAway) -> World {
        World::with(|api| api.bins = Err(away)).await
    }

    /// Starts on what a disk has.
    fn start(disk: MemoryDisk, now: Arc<AtomicI64>, change: impl FnOnce(&mut ApiState)) -> World {
        World::start_heard_by(disk, now, change, |_| Arc::new(Deaf))
    }

    fn start_heard_by(
        disk: MemoryDisk,
        now: Arc<AtomicI64>,
        change: impl FnOnce(&mut ApiState),
        observer: impl FnOnce(&Opened) -> Arc<dyn Observer>,
    ) -> World {
        let time = now.clone();
        let clock: Now = Arc::new(move || UnixMillis(time.load(Ordering::SeqCst)));
        let options = StoreOptions {
            now: clock.clone(),
            fresh_keys: [7; 48],
            disable_after: None,
            retention: None,
            #[cfg(feature = "fault-injection")]
            sabotage: None,
        };
        let opened = Opened::memory(disk.clone(), options).unwrap();
        let observer = observer(&opened);
        let store = opened.start(&observer).unwrap();
        let mut api = ApiState {
            store,
            clock,
            policy: Arc::default(),
            url_rules: semnal_core::endpoint_url::UrlRules::default(),
            jwt_secret: Some(JWT_SECRET.to_vec()),
            limits: Limits::default(),
            strict_event_types: false,
            schemas: Default::default(),
            public_url: "https://hooks.example.com".into(),
            header_prefixes: vec!["webhook".into(), "svix".into()],
            deliveries: DeliveryDefaults {
                schedule: RetrySchedule::default(),
                attempt_timeout: Duration::ZERO,
            },
            default_signature: SignatureKind::Hmac256,
            bins: Err(super::BinsAway::Broken),
            source_repeat_window: Some(std::time::Duration::from_secs(60)),
        };
        api.bins = Ok(bins::in_memory(&api));
        change(&mut api);
        let api = Arc::new(api);
        let (network, control) =
            (router(api.clone(), Trust::Network), router(api.clone(), Trust::ControlSocket));
        World { api, disk, now, network, control, key: String::new() }
    }

    /// Stops the store and starts another server on what it left.
    pub(super) async fn restarted(self) -> World {
        self.store().stop().await;
        World { key: self.key, ..World::start(self.disk, self.now, |_| {}) }
    }

    pub(super) fn store(&self) -> &Store {
        &self.api.store
    }

    pub(super) fn advance_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub(super) async fn apply(&self, changes: Vec<Change>) {
        let make =
            move |_: &Configuration| Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: () });
        self.store().change(None, make).await.unwrap().unwrap();
    }

    pub(crate) async fn add_organisation(&self, name: &str) -> OrganisationId {
        let id = OrganisationId(self.store().next_key());
        let it = Organisation { id, name: Uid::parse(name).unwrap(), created_at: self.api.now() };
        let built_in = ApplicationId(self.store().next_key());
        let built_in = semnal_core::operational::application(built_in, id, self.api.now());
        self.apply(vec![Change::PutOrganisation(it), Change::PutApplication(built_in)]).await;
        id
    }

    /// Adds a key and returns its text.
    pub(crate) async fn add_key(
        &self,
        organisation: &str,
        scopes: &[Scope],
        seed: u8,
        change: impl FnOnce(&mut ApiKey),
    ) -> String {
        let new = keys::generate([seed; 32]);
        let organisation = self.store().configuration().organisation_by_name(organisation).unwrap().id;
        let mut it = ApiKey {
            id: ApiKeyId(self.store().next_key()),
            organisation,
            name: format!("key {seed}"),
            digest: new.digest,
            signing: Some(new.signing),
            hint: new.hint,
            scopes: scopes.to_vec(),
            opens: Opens::Api,
            created_at: self.api.now(),
            expires_at: None,
            revoked_at: None,
        };
        change(&mut it);
        self.apply(vec![Change::PutApiKey(it)]).await;
        new.text
    }

    /// Sends a request as it is.
    pub(super) async fn raw(&self, request: Request<Body>) -> Answered {
        send(&self.network, request).await
    }

    /// Sends with a token of choice.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answered {
        self.raw(request(method, path, Some(token), body)).await
    }

    /// Sends with the key of the default organisation.
    pub(super) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        self.call_as(&self.key, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        self.call("POST", path, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answered {
        self.call("PUT", path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answered {
        self.call("PATCH", path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answered {
        self.call("DELETE", path, None).await
    }

    /// Sends with an idempotency key.
    pub(super) async fn post_once(&self, key: &str, path: &str, body: Value) -> Answered {
        let mut request = request("POST", path, Some(&self.key), Some(body));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        self.raw(request).await
    }

    /// Sends over the control socket.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Answered {
        send(&self.control, request(method, path, None, body)).await
    }

    /// Makes an application `acme` and returns its path.
    pub(super) async fn acme(&self) -> &'static str {
        self.post("/api/v1/app", json!({"name": "Acme", "uid": "acme"})).await.expect(201);
        "/api/v1/app/acme"
    }

    /// Makes an endpoint and returns its id.
    pub(super) async fn endpoint(&self, app: &str, more: Value) -> String {
        let mut body = json!({"url": "https://example.com/hook"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post(&format!("{app}/endpoint"), body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message and returns its id.
    pub(super) async fn message(&self, app: &str, more: Value) -> String {
        let mut body = json!({"eventType": "shop.opened", "payload": {"n": 1}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post(&format!("{app}/msg"), body).await.expect(202);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Walks a list to its end and back, and returns the ids of its pages.
    pub(super) async fn walk(&self, path: &str, name: &str) -> Vec<Vec<String>> {
        let joined = if path.contains('?') { '&' } else { '?' };
        let names = |page: &Value| -> Vec<String> {
            page["data"].as_array().unwrap().iter().map(|it| it[name].as_str().unwrap().to_owned()).collect()
        };
        let mut page = self.get(path).await.expect(200);
        let mut pages = vec![names(&page)];
        assert_eq!(page["prevIterator"], Value::Null);
        while page["done"] == false {
            let iterator = page["iterator"].as_str().unwrap();
            page = self.get(&format!("{path}{joined}iterator={iterator}")).await.expect(200);
            pages.push(names(&page));
            assert!(pages.len() < 20, "the list has no end");
        }
        for expected in pages.iter().rev().skip(1) {
            let iterator = page["prevIterator"].as_str().expect("there is something before");
            page = self.get(&format!("{path}{joined}iterator={iterator}")).await.expect(200);
            assert_eq!(names(&page), *expected, "a previous page is in the same order");
        }
        pages
    }
}

/// Signs a Svix-style token.
pub(super) fn token(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(JWT_SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

pub(super) fn request(method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string()));
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request
}

async fn send(router: &Router, request: Request<Body>) -> Answered {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: parts.status, headers: parts.headers, body }
}
