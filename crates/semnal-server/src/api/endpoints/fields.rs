//! The fields of an endpoint as a client gives them, judged one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use aws_lc_rs::rand;
use semnal_core::address::AddressPolicy;
use semnal_core::endpoint::{CHANNELS_PER_ENDPOINT_MAX, Endpoint, EndpointSecret, EndpointState};
use semnal_core::endpoint_url::{EndpointUrl, Host, UrlDenied, UrlRules};
use semnal_core::id::{ApplicationId, EndpointId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};
use semnal_core::time::UnixMillis;

use super::super::ApiState;
use super::super::applications::rate_limit;
use super::super::endpoint_headers;
use super::super::error::ApiError;
use super::super::input::{Fields, Given};
use super::state;
use crate::configuration::SignatureKind;

/// 4,096 characters for a description.
pub(crate) const DESCRIPTION_CHARACTERS_MAX: usize = 4_096;
/// 1,000 event types per endpoint; one that wants more wants all.
pub(crate) const EVENT_TYPES_PER_ENDPOINT_MAX: usize = 1_000;
/// 24 random bytes for a secret, as Svix makes them.
const SECRET_RANDOM_BYTES: usize = 24;

/// The fields that POST, PUT and PATCH share.
pub(super) struct EndpointFields {
    pub url: Given<String>,
    pub uid: Given<Uid>,
    description: Given<String>,
    event_types: Given<BTreeSet<EventTypeName>>,
    channels: Given<BTreeSet<Channel>>,
    disabled: Given<bool>,
    paused: Given<bool>,
    rate_limit: Given<u16>,
    concurrency_limit: Given<u16>,
    schedule: Given<RetrySchedule>,
    metadata: Given<BTreeMap<String, String>>,
}

/// What a whole endpoint has beside the fields of the body.
pub(super) struct Place {
    pub id: EndpointId,
    pub application: ApplicationId,
    pub uid: Option<Uid>,
    pub url: String,
    pub now: UnixMillis,
}

impl EndpointFields {
    /// Reads them; what is wrong is noted.
    pub(super) fn read(fields: &mut Fields<'_>, api: &ApiState) -> EndpointFields {
        let types = ["filterTypes", "eventTypes"];
        let given = types.map(|name| fields.names(name, EVENT_TYPES_PER_ENDPOINT_MAX, EventTypeName::parse));
        EndpointFields {
            url: fields.parsed("url", "invalid_url", |text| judge_url(text, &api.url_rules, &api.policy)),
            uid: fields.parsed("uid", "invalid_name", Uid::parse),
            description: fields.text("description", 0..=DESCRIPTION_CHARACTERS_MAX),
            event_types: fields.either(types, given),
            channels: fields.names("channels", CHANNELS_PER_ENDPOINT_MAX, Channel::parse),
            disabled: fields.flag("disabled"),
            paused: fields.flag("paused"),
            rate_limit: rate_limit(fields),
            concurrency_limit: fields.number("concurrencyLimit", 1..=u16::MAX),
            schedule: fields.schedule("retrySchedule"),
            metadata: fields.metadata(),
        }
    }

    /// Makes a whole endpoint; what is not given has its default.
    pub(super) fn whole(self, place: Place, secrets: Vec<EndpointSecret>) -> Endpoint {
        let (disabled, paused) = (self.disabled.value(), self.paused.value());
        Endpoint {
            id: place.id,
            application: place.application,
            uid: place.uid,
            url: place.url,
            description: self.description.value().unwrap_or_default(),
            state: state::after(EndpointState::Active, disabled, paused),
            event_types: self.event_types.value(),
            channels: self.channels.value(),
            rate_limit: self.rate_limit.value(),
            concurrency_limit: self.concurrency_limit.value(),
            headers: BTreeMap::new(),
            metadata: self.metadata.value().unwrap_or_default(),
            secrets,
            schedule: self.schedule.value(),
            created_at: place.now,
            updated_at: place.now,
        }
    }

    /// Takes them as the changes of a PATCH; null where a value must be is noted.
    pub(super) fn into_patch(self, fields: &mut Fields<'_>) -> EndpointPatch {
        EndpointPatch {
            url: fields.not_null("url", self.url),
            description: fields.not_null("description", self.description),
            disabled: fields.not_null("disabled", self.disabled),
            paused: fields.not_null("paused", self.paused),
            metadata: fields.not_null("metadata", self.metadata),
            uid: self.uid,
            event_types: self.event_types,
            channels: self.channels,
            rate_limit: self.rate_limit,
            concurrency_limit: self.concurrency_limit,
            schedule: self.schedule,
        }
    }
}

/// A new endpoint as a client or a form gives it, judged.
pub(crate) struct NewEndpoint {
    given: EndpointFields,
    url: String,
    headers: BTreeMap<String, String>,
    secret: EndpointSecret,
}

impl NewEndpoint {
    /// Reads the body of a POST.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 with everything that is wrong with its fields.
    pub(crate) fn read(body: &[u8], api: &ApiState) -> Result<NewEndpoint, ApiError> {
        let mut fields = Fields::parse(body)?;
        let given = EndpointFields::read(&mut fields, api);
        let url = fields.required("url", given.url.clone());
        let (headers, secret) = new_endpoint_only(&mut fields, api)?;
        fields.finish()?;
        Ok(NewEndpoint { given, url: url.ok_or(ApiError::Internal)?, headers, secret })
    }

