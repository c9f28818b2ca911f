//! Who calls, and what they may do: our API keys, tokens of portals, Svix-style tokens, or whoever can open the control
//! socket.
//!
//! [`super::gate`] calls [`identify`] for every request that is not signed ([`super::signed`]); handlers ask the [`Caller`] for what they need before they
//! look at anything. Invariant: no text of a key or token leaves this file.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use semnal_core::application::{ApiKey, Application, DEFAULT_ORGANISATION, EventType, Opens, Scope};
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, IdCipher, Key, OrganisationId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::{Capability, IssuedToken};
use semnal_core::time::UnixMillis;

use super::error::ApiError;
use super::{ApiState, find, portal_token, token};
use crate::keys;

/// How far a listener trusts whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Bearer tokens are needed.
    Network,
    /// A Unix socket of mode 0600: everything of the default organisation.
    ControlSocket,
}

/// Whoever sent a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    organisation: OrganisationId,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Key(Arc<ApiKey>),
    /// A token of a whole organisation.
    Organisation,
    /// A token of one application.
    Application(Arc<Portal>),
    ControlSocket,
}

/// What a token of one application opens.
#[derive(Debug)]
pub(crate) struct Portal {
    pub application: ApplicationId,
    /// What its bearer may do.
    pub capabilities: BTreeSet<Capability>,
    /// The flags of the event types that its bearer sees; `None` means every event type.
    pub feature_flags: Option<BTreeSet<EventTypeName>>,
    /// The keyed hash by which it can be revoked.
    pub fingerprint: [u8; 16],
    /// From when on it is refused anyway.
    pub expires_at: Option<UnixMillis>,
}

/// What a caller sees: an organisation, or one application of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub organisation: OrganisationId,
    only: Option<ApplicationId>,
}

impl View {
    /// Returns the view of somebody who sees a whole organisation.
    pub(crate) fn whole(organisation: OrganisationId) -> View {
        View { organisation, only: None }
    }

    /// Returns the application that this view is limited to, if it is.
    pub(crate) fn only_application(&self) -> Option<ApplicationId> {
        self.only
    }

    /// Returns an application by id or uid that is about to be changed, or get a message.
    ///
    /// # Errors
    /// 404 when there is none in this view, 403 when it is the built-in one.
    pub(crate) fn own_application<'a>(
        &self,
        configuration: &'a Configuration,
        ids: &IdCipher,
        text: &str,
    ) -> Result<&'a Arc<Application>, ApiError> {
        let found = self.application(configuration, ids, text)?;
        if found.is_operational() {
            return Err(ApiError::Forbidden(
                "the application \"operational\" is built in: make endpoints in it to hear of operational events",
            ));
        }
        Ok(found)
    }

    /// Returns an application by id or uid.
    ///
    /// # Errors
    /// 404 when there is none in this view.
    pub(crate) fn application<'a>(
        &self,
        configuration: &'a Configuration,
        ids: &IdCipher,
        text: &str,
    ) -> Result<&'a Arc<Application>, ApiError> {
        let found = find::application(configuration, ids, self.organisation, text)?;
        match self.only {
            // What happens to everybody's endpoints is not for the portal of one application.
            Some(_) if found.is_operational() => Err(ApiError::not_found("application", text)),
            Some(only) if only != found.id => Err(ApiError::not_found("application", text)),
            _ => Ok(found),
        }
    }
}

impl Caller {
    /// Grants what concerns a whole organisation.
    ///
    /// # Errors
    /// 403 when the key lacks the scope, or the token is one of an application.
    pub(crate) fn organisation(&self, scope: Scope) -> Result<View, ApiError> {
        match &self.kind {
            Kind::Application(_) => Err(ApiError::Forbidden(
                "the token of an application cannot do this; use one of its organisation",
            )),
            _ => self.portal(scope),
        }
    }

    /// Grants what a user of an application's portal may do too: read its endpoints, messages and attempts, list event
    /// types, and with any other scope than [`Scope::Read`] manage its endpoints.
    ///
    /// # Errors
    /// 403 when the key lacks the scope, or the token the capability.
    pub(crate) fn portal(&self, scope: Scope) -> Result<View, ApiError> {
        self.portal_with(
            scope,
            if scope == Scope::Read { Capability::ViewBase } else { Capability::ManageEndpoint },
        )
    }

