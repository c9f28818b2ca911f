//! The cases of `ssrf_cases.json` that need a network: what the guard does while it connects.
//!
//! Each is driven by what the fixture says of it. Addresses that must not be reached lead to the trap, which
//! listens: a connection there would be seen.

use serde_json::Value;

use semnal_core::attempt::{AttemptEnd, Cause};
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::resolver::ScriptedAnswer;
use semnal_engine::transport::{Budget, Request};

use super::certificates::{Authority, params};
use super::receiver::{Receiver, answer_all};
use super::world::{Setup, World, assert_answered, cause, endpoint_url, ips, request, status};

const FIXTURE: &str = include_str!("../../../../semnal-core/tests/fixtures/ssrf_cases.json");
const PUBLIC: &str = "93.184.216.34";
/// Stands for `<own-public-ip>` of the fixture.
const OWN_PUBLIC_IP: &str = "93.184.216.99";
/// The address of `evil.example`.
const EVIL: &str = "93.184.216.66";

#[tokio::test]
async fn every_dynamic_case_of_the_fixture_holds() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    let dynamic: Vec<&Value> = cases.iter().filter(|case| case["category"] == "dynamic").collect();
    assert_eq!(
        dynamic.len(),
        usize::try_from(fixture["counts"]["by_category"]["dynamic"].as_u64().unwrap()).unwrap()
    );
    for case in dynamic {
        match text(&case["id"]) {
            "S283" => rebinding_between_attempts(case).await,
            "S284" | "S285" | "S286" | "S287" | "S288" | "S289" | "S290" => redirect(case).await,
            "S291" => refresh(case).await,
            "S294" => coalescing(case).await,
            "S296" => own_listener(case).await,
            "S297" => interim_flood(case).await,
            unknown => panic!("{unknown} is not known here: {}", case["reason"]),
        }
    }
}

