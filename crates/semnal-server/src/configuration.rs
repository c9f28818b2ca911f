//! Settings: a table of keys, where each value comes from, and the typed result.
//!
//! Precedence: flag, then environment (`SEMNAL_…`), then the configuration file, then the default. An unknown key in
//! the file or a bad value is an error that names the key, the value and what is allowed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use semnal_core::retry::{RetrySchedule, parse_duration};
use semnal_store::directory::CONFIGURATION_FILE;
use thiserror::Error;

/// Ten years: more is a mistake in the unit.
const RETENTION_MAX: Duration = Duration::from_secs(3_650 * 86_400);
/// 1 h at most between an event at `/in` and its repeat.
const SOURCE_REPEAT_WINDOW_MAX: Duration = Duration::from_secs(3_600);

/// One setting.
pub(crate) struct Key {
    /// Its name in the file; `SEMNAL_` + upper case in the environment.
    pub(crate) name: &'static str,
    /// Its value when nothing says otherwise.
    pub(crate) default: &'static str,
    /// What it does, its unit and what is allowed.
    pub(crate) meaning: &'static str,
    /// Whether its value is never printed.
    pub(crate) secret: bool,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning, secret: false }
}

/// Every setting.
pub(crate) const KEYS: &[Key] = &[
    key("listen", "127.0.0.1:8080", "address and port of the API"),
    key("dev", "false", "true opens loopback to deliveries; only on a loopback address"),
    key("allow_networks", "", "private networks that deliveries may go to, as CIDR, separated by commas"),
    key("https_only", "false", "true refuses endpoints with http://"),
    key(
        "retry_schedule",
        "5s,5m,30m,2h,5h,10h,14h,20h,1d,1d,1d,1d,1d,1d,1d",
        "waits between attempts, separated by commas; units ms, s, m, h, d",
    ),
    key(
        "disable_after",
        "5d",
        "an endpoint that does nothing but fail for this long is disabled; units ms, s, m, h, d; 0 or never turns it off",
    ),
    key(
        "probe_interval",
        "1h",
        "wait between two tries of an endpoint that was disabled for failing; units ms, s, m, h, d; 0 or never turns \
         them off",
    ),
    key("attempt_timeout", "15s", "length of one attempt, 10ms to 30s"),
    key("default_signature", "hmac256", "signature of new endpoints: hmac256 or ed25519"),
    key("header_prefixes", "webhook,svix", "prefixes of the signature headers: webhook, svix or both"),
    key("body_bytes_max", "1048576", "largest request body in bytes, 1024 to 16777216"),
    key(
        "strict_event_types",
        "false",
        "true refuses messages of event types that are not in the catalogue; archived ones are accepted",
    ),
    key(
        "retention",
        "90d",
        "messages are deleted when they are older than this, 1ms to 3650d; units ms, s, m, h, d",
    ),
    key(
        "source_repeat_window",
        "60s",
        "at /in, the same event with the same body counts as a repeat for this long, 1h at most; units ms, s, m, h; 0 or \
         never turns it off",
    ),
    key(
        "public_url",
        "",
        "where people reach this server, like https://hooks.example.com; empty means http:// and the listen address",
    ),
    key("bin_listen", "127.0.0.1:8081", "address and port of the request bins; none turns bins off"),
    key(
        "bin_public_url",
        "",
        "where senders reach the request bins, like https://bins.example.com; empty means http:// and the address",
    ),
    key(
        "bin_lifetime",
        "7d",
        "how long a bin lives after its last use and keeps a request, 1m to 3650d; units ms, s, m, h, d",
    ),
    key("bin_requests_max", "1000", "requests that a bin keeps, 1 to 100000; the oldest go"),
    key(
        "bin_total_bytes_max",
        "1073741824",
        "bytes that all bins keep, 1048576 to 1099511627776; the oldest requests of the largest bin go first",
    ),
    key("bin_body_bytes_max", "1048576", "bytes of a captured body that are kept, 1024 to 16777216"),
    key("worker_threads", "0", "threads that serve requests and deliveries; 0 means one per core"),
    Key {
        name: "jwt_secret",
        default: "",
        meaning: "secret of Svix-style HS256 bearer tokens, at least 16 bytes; empty refuses such tokens",
        secret: true,
    },
];

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Environment,
    File,
    Default,
}

