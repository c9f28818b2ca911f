//! `/bins/{bin}` and `/bins/{bin}/requests/{request}`: what a bin caught on the left, one of it on the right; and the list
//! alone, for the script that keeps it up to date.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use http::HeaderValue;
use semnal_core::application::Application;
use semnal_core::configuration::Configuration;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{IdKind, MessageId};
use semnal_core::inspect::visible;
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};
use semnal_core::request_bin::head::Head;
use semnal_store::views::filter::{Direction, Slice};

use super::reading::{self, Reading, Tab};
use super::seen::Seen;
use super::tree::Step;
use super::{Place, bins, size, with_seen};
use crate::console::page::{Page, Signed};
use crate::console::parts::When;
use crate::console::problem::Problem;

/// 50 requests on a page.
const PAGE_ROWS: usize = 50;
/// 120 characters of a target are shown in the list.
const TARGET_CHARACTERS_MAX: usize = 120;

/// The page of a bin.
#[derive(Template)]
#[template(path = "bin.html")]
struct InboxView {
    page: Page,
    id: String,
    name: String,
    url: String,
    curl: String,
    list: Listing,
    filter: String,
    /// What the list keeps of the address: the filter and where it begins.
    list_path: String,
    expires: When,
    /// A request was chosen; otherwise the newest one is shown beside the list.
    is_chosen: bool,
    item: Option<Item>,
}

/// A request on the page.
struct Item {
    reading: Reading,
    /// The path of its page.
    path: String,
    /// The event that it is a delivery of: its path and id; empty when it is none.
    event_path: String,
    event_id: String,
    /// Where the delivery is seen from the sender's side; empty when it cannot be told.
    delivery_path: String,
    newer: String,
    older: String,
}

/// The list alone.
#[derive(Template)]
#[template(path = "bin_list.html")]
struct ListView {
    page: Page,
    id: String,
    list: Listing,
}

/// Requests, newest first.
struct Listing {
    rows: Vec<Row>,
    /// The number of the newest request that the bin has had.
    last: u32,
    /// How many of them came after a number that the script gave, and that in words.
    new: u64,
    words: String,
    /// How many the bin holds, of how many it keeps.
    held: String,
    total: u64,
    newest: String,
    older: String,
}

/// One request.
struct Row {
    path: String,
    number: u32,
    method: String,
    target: String,
    received: When,
    size: String,
    has_problem: bool,
    is_delivery: bool,
    is_new: bool,
    is_current: bool,
}

/// `GET /bins/{bin}?q&before&tab`: with the newest request.
pub(super) async fn bin(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let slice = Slice { from: None, direction: Direction::Older, limit: 1 };
    let newest = place
        .bins
        .bins
        .requests(place.state.bin.id, slice, wanted(&signed.page))
        .await
        .map_err(Problem::from)?;
    show(&signed.page, place, newest.items.into_iter().next(), false).await
}

/// `GET /bins/{bin}/requests/{request}?q&before&tab`
pub(super) async fn request(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let found = place.request(&request).await?;
    show(&signed.page, place, Some(found), true).await
}

/// `GET /bins/{bin}/list?q&before&after&at`: the list as a part of the page. What it shows counts as seen.
pub(super) async fn list(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let current = page.query("at").and_then(|it| it.parse().ok());
    let list = listing(page, &place, current).await?;
    let last = list.last;
    let response = page.html(&ListView { page: page.clone(), id: place.id.clone(), list })?;
    Ok(seen(page, &place, response, last))
}

impl Place {
    /// Returns a request by its number or its id.
    ///
    /// # Errors
    /// [`Problem::NotFound`], or what the store says.
    pub(super) async fn request(&self, text: &str) -> Result<CapturedRequest, Problem> {
        Ok(bins::requests::find_request(&self.api, &self.bins, self.view, &self.id, text).await?)
    }

