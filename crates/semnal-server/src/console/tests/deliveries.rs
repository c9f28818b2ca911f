//! Deliveries: the list narrowed by its address, one delivery, sending again.

use http::StatusCode;
use semnal_core::attempt::{AttemptEnd, Cause};
use serde_json::json;

use super::{Browser, token_in};
use crate::api::tests::{START, report};

/// A shop with two webhooks and two events; the first event failed at one of them, the second failed and waits.
struct Shop {
    browser: Browser,
    endpoints: [String; 2],
    messages: [String; 2],
}

impl Shop {
    async fn open() -> Shop {
        let mut browser = Browser::new().await;
        browser.sign_up().await;
        browser.world.post("/api/v1/app", json!({ "name": "shop", "uid": "shop" })).await.expect(201);
        let mut endpoints = Vec::new();
        for name in ["orders", "<img src=x>"] {
            let body = json!({ "url": "https://example.com/hook", "description": name });
            let it = browser.world.post("/api/v1/app/shop/endpoint", body).await.expect(201);
            endpoints.push(it["id"].as_str().unwrap().to_owned());
        }
        let mut messages = Vec::new();
        for name in ["order.paid", "order.sent"] {
            let body = json!({ "eventType": name, "payload": { "id": 12_345_678_901_234_567_u64 } });
            let it = browser.world.post("/api/v1/app/shop/msg", body).await.expect(202);
            messages.push(it["id"].as_str().unwrap().to_owned());
        }
        let certificate =
            AttemptEnd::Failed { cause: Cause::TlsCertificate, detail: "certificate has expired".into() };
        report(&browser.world, &messages[0], 0, 1, AttemptEnd::Answered(204), START).await;
        report(&browser.world, &messages[0], 1, 1, AttemptEnd::Answered(502), START).await;
        report(&browser.world, &messages[1], 1, 1, certificate, START).await;
        let [first, second] = [endpoints.remove(0), endpoints.remove(0)];
        let [one, two] = [messages.remove(0), messages.remove(0)];
        Shop { browser, endpoints: [first, second], messages: [one, two] }
    }

    /// Returns which deliveries a list shows, newest first, as numbers of message and endpoint.
    async fn shown(&mut self, query: &str) -> Vec<(usize, usize)> {
        let body = self.browser.get(&format!("/deliveries?app=shop{query}")).await.body;
        let place = |all: &[String; 2], id: &str| all.iter().position(|it| it == id).unwrap();
        let rows = body.split("<a href=\"/deliveries/").skip(1).filter(|it| it.contains("data-open"));
        let row = |it: &str| {
            let (message, rest) = it.split_once('/').unwrap();
            (place(&self.messages, message), place(&self.endpoints, rest.split('"').next().unwrap()))
        };
        rows.map(row).collect()
    }
}

#[tokio::test]
async fn the_address_alone_says_which_deliveries_are_listed() {
    let mut shop = Shop::open().await;
    let all = vec![(1, 1), (1, 0), (0, 1), (0, 0)];
    assert_eq!(shop.shown("").await, all);
    let [first, _] = shop.endpoints.clone();
    for (query, expected) in [
        ("&state=delivered", vec![(0, 0)]),
        ("&state=pending", vec![(1, 1), (1, 0), (0, 1)]),
        ("&state=failed", vec![]),
        ("&event=order.paid", vec![(0, 1), (0, 0)]),
        ("&q=paid", vec![]),
        ("&q=event:order.sent", vec![(1, 1), (1, 0)]),
        ("&status=5xx", vec![(0, 1)]),
        ("&status=none", vec![(1, 1)]),
        ("&q=status:502+webhook:img", vec![(0, 1)]),
        ("&q=orders", vec![(1, 0), (0, 0)]),
        ("&q=nothing-like-that", vec![]),
        ("&q=colour:red", vec![]),
        ("&q=before:1h", vec![]),
        ("&after=1h", all.clone()),
    ] {
        assert_eq!(shop.shown(query).await, expected, "{query}");
    }
    assert_eq!(shop.shown(&format!("&webhook={first}&state=pending")).await, vec![(1, 0)]);
    let body = shop.browser.get("/deliveries?app=shop&q=colour:red").await.body;
    assert!(body.contains("colour:red") && body.contains("state:"), "it says which words there are");
}

#[tokio::test]
async fn tests_are_listed_alone_or_left_out() {
    let mut shop = Shop::open().await;
    let body = json!({ "eventType": "order.paid", "payload": { "n": 1 } });
    let path = format!("/api/v1/app/shop/endpoint/{}/send-example", shop.endpoints[0]);
    shop.browser
        .world
        .post("/api/v1/event-type", json!({ "name": "order.paid", "description": "" }))
        .await
        .expect(201);
    let test = shop.browser.world.post(&path, body).await.expect(200)["id"].as_str().unwrap().to_owned();
    for (query, tests, others) in [
        ("", true, 4),
        ("&test=yes", true, 0),
        ("&test=no", false, 4),
        ("&q=is:test", true, 0),
        ("&q=-is:test", false, 4),
    ] {
        let body = shop.browser.get(&format!("/deliveries?app=shop{query}")).await.body;
        let rows = body.matches("data-open").count();
        assert_eq!((body.contains(&test), rows - usize::from(tests)), (tests, others), "{query}: {body}");
    }
}

