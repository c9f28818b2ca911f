//! `semnal check-url`: may deliveries go there?

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use semnal_core::address::AddressPolicy;
use semnal_core::endpoint_url::{EndpointUrl, Host, UrlRules};
use serde_json::{Value, json};

use super::{Context, End, print};

#[derive(Args)]
#[command(after_help = "Exit code 0 when allowed, 1 when denied.

Examples:
  semnal check-url https://example.com/hook
  semnal check-url http://shop.test/ --resolve shop.test=10.0.0.7
  semnal check-url --file cases.json --json")]
pub(super) struct CheckUrlArguments {
    /// The URL
    #[arg(required_unless_present = "file")]
    url: Option<String>,
    /// Take this address for a host instead of asking DNS (repeatable)
    #[arg(long, value_name = "HOST=IP")]
    resolve: Vec<String>,
    /// A JSON file with cases {id, url, dns?}, alone or under "cases"
    #[arg(long, value_name = "CASES.json")]
    file: Option<PathBuf>,
}

/// The rules in force.
struct Rules {
    url: UrlRules,
    policy: AddressPolicy,
}

pub(super) async fn check_url(context: &Context, arguments: CheckUrlArguments) -> End {
    let values =
        context.values(&BTreeMap::new()).and_then(|v| v.settings().map_err(|e| End::Usage(e.to_string())));
    let settings = match values {
        Ok(settings) => settings,
        Err(end) => return end,
    };
    let rules = Rules {
        url: crate::serve::url_rules(&settings, settings.bin_listen),
        policy: crate::serve::policy(&settings, settings.listen, settings.bin_listen),
    };
    if let Some(file) = &arguments.file {
        return check_file(&rules, file, context.json);
    }
    let mut given: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for pair in &arguments.resolve {
        match pair.split_once('=').and_then(|(host, ip)| Some((host, ip.parse().ok()?))) {
            Some((host, ip)) => given.entry(host.to_ascii_lowercase()).or_default().push(ip),
            None => return End::Usage(format!("--resolve {pair:?}: write HOST=IP")),
        }
    }
    let raw = arguments.url.unwrap_or_default();
    let verdict = judge(&rules, &raw, &given).await;
    let (word, reason) = match &verdict {
        Ok(reason) => ("allow", reason.clone()),
        Err(reason) => ("deny", reason.clone()),
    };
    let printed = if context.json {
        print(&json!({ "url": raw, "verdict": word, "reason": reason }).to_string())
    } else {
        print(&format!("{word}: {reason}"))
    };
    match (printed, verdict.is_ok()) {
        (End::Success, false) => End::No,
        (printed, _) => printed,
    }
}

async fn judge(rules: &Rules, raw: &str, given: &HashMap<String, Vec<IpAddr>>) -> Result<String, String> {
    let url = EndpointUrl::parse(raw, &rules.url).map_err(|e| e.to_string())?;
    let addresses = match url.host() {
        Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
        Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
        Host::Name(name) => match given.get(name) {
            Some(addresses) => addresses.clone(),
            None => tokio::net::lookup_host((name.as_str(), url.port()))
                .await
                .map_err(|e| format!("DNS: {e}"))?
                .map(|address| address.ip())
                .collect(),
        },
    };
    judge_addresses(rules, &url, &addresses)
}

fn judge_addresses(rules: &Rules, url: &EndpointUrl, addresses: &[IpAddr]) -> Result<String, String> {
    let sockets: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, url.port())).collect();
    rules.policy.judge_all(&sockets).map_err(|e| e.to_string())?;
    Ok(format!("{url} leads to {}", addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")))
}

fn check_file(rules: &Rules, file: &PathBuf, json: bool) -> End {
    let read = std::fs::read_to_string(file).map_err(|e| e.to_string());
    let parsed = read.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|e| e.to_string()));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(why) => return End::Usage(format!("{}: {why}", file.display())),
    };
    let Some(cases) = parsed.get("cases").unwrap_or(&parsed).as_array() else {
        return End::Usage(format!("{}: there is no list of cases", file.display()));
    };
    let mut lines = Vec::with_capacity(cases.len());
    let mut denied = false;
    for case in cases {
        let verdict = judge_case(rules, case);
        denied |= verdict.is_err();
        let (word, reason) = match &verdict {
            Ok(reason) => ("allow", reason),
            Err(reason) => ("deny", reason),
        };
        lines.push(if json {
            json!({ "id": case["id"], "verdict": word, "reason": reason }).to_string()
        } else {
            format!("{} {word}: {reason}", case["id"].as_str().unwrap_or("?"))
        });
    }
    match (print(&lines.join("\n")), denied) {
        (End::Success, true) => End::No,
        (printed, _) => printed,
    }
}

/// A case's `dns` answers stand in for the resolver; without `dns` the gate for the raw URL decides alone, and the
/// policy for an address that stands in the URL itself.
fn judge_case(rules: &Rules, case: &Value) -> Result<String, String> {
    let raw = case["url"].as_str().ok_or("the case has no url")?;
    let url = EndpointUrl::parse(raw, &rules.url).map_err(|e| e.to_string())?;
    let addresses: Vec<IpAddr> = match url.host() {
        Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
        Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
        Host::Name(_) => {
            let Some(dns) = case.get("dns") else { return Ok(format!("{url} passes the gate")) };
            if let Some(error) = dns["error"].as_str() {
                return Err(format!("DNS: {error}"));
            }
            ["A", "AAAA"]
                .iter()
                .flat_map(|kind| dns[*kind].as_array().cloned().unwrap_or_default())
                .filter_map(|ip| ip.as_str().and_then(|ip| ip.parse().ok()))
                .collect()
        }
    };
    judge_addresses(rules, &url, &addresses)
}
