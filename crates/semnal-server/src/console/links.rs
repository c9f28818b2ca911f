//! One-time links that set a password: of the first user, made at each start until there is one, and of a user who
//! forgot it, made over the control socket.

use semnal_core::account::{AccountChange, PASSWORD_LINK_LIFE, PasswordLink};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::UserId;
use semnal_core::time::UnixMillis;
use semnal_store::store::{ChangePlan, Changed, Store};

use super::problem::Problem;
use super::secrets::Token;
use crate::api::ApiError;

/// Returns the path of a new link for the first user; `None` when there is a user. An earlier such link counts no longer.
///
/// # Errors
/// What the store says.
pub(crate) async fn first(store: &Store, now: UnixMillis) -> Result<Option<String>, ApiError> {
    if store.configuration().accounts().users().next().is_some() {
        return Ok(None);
    }
    make(store, now, |configuration| Ok(configuration.accounts().users().next().is_none().then_some(None)))
        .await
}

/// Returns the path of a new link for a user's new password. The old password counts until it is used.
///
/// # Errors
/// 404 for a user that does not exist, and what the store says.
pub(crate) async fn reset(store: &Store, now: UnixMillis, name: &str) -> Result<String, ApiError> {
    let name = name.to_owned();
    let made = make(store, now, move |configuration| {
        let user = configuration.accounts().user_by_name(&name);
        Ok(Some(Some(user.ok_or_else(|| ApiError::not_found("user", &name))?.id)))
    });
    made.await?.ok_or(ApiError::Internal)
}

/// Makes a link for the user that `whose` names (`Some(None)`: the first one), instead of those made for it before.
async fn make(
    store: &Store,
    now: UnixMillis,
    whose: impl FnOnce(&Configuration) -> Result<Option<Option<UserId>>, ApiError> + Send + 'static,
) -> Result<Option<String>, ApiError> {
    let token = Token::make().map_err(|_: Problem| ApiError::Internal)?;
    let (digest, path) = (token.digest, format!("/welcome/{}", token.text));
    let plan = move |configuration: &Configuration| {
        let Some(user) = whose(configuration)? else {
            return Ok(ChangePlan { changes: Vec::new(), answer: None, value: None });
        };
        let before = configuration.accounts().links().filter(|it| it.user == user || it.expires_at <= now);
        let mut changes: Vec<AccountChange> = before.map(|it| AccountChange::DeleteLink(it.digest)).collect();
        changes.push(AccountChange::PutLink(PasswordLink {
            digest,
            user,
            expires_at: now + PASSWORD_LINK_LIFE,
        }));
        let changes = changes.into_iter().map(|it| Change::Account(Box::new(it))).collect();
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: Some(path) })
    };
    match store.change(None, plan).await?? {
        Changed::Applied(path) => Ok(path),
        Changed::Repeated(_) => Err(ApiError::Internal),
    }
}
