//! `/webhooks/{endpoint}/test`: Send Test Event. What is sent is a message like any other, marked as a test
//! ([`crate::api::send_example`]); the page waits for its attempt and says what came of it.

use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::application::EventType;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{IdKind, MessageId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_engine::clock::Clock;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::Outcome;
use serde_json::value::RawValue;

use super::detail::held;
use super::offer::pretty;
use super::{name, public_id};
use crate::api::ApiError;
use crate::api::append::Stored;
use crate::api::send_example::{self, ExampleIn, Target};
use crate::console::bins::leads::{self, Lead};
use crate::console::causes::explain;
use crate::console::form::{FieldErrors, Form};
use crate::console::language::Value;
use crate::console::page::{Page, Signed};
use crate::console::parts::{Tone, When};
use crate::console::problem::Problem;
use crate::console::viewer::Viewer;

/// The page asks every 100 ms whether the attempt has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// 2 s beyond an attempt's own time for what is before and after it.
const MARGIN: Duration = Duration::from_secs(2);

/// The page.
#[derive(Template)]
#[template(path = "webhook_test.html")]
struct TestView {
    page: Page,
    id: String,
    name: String,
    url: String,
    /// Why nothing is sent at the moment; empty when it is.
    held: String,
    /// What this webhook wants.
    own: Vec<Choice>,
    /// What else there is.
    others: Vec<Choice>,
    event: String,
    payload: String,
    errors: FieldErrors,
    verdict: Option<Verdict>,
}

/// An event to choose.
struct Choice {
    name: String,
    title: String,
    is_chosen: bool,
}

/// What came of it.
struct Verdict {
    tone: Tone,
    icon: &'static str,
    /// "Delivered · 200 · 12 ms", "Not delivered · TCP · the connection was refused · 1 ms".
    line: String,
    /// What to do; empty for a success.
    advice: String,
    /// What exactly happened, in English, as the attempt's record has it.
    detail: String,
    at: When,
    delivery: String,
    /// The request that a bin of this server caught.
    lead: Option<Lead>,
    /// Name and value of the answer's headers.
    headers: Vec<(String, String)>,
    /// The answer's body, laid out when it is JSON.
    body: String,
    is_cut: bool,
    is_answered: bool,
    /// Nothing has come of it yet; the page can be asked again.
    is_open: bool,
}

/// `GET /webhooks/{endpoint}/test?event&sent`: with `sent` it waits for that test's end.
pub(in crate::console) async fn show(signed: Signed, Path(id): Path<String>) -> Result<Response, Problem> {
    signed.viewer.may(Capability::CreateAttempts)?;
    let page = &signed.page;
    let configuration = page.console.api.store.configuration();
    let (it, _) = signed.viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
    let sent = match page.query("sent") {
        Some(text) => Some(sent_message(page, it, &text).await?),
        None => None,
    };
    let Some(message) = sent else {
        let event = page.query("event").unwrap_or_else(|| first_event(&signed.viewer, &configuration, it));
        let payload = example(&signed.viewer, &configuration, &event).unwrap_or_default();
        return view(&signed, it, event, payload, FieldErrors::default(), None);
    };
    let outcome = await_end(page, it, &message).await?;
    let lead = leads::lead(page, &signed.viewer, &it.url, message.id).await;
    let verdict = verdict(page, it, &id, &message, outcome.as_ref(), lead);
    let payload = pretty(&String::from_utf8_lossy(&message.payload));
    let event = message.event_type.to_string();
    view(&signed, it, event, payload, FieldErrors::default(), Some(verdict))
}

/// `POST /webhooks/{endpoint}/test`: `event`, `payload`.
pub(in crate::console) async fn submit(
    signed: Signed,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    signed.viewer.may(Capability::CreateAttempts)?;
    let page = &signed.page;
    let configuration = page.console.api.store.configuration();
    let (it, application) = signed.viewer.endpoint(&configuration, page.console.api.store.ids(), &id)?;
    let (event, text) = (form.get("event").to_owned(), form.raw("payload").trim().to_owned());
    let mut errors = FieldErrors::default();
    let payload = read_payload(page, &text, &mut errors);
    let name = EventTypeName::parse(&event).ok();
    if name.is_none() {
        errors.add("event", page.t("test-no-event"));
    }
    let (Some(payload), Some(event_type)) = (payload, name) else {
        return view(&signed, it, event, text, errors, None);
    };
    let given = ExampleIn { event_type, index: None, payload: Some(payload) };
    let to = Target { organisation: application.organisation, application: application.id, endpoint: it.id };
    let viewer = &signed.viewer;
    match send_example::send(&page.console.api, to, &given, |it| viewer.sees(it), None).await {
        Ok(Stored::Created(message)) => {
            let ids = page.console.api.store.ids();
            let sent = ids.encode(IdKind::Message, application.id.partition(), message.id.0);
            Ok(page.go(&format!("/webhooks/{id}/test?sent={sent}")))
        }
        Ok(Stored::Repeated(_) | Stored::EventIdExists) => Err(Problem::Failed),
        Err(ApiError::Invalid(all)) => {
            for wrong in &all {
                match wrong.field() {
                    "eventType" => errors.add("event", page.t("test-no-event")),
                    _ => errors.add("payload", page.s("test-schema", "why", schema_words(wrong))),
                }
            }
            view(&signed, it, event, text, errors, None)
        }
        Err(error) => Err(error.into()),
    }
}

fn schema_words(wrong: &crate::api::error::Problem) -> String {
    format!("{} {}", wrong.place(), wrong.message())
}

/// Reads a payload as it was typed; says where it is no JSON.
fn read_payload(page: &Page, text: &str, errors: &mut FieldErrors) -> Option<Box<RawValue>> {
    match RawValue::from_string(text.to_owned()) {
        Ok(raw) if send_example::is_payload(&raw) => Some(raw),
        Ok(_) => {
            errors.add("payload", page.t("test-not-object"));
            None
        }
        Err(error) => {
            let number = |it: usize| Value::Number(u64::try_from(it).unwrap_or(u64::MAX));
            let place = [("line", number(error.line())), ("column", number(error.column()))];
            errors.add("payload", page.put_together("test-not-json", &place));
            None
        }
    }
}

/// Returns the test that a query names; it has to be one of this webhook.
async fn sent_message(page: &Page, it: &Endpoint, text: &str) -> Result<Message, Problem> {
    let store = &page.console.api.store;
    let (_, key) = store.ids().decode(IdKind::Message, text).map_err(|_| Problem::NotFound)?;
    let found = store.read(move |reader| reader.message(MessageId(key))).await?;
    let found = found.filter(|found| found.application == it.application && found.endpoints == [it.id]);
    found.filter(Message::is_test).ok_or(Problem::NotFound)
}

/// Waits for the attempt, as long as one may take; not for an endpoint that holds it.
async fn await_end(page: &Page, it: &Endpoint, message: &Message) -> Result<Option<Outcome>, StoreError> {
    let store = &page.console.api.store;
    let id = message.id;
    let look = async || store.read(move |reader| reader.attempts(id)).await.map(|mut all| all.pop());
    let budget = page.console.api.deliveries.attempt_timeout + MARGIN;
    let left = budget.saturating_sub(page.now.since(message.id.0.time()));
    let looks = left.as_millis() / LOOK_INTERVAL.as_millis();
    for _ in 0..looks {
        let found = look().await?;
        if found.is_some() || it.state.holds() {
            return Ok(found);
        }
        Clock::System.sleep_until(Clock::System.now() + LOOK_INTERVAL).await;
    }
    look().await
}

fn verdict(
    page: &Page,
    it: &Endpoint,
    id: &str,
    message: &Message,
    outcome: Option<&Outcome>,
    lead: Option<Lead>,
) -> Verdict {
    let message_id =
        page.console.api.store.ids().encode(IdKind::Message, message.application.partition(), message.id.0);
    let delivery = format!("/deliveries/{message_id}/{id}");
    let Some(outcome) = outcome else {
        let is_held = it.state.holds();
        let line = if is_held { page.t("test-held") } else { page.t("test-open") };
        let icon = if is_held { "pause" } else { "clock" };
        return Verdict {
            tone: Tone::Wait,
            icon,
            line,
            advice: String::new(),
            detail: String::new(),
            at: page.when(message.id.0.time()),
            delivery,
            lead,
            headers: Vec::new(),
            body: String::new(),
            is_cut: false,
            is_answered: false,
            is_open: !is_held,
        };
    };
    let told = explain(&outcome.end, &page.texts);
    let is_delivered = outcome.end.is_success();
    let time = format!("{} ms", page.number(outcome.phases.total_ms().unsigned_abs()));
    let line = if is_delivered {
        format!("{} · {} · {time}", page.t("test-delivered"), told.code)
    } else {
        format!("{} · {} · {time}", page.t("test-failed"), told.line())
    };
    let header =
        |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
    Verdict {
        tone: if is_delivered { Tone::Good } else { Tone::Bad },
        icon: if is_delivered { "check" } else { "alert" },
        line,
        advice: told.advice,
        detail: told.detail,
        at: page.when(outcome.started_at),
        delivery,
        lead,
        headers: outcome.response_headers.iter().map(header).collect(),
        body: pretty(&String::from_utf8_lossy(&outcome.response_body)),
        is_cut: outcome.response_truncated,
        is_answered: outcome.end.status().is_some(),
        is_open: false,
    }
}

/// Returns the event that is offered first: one that the webhook wants, else any.
fn first_event(viewer: &Viewer, configuration: &Configuration, it: &Endpoint) -> String {
    let all = || offered(viewer, configuration);
    let wanted = |kind: &&EventType| it.event_types.as_ref().is_some_and(|names| names.contains(&kind.name));
    let found = all().find(wanted).or_else(|| all().find(|it| it.example.is_some())).or_else(|| all().next());
    found.map(|it| it.name.to_string()).unwrap_or_default()
}

fn offered<'a>(
    viewer: &'a Viewer,
    configuration: &'a Configuration,
) -> impl Iterator<Item = &'a EventType> + use<'a> {
    configuration
        .event_types(viewer.organisation)
        .map(|it| &**it)
        .filter(|it| viewer.sees(it) && !it.archived)
}

