//! `/webhooks/new` and `/webhooks/{endpoint}/edit`: one form. What is typed becomes the body that the API takes, and is
//! judged there; here it is only put into words ([`errors`]).

mod errors;
mod values;

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::configuration::Change;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::EndpointId;
use semnal_core::portal::Capability;

use super::offer::{self, Group, Offer};
use super::words::schedule_in_words;
use super::{name, public_id};
use crate::api::endpoints::fields::{EndpointPatch, NewEndpoint};
use crate::console::bins::{BinLink, of_organisation};
use crate::console::flash::Flash;
use crate::console::form::{FieldErrors, Form};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;
use values::Values;

/// 5 bins whose URLs are offered in the form.
const BINS_OFFERED: usize = 5;

/// The form, with everything that there is to choose under it.
#[derive(Template)]
#[template(path = "webhook_form.html")]
struct FormView {
    page: Page,
    errors: FieldErrors,
    values: Values,
    groups: Vec<Group>,
    /// The webhook that is edited; empty for a new one.
    id: String,
    /// What it is called now.
    name: String,
    /// The schedule that counts when none is given.
    schedule: String,
    /// Request bins can be made here.
    /// Bins whose URLs are offered; `None` where there are none to offer.
    bins: Option<Vec<BinLink>>,
}

impl FormView {
    fn is_new(&self) -> bool {
        self.id.is_empty()
    }

    /// Returns where the form goes.
    fn action(&self) -> String {
        if self.is_new() { "/webhooks/new".to_owned() } else { format!("/webhooks/{}/edit", self.id) }
    }

    /// Returns the first event that is chosen, for the preview.
    fn preview(&self) -> Option<&Offer> {
        self.groups.iter().flat_map(|it| &it.offers).find(|it| it.is_chosen)
    }

    /// Tells whether something in the folded part has a value or an error, so that it is not hidden.
    fn is_open(&self) -> bool {
        let folded = ["secret", "headers", "channels", "retry", "rate", "concurrency"];
        folded.iter().any(|field| !self.errors.of(field).is_empty()) || self.values.has_more()
    }

    /// Returns what is chosen and not offered.
    fn others(&self) -> Vec<&str> {
        let is_offered = |name: &str| self.groups.iter().flat_map(|it| &it.offers).any(|it| it.name == name);
        self.values.others(is_offered)
    }

    fn all_offers(&self) -> usize {
        self.groups.iter().map(|it| it.offers.len()).sum()
    }
}

/// `GET /webhooks/new?event&url`
pub(in crate::console) async fn show_new(signed: Signed) -> Result<Response, Problem> {
    signed.viewer.may(Capability::ManageEndpoint)?;
    let event = signed.page.query("event").filter(|it| !it.is_empty());
    let values = Values {
        url: signed.page.query("url").unwrap_or_default(),
        events: event.into_iter().collect(),
        ..Values::default()
    };
    show(&signed, values, FieldErrors::default(), None)
}

/// `POST /webhooks/new`: makes it, active. With `use` it only ticks an event, for those without a script.
pub(in crate::console) async fn create(signed: Signed, form: Form) -> Result<Response, Problem> {
    let (page, viewer) = (&signed.page, signed.viewer.clone());
    viewer.may(Capability::ManageEndpoint)?;
    let mut values = Values::read(&form);
    let wanted = form.get("use");
    if !wanted.is_empty() {
        values.add_event(wanted);
        return show(&signed, values, FieldErrors::default(), None);
    }
    let api = &page.console.api;
    let mut errors = FieldErrors::default();
    let body = values.body(&page.texts, &mut errors, None);
    let new = match NewEndpoint::read(&body, api) {
        Ok(new) if errors.is_empty() => new,
        Ok(_) => return show(&signed, values, errors, None),
        Err(error) => {
            errors::note(page, &values, error, &mut errors)?;
            return show(&signed, values, errors, None);
        }
    };
    let configuration = api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?.id;
    let (id, now) = (EndpointId(api.store.next_key()), page.now);
    let made = page.change(move |configuration| {
        configuration.application(application).ok_or(Problem::NotFound)?;
        let it = new.make(id, application, now);
        Ok((vec![Change::PutEndpoint(Box::new(it.clone()))], it))
    });
    let made = made.await?;
    let to = format!("/webhooks/{}?new=1", public_id(page, &made));
    Ok(page.redirect(&to, &Flash::good("webhook-made").about(&name(&made))))
}

