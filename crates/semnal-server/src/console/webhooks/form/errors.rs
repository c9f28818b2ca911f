//! What the API finds wrong with a webhook, in the words of the person who filled in the form.

use semnal_core::endpoint_url::EndpointUrl;

use super::values::Values;
use crate::api::ApiError;
use crate::api::error::Problem as Wrong;
use crate::console::form::FieldErrors;
use crate::console::page::Page;
use crate::console::problem::Problem;

/// The fields from top to bottom.
const ORDER: &[&str] =
    &["name", "url", "events", "secret", "headers", "channels", "retry", "rate", "concurrency"];

/// Notes what is wrong, field by field.
///
/// # Errors
/// What is wrong with none of them.
pub(super) fn note(
    page: &Page,
    values: &Values,
    error: ApiError,
    errors: &mut FieldErrors,
) -> Result<(), Problem> {
    let ApiError::Invalid(all) = error else { return Err(error.into()) };
    let mut found: Vec<_> = all.iter().map(|wrong| words(page, values, wrong)).collect();
    found.sort_by_key(|(field, _)| ORDER.iter().position(|it| it == field));
    for (field, words) in found {
        errors.add(field, words);
    }
    Ok(())
}

fn words(page: &Page, values: &Values, wrong: &Wrong) -> (&'static str, String) {
    match wrong.field() {
        "url" if wrong.kind() == "missing" => ("url", page.t("field-url-missing")),
        "url" => ("url", url_words(page, &values.url)),
        "filterTypes" => ("events", page.t("field-events")),
        "channels" => ("channels", page.t("field-channels")),
        "secret" => ("secret", page.t("field-secret")),
        "headers" => ("headers", page.s("field-headers", "why", wrong.message())),
        "retrySchedule" => ("retry", page.t("field-retry")),
        "rateLimit" => ("rate", page.t("field-number")),
        "concurrencyLimit" => ("concurrency", page.t("field-number")),
        "description" => ("name", page.t("field-name")),
        _ => ("name", wrong.message().to_owned()),
    }
}

/// Says why a URL was refused. That it was is settled; the gate is asked again only for the reason's code.
fn url_words(page: &Page, url: &str) -> String {
    let Err(denied) = EndpointUrl::parse(url, &page.console.api.url_rules) else {
        return page.t("field-url-address");
    };
    match denied.code() {
        "no_scheme" | "slashes" => page.t("field-url-whole"),
        "scheme" => page.t("field-url-scheme"),
        "https_only" => page.t("field-url-https"),
        "userinfo" => page.t("field-url-userinfo"),
        "no_host" => page.t("field-url-no-host"),
        "invalid_port" | "denied_port" => page.t("field-url-port"),
        "local_name" => page.t("field-url-local"),
        "control_character" => page.t("field-url-space"),
        _ => page.t("field-url-odd"),
    }
}