    /// Grants what a user of an application's portal may do who has a capability.
    ///
    /// # Errors
    /// 403 when the key lacks the scope, or the token the capability.
    pub(crate) fn portal_with(&self, scope: Scope, capability: Capability) -> Result<View, ApiError> {
        let organisation = self.organisation;
        match &self.kind {
            Kind::Key(key) if !key.scopes.is_empty() && !key.scopes.contains(&scope) => {
                Err(ApiError::Forbidden(match scope {
                    Scope::Read => "this needs a key with the scope \"read\"",
                    Scope::Send => "this needs a key with the scope \"send\"",
                    Scope::Manage => "this needs a key with the scope \"manage\"",
                }))
            }
            Kind::Application(portal) if !portal.capabilities.iter().any(|it| it.includes(capability)) => {
                Err(ApiError::Forbidden(lacking(capability)))
            }
            Kind::Application(portal) => Ok(View { organisation, only: Some(portal.application) }),
            _ => Ok(View { organisation, only: None }),
        }
    }

    /// Returns the same caller with no more than one of its scopes; one that has not this one keeps what it has.
    pub(super) fn only(mut self, scope: Scope) -> Caller {
        if let Kind::Key(key) = &mut self.kind
            && (key.scopes.is_empty() || key.scopes.contains(&scope))
        {
            Arc::make_mut(key).scopes = vec![scope];
        }
        self
    }

    /// Tells whether an event type is offered to this caller.
    pub(crate) fn sees(&self, it: &EventType) -> bool {
        let Kind::Application(portal) = &self.kind else { return true };
        let Some(flags) = &portal.feature_flags else { return true };
        it.feature_flags.is_empty() || !it.feature_flags.is_disjoint(flags)
    }

    /// Returns what the caller's token opens, when it is one of an application.
    pub(crate) fn token(&self) -> Option<&Arc<Portal>> {
        match &self.kind {
            Kind::Application(portal) => Some(portal),
            _ => None,
        }
    }

    /// Grants what only the control socket has.
    ///
    /// # Errors
    /// 403 for everybody else.
    pub(crate) fn control(&self) -> Result<View, ApiError> {
        match self.kind {
            Kind::ControlSocket => Ok(View { organisation: self.organisation, only: None }),
            _ => Err(ApiError::Forbidden("this is done over the control socket only")),
        }
    }

    /// Returns what keeps the idempotency keys of different callers apart.
    pub(crate) fn principal(&self) -> [u8; 17] {
        let (letter, key) = match &self.kind {
            Kind::Key(key) => (b'k', key.id.0.0),
            Kind::Organisation => (b'o', 0),
            Kind::Application(portal) => (b'a', portal.application.0.0),
            Kind::ControlSocket => (b'c', 0),
        };
        let mut bytes = [letter; 17];
        bytes[1..9].copy_from_slice(&self.organisation.0.0.to_be_bytes());
        bytes[9..17].copy_from_slice(&key.to_be_bytes());
        bytes
    }

    /// Returns who it is, for the record of what people did.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Key(key) => format!("key {}", key.name),
            Kind::Organisation => "token of the organisation".to_owned(),
            Kind::Application(_) => "token of the application".to_owned(),
            Kind::ControlSocket => "control socket".to_owned(),
        }
    }
}

fn lacking(capability: Capability) -> &'static str {
    match capability {
        Capability::ViewBase => "this needs a token with the capability \"ViewBase\"",
        Capability::ViewEndpointSecret => "this needs a token with the capability \"ViewEndpointSecret\"",
        Capability::ManageEndpointSecret => "this needs a token with the capability \"ManageEndpointSecret\"",
        Capability::ManageTransformations => {
            "this needs a token with the capability \"ManageTransformations\""
        }
        Capability::CreateAttempts => "this needs a token with the capability \"CreateAttempts\"",
        Capability::ManageEndpoint => "this needs a token with the capability \"ManageEndpoint\"",
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, ApiError> {
        parts.extensions.get().cloned().ok_or(ApiError::Internal)
    }
}