async fn rebinding_between_attempts(case: &Value) {
    let receiver = Receiver::answering("HTTP/1.1 500 \r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let sequence = case["dns"]["sequence"].as_array().unwrap();
    let answers = sequence.iter().map(|list| ScriptedAnswer::Addresses(ips(&texts(list)))).collect();
    let url = text(&case["url"]);
    let name = endpoint_host(url);
    let world = Setup::new().answers(&name, answers).route(&format!("{PUBLIC}:80"), receiver.address).build();
    assert_answered(&world.send(url).await, 500);
    let retry = world.send(url).await;
    assert_eq!(cause(&retry), Cause::AddressDenied, "{case}");
    assert_eq!(retry.address, None);
    assert_eq!(world.asked().len(), 2);
    assert_nothing_connected(&world, case);
}

async fn redirect(case: &Value) {
    let (code, location) =
        (case["redirect"]["status"].as_u64().unwrap(), text(&case["redirect"]["location"]));
    let answer = format!("HTTP/1.1 {code} \r\nLocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let world_and_receiver = world_answering(case, answer);
    let (world, receiver) = &world_and_receiver;
    let mut request = request("{}");
    for name in ["webhook-signature", "authorization"] {
        request.headers.insert(name, "secret".parse().unwrap());
    }
    assert_eq!(send(world, case, request).await, AttemptEnd::Answered(u16::try_from(code).unwrap()));
    assert!(!AttemptEnd::Answered(u16::try_from(code).unwrap()).is_success(), "{case}");
    assert_eq!(receiver.requests().len(), 1, "{case}");
    assert_eq!(world.asked(), ["redir.example"], "{case}");
    assert_nothing_connected(world, case);
}

async fn refresh(case: &Value) {
    let header = text(&case["redirect"]["header"]);
    let body = "<meta http-equiv=refresh content='0;url=http://169.254.169.254/'>";
    let answer = format!("HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (world, receiver) = world_answering(case, answer);
    assert_eq!(send(&world, case, request("{}")).await, AttemptEnd::Answered(200));
    assert_eq!((world.dialled().len(), receiver.requests().len()), (1, 1));
    assert_nothing_connected(&world, case);
}

async fn coalescing(case: &Value) {
    let authority = Authority::new();
    let both = authority.server(&params(&["a.example", "b.example"]));
    let receiver = Receiver::start_tls(both, answer_all(status(200)));
    let mut setup = Setup::new()
        .name("a.example", &[PUBLIC])
        .name("b.example", &texts(&case["dns"]["A"]))
        .route(&format!("{PUBLIC}:443"), receiver.address);
    setup.extra_roots = vec![authority.root()];
    let world = setup.build();
    assert_answered(&world.send("https://a.example/").await, 200);
    assert_eq!(world.connections.idle(), 1);
    // Even on the connections of the same endpoint.
    let denied = world.send(text(&case["url"])).await;
    assert_eq!(cause(&denied), Cause::AddressDenied);
    assert_eq!(receiver.requests().len(), 1);
    assert_nothing_connected(&world, case);
}

async fn own_listener(case: &Value) {
    assert_eq!(texts(&case["dns"]["A"]), ["<own-public-ip>"]);
    let mut setup = Setup::new().name("self.example", &[OWN_PUBLIC_IP]);
    setup.policy.own_listeners = vec![format!("{OWN_PUBLIC_IP}:80").parse().unwrap()];
    let world = setup.build();
    let denied = world.send(text(&case["url"])).await;
    assert_eq!(cause(&denied), Cause::AddressDenied);
    assert_nothing_connected(&world, case);
}

async fn interim_flood(case: &Value) {
    assert_eq!(case["server"], "1xx-flood");
    let receiver = Receiver::start(|mut peer| {
        assert!(peer.read_request());
        while peer.write("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
    });
    let world =
        Setup::new().name("ok.example", &[PUBLIC]).route(&format!("{PUBLIC}:80"), receiver.address).build();
    let flooded = world.send(text(&case["url"])).await;
    assert_eq!(cause(&flooded), Cause::ProtocolError);
    assert_eq!(world.dialled(), [format!("{PUBLIC}:80")], "the connection itself is allowed");
}

#[tokio::test]
async fn one_denied_address_among_good_ones_denies_all() {
    for bad in ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "::ffff:93.184.216.34"] {
        let world = Setup::new().name("mixed.example", &[PUBLIC, "93.184.216.35", bad]).build();
        assert_eq!(cause(&world.send("http://mixed.example/").await), Cause::AddressDenied, "{bad}");
        assert!(world.dialled().is_empty(), "{bad}");
    }
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_too() {
    let world = Setup::new().build();
    for url in ["http://127.0.0.1:9000/", "http://[::1]:9000/", "http://169.254.169.254/"] {
        assert_eq!(cause(&world.send(url).await), Cause::AddressDenied, "{url}");
    }
    assert_eq!((world.dialled().len(), world.trap.connections()), (0, 0));
}

#[tokio::test]
async fn the_trap_of_these_tests_sees_what_is_let_through() {
    let mut setup = Setup::new().name("ok.example", &["169.254.169.254"]);
    setup.policy.allow_networks = vec!["169.254.0.0/16".parse().unwrap()];
    let world = setup.build();
    assert_answered(&world.send("http://ok.example/").await, 200);
    assert_eq!((world.dialled().len(), world.trap.connections()), (1, 1));
}

/// A world in which the case's host has the public address and answers with `answer`; `evil.example` exists.
fn world_answering(case: &Value, answer: String) -> (World, Receiver) {
    let url = text(&case["url"]);
    let setup = Setup::new().name(&endpoint_host(url), &[PUBLIC]).name("evil.example", &[EVIL]);
    if url.starts_with("https:") {
        let authority = Authority::new();
        let receiver =
            Receiver::start_tls(authority.server(&params(&[&endpoint_host(url)])), answer_all(answer));
        let mut setup = setup.route(&format!("{PUBLIC}:443"), receiver.address);
        setup.extra_roots = vec![authority.root()];
        (setup.build(), receiver)
    } else {
        let receiver = Receiver::answering(answer);
        (setup.route(&format!("{PUBLIC}:80"), receiver.address).build(), receiver)
    }
}

async fn send(world: &World, case: &Value, request: Request) -> AttemptEnd {
    let url = endpoint_url(text(&case["url"]));
    world.transport.send(&Connections::new(), &url, request, Budget::default()).await.end
}

/// Asserts that none of the case's `must_not_connect` was dialled.
fn assert_nothing_connected(world: &World, case: &Value) {
    let forbidden = texts(&case["must_not_connect"]);
    assert!(!forbidden.is_empty(), "{case}");
    for entry in forbidden {
        let entry = match entry {
            "self" => OWN_PUBLIC_IP,
            "evil.example" => EVIL,
            address => address,
        };
        let dialled = world.dialled();
        let reached = |address: &String| *address == entry || address.starts_with(&format!("{entry}:"));
        assert!(!dialled.iter().any(reached), "{entry} was dialled: {case}");
    }
    assert_eq!(world.trap.connections(), 0, "{case}");
}

fn endpoint_host(url: &str) -> String {
    endpoint_url(url).authority().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap_or_else(|| panic!("{list} is not a list")).iter().map(text).collect()
}
