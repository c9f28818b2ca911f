//! Signed requests: whoever sends events proves that they have a key, and does not send it.
//!
//! ```text
//! authorization: Signed key=semnal_Ab12, id=…, at=1767225600, signature=…
//! ```
//!
//! `key` is how the key begins. `signature` is HMAC-SHA256 in base64, under a key that is derived from the whole text
//! ([`keys::signing`](crate::keys::signing)), of id, time, request line and body:
//!
//! ```text
//! {id}\n{at}\nPOST /api/v1/app/{app}/msg\n{body}
//! ```
//!
//! The id is the idempotency key. It is remembered for longer than a signature counts, unless messages are kept for a
//! shorter time than that: so a request that was taken, and that somebody recorded, makes nothing new.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use axum::extract::{MatchedPath, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, header};
use semnal_core::application::{ApiKey, Opens, Scope};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::ApiState;
use super::auth::{self, Caller};
use super::error::ApiError;
use super::idempotency;

/// 5 minutes: a signature made earlier, or later by the clock of this server, is refused.
const TOLERANCE_SECONDS: u64 = 300;
/// What is taken by signed requests: nothing else is safe when it is sent twice.
const ROUTES: [&str; 2] = ["/api/v1/app/{app_id}/msg", "/api/v1/app/{app_id}/msg/"];
/// Of 64 requests at once the body is read before it is known whether the signature fits.
const UNVERIFIED_MAX: usize = 64;
const SIGNATURE_BYTES: usize = 32;
const SCHEME: &str = "signed";
const FITS_NONE: ApiError = ApiError::Authentication(
    "the signature fits no key of this server: it is over id, time, request line and body as they are sent",
);

static UNVERIFIED: Semaphore = Semaphore::const_new(UNVERIFIED_MAX);

/// What a header claims.
pub(super) struct Claim {
    key: String,
    id: HeaderValue,
    /// Seconds since 1970, as it was written.
    at: String,
    signature: Vec<u8>,
    /// Its place among the bodies that nobody has vouched for.
    _place: Option<SemaphorePermit<'static>>,
}

impl Claim {
    /// Returns what a request claims; `None` when it is no signed one.
    ///
    /// # Errors
    /// 401 for a header of another form, for another operation, for a time that is too far off, and for a key that cannot be
    /// one of ours, so that no stranger's body is kept; 503 when too many are under way.
    pub(super) fn of(request: &Request, api: &ApiState) -> Result<Option<Claim>, ApiError> {
        let value = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let Some((scheme, rest)) = value.and_then(|it| it.split_once(' ')) else { return Ok(None) };
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Ok(None);
        }
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        if request.method() != Method::POST || !route.is_some_and(|it| ROUTES.contains(&it)) {
            let why = "only messages are sent by signed requests: POST /api/v1/app/{app_id}/msg";
            return Err(ApiError::Authentication(why));
        }
        let mut claim = Claim::parse(rest).ok_or(ApiError::Authentication(
            "write the header so: authorization: Signed key=semnal_Ab12, id=…, at=1767225600, signature=…",
        ))?;
        let at = claim.at.parse::<i64>().unwrap_or(0);
        if at.abs_diff(api.now().unix_seconds()) > TOLERANCE_SECONDS {
            let why = "the time of the signature is more than 5 minutes off: check the clocks, or sign again";
            return Err(ApiError::Authentication(why));
        }
        let now = api.now();
        let is_live = |it: &Arc<ApiKey>| it.revoked_at.is_none() && it.expires_at.is_none_or(|at| at > now);
        if !api.store.configuration().keys().any(|it| claim.may_be_of(it) && is_live(it)) {
            return Err(FITS_NONE);
        }
        claim._place = Some(UNVERIFIED.try_acquire().map_err(|_| ApiError::Unavailable)?);
        Ok(Some(claim))
    }

    fn parse(text: &str) -> Option<Claim> {
        let (mut key, mut id, mut at, mut signature) = (None, None, None, None);
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let slot = match name {
                "key" => &mut key,
                "id" => &mut id,
                "at" => &mut at,
                "signature" => &mut signature,
                _ => return None,
            };
            if slot.replace(value.to_owned()).is_some() || value.is_empty() {
                return None;
            }
        }
        let at = at.filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?;
        let id = HeaderValue::try_from(id?).ok()?;
        let signature = STANDARD.decode(signature?).ok().filter(|it| it.len() == SIGNATURE_BYTES)?;
        Some(Claim { key: key?, id, at, signature, _place: None })
    }

    fn may_be_of(&self, key: &ApiKey) -> bool {
        key.hint == self.key && key.opens == Opens::Api && key.signing.is_some()
    }

    /// Finds whose signature it is, and makes its id the idempotency key of the request.
    ///
    /// # Errors
    /// 401 when it fits no key, or one that was revoked or has expired.
    pub(super) fn verify(
        self,
        api: &ApiState,
        request: &mut Request,
        body: &[u8],
    ) -> Result<Caller, ApiError> {
        let configuration = api.store.configuration();
        let target = request.uri().path_and_query().map_or("", |it| it.as_str());
        let found = configuration.keys().find(|it| self.may_be_of(it) && self.is_of(it, target, body));
        let caller = auth::of_key(api, found.ok_or(FITS_NONE)?)?.only(Scope::Send);
        request.headers_mut().insert(idempotency::HEADER, self.id);
        Ok(caller)
    }

    fn is_of(&self, key: &ApiKey, target: &str, body: &[u8]) -> bool {
        let Some(signing) = key.signing else { return false };
        let mut context = Context::with_key(&Key::new(HMAC_SHA256, &signing.0));
        for part in
            [self.id.as_bytes(), b"\n", self.at.as_bytes(), b"\nPOST ", target.as_bytes(), b"\n", body]
        {
            context.update(part);
        }
        verify_slices_are_equal(context.sign().as_ref(), &self.signature).is_ok()
    }
}
