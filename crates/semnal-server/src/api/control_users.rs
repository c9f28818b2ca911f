//! `/control/users`: who may use the console, and a link for somebody who forgot the password. On the control socket
//! only, since whoever can open it owns the data anyway.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_store::store::Store;
use serde_json::{Value, json};

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::ApiError;
use super::input::Fields;
use super::time::Rfc3339;
use crate::console::links;

/// Returns every user, oldest first, without password hashes.
pub(crate) fn list(store: &Store) -> Value {
    let configuration = store.configuration();
    let users = configuration.accounts().users();
    let data: Vec<Value> =
        users.map(|it| json!({ "name": it.name, "createdAt": Rfc3339(it.created_at) })).collect();
    json!({ "data": data })
}

/// `GET /control/users`
pub(super) async fn get(State(api): State<Arc<ApiState>>, caller: Caller) -> Result<Answer, ApiError> {
    caller.control()?;
    Ok(Answer::json(StatusCode::OK, &list(&api.store)))
}

/// `POST /control/users/reset` `{name}` → 201 `{url}`: where the user sets a new password.
pub(super) async fn post_reset(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    caller.control()?;
    let mut fields = Fields::parse(&body)?;
    let name = fields.typed::<String>("name", "text");
    let name = fields.required("name", name).unwrap_or_default();
    fields.finish()?;
    let path = links::reset(&api.store, api.now(), &name).await?;
    Ok(Answer::json(StatusCode::CREATED, &json!({ "url": format!("{}{path}", api.public_url) })))
}
