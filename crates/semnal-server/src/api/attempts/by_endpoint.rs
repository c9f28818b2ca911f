//! `GET …/attempt/endpoint/{endpoint_id}`: the attempts of an endpoint, from the views.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_store::outcome::Outcome;
use semnal_store::views::filter::{AttemptKey, Found};

use super::super::ApiState;
use super::super::answer::Answer;
use super::super::auth::Caller;
use super::super::error::ApiError;
use super::super::find::{self, Segments};
use super::super::page;
use super::super::query::Params;
use super::filter::Filter;
use super::out;

/// `GET …/attempt/endpoint/{endpoint_id}`: newest first.
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<AttemptKey>());
    let filter = Filter::read(&mut params);
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?;
    let slice = page::slice(&cursor, limit);
    let found = match filter.of_endpoint(endpoint.id) {
        None => Found { items: Vec::new(), more_after: None },
        Some(filter) => {
            let question = move |reader: &semnal_store::read::Reader| {
                let Found { items, more_after } = reader.list_attempts(&filter, &slice)?;
                let found = items.into_iter().map(|key| reader.attempt(key.id));
                let attempts = found.collect::<Result<Vec<_>, _>>()?;
                // One that was deleted since is not shown.
                Ok(Found { items: attempts.into_iter().flatten().collect(), more_after })
            };
            api.store.list(question).await?
        }
    };
    let key = |it: &Outcome| AttemptKey { started_at: it.started_at, id: it.id };
    let page = page::listed(found, key, &cursor);
    let page = page.map(|it| out(api.store.ids(), application, &it, with_content));
    Ok(Answer::json(StatusCode::OK, &page))
}
