//! Request bins in the console: who sees them, what forms prove, what is shown of what strangers sent.

use http::StatusCode;
use http_body_util::BodyExt;
use semnal_core::application::DEFAULT_ORGANISATION;
use semnal_core::id::{BinId, IdKind};
use semnal_core::request_bin::capture::Capture;
use serde_json::json;

use super::*;
use crate::api::{BinsApi, BinsAway};

fn bins(browser: &Browser) -> BinsApi {
    browser.world.api.bins.clone().unwrap()
}

/// Makes a bin and returns its id.
async fn bin(browser: &Browser) -> String {
    let made = browser.world.post("/api/v1/bin", json!({ "name": "Mine" })).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn caught(browser: &Browser, bin: &str, head: &str, body: &[u8]) -> u32 {
    let (_, key) = browser.world.api.store.ids().decode(IdKind::Bin, bin).unwrap();
    let capture = Capture {
        received_at: browser.world.api.now(),
        remote: "192.0.2.7:5555".parse().unwrap(),
        head: head.as_bytes().to_vec(),
        body: body.to_vec(),
        body_bytes: body.len() as u64,
        framed: None,
        problem: None,
        message: None,
        attempt: None,
    };
    bins(browser).bins.capture(BinId(key), capture).await.unwrap().unwrap().number
}

const HEAD: &str =
    "POST /mine/x?a=1 HTTP/1.1\r\nhost: b\r\nauthorization: Bearer sk_live_51H8xJ2eZvKYlo2C\r\n\r\n";

#[tokio::test]
async fn a_bin_is_made_in_one_click_and_numbered() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let to = browser.post("/bins", "/bins", &[]).await.to;
    assert!(to.starts_with("/bins/bin_"), "{to}");
    assert!(browser.get(&to).await.body.contains("<h1>Request bin 1</h1>"));
    let named = browser.post("/bins", "/bins", &[("name", "Comenzi <b>")]).await.to;
    assert!(browser.get(&named).await.body.contains("<h1>Comenzi &#60;b&#62;</h1>"));
    let refused = browser.post("/bins", "/bins", &[("name", &"x".repeat(257))]).await;
    assert_eq!(refused.status, StatusCode::OK);
    assert!(refused.body.contains("error-summary") && refused.body.contains(&"x".repeat(257)));
}

#[tokio::test]
async fn too_many_bins_are_refused_with_what_to_do() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    for _ in 0..semnal_core::request_bin::BINS_MAX {
        bin(&browser).await;
    }
    let refused = browser.post("/bins", "/bins", &[]).await;
    assert!(refused.body.contains("Delete one first"), "{}", refused.body);
}