impl Origin {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::File => "file",
            Origin::Default => "default",
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigurationError {
    #[error("{key} is {value:?}: {allowed}")]
    Value { key: String, value: String, allowed: String },
    #[error("{file}: there is no setting {key:?}; `semnal config` lists them all")]
    UnknownKey { file: String, key: String },
    #[error("{file} cannot be read: {why}")]
    File { file: String, why: String },
    #[error(
        "--dev opens loopback to deliveries, so the API must listen on a loopback address; {listen} is not one"
    )]
    DevNotLoopback { listen: SocketAddr },
}

/// The effective values as text, with their origins.
pub(crate) struct Values(BTreeMap<&'static str, (String, Origin)>);

/// Which secret signs for new endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureKind {
    Hmac256,
    Ed25519,
}

/// The settings, typed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) dev: bool,
    pub(crate) allow_networks: Vec<IpNet>,
    pub(crate) https_only: bool,
    pub(crate) retry_schedule: RetrySchedule,
    /// `None` disables no endpoint.
    pub(crate) disable_after: Option<Duration>,
    /// `None` makes no probes.
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) attempt_timeout: Duration,
    pub(crate) default_signature: SignatureKind,
    pub(crate) header_prefixes: Vec<String>,
    pub(crate) body_bytes_max: usize,
    pub(crate) strict_event_types: bool,
    /// `None` takes every post for an event of its own.
    pub(crate) source_repeat_window: Option<Duration>,
    pub(crate) public_url: Option<String>,
    pub(crate) retention: Duration,
    /// `None` turns bins off.
    pub(crate) bin_listen: Option<SocketAddr>,
    pub(crate) bin_public_url: Option<String>,
    pub(crate) bin_lifetime: Duration,
    pub(crate) bin_requests_max: u64,
    pub(crate) bin_total_bytes_max: u64,
    pub(crate) bin_body_bytes_max: usize,
    pub(crate) worker_threads: usize,
    pub(crate) jwt_secret: Option<Vec<u8>>,
}

impl Values {
    /// Gathers the values. `environment` looks a variable up; `file` is the one named by `--config`, else the one in
    /// the data directory is read when it is there.
    pub(crate) fn gather(
        flags: &BTreeMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        file: Option<&Path>,
        data_dir: &Path,
    ) -> Result<Values, ConfigurationError> {
        let in_file = read_file(file, data_dir)?;
        let values = KEYS.iter().map(|key| {
            let variable = format!("SEMNAL_{}", key.name.to_ascii_uppercase());
            let found = flags
                .get(key.name)
                .map(|v| (v.clone(), Origin::Flag))
                .or_else(|| environment(&variable).map(|v| (v, Origin::Environment)))
                .or_else(|| in_file.get(key.name).map(|v| (v.clone(), Origin::File)))
                .unwrap_or_else(|| (key.default.to_owned(), Origin::Default));
            (key.name, found)
        });
        Ok(Values(values.collect()))
    }

