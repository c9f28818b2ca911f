//! `…/endpoint/{endpoint_id}/headers`: custom headers. A credential is taken, but never shown again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::Change;
use semnal_core::endpoint::{Endpoint, HEADERS_MAX, check_header, is_sensitive_header};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::{Caller, View};
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency, Planned};
use super::input::{Fields, Given};

const NAME: &str = "headers";

/// The custom headers of an endpoint; of credentials only the names.
#[derive(Serialize, ToSchema)]
pub(super) struct HeadersOut<'a> {
    headers: BTreeMap<&'a str, &'a str>,
    sensitive: Vec<&'a str>,
}

/// Reads the custom headers of a body; what is wrong is noted.
pub(crate) fn read(fields: &mut Fields<'_>) -> Given<BTreeMap<String, String>> {
    let given = fields.typed::<BTreeMap<String, String>>(NAME, "an object whose values are texts");
    if let Given::Value(headers) = &given {
        check(fields, headers.iter().map(|(name, value)| (name, Some(value))));
    }
    given
}

fn check<'a>(fields: &mut Fields<'_>, headers: impl Iterator<Item = (&'a String, Option<&'a String>)>) {
    let (mut seen, mut count) = (Vec::new(), 0);
    for (name, value) in headers {
        count += 1;
        if let Some(Err(error)) = value.map(|value| check_header(name, value)) {
            fields.problem(NAME, "invalid_header", error.to_string());
        }
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            fields.problem(NAME, "contradiction", "has the same name twice; letter case makes no difference");
        }
        seen.push(lower);
        if count > HEADERS_MAX {
            fields.problem(NAME, "wrong_length", format!("must have at most {HEADERS_MAX} entries"));
            return;
        }
    }
}

/// `GET …/headers`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?;
    let it = find::endpoint(&configuration, api.store.ids(), application.id, &endpoint)?;
    let (sensitive, plain): (Vec<_>, Vec<_>) =
        it.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).partition(|(n, _)| is_sensitive_header(n));
    let out = HeadersOut {
        headers: plain.into_iter().collect(),
        sensitive: sensitive.into_iter().map(|(name, _)| name).collect(),
    };
    Ok(Answer::json(StatusCode::OK, &out))
}

/// `PUT …/headers`: replaces them all.
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let headers = read(&mut fields);
    let headers = fields.required(NAME, headers);
    fields.finish()?;
    let headers = headers.ok_or(ApiError::Internal)?;
    change(&api, view, path, move |it| {
        it.headers = headers;
        Ok(())
    })
    .await
}

/// `PATCH …/headers`: sets those that have a value, removes those that are null or in `deleteHeaders`.
pub(crate) async fn patch(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let expected = "an object whose values are texts or null";
    let headers = fields.typed::<BTreeMap<String, Option<String>>>(NAME, expected);
    let headers = fields.required(NAME, headers).unwrap_or_default();
    check(&mut fields, headers.iter().map(|(name, value)| (name, value.as_ref())));
    let removed = fields.typed::<Vec<String>>("deleteHeaders", "a list of texts").value().unwrap_or_default();
    fields.finish()?;
    change(&api, view, path, move |it| {
        let gone = |name: &String| removed.iter().any(|other| other.eq_ignore_ascii_case(name));
        it.headers.retain(|name, _| !gone(name));
        for (name, value) in headers {
            it.headers.retain(|other, _| !other.eq_ignore_ascii_case(&name));
            it.headers.extend(value.map(|value| (name, value)));
        }
        if it.headers.len() > HEADERS_MAX {
            let msg = format!("an endpoint has at most {HEADERS_MAX} custom headers; remove some");
            return Err(ApiError::invalid(&["body", NAME], "wrong_length", msg));
        }
        Ok(())
    })
    .await
}

async fn change(
    api: &ApiState,
    view: View,
    (app, endpoint): (String, String),
    edit: impl FnOnce(&mut Endpoint) -> Result<(), ApiError> + Send + 'static,
) -> Result<Answer, ApiError> {
    let (ids, now) = (api.store.ids().clone(), api.now());
    idempotency::change(api, Idempotency(None), move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let mut it = Endpoint::clone(&*find::endpoint(configuration, &ids, application, &endpoint)?);
        edit(&mut it)?;
        it.updated_at = now;
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer: Answer::no_content() })
    })
    .await
}
