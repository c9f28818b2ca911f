//! The console on a store in memory: who gets in, what forms prove, and that programs are answered as before.

mod bins;
mod catalogue;
mod deliveries;
mod honest;
mod webhooks;

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use semnal_core::account::{SESSION_IDLE_MAX, SESSION_LIFE_MAX};
use semnal_store::store::ChangePlan;
use tower::ServiceExt;

use super::{Console, links, router};
use crate::api::{Trust, router as api_router, tests::World};
use crate::listener::Peer;

const NAME: &str = "ana@exemplu.ro";
const PASSWORD: &str = "patru cuvinte de păstrat";

/// A browser: it keeps cookies and follows nothing.
struct Browser {
    world: World,
    pages: Router,
    cookies: Vec<(String, String)>,
    host: &'static str,
}

struct Seen {
    status: StatusCode,
    to: String,
    body: String,
    headers: http::HeaderMap,
}

impl Browser {
    async fn new() -> Browser {
        Browser::at("127.0.0.1:8080").await
    }

    async fn at(host: &'static str) -> Browser {
        Browser::of(World::new().await, host)
    }

    fn of(world: World, host: &'static str) -> Browser {
        let console = Console::new(world.api.clone(), false);
        let pages = router(console, api_router(world.api.clone(), Trust::Network));
        Browser { world, pages, cookies: Vec::new(), host }
    }

    /// Opens a stream and leaves it open.
    async fn open(&mut self, path: &str) -> Response {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        self.dress(&mut request);
        self.pages.clone().oneshot(request).await.unwrap()
    }

    /// Adds what a browser adds.
    fn dress(&self, request: &mut Request<Body>) {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        headers.insert(header::HOST, self.host.parse().unwrap());
        request.extensions_mut().insert(Peer(IpAddr::from([127, 0, 0, 1])));
    }

    async fn send(&mut self, mut request: Request<Body>) -> Seen {
        self.dress(&mut request);
        let response: Response = self.pages.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        Seen {
            status: parts.status,
            to: parts
                .headers
                .get(header::LOCATION)
                .map_or(String::new(), |it| it.to_str().unwrap().to_owned()),
            body: String::from_utf8_lossy(&bytes).into_owned(),
            headers: parts.headers,
        }
    }

    async fn get(&mut self, path: &str) -> Seen {
        let request = Request::get(path).header(header::ACCEPT, "text/html").body(Body::empty());
        self.send(request.unwrap()).await
    }

    /// Sends a form with the token of the page before it.
    async fn post(&mut self, path: &str, from: &str, fields: &[(&str, &str)]) -> Seen {
        let page = self.get(from).await;
        let token = token_in(&page.body);
        self.post_with(path, &token, fields).await
    }

    async fn post_with(&mut self, path: &str, token: &str, fields: &[(&str, &str)]) -> Seen {
        self.send(form(path, token, fields)).await
    }

    async fn sign_up(&mut self) {
        let path = links::first(&self.world.api.store, self.world.api.now()).await.unwrap().unwrap();
        let seen = self.post(&path, &path, &[("name", NAME), ("password", PASSWORD)]).await;
        assert_eq!((seen.status, seen.to.as_str()), (StatusCode::SEE_OTHER, "/"), "{}", seen.body);
    }

    async fn log_in(&mut self, name: &str, password: &str) -> Seen {
        self.post("/login", "/login", &[("name", name), ("password", password)]).await
    }