/// Finds out who sent a request.
///
/// # Errors
/// 401 for a key or token that does not open anything; 503 when an organisation cannot be made.
pub(crate) async fn identify(
    api: &Arc<ApiState>,
    trust: Trust,
    headers: &HeaderMap,
) -> Result<Caller, ApiError> {
    if trust == Trust::ControlSocket {
        let configuration = api.store.configuration();
        let default =
            configuration.organisation_by_name(DEFAULT_ORGANISATION).ok_or(ApiError::Unavailable)?;
        return Ok(Caller { organisation: default.id, kind: Kind::ControlSocket });
    }
    let text = bearer(headers)?;
    if text.starts_with(keys::PREFIX) {
        return with_key(api, text);
    }
    if text.starts_with(portal_token::PREFIX) {
        return with_portal_token(api, text);
    }
    match (&api.jwt_secret, text.bytes().filter(|b| *b == b'.').count()) {
        (Some(secret), 2) => with_token(api, secret, text).await,
        _ => Err(ApiError::Authentication(
            "this is not a key of this server; make one with `semnal keys create`",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing = ApiError::Authentication("send a key in the header: authorization: Bearer <key>");
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Err(missing);
    };
    match value.split_once(' ') {
        Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") && !text.trim().is_empty() => {
            Ok(text.trim())
        }
        _ => Err(missing),
    }
}

fn with_key(api: &ApiState, text: &str) -> Result<Caller, ApiError> {
    let configuration = api.store.configuration();
    let found = keys::digest_of(text).and_then(|digest| configuration.key_by_digest(&digest));
    let found = found.filter(|key| key.opens == Opens::Api);
    let key = found.ok_or_else(|| {
        ApiError::Authentication(if keys::is_mistyped(text) {
            "the key is mistyped or cut off: its checksum does not fit"
        } else {
            "this server does not know the key; make one with `semnal keys create`"
        })
    })?;
    of_key(api, key)
}

/// Returns who a key is.
///
/// # Errors
/// 401 when it was revoked or has expired.
pub(super) fn of_key(api: &ApiState, key: &Arc<ApiKey>) -> Result<Caller, ApiError> {
    if key.revoked_at.is_some() {
        return Err(ApiError::Authentication("the key was revoked; use another"));
    }
    if key.expires_at.is_some_and(|at| at <= api.now()) {
        return Err(ApiError::Authentication("the key has expired; use another"));
    }
    Ok(Caller { organisation: key.organisation, kind: Kind::Key(key.clone()) })
}

/// When a token was issued, and the session id in it.
pub(crate) struct Issue {
    pub issued: Option<Key>,
    pub session: Option<String>,
}

/// Returns what the token of a portal opens, for a session in the console.
///
/// # Errors
/// 401 for a token that opens nothing.
pub(crate) fn portal_of(api: &ApiState, text: &str) -> Result<(Arc<Portal>, Issue), ApiError> {
    let claims = portal_token::verify(text, api.store.token_key(), api.now())?;
    match with_portal_token(api, text)?.kind {
        Kind::Application(portal) => {
            Ok((portal, Issue { issued: Some(claims.issued), session: claims.session }))
        }
        _ => Err(ApiError::Internal),
    }
}

fn with_portal_token(api: &ApiState, text: &str) -> Result<Caller, ApiError> {
    let claims = portal_token::verify(text, api.store.token_key(), api.now())?;
    let configuration = api.store.configuration();
    let application = configuration
        .application(claims.application)
        .ok_or(ApiError::Authentication("the application of this token does not exist any more"))?;
    let fingerprint = portal_token::fingerprint(api.store.ids(), text);
    let issued = IssuedToken { issued: Some(claims.issued), session: claims.session.as_deref(), fingerprint };
    refuse_revoked(&configuration, application.id, &issued, api.now())?;
    let portal = Portal {
        application: application.id,
        capabilities: claims.capabilities,
        feature_flags: Some(claims.feature_flags),
        fingerprint,
        expires_at: Some(claims.expires_at),
    };
    Ok(Caller { organisation: application.organisation, kind: Kind::Application(Arc::new(portal)) })
}

fn refuse_revoked(
    configuration: &Configuration,
    application: ApplicationId,
    token: &IssuedToken<'_>,
    now: UnixMillis,
) -> Result<(), ApiError> {
    match configuration.revocations(application) {
        Some(all) if all.refuse(token, now) => {
            Err(ApiError::Authentication("the token was revoked; ask for another"))
        }
        _ => Ok(()),
    }
}

async fn with_token(api: &Arc<ApiState>, secret: &[u8], text: &str) -> Result<Caller, ApiError> {
    let token::Verified { subject, issued_at, expires_at } = token::verify(text, secret, api.now())?;
    match subject {
        token::Subject::Organisation(name) => {
            let known = api.store.configuration().organisation_by_name(name.as_str()).map(|it| it.id);
            let organisation = match known {
                Some(id) => id,
                None => token::make_organisation(api, name).await?,
            };
            Ok(Caller { organisation, kind: Kind::Organisation })
        }
        token::Subject::Application { organisation, application } => {
            let unknown =
                || ApiError::Authentication("the token's application does not exist in its organisation");
            let configuration = api.store.configuration();
            let organisation =
                configuration.organisation_by_name(organisation.as_str()).ok_or_else(unknown)?;
            let found = find::application(&configuration, api.store.ids(), organisation.id, &application)
                .map_err(|_| unknown())?;
            let fingerprint = portal_token::fingerprint(api.store.ids(), text);
            let issued = IssuedToken { issued: issued_at.map(Key::first_at), session: None, fingerprint };
            refuse_revoked(&configuration, found.id, &issued, api.now())?;
            let portal = Portal {
                application: found.id,
                capabilities: Capability::ALL.into(),
                feature_flags: None,
                fingerprint,
                expires_at,
            };
            Ok(Caller { organisation: organisation.id, kind: Kind::Application(Arc::new(portal)) })
        }
    }
}
