//! The cases of `fixtures/ssrf_cases.json` that need no live connection, through the public interface as a
//! caller uses it: the gate for the raw URL, then the policy for what the host resolves to.

#![expect(clippy::unwrap_used, reason = "a broken fixture must fail the test, in helpers too")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use semnal_core::address::AddressPolicy;
use semnal_core::endpoint_url::{EndpointUrl, Host, UrlRules};
use serde_json::Value;

/// These need a connection (redirects, rebinding between attempts, pools): the dialer's tests judge them.
const CATEGORY_LEFT_TO_THE_DIALER: &str = "dynamic";

/// Where a case was decided.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    DeniedByGate(String),
    DeniedByPolicy(String),
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/ssrf_cases.json")).unwrap()
}

fn judge(case: &Value) -> Verdict {
    let raw = case["url"].as_str().unwrap();
    let url = match EndpointUrl::parse(raw, &UrlRules::default()) {
        Ok(url) => url,
        Err(denied) => return Verdict::DeniedByGate(denied.to_string()),
    };
    assert_host_is_what_whatwg_reads(case, &url);
    let ips = match url.host() {
        Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
        Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
        Host::Name(_) => answers(case),
    };
    let addresses: Vec<_> = ips.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect();
    match AddressPolicy::default().judge_all(&addresses) {
        Ok(()) => Verdict::Allowed,
        Err(denied) => Verdict::DeniedByPolicy(denied.to_string()),
    }
}

/// The case's answers in place of a resolver. An error, a timeout or a loop is an answer without addresses.
fn answers(case: &Value) -> Vec<IpAddr> {
    let dns = case["dns"].as_object().unwrap_or_else(|| panic!("{}: no dns", case["id"]));
    let known = ["A", "AAAA", "CNAME", "error"];
    assert!(dns.keys().all(|key| known.contains(&key.as_str())), "{}: unknown dns key", case["id"]);
    ["A", "AAAA"]
        .iter()
        .filter_map(|kind| dns.get(*kind))
        .flat_map(|records| records.as_array().unwrap())
        .map(|record| record.as_str().unwrap().parse().unwrap())
        .collect()
}

fn assert_host_is_what_whatwg_reads(case: &Value, url: &EndpointUrl) {
    let whatwg = &case["whatwg"];
    let (host, port) = (whatwg["host"].as_str().unwrap(), whatwg["port"].as_str().unwrap());
    let authority = if port.is_empty() { host.to_owned() } else { format!("{host}:{port}") };
    assert_eq!(url.authority(), authority, "{}", case["id"]);
}

fn assert_verdict(case: &Value, verdict: &Verdict) {
    let as_expected = match (case["expect"].as_str().unwrap(), case["stage"].as_str().unwrap()) {
        ("allow", _) => *verdict == Verdict::Allowed,
        ("deny", "parse") => matches!(verdict, Verdict::DeniedByGate(_)),
        ("deny", "address" | "resolve") => matches!(verdict, Verdict::DeniedByPolicy(_)),
        other => panic!("{}: unknown expectation {other:?}", case["id"]),
    };
    assert!(as_expected, "{} {} ({}): {verdict:?}", case["id"], case["url"], case["reason"]);
}

#[test]
fn every_case_is_decided_as_expected_and_at_its_stage() {
    let fixture = fixture();
    let mut judged = BTreeMap::new();
    let mut left_to_the_dialer = 0;
    for case in fixture["cases"].as_array().unwrap() {
        let category = case["category"].as_str().unwrap();
        if category == CATEGORY_LEFT_TO_THE_DIALER {
            left_to_the_dialer += 1;
            continue;
        }
        assert_verdict(case, &judge(case));
        *judged.entry(category).or_insert(0) += 1;
    }
    let expected = BTreeMap::from([
        ("cloud-metadata", 10),
        ("dns", 20),
        ("non-canonical-host", 30),
        ("port", 11),
        ("public-control", 20),
        ("scheme", 12),
        ("url-structure", 33),
        ("url-structure-control", 8),
        ("v4-special", 19),
        ("v6-special", 34),
    ]);
    assert_eq!(judged, expected);
    assert_eq!(left_to_the_dialer, 12);
    assert_eq!(judged.values().sum::<i32>() + left_to_the_dialer, 209);
    assert_eq!(fixture["counts"]["total"], 209);
}

#[test]
fn every_literal_address_is_denied_by_the_policy_with_the_address_in_the_message() {
    for case in fixture()["cases"].as_array().unwrap() {
        if case["stage"] != "address" || case["expect"] != "deny" {
            continue;
        }
        let address = SocketAddr::new(case["ip"].as_str().unwrap().parse().unwrap(), 80);
        let denied = AddressPolicy::default().judge(address).unwrap_err();
        assert!(denied.to_string().starts_with(&address.to_string()), "{}: {denied}", case["id"]);
    }
}