    /// Returns every key with its value and origin; secrets are masked.
    pub(crate) fn shown(&self) -> Vec<(&'static Key, String, Origin)> {
        let show = |key: &'static Key| {
            let (value, origin) = &self.0[key.name];
            let masked = if key.secret && !value.is_empty() { "(set)".to_owned() } else { value.clone() };
            (key, masked, *origin)
        };
        KEYS.iter().map(show).collect()
    }

    /// Reads the values into their types.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigurationError> {
        let settings = Settings {
            listen: self.read("listen", |v| v.parse().ok())?,
            dev: self.boolean("dev")?,
            allow_networks: self.read("allow_networks", |v| list(v).map(|n| n.parse().ok()).collect())?,
            https_only: self.boolean("https_only")?,
            retry_schedule: self.read("retry_schedule", |v| RetrySchedule::parse(v).ok())?,
            disable_after: self.read("disable_after", duration_or_never)?,
            probe_interval: self.read("probe_interval", duration_or_never)?,
            attempt_timeout: self.read("attempt_timeout", |v| {
                let allowed = Duration::from_millis(10)..=Duration::from_secs(30);
                parse_duration(v).filter(|d| allowed.contains(d))
            })?,
            default_signature: self.read("default_signature", |v| match v {
                "hmac256" => Some(SignatureKind::Hmac256),
                "ed25519" => Some(SignatureKind::Ed25519),
                _ => None,
            })?,
            header_prefixes: self.read("header_prefixes", |v| {
                let all: Vec<String> = list(v).map(str::to_owned).collect();
                (!all.is_empty() && all.iter().all(|p| p == "webhook" || p == "svix")).then_some(all)
            })?,
            body_bytes_max: self.read("body_bytes_max", |v| {
                v.parse().ok().filter(|bytes| (1_024..=16_777_216).contains(bytes))
            })?,
            strict_event_types: self.boolean("strict_event_types")?,
            source_repeat_window: self.read("source_repeat_window", |v| {
                duration_or_never(v).filter(|it| it.is_none_or(|length| length <= SOURCE_REPEAT_WINDOW_MAX))
            })?,
            public_url: self.read("public_url", public_url)?,
            retention: self.read("retention", |v| {
                let allowed = Duration::from_millis(1)..=RETENTION_MAX;
                parse_duration(v).filter(|d| allowed.contains(d))
            })?,
            bin_listen: self.read("bin_listen", |v| match v {
                "none" => Some(None),
                address => address.parse().ok().map(Some),
            })?,
            bin_public_url: self.read("bin_public_url", public_url)?,
            bin_lifetime: self.read("bin_lifetime", |v| {
                let allowed = Duration::from_secs(60)..=Duration::from_secs(3_650 * 24 * 3_600);
                parse_duration(v).filter(|d| allowed.contains(d))
            })?,
            bin_requests_max: self
                .read("bin_requests_max", |v| v.parse().ok().filter(|n| (1..=100_000).contains(n)))?,
            bin_total_bytes_max: self.read("bin_total_bytes_max", |v| {
                v.parse().ok().filter(|bytes| (1_048_576..=1_099_511_627_776).contains(bytes))
            })?,
            bin_body_bytes_max: self.read("bin_body_bytes_max", |v| {
                v.parse().ok().filter(|bytes| (1_024..=16_777_216).contains(bytes))
            })?,
            worker_threads: self.read("worker_threads", |v| v.parse().ok().filter(|n| *n <= 256))?,
            jwt_secret: self.read("jwt_secret", |v| match v.len() {
                0 => Some(None),
                1..16 => None,
                _ => Some(Some(v.as_bytes().to_vec())),
            })?,
        };
        if settings.dev && !settings.listen.ip().is_loopback() {
            return Err(ConfigurationError::DevNotLoopback { listen: settings.listen });
        }
        Ok(settings)
    }

    fn boolean(&self, name: &str) -> Result<bool, ConfigurationError> {
        self.read(name, |v| match v {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" | "" => Some(false),
            _ => None,
        })
    }

    fn read<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ConfigurationError> {
        let (value, _) = &self.0[name];
        let key = KEYS.iter().find(|key| key.name == name).expect("every setting is in the table");
        parse(value.trim()).ok_or_else(|| ConfigurationError::Value {
            key: name.to_owned(),
            value: if key.secret { "(secret)".to_owned() } else { value.clone() },
            allowed: key.meaning.to_owned(),
        })
    }
}

/// Reads where people reach this server; the inner `None` means that nobody has said. No slash at the end.
fn public_url(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let uri: http::Uri = text.parse().ok()?;
    let host = uri.authority().filter(|it| !it.as_str().contains('@'));
    let good = matches!(uri.scheme_str(), Some("http" | "https"))
        && host.is_some()
        && uri.query().is_none()
        && !text.contains('#');
    good.then(|| Some(text.trim_end_matches('/').to_owned()))
}

