//! The gate for raw URLs: one sentence a test, then properties over arbitrary and nearly valid text.

use proptest::prelude::*;

use super::{EndpointUrl, HOST_BYTES_MAX, Host, LABEL_BYTES_MAX, URL_BYTES_MAX, UrlDenied, UrlRules};

fn parse(raw: &str) -> Result<EndpointUrl, UrlDenied> {
    EndpointUrl::parse(raw, &UrlRules::default())
}

/// `expected` is the normalised URL or the code of the denial.
fn check(raw: &str, expected: &str) {
    let got = parse(raw).map_or_else(|denied| denied.code().to_owned(), |url| url.to_string());
    assert_eq!(got, expected, "{raw:?}");
}

#[test]
fn an_ordinary_url_is_taken_apart() {
    let url = parse("HTTPS://Example.com:8443/Hook/ü?a=1&b=ü#part").unwrap();
    assert_eq!(url.as_str(), "https://example.com:8443/Hook/%C3%BC?a=1&b=%C3%BC");
    assert_eq!(url.host(), &Host::Name("example.com".to_owned()));
    assert_eq!((url.is_https(), url.port()), (true, 8443));
    assert_eq!(url.authority(), "example.com:8443");
    assert_eq!(url.path_and_query(), "/Hook/%C3%BC?a=1&b=%C3%BC");
}

#[test]
fn the_default_port_is_left_out_of_the_authority() {
    let url = parse("https://example.com:443").unwrap();
    assert_eq!((url.port(), url.authority(), url.path_and_query()), (443, "example.com", "/"));
    let url = parse("http://example.com?x").unwrap();
    assert_eq!((url.port(), url.authority(), url.path_and_query()), (80, "example.com", "/?x"));
}

#[test]
fn an_ipv6_host_keeps_its_brackets_in_the_authority() {
    let url = parse("http://[2606:4700::ABCD]:8080/").unwrap();
    assert_eq!(url.authority(), "[2606:4700::abcd]:8080");
    assert_eq!(url.host(), &Host::Ipv6("2606:4700::abcd".parse().unwrap()));
}

#[test]
fn a_root_dot_stays_in_the_url_and_not_in_the_name() {
    let url = parse("https://example.com./hook").unwrap();
    assert_eq!((url.as_str(), url.authority()), ("https://example.com./hook", "example.com."));
    assert_eq!(url.host(), &Host::Name("example.com".to_owned()));
}

#[test]
fn an_international_name_is_allowed_in_unicode_and_in_punycode() {
    for name in ["bücher.example", "BÜCHER.Example", "xn--bcher-kva.example", "XN--BCHER-KVA.example"] {
        check(&format!("https://{name}/"), "https://xn--bcher-kva.example/");
    }
    check("https://straße.example/", "https://xn--strae-oqa.example/");
    check("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/");
}

#[test]
fn a_second_spelling_of_a_name_is_denied_and_the_first_is_offered() {
    for name in
        ["ｅxample.com", "exam\u{ad}ple.com", "example。com", "ex%61mple.com", "bu\u{308}cher.example"]
    {
        check(&format!("https://{name}/"), "non_canonical_host");
    }
    // The Kelvin sign becomes an ASCII k.
    check("https://\u{212a}ubernetes.example/", "non_canonical_host");
    check("https://\u{212a}ü.example/", "non_canonical_host");
    let message = parse("http://0x7f.1/").unwrap_err().to_string();
    assert_eq!(
        message,
        r#"the host "0x7f.1" is another spelling of "127.0.0.1": write "127.0.0.1" if that is meant"#
    );
}

#[test]
fn a_second_spelling_of_an_ipv6_address_is_denied() {
    check("http://[::ffff:1.2.3.4]/", "http://[::ffff:102:304]/");
    for host in ["[::0001]", "[0::1]", "[::0.0.0.1]", "[1:0:0:0:0:0:0:1]", "[::ffff:0102:0304]"] {
        check(&format!("http://{host}/"), "non_canonical_host");
    }
    for host in ["[]", "[::1%eth0]", "[::01.2.3.4]", "[::1]x", "[v1.x]"] {
        check(&format!("http://{host}/"), "invalid_host");
    }
}

#[test]
fn what_a_parser_would_repair_around_the_host_is_denied() {
    check("http:///example.com/", "slashes");
    check("https:example.com", "slashes");
    check("http:\\\\example.com", "backslash");
    check("https://example.com/a\\b", "backslash");
    check(" https://example.com/", "control_character");
    check("https://example.com/a b", "control_character");
    check("https://exam\tple.com/", "control_character");
    check("https://@example.com/", "userinfo");
    check("https://example.com:/", "invalid_port");
    check("https://example.com:0443/", "invalid_port");
    check("https://example.com:+443/", "invalid_port");
    check("https://.example.com/", "empty_label");
    check("https://./", "empty_label");
    check("https://a$b.example/", "host_character");
    check("", "no_scheme");
    check("example.com/hook", "no_scheme");
    check("example.com:8443/hook", "no_scheme");
    check("localhost:8080", "no_scheme");
    check("ftp://example.com/", "scheme");
}

#[test]
fn a_port_of_another_service_is_denied() {
    for port in [22, 25, 2375, 6000, 6379, 9200, 10080, 10250] {
        check(&format!("http://example.com:{port}/"), "denied_port");
    }
    check("http://example.com:0/", "invalid_port");
    for port in [81, 3000, 8000, 8080, 8443, 9000, 65535] {
        check(&format!("http://example.com:{port}/"), &format!("http://example.com:{port}/"));
    }
}

