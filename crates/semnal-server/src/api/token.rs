//! Svix-style bearer tokens: JSON Web Tokens signed with HS256 and nothing else.
//!
//! `sub: org_…` is an organisation, made on first use. `sub: app_…` with `org: org_…` is one application of it. A
//! token without `exp` does not expire, as with Svix. `exp` and `nbf` are judged by our clock, not the library's.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use semnal_core::application::Organisation;
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::operational;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed};
use serde::Deserialize;

use super::ApiState;
use super::error::ApiError;

/// 8 KiB for a whole token.
const TOKEN_BYTES_MAX: usize = 8_192;
/// `nbf` may be 10 s ahead of our clock: the one who signs sets it to its own "now".
const NOT_BEFORE_LEEWAY_SECONDS: f64 = 10.0;

/// A token that was checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verified {
    pub subject: Subject,
    /// When it says that it was issued, if it does.
    pub issued_at: Option<UnixMillis>,
    pub expires_at: Option<UnixMillis>,
}

/// Whom a token speaks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Organisation(Uid),
    Application { organisation: Uid, application: String },
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    org: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// Checks a token.
///
/// # Errors
/// 401 that says what is wrong, without the token.
pub(super) fn verify(text: &str, secret: &[u8], now: UnixMillis) -> Result<Verified, ApiError> {
    let refused = |why| Err(ApiError::Authentication(why));
    if text.len() > TOKEN_BYTES_MAX {
        return refused("the token is too long");
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.required_spec_claims.clear();
    (rules.validate_exp, rules.validate_nbf, rules.validate_aud) = (false, false, false);
    let Ok(token) = decode::<Claims>(text, &DecodingKey::from_secret(secret), &rules) else {
        return refused("the token is not one that was signed with this server's secret and HS256");
    };
    let claims = token.claims;
    let seconds = now.unix_seconds() as f64;
    if claims.exp.is_some_and(|at| at <= seconds) {
        return refused("the token has expired");
    }
    if claims.nbf.is_some_and(|at| at > seconds + NOT_BEFORE_LEEWAY_SECONDS) {
        return refused("the token is not valid yet");
    }
    let (issued_at, expires_at) = (claims.iat.map(from_seconds), claims.exp.map(from_seconds));
    match subject(claims) {
        Some(subject) => Ok(Verified { subject, issued_at, expires_at }),
        None => {
            refused("the token's sub must be an organisation (org_…), or an application (app_…) with its org")
        }
    }
}

fn subject(claims: Claims) -> Option<Subject> {
    let organisation = |text: &str| text.starts_with("org_").then(|| Uid::parse(text).ok()).flatten();
    if let Some(name) = organisation(&claims.sub) {
        return Some(Subject::Organisation(name));
    }
    let organisation = claims.org.as_deref().and_then(organisation)?;
    let application = Some(claims.sub).filter(|sub| sub.starts_with("app_"))?;
    Some(Subject::Application { organisation, application })
}

/// Returns the millisecond of a time as tokens write it; what is out of range is the nearest that is not.
fn from_seconds(seconds: f64) -> UnixMillis {
    UnixMillis(((seconds * 1_000.0) as i64).clamp(0, UnixMillis::MAX.0))
}

/// Makes the organisation of a token that is used for the first time, or finds the one that another request made
/// meanwhile.
///
/// # Errors
/// 503 when nothing can be stored.
pub(super) async fn make_organisation(api: &Arc<ApiState>, name: Uid) -> Result<OrganisationId, ApiError> {
    let (id, created_at) = (OrganisationId(api.store.next_key()), api.now());
    let built_in = operational::application(ApplicationId(api.store.next_key()), id, created_at);
    let make = move |configuration: &semnal_core::configuration::Configuration| {
        Ok::<_, ApiError>(match configuration.organisation_by_name(name.as_str()) {
            Some(existing) => ChangePlan { changes: Vec::new(), answer: None, value: existing.id },
            None => {
                let organisation = Change::PutOrganisation(Organisation { id, name, created_at });
                let changes = vec![organisation, Change::PutApplication(built_in)];
                ChangePlan { changes, answer: None, value: id }
            }
        })
    };
    match api.store.change(None, make).await?? {
        Changed::Applied(id) => Ok(id),
        Changed::Repeated(_) => Err(ApiError::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const SECRET: &[u8] = b"a secret of the tests and of nobody else";

    fn token(claims: &Value, algorithm: Algorithm, secret: &[u8]) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn check(claims: &Value, accepted: bool) {
        let text = token(claims, Algorithm::HS256, SECRET);
        assert_eq!(verify(&text, SECRET, NOW).is_ok(), accepted, "{claims}");
    }

    #[test]
    fn a_token_speaks_for_its_subject() {
        let text = token(&json!({"sub": "org_a"}), Algorithm::HS256, SECRET);
        let subject = |text: &str| verify(text, SECRET, NOW).map(|it| it.subject);
        assert_eq!(subject(&text), Ok(Subject::Organisation(Uid::parse("org_a").unwrap())));
        let text = token(&json!({"sub": "app_b", "org": "org_a"}), Algorithm::HS256, SECRET);
        let organisation = Uid::parse("org_a").unwrap();
        assert_eq!(subject(&text), Ok(Subject::Application { organisation, application: "app_b".into() }));
    }

    #[test]
    fn a_token_says_when_it_was_issued_and_when_it_ends() {
        let times = |claims: Value| {
            let it = verify(&token(&claims, Algorithm::HS256, SECRET), SECRET, NOW).unwrap();
            (it.issued_at, it.expires_at)
        };
        assert_eq!(times(json!({"sub": "org_a"})), (None, None));
        let claims = json!({"sub": "org_a", "iat": 1.5, "exp": 1e300});
        assert_eq!(times(claims), (Some(UnixMillis(1_500)), Some(UnixMillis::MAX)));
    }

    #[test]
    fn times_are_judged_by_our_clock() {
        let now = 1_700_000_000;
        check(&json!({"sub": "org_a", "exp": now + 1, "nbf": now}), true);
        check(&json!({"sub": "org_a", "exp": now}), false);
        check(&json!({"sub": "org_a", "exp": 0.5}), false);
        check(&json!({"sub": "org_a", "exp": "never"}), false);
        check(&json!({"sub": "org_a", "nbf": now + 5}), true);
        check(&json!({"sub": "org_a", "nbf": now + 60}), false);
        check(&json!({"sub": "org_a"}), true);
    }

    #[test]
    fn other_subjects_are_refused() {
        for claims in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": "user_a"}),
            json!({"sub": "default"}),
            json!({"sub": 7}),
            json!({"sub": "app_a"}),
            json!({"sub": "app_a", "org": "default"}),
            json!({"sub": "org_a b"}),
        ] {
            check(&claims, false);
        }
    }

    #[test]
    fn only_hs256_with_our_secret_is_accepted() {
        let claims = json!({"sub": "org_a"});
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(verify(&token(&claims, algorithm, SECRET), SECRET, NOW).is_err());
        }
        assert!(verify(&token(&claims, Algorithm::HS256, b"another"), SECRET, NOW).is_err());
        // {"alg":"none"} . {"sub":"org_a"} .
        assert!(verify("eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfYSJ9.", SECRET, NOW).is_err());
    }
}
