//! Endpoints: a URL that receives some event types of one application, and the rule which messages match it.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::id::{ApplicationId, EndpointId};
use crate::name::{Channel, EventTypeName, Uid};
use crate::retry::RetrySchedule;
use crate::signature::Secret;
use crate::time::UnixMillis;

/// 10 channels per endpoint (Svix API).
pub const CHANNELS_PER_ENDPOINT_MAX: usize = 10;
/// 5 channels per message (Svix API).
pub const CHANNELS_PER_MESSAGE_MAX: usize = 5;
/// 5 secrets sign at once at most: the current one and those in their grace period.
pub const SECRETS_MAX: usize = 5;
/// 50 custom headers per endpoint.
pub const HEADERS_MAX: usize = 50;
/// 4,096 bytes for the value of a custom header.
pub const HEADER_VALUE_BYTES_MAX: usize = 4_096;
/// 10,000 endpoints per application; a message goes to at most that many.
pub const ENDPOINTS_PER_APPLICATION_MAX: usize = 10_000;

/// A URL that receives events.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its key.
    pub id: EndpointId,
    /// Whose it is.
    pub application: ApplicationId,
    /// The client's own name for it, unique in the application.
    pub uid: Option<Uid>,
    /// Where requests go; passed the gate when it was saved, and passes it again before each connection.
    pub url: String,
    /// What it is for, in the client's words.
    pub description: String,
    /// Whether it is sent to.
    pub state: EndpointState,
    /// The event types that it wants; `None` means all.
    pub event_types: Option<BTreeSet<EventTypeName>>,
    /// The channels that it wants; `None` means all.
    pub channels: Option<BTreeSet<Channel>>,
    /// Attempts per second at most.
    pub rate_limit: Option<u16>,
    /// Attempts at once at most; `None` means the server's default.
    pub concurrency_limit: Option<u16>,
    /// Headers that go with each request.
    pub headers: BTreeMap<String, String>,
    /// Whatever the client wants to keep with it.
    pub metadata: BTreeMap<String, String>,
    /// Signing secrets, the current one first.
    pub secrets: Vec<EndpointSecret>,
    /// Its own retry schedule; `None` means the event type's or the server's.
    pub schedule: Option<RetrySchedule>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// A secret and how long it still signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSecret {
    /// The secret.
    pub secret: Secret,
    /// When it stops signing; `None` for the current one.
    pub expires_at: Option<UnixMillis>,
}

/// Whether an endpoint is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Yes.
    Active,
    /// A person paused it; its backlog is kept.
    Paused,
    /// It is switched off, for a reason; its backlog is kept.
    Disabled(DisabledReason),
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// A person or a program asked for it.
    Requested,
    /// It answered 410 Gone.
    Gone,
    /// It did nothing but fail for long ([`crate::health`]); a probe brings it back.
    Failing,
}

impl DisabledReason {
    /// Returns the word in answers and events: `requested`, `gone`, `failing`.
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Requested => "requested",
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }
}

impl EndpointState {
    /// Tells whether deliveries wait instead of being sent.
    pub fn holds(self) -> bool {
        !matches!(self, EndpointState::Active)
    }

    /// Returns the word in the store and in answers: `active`, `paused`, `disabled`, `disabled_gone`,
    /// `disabled_failing`.
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointState::Active => "active",
            EndpointState::Paused => "paused",
            EndpointState::Disabled(DisabledReason::Requested) => "disabled",
            EndpointState::Disabled(DisabledReason::Gone) => "disabled_gone",
            EndpointState::Disabled(DisabledReason::Failing) => "disabled_failing",
        }
    }

    /// Returns the state of a stored word.
    pub fn parse(text: &str) -> Option<EndpointState> {
        match text {
            "active" => Some(EndpointState::Active),
            "paused" => Some(EndpointState::Paused),
            "disabled" => Some(EndpointState::Disabled(DisabledReason::Requested)),
            "disabled_gone" => Some(EndpointState::Disabled(DisabledReason::Gone)),
            "disabled_failing" => Some(EndpointState::Disabled(DisabledReason::Failing)),
            _ => None,
        }
    }
}

