//! The address policy: one sentence a test, then properties over the whole address space.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;

use super::{AddressDenied, AddressPolicy, networks};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn allowing(network: &str) -> AddressPolicy {
    AddressPolicy { allow_networks: vec![network.parse().unwrap()], ..AddressPolicy::default() }
}

fn listening(listener: &str) -> AddressPolicy {
    AddressPolicy { own_listeners: vec![at(listener)], ..allowing("0.0.0.0/0") }
}

/// `expected` is "allow" or the code of the denial.
fn check(policy: &AddressPolicy, address: &str, expected: &str) {
    let code = policy.judge(at(address)).map_or_else(|denied| denied.code(), |()| "allow");
    assert_eq!(code, expected, "{address}");
}

fn fixture_networks(key: &str) -> Vec<IpNet> {
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/fixtures/ssrf_cases.json")).unwrap();
    fixture[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn the_denied_networks_are_those_of_the_written_policy() {
    let mut ours: Vec<_> = networks::V4_DENIED.iter().map(|denied| denied.network).collect();
    let mut written = fixture_networks("v4_deny");
    ours.sort();
    written.sort();
    assert_eq!(ours, written);

    let denied_v6: Vec<_> = networks::V6_DENIED[..4].iter().map(|denied| denied.network).collect();
    assert_eq!(denied_v6, fixture_networks("v6_deny"));
    assert_eq!(vec![networks::V6_ALLOWED], fixture_networks("v6_allow"));
}

#[test]
fn every_other_denied_ipv6_network_only_gives_a_name_to_what_is_outside_of_global_unicast() {
    for denied in &networks::V6_DENIED[4..] {
        assert!(!networks::V6_ALLOWED.contains(&denied.network), "{}", denied.network);
    }
}

#[test]
fn the_narrowest_network_gives_its_name() {
    for table in [&networks::V4_DENIED[..], &networks::V6_DENIED[..]] {
        for (index, wide) in table.iter().enumerate() {
            let hidden = table[index + 1..].iter().find(|narrow| wide.network.contains(&narrow.network));
            assert!(hidden.is_none(), "{} stands before a network that it contains", wide.network);
        }
    }
}

#[test]
fn a_denial_says_which_address_and_network_and_what_to_do() {
    let message = AddressPolicy::default().judge(at("127.0.0.1:80")).unwrap_err().to_string();
    assert_eq!(
        message,
        "127.0.0.1:80 is in loopback 127.0.0.0/8: use a public address, or add the network to allow_networks"
    );
}

#[test]
fn a_mapped_loopback_address_is_denied_even_when_loopback_is_open() {
    check(&allowing("127.0.0.0/8"), "127.0.0.1:80", "allow");
    check(&allowing("127.0.0.0/8"), "[::ffff:127.0.0.1]:80", "ipv4_mapped");
    check(&allowing("::ffff:0:0/96"), "[::ffff:127.0.0.1]:80", "ipv4_mapped");
    check(&allowing("::/0"), "[::ffff:8.8.8.8]:80", "ipv4_mapped");
}

#[test]
fn nat64_inherits_the_strict_verdict_of_the_embedded_address() {
    check(&AddressPolicy::default(), "[64:ff9b::8.8.8.8]:443", "allow");
    check(&AddressPolicy::default(), "[64:ff9b::10.0.0.1]:443", "nat64");
    check(&allowing("10.0.0.0/8"), "[64:ff9b::10.0.0.1]:443", "nat64");
    check(&allowing("64:ff9b::/96"), "[64:ff9b::10.0.0.1]:443", "allow");
}

#[test]
fn an_isatap_address_is_denied_under_a_global_prefix() {
    check(&AddressPolicy::default(), "[2606:4700::5efe:808:808]:80", "isatap");
    check(&AddressPolicy::default(), "[2606:4700::200:5efe:808:808]:80", "isatap");
    check(&AddressPolicy::default(), "[2606:4700::100:5efe:808:808]:80", "allow");
}

#[test]
fn an_own_listener_is_denied_inside_an_open_network_and_its_neighbour_port_is_not() {
    check(&listening("127.0.0.1:8080"), "127.0.0.1:8080", "own_listener");
    check(&listening("127.0.0.1:8080"), "127.0.0.1:8081", "allow");
    check(&listening("127.0.0.1:8080"), "[::ffff:127.0.0.1]:8080", "own_listener");
    check(&listening("8.8.8.8:8080"), "8.8.8.8:8080", "own_listener");
    check(&listening("8.8.8.8:8080"), "[64:ff9b::8.8.8.8]:8080", "own_listener");
}

#[test]
fn a_listener_on_every_interface_stands_for_its_port_on_loopback_and_unspecified() {
    for listener in ["0.0.0.0:8080", "[::]:8080"] {
        for target in ["127.0.0.1:8080", "127.9.9.9:8080", "0.0.0.0:8080", "[::1]:8080", "[::]:8080"] {
            check(&listening(listener), target, "own_listener");
        }
        check(&listening(listener), "10.0.0.1:8080", "allow");
    }
}

#[test]
fn an_unspecified_target_reaches_a_listener_on_loopback() {
    check(&listening("127.0.0.1:8080"), "0.0.0.0:8080", "own_listener");
    check(&listening("[::1]:8080"), "[::]:8080", "own_listener");
    check(&listening("10.0.0.1:8080"), "0.0.0.0:8080", "allow");
}

#[test]
fn a_bin_is_allowed_in_strict_mode_at_its_exact_address_only() {
    let policy = AddressPolicy {
        bins: vec![at("127.0.0.1:8081")],
        own_listeners: vec![at("0.0.0.0:8081"), at("0.0.0.0:8080")],
        ..AddressPolicy::default()
    };
    check(&policy, "127.0.0.1:8081", "allow");
    check(&policy, "127.0.0.1:8080", "own_listener");
    check(&policy, "127.0.0.2:8081", "own_listener");
    check(&policy, "127.0.0.1:8082", "denied_network");
    check(&policy, "[::ffff:127.0.0.1]:8081", "own_listener");
}

#[test]
fn one_bad_address_denies_all_and_no_address_is_denied() {
    let policy = AddressPolicy::default();
    assert_eq!(policy.judge_all(&[]), Err(AddressDenied::NoAddresses));
    assert_eq!(policy.judge_all(&[at("8.8.8.8:80"), at("[2606:4700::1]:80")]), Ok(()));
    let mixed = policy.judge_all(&[at("8.8.8.8:80"), at("[::1]:80")]);
    assert_eq!(mixed.unwrap_err().code(), "denied_network");
}

/// An address of one of the denied IPv4 networks, edges included.
fn denied_ipv4() -> impl Strategy<Value = Ipv4Addr> {
    (0..networks::V4_DENIED.len(), prop_oneof![Just(0), Just(u32::MAX), any::<u32>()]).prop_map(
        |(index, host)| {
            let IpNet::V4(network) = networks::V4_DENIED[index].network else { unreachable!() };
            Ipv4Addr::from(u32::from(network.network()) | (host & u32::from(network.hostmask())))
        },
    )
}

fn embedded(prefix: u128, shift: u32, ip: Ipv4Addr) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(prefix | (u128::from(u32::from(ip)) << shift)))
}

