//! Finds the addresses of a host. Every address that comes out is judged by the caller before one is dialled.
//!
//! Names are asked for as they are: no search domains, no hosts file, always both A and AAAA. A host that is an
//! address never comes here. Answers are kept for as long as their TTL says.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use semnal_core::attempt::Cause;

use super::failure::Failure;

/// 5 s for a name, all tries together (DESIGN 5).
pub const DNS_LIMIT: Duration = Duration::from_secs(5);
/// 2 s for one question to one name server, so that a second one fits into [`DNS_LIMIT`].
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
/// 64 addresses of one name are judged and dialled; a name with more is refused, since none may go unjudged.
pub const ADDRESSES_MAX: usize = 64;
/// 30 s that "no such host" is believed at most, so that a name that was just made is found soon.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(30);
/// 4,096 answers are kept.
const CACHED_ANSWERS_MAX: u64 = 4_096;

/// Where addresses come from.
#[derive(Clone)]
pub enum Resolver {
    /// The name servers of this machine.
    System(SystemResolver),
    /// What a test says. The function is given the name as it stands in the URL.
    Scripted(Arc<dyn Fn(&str) -> ScriptedAnswer + Send + Sync>),
}

/// What a scripted resolver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptedAnswer {
    /// The name has these addresses.
    Addresses(Vec<IpAddr>),
    /// The name does not exist.
    NoSuchHost,
    /// The name server reports an error.
    Failed(String),
    /// No answer ever comes.
    Silence,
}

/// The resolver of this machine, or the reason why there is none.
#[derive(Clone)]
pub struct SystemResolver {
    resolver: Result<Arc<TokioResolver>, Arc<str>>,
}

impl Resolver {
    /// Returns the resolver of this machine, as `/etc/resolv.conf` describes it.
    ///
    /// A machine without a usable one can still deliver to addresses, so this does not fail: each name then
    /// fails with the reason, which is also logged here once.
    pub fn system() -> Resolver {
        let resolver = TokioResolver::builder_tokio().and_then(build).map(Arc::new).map_err(|error| {
            tracing::warn!(error = %error, "DNS is not configured on this machine: no name can be resolved");
            Arc::from(format!("DNS is not configured on this machine: {error}"))
        });
        Resolver::System(SystemResolver { resolver })
    }

    /// Returns every address of `name`: IPv4 first, then IPv6, each in the order received, at least one. The
    /// caller limits the time.
    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let mut addresses = match self {
            Resolver::System(system) => system.resolve(name).await?,
            Resolver::Scripted(script) => scripted(script(name)).await?,
        };
        if addresses.is_empty() {
            return Err(Failure::new(Cause::DnsFailed, format!("{name} has no address")));
        }
        if addresses.len() > ADDRESSES_MAX {
            let detail = format!("{name} has more than {ADDRESSES_MAX} addresses");
            return Err(Failure::new(Cause::DnsFailed, detail));
        }
        addresses.sort_by_key(IpAddr::is_ipv6);
        Ok(addresses)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resolver::System(_) => "System",
            Resolver::Scripted(_) => "Scripted",
        })
    }
}

impl SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let resolver = match &self.resolver {
            Ok(resolver) => resolver,
            Err(reason) => return Err(Failure::new(Cause::DnsFailed, reason.as_ref())),
        };
        match resolver.lookup_ip(absolute(name)).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => Err(failure(name, &error)),
        }
    }
}

fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = QUESTION_LIMIT;
    options.cache_size = CACHED_ANSWERS_MAX;
    options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
    builder.build()
}

/// A name with a final dot is complete: no search domain is ever appended to it.
fn absolute(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}

async fn scripted(answer: ScriptedAnswer) -> Result<Vec<IpAddr>, Failure> {
    match answer {
        ScriptedAnswer::Addresses(addresses) => Ok(addresses),
        ScriptedAnswer::NoSuchHost => Err(Failure::new(Cause::DnsNoSuchHost, "no such host")),
        ScriptedAnswer::Failed(detail) => Err(Failure::new(Cause::DnsFailed, detail)),
        ScriptedAnswer::Silence => std::future::pending().await,
    }
}

fn failure(name: &str, error: &NetError) -> Failure {
    if error.is_nx_domain() {
        return Failure::new(Cause::DnsNoSuchHost, format!("the name {name} does not exist"));
    }
    if error.is_no_records_found() {
        return Failure::new(Cause::DnsFailed, format!("{name} has no address"));
    }
    match error {
        NetError::Timeout => Failure::new(Cause::DnsTimeout, "no answer from the name server"),
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Failure::new(Cause::DnsFailed, format!("the name server answered: {code}"))
        }
        other => Failure::new(Cause::DnsFailed, other.to_string()),
    }
}
