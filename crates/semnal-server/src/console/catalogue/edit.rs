//! Adding and changing event types of one's own: a form over the API's own functions.

use std::collections::BTreeMap;
use std::fmt::Write;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::application::EventType;
use serde_json::value::RawValue;

use super::find;
use crate::api::{ApiError, Idempotency, create_event_type, newest_schema, patch_event_type};
use crate::console::flash::Flash;
use crate::console::form::{FieldErrors, Form};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// The form.
#[derive(Template)]
#[template(path = "event_type_edit.html")]
struct EditView {
    page: Page,
    /// Empty for a new one.
    existing: String,
    values: Values,
    errors: FieldErrors,
}

/// What the fields hold.
#[derive(Default)]
struct Values {
    name: String,
    title: String,
    description: String,
    group: String,
    example: String,
    schema: String,
    enforced: bool,
}

impl Values {
    fn of_form(form: &Form) -> Values {
        Values {
            name: form.get("name").to_owned(),
            title: form.get("title").to_owned(),
            description: form.get("description").to_owned(),
            group: form.get("group").to_owned(),
            example: form.get("example").to_owned(),
            schema: form.get("schema").to_owned(),
            enforced: !form.get("enforced").is_empty(),
        }
    }

    fn of(it: &EventType) -> Values {
        let schema = it.schemas.as_deref().and_then(newest_schema);
        Values {
            name: it.name.to_string(),
            title: it.title.clone().unwrap_or_default(),
            description: it.description.clone(),
            group: it.group.clone().unwrap_or_default(),
            example: it.example.clone().unwrap_or_default(),
            schema: schema.map_or(String::new(), |(_, schema)| schema.get().to_owned()),
            enforced: it.schema_enforced,
        }
    }

    /// Notes fields that hold no JSON: without that there is no request to make.
    fn check_json(&self, page: &Page, errors: &mut FieldErrors) {
        for (field, text) in [("example", &self.example), ("schema", &self.schema)] {
            if let Err(error) = serde_json::from_str::<&RawValue>(text)
                && !text.is_empty()
            {
                errors.add(field, super::not_json(page, &error).1);
            }
        }
    }

    /// Returns the body of the API's request. An empty field clears what it held; `schemas` keep their other versions.
    fn body(&self, name: Option<&str>, old_schemas: Option<&str>) -> String {
        let text = |it: &str| serde_json::Value::from(it).to_string();
        let optional = |it: &str| if it.is_empty() { "null".to_owned() } else { text(it) };
        let raw = |it: &str| if it.is_empty() { "null".to_owned() } else { it.to_owned() };
        let mut body = "{".to_owned();
        if let Some(name) = name {
            write!(body, "\"name\":{},", text(name)).expect("a text takes all");
        }
        let schemas = if self.schema.is_empty() { "null".to_owned() } else { self.schemas(old_schemas) };
        let pairs = [
            ("title", optional(&self.title)),
            ("description", text(&self.description)),
            ("groupName", optional(&self.group)),
            ("example", raw(&self.example)),
            ("schemas", schemas),
        ];
        for (name, value) in pairs {
            write!(body, "\"{name}\":{value},").expect("a text takes all");
        }
        body + &format!("\"schemaEnforced\":{}}}", self.enforced)
    }

    fn schemas(&self, old: Option<&str>) -> String {
        let mut all: BTreeMap<String, String> = old
            .and_then(|old| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(old).ok())
            .into_iter()
            .flatten()
            .map(|(version, schema)| (version, schema.get().to_owned()))
            .collect();
        let newest = old.and_then(newest_schema).map_or_else(|| "1".to_owned(), |(version, _)| version);
        all.insert(newest, self.schema.clone());
        let pairs: Vec<String> = all
            .iter()
            .map(|(version, schema)| format!("{}:{schema}", serde_json::Value::from(version.as_str())))
            .collect();
        format!("{{{}}}", pairs.join(","))
    }
}