#[tokio::test]
async fn a_portal_sees_no_bins() {
    let mut browser = Browser::new().await;
    let id = bin(&browser).await;
    caught(&browser, &id, HEAD, b"{}").await;
    browser.world.post("/api/v1/app", json!({ "name": "shop", "uid": "shop" })).await.expect(201);
    let answer = browser.world.post("/api/v1/auth/app-portal-access/shop", json!({})).await.expect(200);
    browser.post("/login/portal", "/login", &[("key", answer["token"].as_str().unwrap())]).await;
    let page = browser.get("/webhooks").await.body;
    assert!(!page.contains("href=\"/bins\""), "the menu has no bins");
    let token = token_in(&page);
    let paths = [
        "",
        "/list",
        "/stream",
        "/export",
        "/edit",
        "/delete",
        "/response",
        "/requests/1",
        "/requests/1/raw",
    ];
    for path in paths.map(|rest| format!("/bins/{id}{rest}")).iter().chain([&"/bins".to_owned()]) {
        assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/bins".to_owned(), format!("/bins/{id}/delete"), format!("/bins/{id}/requests/1/replay")] {
        assert_eq!(browser.post_with(&path, &token, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(bins(&browser).bins.of_organisation(organisation(&browser)).len() == 1);
}

fn organisation(browser: &Browser) -> semnal_core::id::OrganisationId {
    browser.world.api.store.configuration().organisation_by_name(DEFAULT_ORGANISATION).unwrap().id
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_no_bin() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    caught(&browser, &id, HEAD, b"{}").await;
    let forms = [
        "edit",
        "empty",
        "delete",
        "response",
        "requests/1/delete",
        "requests/1/verify",
        "requests/1/replay",
    ];
    let paths: Vec<String> =
        forms.iter().map(|it| format!("/bins/{id}/{it}")).chain(["/bins".to_owned()]).collect();
    let token = token_in(&browser.get("/bins").await.body);
    for path in &paths {
        assert_eq!(browser.post_with(path, "x", &[]).await.status, StatusCode::FORBIDDEN, "{path}");
        let mut request = form(path, &token, &[]);
        request.headers_mut().insert("origin", "http://127.0.0.1:8081".parse().unwrap());
        assert_eq!(
            browser.send(request).await.status,
            StatusCode::FORBIDDEN,
            "from the origin of the bins: {path}"
        );
    }
    let all = bins(&browser).bins.of_organisation(organisation(&browser));
    assert_eq!((all.len(), all[0].tally.requests, all[0].bin.name.as_str()), (1, 1, "Mine"));
}

#[tokio::test]
async fn bins_of_another_organisation_are_not_there() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    browser.world.add_organisation("other").await;
    let key = browser.world.add_key("other", &[], 9, |_| {}).await;
    let made = browser.world.call_as(&key, "POST", "/api/v1/bin", Some(json!({}))).await.expect(201);
    let id = made["id"].as_str().unwrap();
    caught(&browser, id, HEAD, b"{}").await;
    for rest in
        ["", "/list", "/stream", "/export", "/requests/1", "/requests/1/raw", "/requests/1/copy", "/delete"]
    {
        assert_eq!(browser.get(&format!("/bins/{id}{rest}")).await.status, StatusCode::NOT_FOUND, "{rest}");
    }
    let ours = bin(&browser).await;
    assert_eq!(browser.get(&format!("/bins/{ours}/requests/1")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_bins_the_page_says_why() {
    for (away, words) in [(BinsAway::TurnedOff, "bin_listen"), (BinsAway::Broken, "log")] {
        let mut browser = Browser::of(World::without_bins(away).await, "127.0.0.1:8080");
        browser.sign_up().await;
        let seen = browser.get("/bins").await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(seen.body.contains("not available") && seen.body.contains(words), "{}", seen.body);
        assert_eq!(
            browser.post_with("/bins", &token_in(&seen.body), &[]).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn what_strangers_sent_is_text_and_secrets_are_masked() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    let head = format!(
        "{}x-a: <script>alert(1)</script>\u{202e}\r\n\r\n",
        HEAD.trim_end_matches("\r\n").to_owned() + "\r\n"
    );
    let number = caught(&browser, &id, &head, b"{\"<script>\":\"</pre>\"}").await;
    for tab in ["tree", "pretty", "raw", "hex", "form", "headers", "query", "none-of-them"] {
        let body = browser.get(&format!("/bins/{id}/requests/{number}?tab={tab}")).await.body;
        let main = body.split_once("<main").unwrap().1;
        assert!(
            !main.contains("<script") && !main.contains("\u{202e}") && !main.contains("</pre>\"}"),
            "{tab}: {main}"
        );
    }
    let headers = browser.get(&format!("/bins/{id}/requests/{number}?tab=headers")).await.body;
    assert!(headers.contains("<summary>Bearer ••••••••lo2C"), "{headers}");
    let replay = browser.get(&format!("/bins/{id}/requests/{number}/replay")).await.body;
    assert!(!replay.contains("sk_live"), "{replay}");
    let raw = browser.get(&format!("/bins/{id}/requests/{number}/raw")).await;
    assert_eq!(raw.headers[header::CONTENT_SECURITY_POLICY], "sandbox");
    assert!(raw.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
}

#[tokio::test]
async fn what_was_shown_is_unread_no_longer() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    for _ in 0..3 {
        caught(&browser, &id, HEAD, b"").await;
    }
    assert!(browser.get("/bins").await.body.contains("3 new"));
    browser.get(&format!("/bins/{id}?before=2")).await;
    assert!(browser.get("/bins").await.body.contains("3 new"), "older ones were looked at");
    browser.get(&format!("/bins/{id}")).await;
    assert!(!browser.get("/bins").await.body.contains(" new</span>"));
    caught(&browser, &id, HEAD, b"").await;
    assert!(browser.get("/bins").await.body.contains("1 new"));
}

#[tokio::test]
async fn the_list_goes_back_as_far_as_the_bin_does() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    for _ in 0..120 {
        caught(&browser, &id, HEAD, b"").await;
    }
    let mut path = format!("/bins/{id}");
    let mut shown = 0;
    for expected in [50, 50, 20] {
        let body = browser.get(&path).await.body;
        let rows = body.matches("<li data-row").count();
        assert_eq!(rows, expected, "{path}");
        shown += rows;
        let older = body
            .split("href=\"")
            .filter_map(|it| it.split('"').next())
            .find(|it| it.contains("?before=") && !it.contains("requests"));
        path = older.unwrap_or_default().to_owned();
    }
    assert_eq!((shown, path.as_str()), (120, ""));
    let news = browser.get(&format!("/bins/{id}/list?after=117")).await.body;
    assert!(news.contains("data-new=\"3\" data-words=\"3 new requests\""), "{news}");
}

#[tokio::test]
async fn the_stream_tells_of_what_comes_and_ends_with_the_session() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut request = Request::get(format!("/bins/{id}/stream")).body(Body::empty()).unwrap();
    request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
    request.headers_mut().insert(header::HOST, browser.host.parse().unwrap());
    request.extensions_mut().insert(Peer(IpAddr::from([127, 0, 0, 1])));
    let mut body = browser.pages.clone().oneshot(request).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&*first, b"event: bin\ndata: 0\n\n");
    caught(&browser, &id, HEAD, b"").await;
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&*second, b"event: bin\ndata: 1\n\n");
    browser.post("/logout", "/", &[]).await;
    caught(&browser, &id, HEAD, b"").await;
    assert!(body.frame().await.is_none(), "nobody is logged in any more");
}

#[tokio::test]
async fn a_pasted_secret_is_checked_and_never_shown_again() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let id = bin(&browser).await;
    caught(&browser, &id, HEAD, b"{}").await;
    let path = format!("/bins/{id}/requests/1/verify");
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let seen = browser.post(&path, &path, &[("secret", secret)]).await;
    assert!(seen.body.contains("banner bad") && seen.body.contains("webhook-id"), "{}", seen.body);
    assert!(!seen.body.contains(secret));
    let seen = browser.post(&path, &path, &[("secret", "nonsense")]).await;
    assert!(seen.body.contains("error-summary") && !seen.body.contains("nonsense"), "{}", seen.body);
    let seen = browser.post(&path, &path, &[]).await;
    assert!(seen.body.contains("error-summary"), "no webhook sends here");
}

#[tokio::test]
async fn the_walk_through_knows_of_bins_and_what_they_caught() {
    let mut browser = Browser::new().await;
    browser.sign_up().await;
    let done = |body: &str| body.matches("class=\"step done").count();
    assert_eq!(done(&browser.get("/").await.body), 0);
    let id = bin(&browser).await;
    let body = browser.get("/").await.body;
    assert!(done(&body) == 1 && body.contains(&format!("href=\"/bins/{id}\"")), "{body}");
    caught(&browser, &id, HEAD, b"").await;
    assert_eq!(done(&browser.get("/").await.body), 2);
}
