//! `/openapi.json` and the page at `/docs`.

use super::super::{World, request};
use super::operations;

#[tokio::test]
async fn the_document_is_answered_once_and_then_known_by_its_tag() {
    let world = World::new().await;
    let first = world.raw(request("GET", "/openapi.json", None, None)).await;
    let tag = first.headers["etag"].clone();
    assert_eq!(first.headers["content-type"], "application/json");
    assert_eq!(first.expect(200)["openapi"], "3.1.0");
    let mut again = request("GET", "/openapi.json/", None, None);
    again.headers_mut().insert("if-none-match", tag);
    let again = world.raw(again).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let world = World::new().await;
    let answer = world.raw(request("GET", "/docs", None, None)).await;
    assert_eq!(answer.status, 200);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(answer.body.to_vec()).unwrap();
    for it in operations() {
        let id = it.value["operationId"].as_str().unwrap();
        assert!(html.contains(&format!("<code>{id}</code>")), "{id} is not on the page");
        assert!(html.contains(&format!("$SEMNAL{}&quot;", it.path)), "no example for {id}");
    }
    for attribute in ["src=\"", "href=\""] {
        for at in html.match_indices(attribute).map(|(at, _)| &html[at + attribute.len()..]) {
            assert!(at.starts_with('/') || at.starts_with('#'), "{}", &at[..at.len().min(60)]);
        }
    }
    assert!(!html.contains("style=") && !html.contains("onclick"), "nothing inline");
}

#[tokio::test]
async fn every_link_of_the_page_leads_somewhere() {
    let world = World::new().await;
    let answer = world.raw(request("GET", "/docs", None, None)).await;
    let html = String::from_utf8(answer.body.to_vec()).unwrap();
    let targets: Vec<&str> =
        html.match_indices("href=\"").map(|(at, _)| html[at + 6..].split('"').next().unwrap()).collect();
    assert!(targets.len() > 60, "{}", targets.len());
    for target in targets {
        match target.strip_prefix('#') {
            Some(id) => assert!(html.contains(&format!("id=\"{id}\"")), "{target}"),
            None => assert_eq!(world.raw(request("GET", target, None, None)).await.status, 200, "{target}"),
        }
    }
}