/// Returns the example of an event, laid out; an empty object when it has none.
fn example(viewer: &Viewer, configuration: &Configuration, event: &str) -> Option<String> {
    let event_type = EventTypeName::parse(event).ok()?;
    let it = configuration.event_type(viewer.organisation, &event_type).filter(|it| viewer.sees(it))?;
    let given = ExampleIn { event_type, index: None, payload: None };
    Some(given.payload(it).map_or_else(|_| "{}".to_owned(), |payload| pretty(payload.get())))
}

fn view(
    signed: &Signed,
    it: &Endpoint,
    event: String,
    payload: String,
    errors: FieldErrors,
    verdict: Option<Verdict>,
) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    let configuration = page.console.api.store.configuration();
    let choice = |kind: &EventType| Choice {
        name: kind.name.to_string(),
        title: kind.title.clone().unwrap_or_else(|| kind.name.to_string()),
        is_chosen: kind.name.as_str() == event,
    };
    let is_own = |kind: &&EventType| it.event_types.as_ref().is_none_or(|names| names.contains(&kind.name));
    let (own, others): (Vec<_>, Vec<_>) = offered(viewer, &configuration).partition(is_own);
    let view = TestView {
        id: public_id(page, it),
        name: name(it),
        url: it.url.clone(),
        held: held(page, it.state),
        own: own.into_iter().map(choice).collect(),
        others: others.into_iter().map(choice).collect(),
        event,
        payload,
        errors,
        verdict,
        page: page.clone(),
    };
    page.html(&view)
}
