//! Own bins are legal targets of deliveries in every mode; of our listeners they alone are.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use semnal_core::address::AddressPolicy;
use semnal_core::attempt::{AttemptEnd, Cause};
use semnal_core::endpoint_url::EndpointUrl;
use semnal_engine::clock::Clock;
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::dialer::Dialer;
use semnal_engine::transport::resolver::{Resolver, ScriptedAnswer};
use semnal_engine::transport::{Budget, Request, Transport, TransportOptions};

use super::*;
use crate::configuration::{Settings, Values};

/// The strictest settings, with changes.
fn settings(changes: &[(&'static str, &str)]) -> Settings {
    let flags = changes.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    Values::gather(&flags, |_| None, None, std::path::Path::new("/nowhere")).unwrap().settings().unwrap()
}

fn transport(policy: AddressPolicy) -> Transport {
    let loopback = |_: &str| ScriptedAnswer::Addresses(vec![IpAddr::from([127, 0, 0, 1])]);
    Transport::new(TransportOptions {
        resolver: Resolver::Scripted(Arc::new(loopback)),
        dialer: Dialer::Tcp,
        policy,
        extra_roots: Vec::new(),
        open_connections_max: 4,
        tasks: TaskTracker::new(),
        clock: Clock::System,
    })
    .unwrap()
}

async fn send(transport: &Transport, settings: &Settings, bin: SocketAddr, url: &str) -> AttemptEnd {
    let url = EndpointUrl::parse(url, &crate::serve::url_rules(settings, Some(bin))).unwrap();
    let headers = HeaderMap::from_iter([("x-a".parse().unwrap(), "1".parse().unwrap())]);
    let request = Request { method: Method::PUT, headers, body: Bytes::from_static(b"{}") };
    let budget = Budget { total: Duration::from_secs(20), ..Budget::default() };
    transport.send(&Connections::new(), &url, request, budget).await.end
}

#[tokio::test]
async fn a_bin_is_reached_in_every_mode_and_our_api_in_none() {
    let served = Served::new().await;
    let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (api, bin) = (api.local_addr().unwrap(), served.address);
    let modes: [&[(&'static str, &str)]; 4] =
        [&[], &[("https_only", "true")], &[("dev", "true")], &[("allow_networks", "127.0.0.0/8,::1/128")]];
    for (count, mode) in modes.into_iter().enumerate() {
        let settings = settings(mode);
        let transport = transport(crate::serve::policy(&settings, api, Some(bin)));
        let answered = send(&transport, &settings, bin, &format!("http://{bin}/mine/x")).await;
        assert_eq!(answered, AttemptEnd::Answered(200), "{mode:?}");
        assert_eq!(served.caught().await.len(), count + 1);
        if !settings.https_only {
            // A name that leads to loopback reaches the bins, and nothing else there.
            let named = format!("http://bins.example:{}/mine", bin.port());
            assert_eq!(send(&transport, &settings, bin, &named).await, AttemptEnd::Answered(200));
            for url in [
                format!("http://{api}/api/v1/app"),
                format!("http://api.example:{}/", api.port()),
                format!("http://0.0.0.0:{}/", api.port()),
                format!("http://[::ffff:127.0.0.1]:{}/", api.port()),
                format!("http://[::ffff:127.0.0.1]:{}/mine", bin.port()),
            ] {
                let Ok(_) = EndpointUrl::parse(&url, &crate::serve::url_rules(&settings, Some(bin))) else {
                    continue;
                };
                let end = send(&transport, &settings, bin, &url).await;
                let denied = matches!(&end, AttemptEnd::Failed { cause: Cause::AddressDenied, .. });
                assert!(denied, "{mode:?} {url}: {end:?}");
            }
        }
        served.server.bins.empty(served.bin).await.unwrap();
        for _ in 0..=count {
            served.exchange(b"GET /mine HTTP/1.1\r\nhost: b\r\n\r\n").await;
        }
    }
}

#[test]
fn only_the_very_address_of_the_bins_is_opened() {
    let settings = settings(&[]);
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let check = |api: &str, bins: &str, target: &str, allowed: bool| {
        let policy = crate::serve::policy(&settings, at(api), Some(at(bins)));
        assert_eq!(policy.judge(at(target)).is_ok(), allowed, "API {api}, bins {bins}, target {target}");
    };
    check("127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8081", true);
    check("127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.2:8081", false);
    check("127.0.0.1:8080", "127.0.0.1:8081", "[::1]:8081", false);
    check("127.0.0.1:8080", "127.0.0.1:8081", "0.0.0.0:8081", false);
    check("127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8080", false);
    check("127.0.0.1:8080", "127.0.0.1:8081", "0.0.0.0:8080", false);
    check("0.0.0.0:8080", "0.0.0.0:8081", "127.0.0.1:8081", true);
    check("0.0.0.0:8080", "0.0.0.0:8081", "127.0.0.1:8080", false);
    check("0.0.0.0:8080", "0.0.0.0:8081", "[::1]:8081", false);
    check("[::]:8080", "[::]:8081", "[::1]:8081", true);
    check("[::]:8080", "[::]:8081", "127.0.0.1:8081", true);
    check("[::]:8080", "[::]:8081", "[::1]:8080", false);
    check("[::]:8080", "[::]:8081", "127.0.0.1:8080", false);
    // The same port on two addresses: what is the API's stays the API's.
    check("127.0.0.1:8080", "[::1]:8080", "[::1]:8080", true);
    check("127.0.0.1:8080", "[::1]:8080", "127.0.0.1:8080", false);
    check("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", false);
    let none = crate::serve::policy(&settings, at("127.0.0.1:8080"), None);
    assert!(none.judge(at("127.0.0.1:8081")).is_err());
}