impl Endpoint {
    /// Tells whether a message of this event type and these channels goes to this endpoint.
    ///
    /// A paused or disabled endpoint matches too: its deliveries are held, not dropped (invariant 7). An endpoint
    /// with channels gets a message that has at least one of them; a message without channels goes only to endpoints
    /// without channels (Svix API).
    pub fn matches(&self, event_type: &EventTypeName, channels: &[Channel]) -> bool {
        let type_matches = self.event_types.as_ref().is_none_or(|wanted| wanted.contains(event_type));
        let channel_matches =
            self.channels.as_ref().is_none_or(|wanted| channels.iter().any(|c| wanted.contains(c)));
        type_matches && channel_matches
    }

    /// Returns the secrets that sign at `now`, the current one first.
    pub fn signing_secrets(&self, now: UnixMillis) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |s| s.expires_at.is_none_or(|at| at > now)).map(|s| &s.secret)
    }

    /// Makes `secret` the current one; the old ones keep signing until `grace_until` at the latest.
    pub fn rotate_secret(&mut self, secret: Secret, now: UnixMillis, grace_until: UnixMillis) {
        for old in &mut self.secrets {
            old.expires_at = Some(old.expires_at.map_or(grace_until, |at| at.min(grace_until)));
        }
        self.secrets.retain(|old| old.expires_at.is_some_and(|at| at > now));
        self.secrets.insert(0, EndpointSecret { secret, expires_at: None });
        self.secrets.truncate(SECRETS_MAX);
    }
}

/// Why a custom header is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Not an HTTP token.
    #[error("{name:?} is not a header name")]
    Name {
        /// The name.
        name: String,
    },
    /// The server sets it itself.
    #[error("{name:?} is set by the server and cannot be a custom header")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A value with control characters or beyond ASCII, or too long.
    #[error("the value of {name:?} must be visible ASCII of at most {HEADER_VALUE_BYTES_MAX} bytes")]
    Value {
        /// The name.
        name: String,
    },
}

/// Headers that the server sets, or that would change how the request is framed (RFC 9110, 7.6.1).
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Checks one custom header.
///
/// # Errors
/// [`HeaderError`] names the header and what is wrong with it.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Err(HeaderError::Name { name: name.to_owned() });
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("webhook-") || lower.starts_with("svix-") {
        return Err(HeaderError::Reserved { name: name.to_owned() });
    }
    let visible = |b: u8| (0x20..0x7f).contains(&b);
    if value.len() > HEADER_VALUE_BYTES_MAX || !value.bytes().all(visible) || value != value.trim() {
        return Err(HeaderError::Value { name: name.to_owned() });
    }
    Ok(())
}