/// `GET /catalogue/~new`
pub(super) async fn ask_new(signed: Signed) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    answer(&signed.page, "", Values::default(), FieldErrors::default())
}

/// `GET /catalogue/{event_type}/edit`
pub(super) async fn ask(signed: Signed, Path(name): Path<String>) -> Result<Response, Problem> {
    signed.viewer.manages()?;
    let it = find(&signed.viewer, &signed.page.console.api.store.configuration(), &name)?;
    answer(&signed.page, &name, Values::of(&it), FieldErrors::default())
}

fn answer(page: &Page, existing: &str, values: Values, errors: FieldErrors) -> Result<Response, Problem> {
    page.html(&EditView { page: page.clone(), existing: existing.to_owned(), values, errors })
}

/// `POST /catalogue/~new`
pub(super) async fn create(signed: Signed, form: Form) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.manages()?;
    let (values, mut errors) = (Values::of_form(&form), FieldErrors::default());
    values.check_json(&page, &mut errors);
    if errors.is_empty() {
        let body = values.body(Some(&values.name), None);
        let api = &page.console.api;
        match create_event_type(api, viewer.organisation, Idempotency(None), body.as_bytes()).await {
            Ok(_) => {
                let path = format!("/catalogue/{}", values.name);
                return Ok(page.redirect(&path, &Flash::good("catalogue-created").about(&values.name)));
            }
            Err(error) => note(&page, error, &mut errors)?,
        }
    }
    answer(&page, "", values, errors)
}

/// `POST /catalogue/{event_type}/edit`
pub(super) async fn change(
    signed: Signed,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.manages()?;
    let old = find(&viewer, &page.console.api.store.configuration(), &name)?;
    let values = Values { name: name.clone(), ..Values::of_form(&form) };
    let mut errors = FieldErrors::default();
    values.check_json(&page, &mut errors);
    if errors.is_empty() {
        let body = values.body(None, old.schemas.as_deref());
        let api = &page.console.api;
        match patch_event_type(api, viewer.organisation, &name, body.as_bytes()).await {
            Ok(_) => {
                let path = format!("/catalogue/{name}");
                return Ok(page.redirect(&path, &Flash::good("catalogue-changed").about(&name)));
            }
            Err(error) => note(&page, error, &mut errors)?,
        }
    }
    answer(&page, &name, values, errors)
}

/// Puts what the API says beside the fields of the form.
fn note(page: &Page, error: ApiError, errors: &mut FieldErrors) -> Result<(), Problem> {
    let problems = match error {
        ApiError::Invalid(problems) => problems,
        ApiError::Conflict(_) => {
            errors.add("name", page.t("catalogue-name-taken"));
            return Ok(());
        }
        other => return Err(other.into()),
    };
    for it in &problems {
        let at = |name: &str| it.is_at(&["body", name]);
        if at("name") {
            errors.add("name", page.t("catalogue-name-wrong"));
        } else if at("title") {
            errors.add("title", page.s("catalogue-field-wrong", "why", it.message()));
        } else if at("groupName") {
            errors.add("group", page.s("catalogue-field-wrong", "why", it.message()));
        } else if at("example") {
            errors.add("example", page.s("catalogue-example-wrong", "why", it.message()));
        } else if at("schemas") || at("schemaEnforced") {
            errors.add("schema", page.s("catalogue-schema-wrong", "why", it.message()));
        } else {
            errors.add("description", page.s("catalogue-field-wrong", "why", it.message()));
        }
    }
    Ok(())
}

/// `POST /catalogue/{event_type}/archive` with `archived` to archive, without to take it back.
pub(super) async fn archive(
    signed: Signed,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.manages()?;
    let archived = !form.get("archived").is_empty();
    let body = format!("{{\"archived\":{archived}}}");
    patch_event_type(&page.console.api, viewer.organisation, &name, body.as_bytes()).await?;
    let flash = if archived { Flash::good("catalogue-archived") } else { Flash::good("catalogue-restored") };
    Ok(page.redirect(&format!("/catalogue/{name}"), &flash.about(&name)))
}
