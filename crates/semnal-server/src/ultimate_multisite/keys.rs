//! Keys for other systems: a key with its secret for `/wp-json/wu/v2`, or the token of an address at `/in`.
//!
//! Each opens one application. Only hashes are kept; the texts are in the one answer that shows them. A pair that the
//! original made can be brought along, so that connections that were stored somewhere go on working.

use semnal_core::application::{ApiKey, DEFAULT_APPLICATION, Opens};
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApiKeyId, OrganisationId};
use semnal_core::time::UnixMillis;
use semnal_store::store::Store;
use serde_json::{Value, json};

use crate::api::control;
use crate::api::endpoints::fields::random;
use crate::api::error::{ApiError, Problem, excerpt};
use crate::api::find;
use crate::api::input::Fields;
use crate::keys;

/// A key and its secret, for Zapier and for scripts.
pub(crate) const PAIR: &str = "ultimate-multisite";
/// The token of an address to which webhooks are pointed.
pub(crate) const SOURCE: &str = "ultimate-multisite-source";
/// 16 to 128 letters and digits for a key or a secret that is brought along.
const BROUGHT_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=128;
/// The first 4 characters are shown to tell keys apart.
const HINT_CHARACTERS: usize = 4;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// [`PAIR`] or [`SOURCE`].
    pub(crate) integration: String,
    /// The application, by id or uid.
    pub(crate) application: String,
    /// A pair that exists already.
    pub(crate) brought: Option<(String, String)>,
}

/// Returns the name of what a key opens, when that is not the API.
pub(crate) fn word(opens: &Opens) -> Option<&'static str> {
    match opens {
        Opens::Api => None,
        Opens::UltimateMultisite { .. } => Some(PAIR),
        Opens::Source { .. } => Some(SOURCE),
    }
}

/// Reads `integration`, `app`, `key` and `secret` of a body; what is wrong is noted. `None` asks for a key of the API.
pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Asked> {
    let integration = fields.typed::<String>("integration", "text").value();
    let application = fields.typed::<String>("app", "text").value();
    let key = fields.typed::<String>("key", "text").value();
    let secret = fields.typed::<String>("secret", "text").value();
    let brought = match (key, secret) {
        (Some(key), Some(secret)) => Some((key, secret)),
        (None, None) => None,
        (Some(_), None) => {
            fields.problem("secret", "missing", "a key comes with its secret");
            None
        }
        (None, Some(_)) => {
            fields.problem("key", "missing", "a secret comes with its key");
            None
        }
    };
    if integration.is_none() && (brought.is_some() || application.is_some()) {
        fields.problem("integration", "missing", format!("name the integration: {PAIR} or {SOURCE}"));
    }
    let application = application.unwrap_or_else(|| DEFAULT_APPLICATION.to_owned());
    integration.map(|integration| Asked { integration, application, brought })
}

/// Makes a key for another system. Its texts are in the answer, this once.
///
/// # Errors
/// 404 for an application that is not there, 409 for a key that is there already, 422 for what else is wrong.
pub(crate) async fn create(
    store: &Store,
    now: UnixMillis,
    public_url: &str,
    organisation: OrganisationId,
    name: &str,
    expires: Option<&str>,
    asked: Asked,
) -> Result<Value, ApiError> {
    let mut problems = Vec::new();
    control::judge_name(name, &mut problems);
    let length = control::read_length(expires, &mut problems);
    problems.extend(judge(&asked));
    if !problems.is_empty() {
        return Err(ApiError::Invalid(problems));
    }
    let Asked { integration, application, brought } = asked;
    let is_pair = integration == PAIR;
    let (key, secret) = match brought {
        Some(pair) => pair,
        None => (keys::short(random()?), keys::short(random()?)),
    };
    let shown = if is_pair {
        json!({ "key": key, "secret": secret, "url": public_url })
    } else {
        json!({ "token": key, "url": format!("{public_url}/in/{key}/{{event}}") })
    };
    let (digest, secret_digest) = (keys::sha256(&key), keys::sha256(&secret));
    let hint = key.chars().take(HINT_CHARACTERS).collect();
    let (id, name, ids) = (ApiKeyId(store.next_key()), name.to_owned(), store.ids().clone());
    control::change(store, move |configuration: &Configuration| {
        let found = find::application(configuration, &ids, organisation, &application)?;
        if found.is_operational() {
            return Err(ApiError::not_found("application", &application));
        }
        let known = configuration.key_by_digest(&digest);
        if known.is_some_and(|it| it.organisation != organisation || is_live(it, now)) {
            let why = "this server has this key already; `semnal keys list` shows the keys, `semnal keys revoke` ends one";
            return Err(ApiError::Conflict(why.to_owned()));
        }
        // One that opens nothing any more is replaced, so that what was mistyped can be mended.
        let id = known.map_or(id, |it| it.id);
        let application = found.id;
        let it = ApiKey {
            id,
            organisation,
            name,
            digest,
            signing: None,
            hint,
            scopes: Vec::new(),
            opens: match is_pair {
                true => Opens::UltimateMultisite { application, secret_digest },
                false => Opens::Source { application },
            },
            created_at: now,
            expires_at: length.map(|length| now + length),
            revoked_at: None,
        };
        let mut out = control::out(&ids, &it, now, None);
        if let (Some(out), Value::Object(shown)) = (out.as_object_mut(), shown) {
            out.extend(shown);
        }
        Ok((it, out))
    })
    .await
}

fn is_live(it: &ApiKey, now: UnixMillis) -> bool {
    it.revoked_at.is_none() && it.expires_at.is_none_or(|at| at > now)
}

fn judge(asked: &Asked) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, kind, msg: String| problems.push(Problem::new(&["body", field], kind, msg));
    if asked.integration != PAIR && asked.integration != SOURCE {
        let given = excerpt(&asked.integration);
        wrong("integration", "invalid_name", format!("{given:?} is neither {PAIR} nor {SOURCE}"));
    }
    if let Some((key, secret)) = &asked.brought {
        if asked.integration == SOURCE {
            wrong("key", "contradiction", format!("{SOURCE} has a token, which is made here"));
        }
        for (field, text) in [("key", key), ("secret", secret)] {
            let allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !allowed || !BROUGHT_CHARACTERS.contains(&text.len()) {
                let (min, max) = (BROUGHT_CHARACTERS.start(), BROUGHT_CHARACTERS.end());
                wrong(field, "wrong_length", format!("must have {min} to {max} letters and digits"));
            }
        }
    }
    problems
}