proptest! {
    #[test]
    fn a_denied_ipv4_address_is_denied_in_every_embedding(ip in denied_ipv4(), port: u16) {
        let policy = AddressPolicy::default();
        let forms = [
            IpAddr::V4(ip),
            embedded(0xffff << 32, 0, ip),
            embedded(0x0064_ff9b << 96, 0, ip),
            embedded(0x2002 << 112, 80, ip),
        ];
        for form in forms {
            prop_assert!(policy.judge(SocketAddr::new(form, port)).is_err(), "{form}");
        }
    }

    #[test]
    fn an_ipv4_address_outside_of_the_denied_networks_is_allowed(bits: u32, port: u16) {
        let ip = IpAddr::V4(Ipv4Addr::from(bits));
        let denied = networks::V4_DENIED.iter().any(|denied| denied.network.contains(&ip));
        prop_assert_eq!(AddressPolicy::default().judge(SocketAddr::new(ip, port)).is_err(), denied);
    }

    #[test]
    fn an_ipv6_address_outside_of_global_unicast_is_denied_unless_it_is_nat64(
        // The first three bits, but for 001, which is global unicast: made so rather than thrown away.
        first in prop_oneof![Just(0b000u128), 0b010u128..=0b111],
        rest: u128,
        port: u16,
    ) {
        let ip = IpAddr::V6(Ipv6Addr::from(first << 125 | rest >> 3));
        prop_assert!(!networks::V6_ALLOWED.contains(&ip));
        prop_assume!(!networks::NAT64.contains(&ip));
        prop_assert!(AddressPolicy::default().judge(SocketAddr::new(ip, port)).is_err());
    }

    #[test]
    fn an_address_in_an_allowed_network_is_allowed_unless_it_is_an_own_listener(
        bits: u32, prefix_bits in 0u8..=32, port in 1u16..u16::MAX,
    ) {
        let ip = Ipv4Addr::from(bits);
        let network = IpNet::V4(Ipv4Net::new(ip, prefix_bits).unwrap().trunc());
        let target = SocketAddr::from((ip, port));
        let mut policy = AddressPolicy { allow_networks: vec![network], ..AddressPolicy::default() };
        policy.own_listeners = vec![SocketAddr::from((ip, port + 1))];
        prop_assert_eq!(policy.judge(target), Ok(()));
        policy.own_listeners.push(target);
        prop_assert_eq!(policy.judge(target), Err(AddressDenied::OwnListener { address: target }));
    }

    #[test]
    fn an_ipv6_address_in_an_allowed_network_is_allowed(low: u64, port: u16) {
        let ip = Ipv6Addr::from((0xfd00_u128 << 112) | u128::from(low));
        prop_assert_eq!(allowing("fd00::/64").judge(SocketAddr::from((ip, port))), Ok(()));
    }
}