    /// Returns the endpoints of the organisation that deliver to the bin, with their applications.
    pub(super) fn endpoints(&self, configuration: &Configuration) -> Vec<(Arc<Endpoint>, Arc<Application>)> {
        let by_id = format!("{}/{}", self.bins.base_url, self.id);
        let by_name = self.url();
        let leads_here = |url: &str| {
            [&by_id, &by_name].into_iter().any(|start| {
                url.strip_prefix(start.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
            })
        };
        let of = |application: &Arc<Application>| {
            let all = configuration.endpoints_of(application.id);
            let found = all.iter().filter(|it| leads_here(&it.url));
            found.map(|it| (it.clone(), application.clone())).collect::<Vec<_>>()
        };
        configuration.applications(self.view.organisation).flat_map(of).collect()
    }
}

async fn show(
    page: &Page,
    place: Place,
    found: Option<CapturedRequest>,
    is_chosen: bool,
) -> Result<Response, Problem> {
    let current = found.as_ref().map(|it| it.id.number);
    let list = listing(page, &place, current).await?;
    let item = match found {
        Some(it) => Some(item(page, &place, it).await?),
        None => None,
    };
    let url = place.url();
    let query = page.path.split_once('?').map_or("", |(_, query)| query);
    let at = current.unwrap_or(0);
    let last = list.last;
    let view = InboxView {
        page: page.clone(),
        id: place.id.clone(),
        name: place.state.bin.name.clone(),
        curl: format!("curl {url} -d '{{\"hello\":\"bin\"}}'"),
        url,
        list,
        filter: page.query("q").unwrap_or_default(),
        list_path: place.path(&format!("/list?{query}&at={at}")),
        expires: page.when(place.bins.bins.expires_at(&place.state)),
        is_chosen,
        item,
    };
    let response = page.html(&view)?;
    Ok(seen(page, &place, response, last))
}

/// Notes in the browser that the newest request was shown, unless the page shows older ones.
fn seen(page: &Page, place: &Place, response: Response, last: u32) -> Response {
    if page.query("before").is_some() {
        return response;
    }
    let all = place.bins.bins.of_organisation(place.view.organisation);
    let all: Vec<_> = all.iter().map(|it| it.bin.id).collect();
    let mut response = with_seen(page, response, &place.id, last, &all);
    response.headers_mut().insert("vary", HeaderValue::from_static("x-fragment"));
    response
}

fn wanted(page: &Page) -> Wanted {
    let text = page.query("q").map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
    Wanted { text, ..Wanted::default() }
}

async fn listing(page: &Page, place: &Place, current: Option<u32>) -> Result<Listing, Problem> {
    let number = |name: &str| page.query(name).and_then(|it| it.parse::<u32>().ok());
    let slice = Slice { from: number("before"), direction: Direction::Older, limit: PAGE_ROWS };
    // Before the requests are read: what comes in between is told of again, and not left out.
    let tally = place.bins.bins.get(place.state.bin.id).ok_or(Problem::NotFound)?.tally;
    let found = place.bins.bins.requests(place.state.bin.id, slice, wanted(page)).await?;
    let seen = Seen::of(page).last(&place.id);
    let rows = found.items.iter().map(|it| row(page, place, it, seen, current)).collect();
    let new = u64::from(tally.last_number.saturating_sub(number("after").unwrap_or(tally.last_number)));
    let limits = place.bins.bins.limits();
    let values = [
        ("count", crate::console::language::Value::Number(tally.requests)),
        ("limit", crate::console::language::Value::Number(limits.requests_max)),
        ("size", crate::console::language::Value::Text(size(page, tally.bytes))),
    ];
    let list_page = |before: Option<u32>| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(text) = page.query("q").filter(|it| !it.is_empty()) {
            query.append_pair("q", &text);
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        let query = query.finish();
        if query.is_empty() { place.path("") } else { place.path(&format!("?{query}")) }
    };
    Ok(Listing {
        rows,
        last: tally.last_number,
        new,
        words: page.n("bin-new", new),
        held: page.put_together("bin-held", &values),
        total: tally.requests,
        newest: number("before").map_or_else(String::new, |_| list_page(None)),
        older: found.more_after.map_or_else(String::new, |after| list_page(Some(after))),
    })
}

fn row(page: &Page, place: &Place, it: &CapturedRequest, seen: u32, current: Option<u32>) -> Row {
    let head = Head::parse(&it.capture.head);
    let keep = |name: &str| page.query(name).filter(|it| !it.is_empty());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in ["q", "before"] {
        if let Some(value) = keep(name) {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    let path = place.path(&format!("/requests/{}", it.id.number));
    let short = |bytes: &[u8]| visible::line(bytes).chars().take(TARGET_CHARACTERS_MAX).collect::<String>();
    Row {
        path: if query.is_empty() { path } else { format!("{path}?{query}") },
        number: it.id.number,
        method: short(head.method),
        target: short(after_bin(head.path_and_query())),
        received: page.when(it.capture.received_at),
        size: size(page, it.capture.body_bytes),
        has_problem: it.capture.problem.is_some(),
        is_delivery: it.capture.message.is_some(),
        is_new: it.id.number > seen,
        is_current: current == Some(it.id.number),
    }
}

/// Returns a target without its first part, which names the bin.
fn after_bin(target: &[u8]) -> &[u8] {
    let rest = target.strip_prefix(b"/").unwrap_or(target);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    if rest[end..].is_empty() { b"/" } else { &rest[end..] }
}

async fn item(page: &Page, place: &Place, found: CapturedRequest) -> Result<Item, Problem> {
    let path = place.path(&format!("/requests/{}", found.id.number));
    let (event_path, event_id, delivery_path) = match found.capture.message {
        Some(message) => links(place, &found, message).await?,
        None => Default::default(),
    };
    let neighbour = |direction| {
        let slice = Slice { from: Some(found.id.number), direction, limit: 1 };
        place.bins.bins.requests(found.id.bin, slice, wanted(page))
    };
    let (newer, older) = tokio::try_join!(neighbour(Direction::Newer), neighbour(Direction::Older))?;
    let to = |found: Vec<CapturedRequest>| {
        found.first().map_or_else(String::new, |it| row(page, place, it, 0, None).path)
    };
    let tab = page.query("tab").and_then(|it| Tab::parse(&it));
    let (asked, place_of_page) = (page.clone(), path.clone());
    // Unpacking and reading a megabyte takes milliseconds, in which nothing else should wait.
    let reading = tokio::task::spawn_blocking(move || reading::read(&asked, &found, &place_of_page, tab));
    let reading = reading.await.map_err(|_| Problem::Failed)?;
    Ok(Item {
        reading,
        path,
        event_path,
        event_id,
        delivery_path,
        newer: to(newer.items),
        older: to(older.items),
    })
}

/// Returns the pages of the event that a request is a delivery of, and of the delivery, when they are the organisation's.
async fn links(
    place: &Place,
    found: &CapturedRequest,
    message: MessageId,
) -> Result<(String, String, String), Problem> {
    let known = place.api.store.read(move |reader| reader.message(message)).await?;
    let configuration = place.api.store.configuration();
    let application = known.and_then(|it| configuration.application(it.application).cloned());
    let Some(application) = application.filter(|it| it.organisation == place.view.organisation) else {
        return Ok(Default::default());
    };
    let head = Head::parse(&found.capture.head);
    let id = head.text("webhook-id").or(head.text("svix-id")).unwrap_or_default().to_owned();
    let endpoints = place.endpoints(&configuration);
    let mut ours = endpoints.iter().filter(|(_, of)| of.id == application.id);
    let delivery = match (ours.next(), ours.next()) {
        (Some((only, _)), None) => {
            let endpoint =
                place.api.store.ids().encode(IdKind::Endpoint, application.id.partition(), only.id.0);
            format!("/deliveries/{id}/{endpoint}")
        }
        _ => String::new(),
    };
    Ok((format!("/events/{id}"), id, delivery))
}