#[test]
fn a_password_is_not_repeated() {
    for raw in ["http://user:hunter2@example.com/", "http:/u:hunter2@h/", "//u:hunter2@h/", "u:hunter2@h"] {
        let denied = parse(raw).unwrap_err();
        assert!(!format!("{denied} {denied:?}").contains("hunter2"), "{denied:?}");
    }
}

#[test]
fn each_limit_holds_at_its_edge() {
    let path = |bytes: usize| format!("https://example.com/{}", "a".repeat(bytes - 20));
    assert!(parse(&path(URL_BYTES_MAX)).is_ok());
    check(&path(URL_BYTES_MAX + 1), "url_too_long");
    check(&format!("https://example.com/{}", "ü".repeat(URL_BYTES_MAX / 4)), "url_too_long");

    let label = "a".repeat(LABEL_BYTES_MAX);
    assert!(parse(&format!("https://{label}.example/")).is_ok());
    check(&format!("https://a{label}.example/"), "label_too_long");

    let host = format!("{label}.{label}.{label}.{}", "b".repeat(HOST_BYTES_MAX - 3 * 64));
    assert!(parse(&format!("https://{host}./")).is_ok());
    check(&format!("https://{host}b/"), "host_too_long");
}

#[test]
fn development_mode_lets_localhost_through_and_nothing_else() {
    let rules = UrlRules { localhost_names: true, ..UrlRules::default() };
    for name in ["localhost", "LOCALHOST", "localhost.", "app.localhost"] {
        assert!(EndpointUrl::parse(&format!("http://{name}:8080/"), &rules).is_ok(), "{name}");
        check(&format!("http://{name}:8080/"), "local_name");
    }
    for name in ["ip6-localhost", "localhost.localdomain"] {
        let denied = EndpointUrl::parse(&format!("http://{name}/"), &rules).unwrap_err();
        assert_eq!(denied.code(), "local_name");
    }
    assert!(EndpointUrl::parse("http://lo%63alhost/", &rules).is_err());
}

#[test]
fn https_only_denies_plain_http() {
    let rules = UrlRules { https_only: true, ..UrlRules::default() };
    assert_eq!(EndpointUrl::parse("http://example.com/", &rules), Err(UrlDenied::HttpsOnly));
    assert!(EndpointUrl::parse("https://example.com/", &rules).is_ok());
}

/// Text that looks enough like a URL to get past the first checks now and then.
fn nearly_a_url() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-zA-Z0-9._-]{1,20}",
        "[a-zäöüßşțλς例۰-۹\u{212a}\u{ad}.]{1,12}",
        "\\[[0-9a-fA-F:.]{2,30}\\]",
        "[0-9x.]{1,16}",
        "\\PC{1,12}",
    ];
    ("(https?|HTTP)", "(://|:/|:)", host, "(:[0-9]{0,6})?", "([/?#]\\PC{0,40})?")
        .prop_map(|(scheme, slashes, host, port, rest)| format!("{scheme}{slashes}{host}{port}{rest}"))
}

/// A URL that passes, with an arbitrary path.
fn good_url() -> impl Strategy<Value = String> {
    (
        "https?",
        "[a-z][a-z0-9_-]{0,20}(\\.[a-z][a-z0-9]{0,9}){1,3}\\.?",
        "(:8[0-9]{3})?",
        "([/?#][!-\\[\\]-~é]{0,60})?",
    )
        .prop_map(|(scheme, host, port, rest)| format!("{scheme}://{host}{port}{rest}"))
}

fn assert_round_trip(url: &EndpointUrl) {
    assert_eq!(parse(url.as_str()).as_ref(), Ok(url));
    assert!(url.path_and_query().starts_with('/'));
    let scheme = if url.is_https() { "https" } else { "http" };
    assert_eq!(format!("{scheme}://{}{}", url.authority(), url.path_and_query()), url.as_str());
    assert!(url.as_str().is_ascii());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_text_never_panics(raw in any::<String>()) {
        if let Ok(url) = parse(&raw) {
            assert_round_trip(&url);
        }
    }

    #[test]
    fn what_passes_of_nearly_a_url_round_trips(raw in nearly_a_url()) {
        match parse(&raw) {
            Ok(url) => assert_round_trip(&url),
            Err(denied) => prop_assert!(!denied.to_string().is_empty()),
        }
    }

    #[test]
    fn a_good_url_passes_and_round_trips(raw in good_url()) {
        match parse(&raw) {
            Ok(url) => assert_round_trip(&url),
            Err(denied) => prop_assert!(denied.code() == "local_name" || raw.contains("xn--"), "{raw}: {denied}"),
        }
    }
}

#[test]
fn https_only_lets_the_own_bins_through_and_nothing_else() {
    let at =
        |bins: &str| UrlRules { https_only: true, bins: Some(bins.parse().unwrap()), ..UrlRules::default() };
    let check = |bins: &str, url: &str, passes: bool| {
        assert_eq!(EndpointUrl::parse(url, &at(bins)).is_ok(), passes, "{url} with bins at {bins}");
    };
    check("127.0.0.1:8081", "http://127.0.0.1:8081/mine", true);
    check("[::1]:8081", "http://[::1]:8081/mine", true);
    check("127.0.0.1:8081", "http://127.0.0.1:8082/mine", false);
    check("127.0.0.1:8081", "http://127.0.0.2:8081/mine", false);
    check("127.0.0.1:8081", "http://example.com:8081/mine", false);
    check("127.0.0.1:8081", "http://0x7f.1:8081/mine", false);
}