#[tokio::test]
async fn pages_of_a_list_have_every_delivery_once_both_ways() {
    let mut shop = Shop::open().await;
    for n in 0..30 {
        let body = json!({ "eventType": "order.more", "payload": { "n": n } });
        shop.browser.world.post("/api/v1/app/shop/msg", body).await.expect(202);
    }
    let rows = |body: &str| -> Vec<String> {
        let all = body.split("<a href=\"/deliveries/").skip(1).filter(|it| it.contains("data-open"));
        all.map(|it| it.split('"').next().unwrap().to_owned()).collect()
    };
    let link = |body: &str, rel: &str| -> Option<String> {
        let (_, rest) = body.split_once(&format!("rel=\"{rel}\" href=\""))?;
        Some(rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&"))
    };
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    let mut path = Some("/deliveries?app=shop".to_owned());
    while let Some(at) = path {
        let body = shop.browser.get(&at).await.body;
        seen.extend(rows(&body));
        pages.push(rows(&body));
        path = link(&body, "next");
        if path.is_none() {
            let back = shop.browser.get(&link(&body, "prev").unwrap()).await.body;
            assert_eq!(rows(&back), pages[pages.len() - 2], "the page before, in the same order");
        }
    }
    assert_eq!((seen.len(), pages.len()), (64, 3));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 64);
}

#[tokio::test]
async fn a_delivery_tells_why_it_failed_and_what_to_do() {
    let mut shop = Shop::open().await;
    let path = format!("/deliveries/{}/{}", shop.messages[1], shop.endpoints[1]);
    let body = shop.browser.get(&path).await.body;
    for expected in ["TLS · the certificate has expired", "certificate has expired", "Renew", "Attempt 1"] {
        assert!(body.contains(expected), "{expected}: {body}");
    }
    let body = shop.browser.get(&format!("{path}?tab=request")).await.body;
    assert!(body.contains("12345678901234567"), "the payload as it was written");
    assert!(body.contains("webhook-id") && !body.contains("<img src=x>"), "{body}");
    let body = shop.browser.get(&format!("{path}?tab=signature")).await.body;
    assert!(body.contains("v1,"), "{body}");
    let body = shop.browser.get(&format!("{path}/curl")).await.body;
    assert!(body.contains("curl --globoff") && body.contains("webhook-signature"), "{body}");
    let nothing = format!("/deliveries/{}/ep_000000000000000000000000000", shop.messages[1]);
    assert_eq!(shop.browser.get(&nothing).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn sending_again_needs_our_form_and_makes_the_delivery_due() {
    let mut shop = Shop::open().await;
    let path = format!("/deliveries/{}/{}", shop.messages[0], shop.endpoints[0]);
    let resend = format!("{path}/resend");
    let seen = shop.browser.post_with(&resend, "no token", &[]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(shop.shown("&state=pending").await.iter().all(|it| *it != (0, 0)));
    let seen = shop.browser.post(&resend, &path, &[]).await;
    assert_eq!((seen.status, seen.to.as_str()), (StatusCode::SEE_OTHER, path.as_str()));
    assert!(shop.shown("&state=pending").await.contains(&(0, 0)));
}

#[tokio::test]
async fn a_portal_that_only_reads_sees_its_deliveries_and_sends_nothing() {
    let mut shop = Shop::open().await;
    shop.browser.cookies.clear();
    let access = json!({ "readOnly": true });
    let answer = shop.browser.world.post("/api/v1/auth/app-portal-access/shop", access).await.expect(200);
    let key = answer["token"].as_str().unwrap().to_owned();
    shop.browser.post("/login/portal", "/login", &[("key", &key)]).await;
    let path = format!("/deliveries/{}/{}", shop.messages[0], shop.endpoints[0]);
    let body = shop.browser.get(&path).await.body;
    assert!(!body.contains("/resend\""), "no button for what is refused");
    let token = token_in(&body);
    let seen = shop.browser.post_with(&format!("{path}/resend"), &token, &[]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let signature = shop.browser.get(&format!("{path}?tab=signature")).await.body;
    assert!(!signature.contains("v1,"), "a signature needs the secret");
    let curl = shop.browser.get(&format!("{path}/curl")).await.body;
    assert!(curl.contains("curl --globoff") && !curl.contains("webhook-signature"), "{curl}");
    shop.browser.world.post("/api/v1/app", json!({ "name": "other", "uid": "other" })).await.expect(201);
    let body = json!({ "eventType": "order.paid", "payload": {} });
    let theirs = shop.browser.world.post("/api/v1/app/other/msg", body).await.expect(202);
    let theirs = theirs["id"].as_str().unwrap();
    let path = format!("/deliveries/{theirs}/{}", shop.endpoints[0]);
    assert_eq!(shop.browser.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_stream_of_news_counts_what_came_since_the_page() {
    use http_body_util::BodyExt;
    let mut shop = Shop::open().await;
    let page = shop.browser.get("/deliveries?app=shop").await.body;
    let (_, rest) = page.split_once("data-live=\"").unwrap();
    let live = rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    shop.browser.advance(std::time::Duration::from_millis(5));
    let body = json!({ "eventType": "order.paid", "payload": {} });
    shop.browser.world.post("/api/v1/app/shop/msg", body).await.expect(202);
    let mut response = shop.browser.open(&live).await;
    let frame = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&frame[..], b"event: news\ndata: 1 new event\n\n");
}

#[tokio::test]
async fn fifty_pages_of_one_person_listen_and_a_place_is_free_again() {
    let mut shop = Shop::open().await;
    let path = format!("/deliveries/live?app=shop&since={}", shop.messages[1]);
    let mut open = Vec::new();
    for _ in 0..50 {
        let response = shop.browser.open(&path).await;
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    assert_eq!(shop.browser.open(&path).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    open.pop();
    assert_eq!(shop.browser.open(&path).await.status(), StatusCode::OK);
}
