//! The questions of the long history: every list with every filter, far pages in both directions, and the statistics.

use std::io::Write;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Api;
use crate::bench::history::{BUSY, FAILING};
use crate::bench::{middle, say};
use crate::error::HarnessError;
use crate::rig::Rig;

/// So many pages are gone through in each direction.
const PAGES: usize = 20;
/// The largest page (Svix API).
const LIMIT: usize = 250;

/// What a question took, from sending it to the last byte of its answer, in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// Which.
    pub question: String,
    /// How many items were in the answer.
    pub items: usize,
    /// The middle of all.
    pub median_us: f64,
    /// The worst of all.
    pub worst_us: f64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<Value>,
    iterator: Option<String>,
    #[serde(rename = "prevIterator")]
    prev_iterator: Option<String>,
    #[serde(default)]
    done: bool,
}

/// Asks every question so many times, one after the other.
pub(super) fn ask(rig: &Rig, times: usize, progress: &mut dyn Write) -> Result<Vec<Asked>, HarnessError> {
    let mut api = rig.api()?;
    let mut all = Vec::new();
    let (lists, others) = (lists(rig), others(rig, &mut api)?);
    for (name, path) in lists.iter().flat_map(with_filters).chain(others) {
        let mut taken = Vec::with_capacity(times);
        let mut items = 0;
        for _ in 0..times.max(1) {
            let began = Instant::now();
            let page: Page = api.get(&path)?;
            taken.push(began.elapsed().as_secs_f64() * 1e6);
            items = page.data.len();
        }
        all.push(asked(name, items, taken));
    }
    for list in &lists {
        all.push(walk(list, &mut api)?);
    }
    all.sort_by(|a, b| b.worst_us.total_cmp(&a.worst_us));
    for it in all.iter().take(5) {
        let (median, worst) = (it.median_us / 1e3, it.worst_us / 1e3);
        say(progress, &format!("  {}: median {median:.1} ms, worst {worst:.1} ms", it.question));
    }
    Ok(all)
}

fn asked(question: String, items: usize, taken: Vec<f64>) -> Asked {
    let worst_us = taken.iter().copied().fold(0.0, f64::max);
    Asked { question, items, median_us: middle(taken), worst_us }
}

/// A list: its name, its path with a query begun, and which filters it has.
struct List {
    name: &'static str,
    path: String,
    filters: Vec<String>,
}

fn lists(rig: &Rig) -> Vec<List> {
    let app = format!("/api/v1/app/{}", rig.applications[0]);
    let (busy, failing) = (&rig.endpoints[BUSY], &rig.endpoints[FAILING]);
    let kind = [
        "event_types=bench.rare",
        "event_types=bench.wide",
        "event_types=bench.rare,bench.wide,bench.none",
        "event_types=bench.none",
        "channel=rare",
        "channel=common",
        "channel=none",
        "event_types=bench.one&channel=rare",
    ];
    let time = |from: &str, until: &str| vec![format!("after={from}"), format!("before={until}")];
    let of = |results: &[&str]| -> Vec<String> {
        let plain = kind.iter().chain(results).map(|it| (*it).to_owned());
        let both = results.iter().map(|it| format!("{it}&channel=rare"));
        plain.chain(both).chain(time("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")).collect()
    };
    let ended = [
        "status=0",
        "status=1",
        "status=2",
        "status_code_class=0",
        "status_code_class=200",
        "status_code_class=400",
        "status_code_class=500",
    ];
    let list = |name, path, filters| List { name, path: format!("{path}?limit={LIMIT}"), filters };
    vec![
        list("messages", format!("{app}/msg"), of(&[])),
        list("attempts, busy", format!("{app}/attempt/endpoint/{busy}"), of(&ended)),
        list("attempts, failing", format!("{app}/attempt/endpoint/{failing}"), of(&ended)),
        list("attempted messages, busy", format!("{app}/endpoint/{busy}/msg"), of(&ended[..3])),
        list("attempted messages, failing", format!("{app}/endpoint/{failing}/msg"), of(&ended[..3])),
    ]
}

fn with_filters(list: &List) -> Vec<(String, String)> {
    let plain = (list.name.to_owned(), list.path.clone());
    let filtered =
        list.filters.iter().map(|it| (format!("{}: {it}", list.name), format!("{}&{it}", list.path)));
    std::iter::once(plain).chain(filtered).collect()
}

/// What is no long list: the attempts and destinations of a message, and statistics.
fn others(rig: &Rig, api: &mut Api) -> Result<Vec<(String, String)>, HarnessError> {
    let app = format!("/api/v1/app/{}", rig.applications[0]);
    let newest: Page = api.get(&format!("{app}/msg?limit=1"))?;
    let message = newest.data.first().and_then(|it| it["id"].as_str()).unwrap_or_default().to_owned();
    let stats = format!("{app}/endpoint/{}/stats", rig.endpoints[BUSY]);
    let named = |name: &str, path: String| (name.to_owned(), path);
    Ok(vec![
        named("attempts of a message", format!("{app}/attempt/msg/{message}")),
        named("destinations of a message", format!("{app}/msg/{message}/endpoint")),
        named("a message", format!("{app}/msg/{message}")),
        named("statistics", stats.clone()),
        named("statistics from a moment", format!("{stats}?since=2020-01-01T00:00:13.457Z")),
        named("applications", "/api/v1/app?limit=250".to_owned()),
        named("endpoints", format!("{app}/endpoint?limit=250")),
        named("event types", "/api/v1/event-type?limit=250".to_owned()),
        named("background tasks", "/api/v1/background-task?limit=250".to_owned()),
    ])
}

/// Goes through pages forwards and back, each of them a question.
fn walk(list: &List, api: &mut Api) -> Result<Asked, HarnessError> {
    let (mut taken, mut items) = (Vec::new(), 0);
    let mut page: Page = api.get(&list.path)?;
    for back in [false, true] {
        for _ in 0..PAGES {
            let iterator = if back { page.prev_iterator.take() } else { page.iterator.take() };
            let Some(iterator) = iterator.filter(|_| back || !page.done) else { break };
            let began = Instant::now();
            page = api.get(&format!("{}&iterator={iterator}", list.path))?;
            taken.push(began.elapsed().as_secs_f64() * 1e6);
            items += page.data.len();
        }
    }
    Ok(asked(format!("{}: {PAGES} pages and back", list.name), items, taken))
}