/// `GET /webhooks/{endpoint}/edit`
pub(in crate::console) async fn show_edit(
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    signed.viewer.may(Capability::ManageEndpoint)?;
    let it = endpoint(&signed, &id)?;
    show(&signed, Values::of(&it), FieldErrors::default(), Some(&it))
}

/// `POST /webhooks/{endpoint}/edit`
pub(in crate::console) async fn edit(
    signed: Signed,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let (page, viewer) = (&signed.page, signed.viewer.clone());
    viewer.may(Capability::ManageEndpoint)?;
    let (before, mut values) = (endpoint(&signed, &id)?, Values::read(&form));
    let wanted = form.get("use");
    if !wanted.is_empty() {
        values.add_event(wanted);
        return show(&signed, values, FieldErrors::default(), Some(&before));
    }
    let mut errors = FieldErrors::default();
    let body = values.body(&page.texts, &mut errors, Some(&before));
    let (patch, headers) = match EndpointPatch::read_with_headers(&body, &page.console.api) {
        Ok(read) if errors.is_empty() => read,
        Ok(_) => return show(&signed, values, errors, Some(&before)),
        Err(error) => {
            errors::note(page, &values, error, &mut errors)?;
            return show(&signed, values, errors, Some(&before));
        }
    };
    let (ids, now, kept) = (page.console.api.store.ids().clone(), page.now, values.kept_headers());
    let path = id.clone();
    let name = page.change(move |configuration| {
        let (found, _) = viewer.endpoint(configuration, &ids, &path)?;
        let mut it = Endpoint::clone(found);
        patch.apply(&mut it);
        it.headers.retain(|name, _| kept.iter().any(|other| other.eq_ignore_ascii_case(name)));
        it.headers.extend(headers);
        it.updated_at = now;
        let name = name(&it);
        Ok((vec![Change::PutEndpoint(Box::new(it))], name))
    });
    let name = name.await?;
    Ok(page.redirect(&format!("/webhooks/{id}"), &Flash::good("webhook-saved").about(&name)))
}

fn endpoint(signed: &Signed, id: &str) -> Result<Arc<Endpoint>, Problem> {
    let configuration = signed.page.console.api.store.configuration();
    let (it, _) = signed.viewer.endpoint(&configuration, signed.page.console.api.store.ids(), id)?;
    Ok(it.clone())
}

fn show(
    signed: &Signed,
    values: Values,
    errors: FieldErrors,
    edited: Option<&Endpoint>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let api = &page.console.api;
    let configuration = api.store.configuration();
    let application = match edited {
        Some(it) => configuration.application(it.application).cloned(),
        None => page.application(viewer, &configuration),
    };
    let application = application.ok_or(Problem::NotFound)?;
    let view = FormView {
        groups: offer::groups(page, viewer, &configuration, &application, &values.events),
        id: edited.map(|it| public_id(page, it)).unwrap_or_default(),
        name: edited.map(name).unwrap_or_default(),
        schedule: schedule_in_words(&api.deliveries.schedule, &page.texts),
        bins: (edited.is_none() && api.bins.is_ok() && viewer.manages().is_ok()).then(|| {
            let all = of_organisation(api, application.organisation);
            all.into_iter().take(BINS_OFFERED).collect()
        }),
        errors,
        values,
        page: page.clone(),
    };
    page.html(&view)
}