/// Reads a length of time, or that something never happens: `never`, `0`, `0s`.
fn duration_or_never(text: &str) -> Option<Option<Duration>> {
    match text {
        "never" | "0" => Some(None),
        _ => parse_duration(text).map(|length| Some(length).filter(|length| !length.is_zero())),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn read_file(named: Option<&Path>, data_dir: &Path) -> Result<BTreeMap<String, String>, ConfigurationError> {
    let path = named.map_or_else(|| data_dir.join(CONFIGURATION_FILE), PathBuf::from);
    if named.is_none() && !path.exists() {
        return Ok(BTreeMap::new());
    }
    let file = path.display().to_string();
    let failed = |why: String| ConfigurationError::File { file: file.clone(), why };
    let text = std::fs::read_to_string(&path).map_err(|e| failed(e.to_string()))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| failed(e.message().to_owned()))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !KEYS.iter().any(|known| known.name == key) {
            return Err(ConfigurationError::UnknownKey { file, key });
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Array(parts) => {
                parts.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        values.insert(key, text);
    }
    Ok(values)
}

/// Looks a variable of the environment up.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(
        flags: &[(&'static str, &str)],
        environment: &[(&str, &str)],
        file: &str,
    ) -> Result<Values, ConfigurationError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(CONFIGURATION_FILE), file).unwrap();
        let flags = flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let look = |name: &str| environment.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
        Values::gather(&flags, look, None, directory.path())
    }

    #[test]
    fn the_defaults_are_valid() {
        let settings = gather(&[], &[], "").unwrap().settings().unwrap();
        assert_eq!(settings.retry_schedule, RetrySchedule::default());
        assert_eq!(settings.attempt_timeout, Duration::from_secs(15));
        assert_eq!(settings.disable_after, Some(semnal_core::health::DISABLE_AFTER_DEFAULT));
        assert_eq!(settings.probe_interval, Some(semnal_core::health::PROBE_INTERVAL_DEFAULT));
    }

    #[test]
    fn disabling_and_probing_can_take_milliseconds_or_never_happen() {
        let check = |value, expected: Option<Option<u64>>| {
            for key in ["SEMNAL_DISABLE_AFTER", "SEMNAL_PROBE_INTERVAL"] {
                let settings = gather(&[], &[(key, value)], "").unwrap().settings();
                let found = settings
                    .ok()
                    .map(|s| if key == "SEMNAL_DISABLE_AFTER" { s.disable_after } else { s.probe_interval });
                assert_eq!(found, expected.map(|ms| ms.map(Duration::from_millis)), "{key}={value}");
            }
        };
        check("50ms", Some(Some(50)));
        check("2h", Some(Some(7_200_000)));
        for value in ["never", "0", "0ms", "0d"] {
            check(value, Some(None));
        }
        for value in ["", "5", "-1s", "soon"] {
            check(value, None);
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let file = "listen = \"127.0.0.1:3\"\nattempt_timeout = \"3s\"\nheader_prefixes = [\"svix\"]";
        let values = gather(
            &[("listen", "127.0.0.1:1")],
            &[("SEMNAL_LISTEN", "127.0.0.1:2"), ("SEMNAL_ATTEMPT_TIMEOUT", "2s")],
            file,
        );
        let settings = values.unwrap().settings().unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.attempt_timeout, Duration::from_secs(2));
        assert_eq!(settings.header_prefixes, ["svix"]);
    }

    #[test]
    fn an_error_names_the_key_the_value_and_what_is_allowed() {
        let error = gather(&[], &[("SEMNAL_ATTEMPT_TIMEOUT", "1y")], "").unwrap().settings().unwrap_err();
        assert_eq!(error.to_string(), "attempt_timeout is \"1y\": length of one attempt, 10ms to 30s");
        let error = gather(&[], &[], "lissten = 1").err().unwrap();
        assert!(error.to_string().contains("\"lissten\""), "{error}");
        let error = gather(&[], &[("SEMNAL_JWT_SECRET", "short")], "").unwrap().settings().unwrap_err();
        assert!(!error.to_string().contains("short"), "{error}");
    }

    #[test]
    fn a_public_url_is_one_that_a_link_can_begin_with() {
        let read = |text: &str| {
            gather(&[], &[("SEMNAL_PUBLIC_URL", text)], "").unwrap().settings().map(|it| it.public_url)
        };
        assert_eq!(read("").unwrap(), None);
        for (text, expected) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("https://example.com/hooks/", "https://example.com/hooks"),
        ] {
            assert_eq!(read(text).unwrap().as_deref(), Some(expected));
        }
        for text in
            ["hooks.example.com", "ftp://a", "https://", "https://a?b", "https://a#b", "https://u:p@a", "/x"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dev_is_refused_on_an_address_that_is_not_loopback() {
        let values = gather(&[("listen", "0.0.0.0:8080"), ("dev", "true")], &[], "").unwrap();
        assert!(matches!(values.settings(), Err(ConfigurationError::DevNotLoopback { .. })));
    }
}
