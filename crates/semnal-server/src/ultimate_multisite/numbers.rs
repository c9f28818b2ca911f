//! The numbered list of an application's webhooks: whoever looks at it finds every endpoint there.

use std::sync::Arc;

use semnal_core::configuration::{Change, Configuration};
use semnal_core::endpoint::Endpoint;
use semnal_core::id::ApplicationId;
use semnal_core::integration::{Integration, Integrations};
use semnal_store::store::ChangePlan;

use super::answer::Refusal;
use crate::api::ApiState;
use crate::api::error::ApiError;

/// Returns the configuration with a number for each endpoint of an application. Endpoints that were made elsewhere get
/// theirs now, oldest first.
///
/// # Errors
/// What the store says.
pub(super) async fn numbered(
    api: &ApiState,
    application: ApplicationId,
) -> Result<Arc<Configuration>, Refusal> {
    let configuration = api.store.configuration();
    if lacking(&configuration, application).is_empty() {
        return Ok(configuration);
    }
    let plan = move |configuration: &Configuration| {
        let list = configuration.integrations(application);
        let lacking = lacking(configuration, application);
        let entries = lacking.iter().zip(0..).map(|(endpoint, nth)| {
            let number = next(&list)?.checked_add(nth).ok_or_else(full)?;
            Ok(Change::PutIntegration(Box::new(Integration::new(application, number, endpoint.id))))
        });
        let changes = entries.collect::<Result<Vec<_>, ApiError>>()?;
        Ok::<_, ApiError>(ChangePlan { changes, answer: None, value: () })
    };
    api.store.change(None, plan).await??;
    Ok(api.store.configuration())
}

fn lacking(configuration: &Configuration, application: ApplicationId) -> Vec<Arc<Endpoint>> {
    let list = configuration.integrations(application);
    let endpoints = configuration.endpoints_of(application);
    endpoints.iter().filter(|it| list.of(it.id).is_none()).cloned().collect()
}

/// Returns the number for the next webhook.
///
/// # Errors
/// 409 when there are no more.
pub(super) fn next(list: &Integrations) -> Result<u32, ApiError> {
    list.next_number().ok_or_else(full)
}

fn full() -> ApiError {
    ApiError::Conflict("the webhooks of this application have no numbers left".to_owned())
}