/// Tells whether a header's value is a credential that is not shown again.
pub fn is_sensitive_header(name: &str) -> bool {
    const SENSITIVE: &[&str] = &["authorization", "cookie", "x-api-key", "x-auth-token"];
    SENSITIVE.iter().any(|s| s.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            id: EndpointId::default(),
            application: ApplicationId::default(),
            uid: None,
            url: "https://example.com/".into(),
            description: String::new(),
            state: EndpointState::Active,
            event_types: None,
            channels: None,
            rate_limit: None,
            concurrency_limit: None,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            secrets: vec![EndpointSecret { secret: Secret::Ed25519([0; 32]), expires_at: None }],
            schedule: None,
            created_at: UnixMillis(0),
            updated_at: UnixMillis(0),
        }
    }

    fn types(names: &[&str]) -> Option<BTreeSet<EventTypeName>> {
        Some(names.iter().map(|n| EventTypeName::parse(n).unwrap()).collect())
    }

    fn channels(names: &[&str]) -> Vec<Channel> {
        names.iter().map(|n| Channel::parse(n).unwrap()).collect()
    }

    #[test]
    fn an_endpoint_gets_what_it_asked_for() {
        let check = |event_types, wanted: Option<&[&str]>, sent: &[&str], expected: bool| {
            let mut it = endpoint();
            it.event_types = event_types;
            it.channels = wanted.map(|w| channels(w).into_iter().collect());
            let name = EventTypeName::parse("paid").unwrap();
            assert_eq!(it.matches(&name, &channels(sent)), expected);
        };
        check(None, None, &[], true);
        check(None, None, &["a"], true);
        check(types(&["paid", "failed"]), None, &[], true);
        check(types(&["failed"]), None, &[], false);
        check(types(&["Paid"]), None, &[], false);
        check(None, Some(&["a"]), &[], false);
        check(None, Some(&["a", "b"]), &["b", "c"], true);
        check(None, Some(&["a"]), &["b"], false);
        check(types(&["failed"]), Some(&["a"]), &["a"], false);
    }

    #[test]
    fn a_paused_or_disabled_endpoint_matches_so_that_its_backlog_is_kept() {
        use EndpointState::{Disabled, Paused};
        for state in [Paused, Disabled(DisabledReason::Gone), Disabled(DisabledReason::Failing)] {
            let it = Endpoint { state, ..endpoint() };
            assert!(it.matches(&EventTypeName::parse("x").unwrap(), &[]));
            assert!(state.holds());
            assert_eq!(EndpointState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_rotated_secret_signs_beside_the_new_one_until_its_grace_ends() {
        let mut it = endpoint();
        let old = it.secrets[0].secret.clone();
        let new = Secret::Ed25519([1; 32]);
        it.rotate_secret(new.clone(), UnixMillis(100), UnixMillis(200));
        assert_eq!(it.signing_secrets(UnixMillis(199)).collect::<Vec<_>>(), [&new, &old]);
        assert_eq!(it.signing_secrets(UnixMillis(200)).collect::<Vec<_>>(), [&new]);
    }

    #[test]
    fn a_rotation_without_grace_ends_the_old_secret_at_once() {
        let mut it = endpoint();
        it.rotate_secret(Secret::Ed25519([1; 32]), UnixMillis(100), UnixMillis(100));
        assert_eq!(it.secrets.len(), 1);
    }

    proptest! {
        #[test]
        fn rotations_never_leave_more_than_five_secrets(graces in proptest::collection::vec(0i64..1000, 1..20)) {
            let mut it = endpoint();
            for (n, grace) in graces.into_iter().enumerate() {
                let seed = u8::try_from(n).unwrap();
                it.rotate_secret(Secret::Ed25519([seed; 32]), UnixMillis(0), UnixMillis(grace));
                prop_assert!(it.secrets.len() <= SECRETS_MAX);
                prop_assert_eq!(it.signing_secrets(UnixMillis(0)).next(), Some(&Secret::Ed25519([seed; 32])));
            }
        }

        #[test]
        fn a_header_that_passes_cannot_break_the_request(name in ".{0,40}", value in ".{0,80}") {
            if check_header(&name, &value).is_ok() {
                prop_assert!(!value.contains(['\r', '\n', '\0']) && !name.contains([':', ' ', '\r', '\n']));
            }
        }
    }

    #[test]
    fn headers_of_the_server_cannot_be_overridden() {
        for name in ["Host", "content-length", "Webhook-Id", "svix-signature", "Transfer-Encoding"] {
            assert_eq!(check_header(name, "x"), Err(HeaderError::Reserved { name: name.to_owned() }));
        }
        assert_eq!(check_header("x y", "x"), Err(HeaderError::Name { name: "x y".into() }));
        assert_eq!(check_header("x", "a\r\nb"), Err(HeaderError::Value { name: "x".into() }));
        assert_eq!(check_header("X-Token", "a b"), Ok(()));
    }
}
