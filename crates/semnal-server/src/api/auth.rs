//! Who is calling: an API key, a Svix-style token, or the owner of the data directory; and what they may do.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use semnal_core::application::{Application, DEFAULT_ORGANISATION, Organisation, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{ApplicationId, EndpointId, IdKind, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::time::UnixMillis;
use semnal_store::message::Fingerprint;
use semnal_store::store::{ChangePlan, Changed};
use serde::Deserialize;

use super::error::ApiError;
use super::{ApiState, Shared, Trust};
use crate::keys;

/// Keeps hashes of idempotency keys apart from other hashes.
const IDEMPOTENCY_SCOPE: &str = "idempotency";
/// 256 characters of an idempotency key.
const IDEMPOTENCY_KEY_CHARACTERS_MAX: usize = 256;

/// The caller of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) organisation: Arc<Organisation>,
    /// Tells callers apart, for idempotency keys.
    principal: String,
    /// Empty means all.
    scopes: Vec<Scope>,
    /// The one application that an application token sees.
    only: Option<ApplicationId>,
    /// The hash of caller, method, path and idempotency key.
    pub(crate) idempotency: Option<Fingerprint>,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Caller, ApiError> {
        let state = Arc::<ApiState>::from_ref(shared);
        let mut caller = match shared.trust {
            Trust::ControlSocket => owner(&state.store.configuration())?,
            Trust::Network => {
                let given = parts.headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
                let token =
                    given.and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
                let missing = || ApiError::unauthenticated("send the header `authorization: Bearer KEY`");
                authenticate(&state, token.ok_or_else(missing)?.trim()).await?
            }
        };
        if let Some(key) = parts.headers.get("idempotency-key") {
            if key.is_empty() || key.len() > IDEMPOTENCY_KEY_CHARACTERS_MAX {
                let detail = "the idempotency-key header has 1 to 256 characters";
                return Err(ApiError::new(http::StatusCode::BAD_REQUEST, "idempotency_key", detail));
            }
            let path = parts.uri.path().as_bytes();
            let scope: [&[u8]; 4] =
                [caller.principal.as_bytes(), parts.method.as_str().as_bytes(), path, key.as_bytes()];
            caller.idempotency = Some(state.store.ids().fingerprint(IDEMPOTENCY_SCOPE, &scope));
        }
        Ok(caller)
    }
}

impl Caller {
    /// Refuses a caller without this scope.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.is_empty() || self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(ApiError::forbidden(&format!("this key does not have the scope {:?}", scope.as_str())))
    }

    /// Refuses a token that sees one application only.
    pub(crate) fn require_whole(&self, scope: Scope) -> Result<(), ApiError> {
        if self.only.is_some() {
            return Err(ApiError::forbidden("a token of an application cannot do this"));
        }
        self.require(scope)
    }

    /// Returns an application by id or uid.
    pub(crate) fn application(
        &self,
        state: &ApiState,
        configuration: &Configuration,
        text: &str,
    ) -> Result<Arc<Application>, ApiError> {
        find_application(state, configuration, self.organisation.id, text)
            .filter(|a| self.only.is_none_or(|only| only == a.id))
            .ok_or_else(|| ApiError::not_found("the application"))
    }
}

fn find_application(
    state: &ApiState,
    configuration: &Configuration,
    organisation: OrganisationId,
    text: &str,
) -> Option<Arc<Application>> {
    let by_id = state.store.ids().decode(IdKind::Application, text).ok();
    let found = match by_id {
        Some((_, key)) => configuration.application(key.into()),
        None => Uid::parse(text).ok().and_then(|uid| configuration.application_by_uid(organisation, &uid)),
    };
    found.filter(|a| a.organisation == organisation).cloned()
}

/// Returns an endpoint of an application by id or uid.
pub(crate) fn find_endpoint(
    state: &ApiState,
    configuration: &Configuration,
    application: ApplicationId,
    text: &str,
) -> Result<Arc<Endpoint>, ApiError> {
    let by_id = state.store.ids().decode(IdKind::Endpoint, text).ok();
    let found = match by_id {
        Some((_, key)) => configuration.endpoint(EndpointId(key)).cloned(),
        None => {
            let all = configuration.endpoints_of(application);
            all.iter().find(|e| e.uid.as_ref().is_some_and(|uid| uid.as_str() == text)).cloned()
        }
    };
    found.filter(|e| e.application == application).ok_or_else(|| ApiError::not_found("the endpoint"))
}

