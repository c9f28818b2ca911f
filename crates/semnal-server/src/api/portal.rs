//! `/api/v1/auth`: links that open the console for one application, and their end.
//!
//! A token is made without a write. It is never kept: a repetition of the request gets another one that is as good.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::ApplicationId;
use semnal_core::portal::{Capability, Revocation, Revoked, TOKEN_LIFE_MAX};
use semnal_core::time::UnixMillis;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::{ApiError, excerpt};
use super::event_types::feature_flags;
use super::find::Segments;
use super::idempotency::{self, Idempotency, Planned};
use super::input::{Fields, Given};
use super::messages;
use super::portal_token::{self, Claims, TOKEN_BYTES_MAX};

/// 1 hour: no token lives shorter (Svix API).
pub(super) const EXPIRY_SECONDS_MIN: u64 = 3_600;
/// See [`TOKEN_LIFE_MAX`].
pub(super) const EXPIRY_SECONDS_MAX: u64 = TOKEN_LIFE_MAX.as_secs();
/// 256 characters for the name of a session.
pub(super) const SESSION_CHARACTERS_MAX: usize = 256;
/// 100 sessions are ended by one request.
pub(super) const SESSIONS_MAX: usize = 100;

/// What opens the portal of one application.
#[derive(Serialize, ToSchema)]
pub(super) struct AppPortalAccessOut {
    /// A link with the token behind its `#`.
    url: String,
    /// A bearer token of that application alone.
    token: String,
}

/// What a client asks for.
struct AccessIn {
    expiry: Duration,
    capabilities: BTreeSet<Capability>,
    feature_flags: BTreeSet<semnal_core::name::EventTypeName>,
    session: Option<String>,
}

impl AccessIn {
    fn read(fields: &mut Fields<'_>) -> AccessIn {
        let expiry = fields.number("expiry", EXPIRY_SECONDS_MIN..=EXPIRY_SECONDS_MAX).value();
        let read_only = fields.flag("readOnly").value().unwrap_or_default();
        let capabilities = capabilities(fields, read_only);
        AccessIn {
            expiry: Duration::from_secs(expiry.unwrap_or(EXPIRY_SECONDS_MAX)),
            capabilities,
            feature_flags: feature_flags(fields, "featureFlags").value().unwrap_or_default(),
            session: fields.text("sessionId", 1..=SESSION_CHARACTERS_MAX).value(),
        }
    }
}

/// Returns what the token's bearer may do. `ViewBase` is always part of it; `readOnly` leaves what only reads.
fn capabilities(fields: &mut Fields<'_>, read_only: bool) -> BTreeSet<Capability> {
    const NAME: &str = "capabilities";
    let all = if read_only { BTreeSet::new() } else { Capability::ALL.into() };
    let mut granted = match fields.typed::<Vec<String>>(NAME, "a list of texts") {
        Given::Value(names) => names
            .iter()
            .filter_map(|name| {
                let known = Capability::parse(name);
                if known.is_none() {
                    let names = Capability::ALL.map(Capability::as_str).join(", ");
                    let msg = format!("{:?} is not one of {names}", excerpt(name));
                    fields.problem(NAME, "invalid_name", msg);
                }
                known
            })
            .collect(),
        Given::Absent | Given::Null => all,
    };
    if read_only {
        granted.retain(|it| matches!(it, Capability::ViewBase | Capability::ViewEndpointSecret));
    }
    granted.insert(Capability::ViewBase);
    granted
}

