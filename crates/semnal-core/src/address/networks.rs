//! The special networks. Reads nothing, called by [`crate::address`].
//!
//! Sources: IANA's special-purpose registries for IPv4 and IPv6
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, `…/iana-ipv6-special-registry`) and the
//! documentation of cloud vendors; each entry names its own. Entries that IANA calls globally reachable are
//! listed too when no webhook receiver can live there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A network that no delivery is sent to, with the name that people know it by.
#[derive(Clone, Copy)]
pub(super) struct Network {
    pub(super) name: &'static str,
    pub(super) network: IpNet,
}

/// Denied IPv4 networks. A network stands before one that contains it, so that the narrower name is given.
pub(super) const V4_DENIED: [Network; 17] = [
    // RFC 791 section 3.2 ("this network"); Linux takes 0.0.0.0 to loopback.
    v4("this network", [0, 0, 0, 0], 8),
    // RFC 1918.
    v4("private", [10, 0, 0, 0], 8),
    // RFC 6598, carrier-grade NAT; 100.100.100.200 is Alibaba Cloud's instance metadata.
    v4("shared address space", [100, 64, 0, 0], 10),
    // RFC 1122 section 3.2.1.3.
    v4("loopback", [127, 0, 0, 0], 8),
    // RFC 3927; instance metadata, DNS and time of AWS, Google Cloud, Azure and OpenStack (169.254.169.254).
    v4("link-local", [169, 254, 0, 0], 16),
    // RFC 1918.
    v4("private", [172, 16, 0, 0], 12),
    // RFC 6890 section 2.1; 192.0.0.192 is Oracle Cloud's instance metadata.
    v4("IETF protocol assignments", [192, 0, 0, 0], 24),
    // RFC 5737, TEST-NET-1.
    v4("documentation", [192, 0, 2, 0], 24),
    // RFC 7526, withdrawn 6to4 relay anycast.
    v4("6to4 relay anycast", [192, 88, 99, 0], 24),
    // RFC 1918.
    v4("private", [192, 168, 0, 0], 16),
    // RFC 2544.
    v4("benchmarking", [198, 18, 0, 0], 15),
    // RFC 5737, TEST-NET-2.
    v4("documentation", [198, 51, 100, 0], 24),
    // RFC 5737, TEST-NET-3.
    v4("documentation", [203, 0, 113, 0], 24),
    // RFC 5771.
    v4("multicast", [224, 0, 0, 0], 4),
    // RFC 919 section 7.
    v4("limited broadcast", [255, 255, 255, 255], 32),
    // RFC 1112 section 4.
    v4("reserved", [240, 0, 0, 0], 4),
    // "What is IP address 168.63.129.16?", Microsoft Learn: a public address, served by each Azure host.
    v4("Azure WireServer", [168, 63, 129, 16], 32),
];

/// What IANA gives out as global unicast: RFC 4291 section 2.4 and the IPv6 address space registry.
pub(super) const V6_ALLOWED: IpNet = v6("global unicast", [0x2000, 0, 0, 0, 0, 0], 3).network;

/// The well-known prefix of NAT64: RFC 6052 section 2.1.
pub(super) const NAT64: IpNet = v6("NAT64", [0x64, 0xff9b, 0, 0, 0, 0], 96).network;

/// Denied IPv6 networks. The first four lie inside [`V6_ALLOWED`]; the others would be denied without an entry
/// and are here for their names.
pub(super) const V6_DENIED: [Network; 17] = [
    // RFC 2928; Teredo (RFC 4380), benchmarking (RFC 5180), ORCHID (RFC 4843, RFC 7343).
    v6("IETF protocol assignments", [0x2001, 0, 0, 0, 0, 0], 23),
    // RFC 3849.
    v6("documentation", [0x2001, 0xdb8, 0, 0, 0, 0], 32),
    // RFC 3056, and RFC 7526 for its retreat: reaches the IPv4 address inside.
    v6("6to4", [0x2002, 0, 0, 0, 0, 0], 16),
    // RFC 9637.
    v6("documentation", [0x3fff, 0, 0, 0, 0, 0], 20),
    // RFC 4291 section 2.5.3.
    ipv6_host("loopback", Ipv6Addr::LOCALHOST),
    // RFC 4291 section 2.5.2.
    ipv6_host("unspecified", Ipv6Addr::UNSPECIFIED),
    // RFC 4291 section 2.5.5.1, deprecated.
    v6("IPv4-compatible", [0, 0, 0, 0, 0, 0], 96),
    // RFC 2765 section 2.1 (SIIT).
    v6("IPv4-translated", [0, 0, 0, 0, 0xffff, 0], 96),
    // RFC 8215.
    v6("local-use NAT64", [0x64, 0xff9b, 1, 0, 0, 0], 48),
    // RFC 6666.
    v6("discard-only", [0x100, 0, 0, 0, 0, 0], 64),
    // RFC 9602.
    v6("segment routing", [0x5f00, 0, 0, 0, 0, 0], 16),
    // AWS and Google Cloud serve instance metadata at fd00:ec2::254 and fd20:ce::254. RFC 4193.
    v6("unique local", [0xfc00, 0, 0, 0, 0, 0], 7),
    // RFC 4291 section 2.5.6.
    v6("link-local", [0xfe80, 0, 0, 0, 0, 0], 10),
    // RFC 3879, deprecated.
    v6("site-local", [0xfec0, 0, 0, 0, 0, 0], 10),
    // RFC 4291 section 2.7.
    v6("multicast", [0xff00, 0, 0, 0, 0, 0], 8),
    // RFC 4291 section 4, after the narrower entries above.
    v6("reserved", [0, 0, 0, 0, 0, 0], 8),
    v6("reserved", [0x100, 0, 0, 0, 0, 0], 8),
];

const fn v4(name: &'static str, [a, b, c, d]: [u8; 4], prefix_bits: u8) -> Network {
    Network { name, network: IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits) }
}

/// Takes the first six groups; no network here says more.
const fn v6(name: &'static str, [a, b, c, d, e, f]: [u16; 6], prefix_bits: u8) -> Network {
    let ip = Ipv6Addr::new(a, b, c, d, e, f, 0, 0);
    Network { name, network: IpNet::new_assert(IpAddr::V6(ip), prefix_bits) }
}

const fn ipv6_host(name: &'static str, ip: Ipv6Addr) -> Network {
    Network { name, network: IpNet::new_assert(IpAddr::V6(ip), 128) }
}