fn owner(configuration: &Configuration) -> Result<Caller, ApiError> {
    let organisation = configuration.organisation_by_name(DEFAULT_ORGANISATION);
    let organisation = organisation.ok_or_else(|| ApiError::not_found("the default organisation"))?.clone();
    Ok(caller(organisation, "owner".into()))
}

fn caller(organisation: Arc<Organisation>, principal: String) -> Caller {
    Caller { organisation, principal, scopes: Vec::new(), only: None, idempotency: None }
}

async fn authenticate(state: &ApiState, token: &str) -> Result<Caller, ApiError> {
    if token.starts_with("semnal_") {
        return by_key(state, token);
    }
    match &state.jwt_secret {
        Some(secret) => by_jwt(state, secret, token).await,
        None => Err(ApiError::unauthenticated("this is not an API key of this server")),
    }
}

fn by_key(state: &ApiState, token: &str) -> Result<Caller, ApiError> {
    if !keys::is_well_formed(token) {
        return Err(ApiError::unauthenticated("this API key has a typing error: its checksum does not fit"));
    }
    let configuration = state.store.configuration();
    let unknown = || ApiError::unauthenticated("this API key does not exist");
    let key = configuration.key_by_digest(&keys::digest_of(token)).ok_or_else(unknown)?;
    if key.revoked_at.is_some() {
        return Err(ApiError::unauthenticated("this API key was revoked"));
    }
    if key.expires_at.is_some_and(|at| at <= state.now()) {
        return Err(ApiError::unauthenticated("this API key has expired"));
    }
    let mut organisations = configuration.organisations();
    let organisation = organisations.find(|o| o.id == key.organisation).ok_or_else(unknown)?.clone();
    Ok(Caller { scopes: key.scopes.clone(), ..caller(organisation, format!("key:{}", key.id.0.0)) })
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    org: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

async fn by_jwt(state: &ApiState, secret: &[u8], token: &str) -> Result<Caller, ApiError> {
    let mut validation = Validation::new(Algorithm::HS256);
    // Times are judged below, by the server's own clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(secret), &validation);
    let claims = decoded.map_err(|_| ApiError::unauthenticated("this token is not valid"))?.claims;
    check_times(&claims, state.now())?;
    let principal = format!("jwt:{}", claims.sub);
    if claims.sub.starts_with("org_") {
        let organisation = organisation_of(state, &claims.sub).await?;
        return Ok(caller(organisation, principal));
    }
    let wrong = || ApiError::unauthenticated("the token's sub is neither org_… nor app_… with org");
    let (true, Some(org)) = (claims.sub.starts_with("app_"), &claims.org) else { return Err(wrong()) };
    let configuration = state.store.configuration();
    let organisation = configuration.organisation_by_name(org).ok_or_else(wrong)?.clone();
    let application =
        find_application(state, &configuration, organisation.id, &claims.sub).ok_or_else(wrong)?;
    Ok(Caller { only: Some(application.id), ..caller(organisation, principal) })
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn check_times(claims: &Claims, now: UnixMillis) -> Result<(), ApiError> {
    let now = now.unix_seconds() as f64;
    if claims.exp.is_some_and(|at| at <= now) {
        return Err(ApiError::unauthenticated("this token has expired"));
    }
    if claims.nbf.is_some_and(|at| at > now) {
        return Err(ApiError::unauthenticated("this token is not valid yet"));
    }
    Ok(())
}

/// Returns the organisation of a token; it is made on first use.
async fn organisation_of(state: &ApiState, name: &str) -> Result<Arc<Organisation>, ApiError> {
    if let Some(found) = state.store.configuration().organisation_by_name(name) {
        return Ok(found.clone());
    }
    let name = Uid::parse(name).map_err(|_| ApiError::unauthenticated("the token's sub is not a name"))?;
    let id = OrganisationId(state.store.next_key());
    let created_at = state.now();
    let made = state
        .store
        .change(None, move |configuration| {
            if let Some(found) = configuration.organisation_by_name(name.as_str()) {
                return Ok::<_, Infallible>(ChangePlan {
                    changes: vec![],
                    answer: None,
                    value: found.clone(),
                });
            }
            let it = Organisation { id, name, created_at };
            let changes = vec![Change::PutOrganisation(it.clone())];
            Ok(ChangePlan { changes, answer: None, value: Arc::new(it) })
        })
        .await?;
    match made {
        Ok(Changed::Applied(organisation)) => Ok(organisation),
        Ok(Changed::Repeated(_)) => Err(ApiError::unauthenticated("the organisation could not be made")),
    }
}
