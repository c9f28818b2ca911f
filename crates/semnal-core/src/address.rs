//! The address policy: which network addresses a delivery may be sent to.
//!
//! Called for every address that a host resolves to, and for the peer of the connection once it stands. It is
//! handed addresses, never names. Rules, the first that applies decides:
//! 1. a bin is allowed: bins exist to receive deliveries;
//! 2. Semnal's other listeners are denied, whatever the configuration opens: no delivery reaches our own API;
//! 3. IPv4-mapped IPv6 is denied: the system would dial the IPv4 address, past the rules for IPv4;
//! 4. what the operator listed in `allow_networks` is allowed;
//! 5. special networks are denied (`address/networks.rs`), and NAT64 as the IPv4 address in it.

mod networks;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use networks::Network;

/// Decides where deliveries may go. The default is strict: public addresses only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks that are open although the policy denies them. IPv4 networks never open the IPv6 addresses
    /// that embed them. Default none.
    pub allow_networks: Vec<IpNet>,
    /// Where Semnal itself listens (API, console), denied in every mode. A listener on `0.0.0.0` or `[::]`
    /// stands for its port on loopback and unspecified addresses; the caller lists the machine's interface
    /// addresses besides.
    pub own_listeners: Vec<SocketAddr>,
    /// Exact addresses of the bin listener, allowed in every mode, even when `own_listeners` has them too.
    pub bins: Vec<SocketAddr>,
}

/// Why an address was denied, and what would open it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressDenied {
    /// A name without addresses cannot be judged.
    #[error("the host has no address: check its DNS records")]
    NoAddresses,
    /// Would deliver to Semnal itself.
    #[error("{address} is a listener of this server: deliver to a request bin or to another host")]
    OwnListener {
        /// The address that was judged.
        address: SocketAddr,
    },
    /// Inside a network that is not public.
    #[error("{address} is in {name} {network}: use a public address, or add the network to allow_networks")]
    Network {
        /// The address that was judged.
        address: SocketAddr,
        /// What the network is, for example `loopback`.
        name: &'static str,
        /// The denied network.
        network: IpNet,
    },
    /// IPv4-mapped IPv6, denied even when `allow_networks` has either form.
    #[error("{address} is an IPv4-mapped IPv6 address: use the IPv4 address {embedded}")]
    Mapped {
        /// The address that was judged.
        address: SocketAddr,
        /// The IPv4 address inside.
        embedded: Ipv4Addr,
    },
    /// NAT64 of an IPv4 address that is denied.
    #[error("{address} is NAT64 of {embedded}, which is in {name} {network}: use a public address")]
    Nat64 {
        /// The address that was judged.
        address: SocketAddr,
        /// The IPv4 address inside.
        embedded: Ipv4Addr,
        /// What the embedded address's network is.
        name: &'static str,
        /// The embedded address's network.
        network: IpNet,
    },
    /// ISATAP, which tunnels to an IPv4 address.
    #[error("{address} is an ISATAP address: use the receiver's own address, or add it to allow_networks")]
    Isatap {
        /// The address that was judged.
        address: SocketAddr,
    },
    /// IPv6 that IANA has not given out as global unicast.
    #[error(
        "{address} is outside of global unicast 2000::/3: use a public address, or add it to allow_networks"
    )]
    NotGlobalUnicast {
        /// The address that was judged.
        address: SocketAddr,
    },
}

impl AddressDenied {
    /// A stable code for programs, one per variant.
    pub fn code(&self) -> &'static str {
        match self {
            AddressDenied::NoAddresses => "no_addresses",
            AddressDenied::OwnListener { .. } => "own_listener",
            AddressDenied::Network { .. } => "denied_network",
            AddressDenied::Mapped { .. } => "ipv4_mapped",
            AddressDenied::Nat64 { .. } => "nat64",
            AddressDenied::Isatap { .. } => "isatap",
            AddressDenied::NotGlobalUnicast { .. } => "not_global_unicast",
        }
    }
}