/// `POST /api/v1/auth/app-portal-access/{app_id}`
pub(crate) async fn access(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let mut fields = Fields::parse_optional(&body)?;
    let inline = fields.raw("application").value();
    let given = AccessIn::read(&mut fields);
    fields.finish()?;
    let known = view.application(&api.store.configuration(), api.store.ids(), &app).map(|it| it.id);
    let application = match (known, inline) {
        (Ok(id), _) => id,
        (Err(_), Some(inline)) => messages::make_application(&api, view, &app, inline).await?,
        (Err(not_found), None) => return Err(not_found),
    };
    let claims = Claims {
        application,
        issued: api.store.next_key(),
        expires_at: api.now() + given.expiry,
        capabilities: given.capabilities,
        feature_flags: given.feature_flags,
        session: given.session,
    };
    let token = portal_token::sign(&claims, api.store.token_key());
    if token.len() > TOKEN_BYTES_MAX {
        let msg = "are too long together; give the token fewer or shorter ones";
        return Err(ApiError::invalid(&["body", "featureFlags"], "wrong_length", msg));
    }
    // In the fragment, which browsers do not send: it appears in no log and in no referrer.
    let url = format!("{}/login#key={token}", api.public_url);
    Ok(Answer::json(StatusCode::OK, &AppPortalAccessOut { url, token }))
}

/// `POST /api/v1/auth/logout`: the token that it is called with counts no longer. Keys and the tokens of an organisation
/// are not sessions: they stay valid.
pub(crate) async fn logout(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    let Some(token) = caller.token() else { return Ok(Answer::no_content()) };
    let now = api.now();
    let revocation = Revocation {
        position: api.store.next_key(),
        application: token.application,
        tokens: Revoked::One(token.fingerprint),
        from: now,
        until: token.expires_at,
    };
    idempotency::change(&api, Idempotency(None), move |configuration| {
        Ok(Planned { changes: changes(configuration, vec![revocation], now), answer: Answer::no_content() })
    })
    .await
}

/// `POST /api/v1/auth/app/{app_id}/expire-all`: of the application's tokens none counts any more, or none of some
/// sessions, at once or in a while.
pub(crate) async fn expire_all(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let mut fields = Fields::parse_optional(&body)?;
    let expiry = fields.number("expiry", 0..=EXPIRY_SECONDS_MAX).value().unwrap_or_default();
    let sessions = sessions(&mut fields);
    fields.finish()?;
    let (ids, now) = (api.store.ids().clone(), api.now());
    let from = now + Duration::from_secs(expiry);
    let which = if sessions.is_empty() {
        vec![(api.store.next_key(), Revoked::All)]
    } else {
        sessions.into_iter().map(|it| (api.store.next_key(), Revoked::Session(it))).collect()
    };
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let revocation = |(position, tokens)| {
            // Only our own tokens have sessions, and those end.
            let until = (tokens != Revoked::All).then_some(now + TOKEN_LIFE_MAX);
            Revocation { position, application, tokens, from, until }
        };
        let changes = changes(configuration, which.into_iter().map(revocation).collect(), now);
        Ok(Planned { changes, answer: Answer::no_content() })
    })
    .await
}

fn sessions(fields: &mut Fields<'_>) -> BTreeSet<String> {
    const NAME: &str = "sessionIds";
    let given = fields.typed::<Vec<String>>(NAME, "a list of texts").value().unwrap_or_default();
    let fits = |it: &String| (1..=SESSION_CHARACTERS_MAX).contains(&it.chars().count());
    if given.len() > SESSIONS_MAX || !given.iter().all(fits) {
        let msg = format!(
            "must have at most {SESSIONS_MAX} entries of 1 to {SESSION_CHARACTERS_MAX} characters each"
        );
        fields.problem(NAME, "wrong_length", msg);
    }
    given.into_iter().collect()
}

/// Returns the changes that add revocations and forget those that are not needed any more.
fn changes(configuration: &Configuration, new: Vec<Revocation>, now: UnixMillis) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some(first) = new.first()
        && let Some(all) = configuration.revocations(first.application)
    {
        let (forget, instead) = all.make_room(first, now);
        let application: ApplicationId = first.application;
        changes.extend(forget.into_iter().map(|position| Change::ForgetRevocation(application, position)));
        changes.extend(instead.map(Change::Revoke));
    }
    changes.extend(new.into_iter().map(Change::Revoke));
    changes
}
