//! The resolver against scripts, and the system's one against a name server on loopback.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};

use super::*;

async fn resolve(answer: ScriptedAnswer) -> Result<Vec<IpAddr>, Failure> {
    Resolver::Scripted(Arc::new(move |_| answer.clone())).resolve("a.example").await
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn ipv4_comes_first_and_each_order_is_kept() {
    let answer = addresses(&["2001:db8::2", "192.0.2.9", "2001:db8::1", "192.0.2.1"]);
    let found = resolve(ScriptedAnswer::Addresses(answer)).await.unwrap();
    assert_eq!(found, addresses(&["192.0.2.9", "192.0.2.1", "2001:db8::2", "2001:db8::1"]));
}

#[tokio::test]
async fn a_name_with_too_many_addresses_is_refused_rather_than_cut() {
    let answer = vec![addresses(&["192.0.2.1"])[0]; ADDRESSES_MAX + 1];
    assert_eq!(resolve(ScriptedAnswer::Addresses(answer)).await.unwrap_err().cause, Cause::DnsFailed);
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_failure() {
    let failure = resolve(ScriptedAnswer::Addresses(Vec::new())).await.unwrap_err();
    assert_eq!(failure, Failure::new(Cause::DnsFailed, "a.example has no address"));
}

#[test]
fn names_are_asked_for_as_complete_ones() {
    assert_eq!(absolute("a.example"), "a.example.");
    assert_eq!(absolute("a.example."), "a.example.");
}

#[tokio::test]
async fn both_kinds_of_address_are_asked_for_and_kept() {
    let (resolver, asked) = system_with_name_server();
    for _ in 0..2 {
        let found = resolver.resolve("both.example").await.unwrap();
        assert_eq!(found, addresses(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]));
    }
    let mut asked = asked.lock().unwrap().clone();
    asked.sort_unstable();
    assert_eq!(asked, [("both.example".to_owned(), A), ("both.example".to_owned(), AAAA)]);
}

#[tokio::test]
async fn a_name_with_addresses_of_one_kind_is_enough() {
    let (resolver, _) = system_with_name_server();
    assert_eq!(resolver.resolve("four.example").await.unwrap(), addresses(&["192.0.2.4"]));
}

#[tokio::test]
async fn what_the_name_server_refuses_has_its_own_cause_and_no_search_domain_is_tried() {
    let (resolver, asked) = system_with_name_server();
    for (name, cause, detail) in [
        ("gone.example", Cause::DnsNoSuchHost, "the name gone.example does not exist"),
        ("single", Cause::DnsNoSuchHost, "the name single does not exist"),
        ("empty.example", Cause::DnsFailed, "empty.example has no address"),
        ("broken.example", Cause::DnsFailed, "the name server answered: Server Failure"),
    ] {
        assert_eq!(resolver.resolve(name).await, Err(Failure::new(cause, detail)));
    }
    assert!(asked.lock().unwrap().iter().all(|(name, _)| !name.ends_with("search.example")));
}

#[tokio::test]
async fn a_machine_without_dns_says_so_for_every_name() {
    let resolver = Resolver::System(SystemResolver { resolver: Err(Arc::from("DNS is not configured")) });
    let failure = resolver.resolve("ok.example").await.unwrap_err();
    assert_eq!(failure, Failure::new(Cause::DnsFailed, "DNS is not configured"));
}

const A: u16 = 1;
const AAAA: u16 = 28;
const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;

type Asked = Arc<Mutex<Vec<(String, u16)>>>;

/// What the name server of these tests knows: a response code, and addresses.
fn zone(name: &str, kind: u16) -> (u8, Vec<IpAddr>) {
    match (name, kind) {
        ("both.example", A) => (NO_ERROR, addresses(&["192.0.2.1", "192.0.2.2"])),
        ("both.example", AAAA) => (NO_ERROR, addresses(&["2001:db8::1"])),
        ("four.example", A) => (NO_ERROR, addresses(&["192.0.2.4"])),
        ("four.example" | "empty.example", _) => (NO_ERROR, Vec::new()),
        ("broken.example", _) => (SERVER_FAILURE, Vec::new()),
        _ => (NO_SUCH_NAME, Vec::new()),
    }
}

/// Returns a system resolver with a search domain, whose only name server is a thread of this test, and the
/// questions that the thread was asked. The thread ends with the test's process.
fn system_with_name_server() -> (Resolver, Asked) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap();
    let asked = Asked::default();
    let record = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut packet = [0; 1024];
        while let Ok((_, from)) = socket.recv_from(&mut packet) {
            let (name, kind, question) = question(&packet);
            let (code, found) = zone(&name, kind);
            record.lock().unwrap().push((name, kind));
            socket.send_to(&response(&packet[..2], question, code, kind, &found), from).unwrap();
        }
    });
    let mut name_server = NameServerConfig::udp(server.ip());
    name_server.connections[0].port = server.port();
    let mut config = ResolverConfig::from_name_servers(vec![name_server]);
    config.add_search("search.example.".parse().unwrap());
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    (Resolver::System(SystemResolver { resolver: Ok(Arc::new(build(builder).unwrap())) }), asked)
}

/// Reads the name and kind of the only question, and its bytes (RFC 1035 section 4.1.2).
fn question(packet: &[u8]) -> (String, u16, &[u8]) {
    let mut labels = Vec::new();
    let mut at = 12;
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..end]).to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
    (labels.join("."), kind, &packet[12..at + 5])
}

fn response(id: &[u8], question: &[u8], code: u8, kind: u16, found: &[IpAddr]) -> Vec<u8> {
    let answers = u8::try_from(found.len()).unwrap();
    let mut packet = id.to_vec();
    packet.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    packet.extend(question);
    for ip in found {
        let octets = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        // The name is the question's; class IN, a TTL of 60 s.
        packet.extend([0xc0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(octets.len()).unwrap()]);
        packet.extend(octets);
    }
    packet
}