impl AddressPolicy {
    /// Judges one resolved address. An IPv6 scope id plays no part.
    ///
    /// # Errors
    /// Why the address is denied, as an [`AddressDenied`].
    pub fn judge(&self, address: SocketAddr) -> Result<(), AddressDenied> {
        if self.bins.iter().any(|bin| bin.ip() == address.ip() && bin.port() == address.port()) {
            return Ok(());
        }
        if self.own_listeners.iter().any(|listener| reaches(address, *listener)) {
            return Err(AddressDenied::OwnListener { address });
        }
        if let IpAddr::V6(ip) = address.ip()
            && let Some(embedded) = ip.to_ipv4_mapped()
        {
            return Err(AddressDenied::Mapped { address, embedded });
        }
        if self.allow_networks.iter().any(|network| network.contains(&address.ip())) {
            return Ok(());
        }
        match address.ip() {
            IpAddr::V4(ip) => judge_ipv4(address, ip),
            IpAddr::V6(ip) => judge_ipv6(address, ip),
        }
    }

    /// Judges every address that a host resolved to, because any of them may be dialled, now or on a retry:
    /// one bad address denies all.
    ///
    /// # Errors
    /// The first denial; [`AddressDenied::NoAddresses`] for an empty list.
    pub fn judge_all(&self, addresses: &[SocketAddr]) -> Result<(), AddressDenied> {
        if addresses.is_empty() {
            return Err(AddressDenied::NoAddresses);
        }
        addresses.iter().try_for_each(|address| self.judge(*address))
    }
}

/// Whether a connection to `target` may end at `listener`.
fn reaches(target: SocketAddr, listener: SocketAddr) -> bool {
    if target.port() != listener.port() {
        return false;
    }
    let target = unembedded(target.ip());
    let listener = unembedded(listener.ip());
    let local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    // Linux takes a connection to an unspecified address to loopback.
    target == listener
        || (listener.is_unspecified() && local(target))
        || (target.is_unspecified() && local(listener))
}

/// The IPv4 address that a mapped or NAT64 address leads to; any other address as it is.
fn unembedded(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().or_else(|| nat64(v6)).map_or(ip, IpAddr::V4),
    }
}

fn judge_ipv4(address: SocketAddr, ip: Ipv4Addr) -> Result<(), AddressDenied> {
    match denied_network(&networks::V4_DENIED, IpAddr::V4(ip)) {
        Some(Network { name, network }) => Err(AddressDenied::Network { address, name, network }),
        None => Ok(()),
    }
}

fn judge_ipv6(address: SocketAddr, ip: Ipv6Addr) -> Result<(), AddressDenied> {
    if let Some(embedded) = nat64(ip) {
        // `allow_networks` plays no part here: RFC 6052 section 3.1 keeps this prefix to global IPv4.
        return match denied_network(&networks::V4_DENIED, IpAddr::V4(embedded)) {
            Some(Network { name, network }) => Err(AddressDenied::Nat64 { address, embedded, name, network }),
            None => Ok(()),
        };
    }
    if let Some(Network { name, network }) = denied_network(&networks::V6_DENIED, IpAddr::V6(ip)) {
        return Err(AddressDenied::Network { address, name, network });
    }
    if is_isatap(ip) {
        return Err(AddressDenied::Isatap { address });
    }
    if networks::V6_ALLOWED.contains(&IpAddr::V6(ip)) {
        Ok(())
    } else {
        Err(AddressDenied::NotGlobalUnicast { address })
    }
}

fn denied_network(networks: &[Network], ip: IpAddr) -> Option<Network> {
    networks.iter().copied().find(|candidate| candidate.network.contains(&ip))
}

/// The IPv4 address embedded in a NAT64 address of the well-known prefix.
fn nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = ip.octets();
    networks::NAT64.contains(&IpAddr::V6(ip)).then(|| Ipv4Addr::new(a, b, c, d))
}

/// Whether the interface id is `[0|200]:5efe:…`, under any prefix (RFC 5214 section 6.1).
fn is_isatap(ip: Ipv6Addr) -> bool {
    let [_, _, _, _, flags, marker, _, _] = ip.segments();
    matches!(flags, 0 | 0x200) && marker == 0x5efe
}