    /// Makes it.
    pub(crate) fn make(self, id: EndpointId, application: ApplicationId, now: UnixMillis) -> Endpoint {
        let place = Place { id, application, uid: self.given.uid.clone().value(), url: self.url, now };
        Endpoint { headers: self.headers, ..self.given.whole(place, vec![self.secret]) }
    }
}

/// The changes of a PATCH.
pub(crate) struct EndpointPatch {
    url: Option<String>,
    description: Option<String>,
    disabled: Option<bool>,
    paused: Option<bool>,
    metadata: Option<BTreeMap<String, String>>,
    uid: Given<Uid>,
    event_types: Given<BTreeSet<EventTypeName>>,
    channels: Given<BTreeSet<Channel>>,
    rate_limit: Given<u16>,
    concurrency_limit: Given<u16>,
    schedule: Given<RetrySchedule>,
}

impl EndpointPatch {
    /// Reads the body of a PATCH.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 with everything that is wrong with its fields.
    pub(crate) fn read(body: &[u8], api: &ApiState) -> Result<EndpointPatch, ApiError> {
        let mut fields = Fields::parse(body)?;
        let patch = EndpointFields::read(&mut fields, api).into_patch(&mut fields);
        fields.finish()?;
        Ok(patch)
    }

    /// Reads a form that changes everything but the secret: the fields of a PATCH and all custom headers.
    ///
    /// # Errors
    /// As [`EndpointPatch::read`].
    pub(crate) fn read_with_headers(
        body: &[u8],
        api: &ApiState,
    ) -> Result<(EndpointPatch, BTreeMap<String, String>), ApiError> {
        let mut fields = Fields::parse(body)?;
        let patch = EndpointFields::read(&mut fields, api).into_patch(&mut fields);
        let headers = endpoint_headers::read(&mut fields).value().unwrap_or_default();
        fields.finish()?;
        Ok((patch, headers))
    }

    /// Makes the changes.
    pub(crate) fn apply(self, it: &mut Endpoint) {
        if let Some(url) = self.url {
            it.url = url;
        }
        if let Some(description) = self.description {
            it.description = description;
        }
        if let Some(metadata) = self.metadata {
            it.metadata = metadata;
        }
        it.state = state::after(it.state, self.disabled, self.paused);
        self.uid.patch(&mut it.uid);
        self.event_types.patch(&mut it.event_types);
        self.channels.patch(&mut it.channels);
        self.rate_limit.patch(&mut it.rate_limit);
        self.concurrency_limit.patch(&mut it.concurrency_limit);
        self.schedule.patch(&mut it.schedule);
    }
}

/// Reads what only a POST may have: custom headers, and a secret, which is made when none is given.
///
/// # Errors
/// 500 when the system gives no randomness.
fn new_endpoint_only(
    fields: &mut Fields<'_>,
    api: &ApiState,
) -> Result<(BTreeMap<String, String>, EndpointSecret), ApiError> {
    let headers = endpoint_headers::read(fields).value().unwrap_or_default();
    let secret = match read_secret(fields, "secret").value() {
        Some(secret) => EndpointSecret { secret, expires_at: None },
        None => generate_secret(api.default_signature)?,
    };
    Ok((headers, secret))
}

/// Reads a secret. What is wrong with it is said without repeating it.
pub(crate) fn read_secret(fields: &mut Fields<'_>, name: &str) -> Given<Secret> {
    fields.parsed(name, "invalid_secret", |text| {
        Secret::parse(text).map_err(|_| {
            format!(
                "must be base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, or an ed25519 key pair"
            )
        })
    })
}

/// Makes a secret.
///
/// # Errors
/// 500 when the system gives no randomness.
pub(crate) fn generate_secret(kind: SignatureKind) -> Result<EndpointSecret, ApiError> {
    let secret = match kind {
        SignatureKind::Hmac256 => Secret::Symmetric(random::<SECRET_RANDOM_BYTES>()?.to_vec()),
        SignatureKind::Ed25519 => Secret::Ed25519(random()?),
    };
    Ok(EndpointSecret { secret, expires_at: None })
}

/// Returns bytes that nobody can guess.
///
/// # Errors
/// 500 when the system gives none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| {
        tracing::error!("the system gives no randomness");
        ApiError::Internal
    })?;
    Ok(bytes)
}

/// Passes a URL through the gate, and its address through the policy when the host is one.
///
/// # Errors
/// With what is wrong and what to do about it.
pub(crate) fn judge_url(text: &str, rules: &UrlRules, policy: &AddressPolicy) -> Result<String, String> {
    let url = EndpointUrl::parse(text, rules).map_err(|denied| match denied {
        // Said without the words for what was found, so that no answer and no log looks like one that has it.
        UrlDenied::Userinfo => {
            "the URL has credentials before \"@\": send them in a custom header instead".to_owned()
        }
        other => other.to_string(),
    })?;
    let address = match url.host() {
        Host::Ipv4(ip) => SocketAddr::new((*ip).into(), url.port()),
        Host::Ipv6(ip) => SocketAddr::new((*ip).into(), url.port()),
        Host::Name(_) => return Ok(url.as_str().to_owned()),
    };
    policy.judge(address).map_err(|denied| denied.to_string())?;
    Ok(url.as_str().to_owned())
}