    fn advance(&self, by: Duration) {
        self.world.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

fn form(path: &str, token: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("form_token", token).extend_pairs(fields);
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(Body::from(body.finish())).unwrap()
}

fn token_in(body: &str) -> String {
    let (_, rest) = body.split_once("name=\"form_token\" value=\"").unwrap_or(("", "\""));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_password_opens_the_console_and_its_link_counts_once() {
    let mut browser = Browser::new().await;
    let path = links::first(&browser.world.api.store, browser.world.api.now()).await.unwrap().unwrap();
    assert_eq!(browser.get("/").await.to, "/login");
    browser.post(&path, &path, &[("name", NAME), ("password", PASSWORD)]).await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    assert_eq!(browser.get(&path).await.status, StatusCode::GONE);
    let again = links::first(&browser.world.api.store, browser.world.api.now()).await.unwrap();
    assert_eq!(again, None, "there is a user");
}

#[tokio::test]
async fn a_link_is_replaced_by_the_next_one_and_ends_after_a_day() {
    let mut browser = Browser::new().await;
    let store = browser.world.api.store.clone();
    let first = links::first(&store, browser.world.api.now()).await.unwrap().unwrap();
    let second = links::first(&store, browser.world.api.now()).await.unwrap().unwrap();
    assert_eq!(browser.get(&first).await.status, StatusCode::GONE);
    assert_eq!(browser.get(&second).await.status, StatusCode::OK);
    browser.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(browser.get(&second).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn two_who_send_one_link_at_once_make_one_user() {
    let mut browser = Browser::new().await;
    let path = links::first(&browser.world.api.store, browser.world.api.now()).await.unwrap().unwrap();
    let token = token_in(&browser.get(&path).await.body);
    let fields = |name| [("name", name), ("password", PASSWORD)];
    let mut other = Browser {
        world: World::new().await,
        pages: browser.pages.clone(),
        cookies: browser.cookies.clone(),
        host: browser.host,
    };
    let (ana, bo) = (fields("ana"), fields("bo"));
    let both = tokio::join!(browser.post_with(&path, &token, &ana), other.post_with(&path, &token, &bo));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::GONE]);
    assert_eq!(browser.world.api.store.configuration().accounts().users().count(), 1);
}

#[tokio::test]
async fn only_the_right_password_logs_in_and_leads_back() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.cookies.clear();
    for (name, password) in [(NAME, "another password"), ("nobody", PASSWORD), (NAME, ""), ("", PASSWORD)] {
        let seen = browser.log_in(name, password).await;
        assert_eq!(seen.status, StatusCode::OK, "{name} {password}");
        assert!(!seen.body.contains(PASSWORD) && seen.body.contains("error-summary"));
    }
    let fields = [("name", "ANA@exemplu.ro"), ("password", PASSWORD), ("back", "/webhooks?q=x")];
    assert_eq!(browser.post("/login", "/login", &fields).await.to, "/webhooks?q=x");
    assert_eq!(browser.get("/login?back=//evil.example").await.to, "/");
}

#[tokio::test]
async fn whoever_fails_ten_times_waits_also_with_the_right_password() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.cookies.clear();
    for _ in 0..10 {
        assert_eq!(browser.log_in(NAME, "wrong password").await.status, StatusCode::OK);
    }
    let seen = browser.log_in(NAME, PASSWORD).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.headers[header::RETRY_AFTER], "900");
    browser.advance(Duration::from_secs(900));
    assert_eq!(browser.log_in(NAME, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_by_logging_out_by_idleness_and_by_age() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let cookies = browser.cookies.clone();
    browser.post("/logout", "/", &[]).await;
    browser.cookies = cookies;
    assert_eq!(browser.get("/").await.to, "/login", "logged out");
    browser.log_in(NAME, PASSWORD).await;
    browser.advance(SESSION_IDLE_MAX);
    assert_eq!(browser.get("/").await.to, "/login", "idle");
    browser.log_in(NAME, PASSWORD).await;
    let step = Duration::from_secs(6 * 3_600);
    for _ in 0..SESSION_LIFE_MAX.as_secs() / step.as_secs() - 1 {
        browser.advance(step);
        assert_eq!(browser.get("/").await.status, StatusCode::OK, "used");
        // The touch is written behind the answer; the writer answers this after it.
        tokio::task::yield_now().await;
        browser
            .world
            .api
            .store
            .change(None, |_| Ok::<_, ()>(ChangePlan { changes: Vec::new(), answer: None, value: () }))
            .await
            .unwrap()
            .unwrap();
    }
    browser.advance(step);
    assert_eq!(browser.get("/").await.to, "/login", "old");
}

#[tokio::test]
async fn a_form_from_elsewhere_or_of_another_login_changes_nothing() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let token = token_in(&browser.get("/").await.body);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://127.0.0.1:8081"),
        ("origin", "null"),
    ] {
        let mut request = form("/logout", &token, &[]);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(browser.send(request).await.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    for token in [
        "",
        "x",
        &browser.world.api.store.ids().encode(semnal_core::id::IdKind::Task, 0, semnal_core::id::Key(1)),
    ] {
        assert_eq!(browser.post_with("/logout", token, &[]).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.get("/").await.status, StatusCode::OK, "still logged in");
    assert_eq!(browser.post_with("/logout", &token, &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn across_a_network_without_https_there_is_no_login() {
    let mut browser = Browser::at("10.0.0.5:8080").await;
    let path = links::first(&browser.world.api.store, browser.world.api.now()).await.unwrap().unwrap();
    assert_eq!(browser.get(&path).await.status, StatusCode::FORBIDDEN);
    let seen = browser.get("/login").await;
    assert!(
        seen.body.contains("SEMNAL_PUBLIC_URL") && !seen.body.contains("type=\"password\""),
        "{}",
        seen.body
    );
    assert_eq!(browser.log_in(NAME, PASSWORD).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let mut browser = Browser::at("hooks.example.com").await;
    browser.sign_up().await;
    assert!(browser.cookies.iter().any(|(name, _)| name == "__Host-semnal"), "{:?}", browser.cookies);
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_page_forbids_what_it_does_not_need() {
    let mut browser = Browser::new().await;
    for path in ["/login", "/nothing"] {
        let headers = browser.get(path).await.headers;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn templates_have_no_style_and_no_script_of_their_own() {
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in std::fs::read_dir(templates).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for bad in [" style=", "<style", "<script>", " onclick=", " onsubmit=", "javascript:", "|safe"] {
            assert!(!text.contains(bad), "{path:?} has {bad:?}");
        }
    }
}

#[tokio::test]
async fn assets_are_kept_for_a_year_under_names_of_their_content() {
    let mut browser = Browser::new().await;
    let body = browser.get("/login").await.body;
    let (_, rest) = body.split_once("href=\"/assets/console-").unwrap();
    let path = format!("/assets/console-{}", rest.split('"').next().unwrap());
    let seen = browser.get(&path).await;
    assert_eq!(seen.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(seen.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert_eq!(browser.get("/assets/console-0.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn programs_are_answered_by_the_api_and_people_by_pages() {
    let mut browser = Browser::new().await;
    let ask = |path: &str, accept: &str| {
        Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap()
    };
    assert_eq!(browser.send(ask("/healthz", "text/html")).await.status, StatusCode::OK);
    for (path, accept, status) in
        [("/api/v1/app", "text/html", 401), ("/api/v1/nothing", "text/html", 404), ("/nothing", "*/*", 404)]
    {
        let seen = browser.send(ask(path, accept)).await;
        assert_eq!(seen.status, status, "{path} {accept}");
        assert!(seen.body.starts_with('{'), "{path} {accept}: {}", seen.body);
    }
    let seen = browser.send(ask("/nothing", "text/html,*/*")).await;
    assert_eq!(seen.status, 404);
    assert!(seen.body.starts_with("<!doctype html>"), "{}", seen.body);
}

#[tokio::test]
async fn a_page_comes_in_the_language_of_the_cookie_else_of_the_browser() {
    let mut browser = Browser::new().await;
    let request = Request::get("/login").header(header::ACCEPT_LANGUAGE, "ro,en;q=0.5").body(Body::empty());
    assert!(browser.send(request.unwrap()).await.body.contains("<html lang=\"ro\""));
    let fields = [("language", "ro"), ("theme", "dark"), ("back", "/login")];
    assert_eq!(browser.post("/preferences", "/login", &fields).await.to, "/login");
    let body = browser.get("/login").await.body;
    assert!(body.contains("<html lang=\"ro\" data-theme=\"dark\""), "{body}");
}

#[tokio::test]
async fn a_fragment_is_the_content_without_the_frame() {
    let mut browser = Browser::new().await;
    let request = Request::get("/login").header("x-fragment", "content").body(Body::empty()).unwrap();
    let seen = browser.send(request).await;
    assert!(!seen.body.contains("<html") && seen.body.contains("<h1>"), "{}", seen.body);
    let request = Request::get("/webhooks").header("x-fragment", "content").body(Body::empty()).unwrap();
    assert_eq!(browser.send(request).await.status, StatusCode::UNAUTHORIZED, "the script goes to the login");
}

#[tokio::test]
async fn the_token_of_a_portal_opens_its_application_until_it_is_revoked() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.cookies.clear();
    let made = |uid: &str| serde_json::json!({ "name": uid, "uid": uid });
    for uid in ["shop", "other"] {
        browser.world.post("/api/v1/app", made(uid)).await.expect(201);
    }
    let there = |uid: &str| format!("/api/v1/app/{uid}/endpoint");
    let mut ids = Vec::new();
    for uid in ["shop", "other"] {
        let body = serde_json::json!({ "url": format!("https://{uid}.example/") });
        let it = browser.world.post(&there(uid), body).await.expect(201);
        ids.push(it["id"].as_str().unwrap().to_owned());
    }
    let access = "/api/v1/auth/app-portal-access/shop";
    let answer = browser.world.post(access, serde_json::json!({ "readOnly": true })).await.expect(200);
    let key = answer["token"].as_str().unwrap().to_owned();
    assert_eq!(
        browser.post("/login/portal", "/login", &[("key", "appsk_x.y")]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(browser.post("/login/portal", "/login", &[("key", &key)]).await.to, "/webhooks");
    let body = browser.get("/webhooks").await.body;
    assert!(body.contains("shop.example") && !body.contains("other.example"), "{body}");
    let page = browser.get("/webhooks?app=other").await.body;
    assert!(!page.contains("other.example"), "the query leads nowhere else");
    let token = token_in(&page);
    let pause = |id: &str| format!("/webhooks/{id}/pause");
    let theirs = browser.post_with(&pause(&ids[0]), &token, &[]).await;
    assert_eq!(theirs.status, StatusCode::FORBIDDEN, "read only");
    browser.world.post("/api/v1/auth/app/shop/expire-all", serde_json::json!({})).await.expect(204);
    assert_eq!(browser.get("/webhooks").await.to, "/login?back=%2Fwebhooks");
}

#[tokio::test]
async fn a_portal_does_not_reach_webhooks_of_others() {
    let mut browser = Browser::new().await;
    let mut ids = Vec::new();
    for uid in ["shop", "other"] {
        browser.world.post("/api/v1/app", serde_json::json!({ "name": uid, "uid": uid })).await.expect(201);
        let body = serde_json::json!({ "url": "https://example.com/" });
        let it = browser.world.post(&format!("/api/v1/app/{uid}/endpoint"), body).await.expect(201);
        ids.push(it["id"].as_str().unwrap().to_owned());
    }
    let answer =
        browser.world.post("/api/v1/auth/app-portal-access/shop", serde_json::json!({})).await.expect(200);
    browser.post("/login/portal", "/login", &[("key", answer["token"].as_str().unwrap())]).await;
    let token = token_in(&browser.get("/webhooks").await.body);
    let pause = |id: &str| format!("/webhooks/{id}/pause");
    assert_eq!(browser.post_with(&pause(&ids[0]), &token, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.post_with(&pause(&ids[1]), &token, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(&pause("ep_000000000000000000000000000")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_disabled_webhook_keeps_its_reason_when_somebody_pauses_it() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.world.post("/api/v1/app", serde_json::json!({ "name": "x", "uid": "x" })).await.expect(201);
    let body = serde_json::json!({ "url": "https://example.com/", "disabled": true });
    let it = browser.world.post("/api/v1/app/x/endpoint", body).await.expect(201);
    let id = it["id"].as_str().unwrap().to_owned();
    let token = token_in(&browser.get("/").await.body);
    browser.post_with(&format!("/webhooks/{id}/pause"), &token, &[]).await;
    let page = browser.get("/webhooks").await.body;
    assert!(page.contains("class=\"flash bad\""), "{page}");
    let path = format!("/api/v1/app/x/endpoint/{id}");
    assert_eq!(browser.world.get(&path).await.expect(200)["disabled"], true);
    browser.post_with(&format!("/webhooks/{id}/resume"), &token, &[]).await;
    assert_eq!(browser.world.get(&path).await.expect(200)["disabled"], false);
}
