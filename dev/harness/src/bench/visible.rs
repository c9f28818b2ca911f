//! How soon a delivered message's attempt is in every list: while messages come at a fixed rate, one delivery after the
//! other is picked the moment its receiver answers, and every list is asked until it shows it.
//!
//! What counts is from the receiver's answer to the arrival of the list that shows the attempt: the time of the question
//! is part of it, so the figures are upper bounds.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::bench::{Options, say, throughput};
use crate::client::{Connection, json_request};
use crate::clock;
use crate::error::HarnessError;
use crate::generator::{self, Load, Pace, Until};
use crate::oracle::Arrival;
use crate::payload::Template;
use crate::process::Program;
use crate::receiver::Behaviour;
use crate::receiver::ledger::new_histogram;
use crate::rig::{EndpointPlan, Rig, RigPlan};

/// The promise: 250 ms.
pub const WITHIN_US: u64 = 250_000;
/// After this time an attempt is given up as never listed.
const GIVE_UP: Duration = Duration::from_secs(5);
/// What is looked for stands within so many pages of the moment at which it was answered: a fifth of a second of 5,000/s.
const PAGES_MAX: usize = 4;
/// Between two picks, so that the questions leave room for what they ask about.
const PAUSE: Duration = Duration::from_millis(20);
const EVENT_TYPE: &str = "bench.all";

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Visible {
    /// Messages a second that were accepted.
    pub accepted_per_s: f64,
    /// Deliveries that were looked for, each in every list.
    pub picked: u64,
    /// One for each list.
    pub lists: Vec<Listed>,
}

/// When a list showed what it had to, in microseconds after the receiver's answer.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Which.
    pub list: &'static str,
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// The latest.
    pub max_us: f64,
    /// How many came later than [`WITHIN_US`], those that never came included.
    pub late: u64,
}

impl Visible {
    /// Returns how many were late in all lists.
    pub fn late(&self) -> u64 {
        self.lists.iter().map(|it| it.late).sum()
    }

    /// Returns the latest in any list, in microseconds.
    pub fn max_us(&self) -> f64 {
        self.lists.iter().map(|it| it.max_us).fold(0.0, f64::max)
    }
}

/// A delivery to look for.
struct Picked {
    message: String,
    answered_us: u64,
    /// RFC 3339, a moment after the answer: lists are read from there on.
    before: String,
}

/// How a list is asked.
struct Question {
    list: &'static str,
    /// `{msg}` stands for the message, `{before}` for the time.
    path: String,
    /// What its answer holds when it shows the attempt; `{msg}` as above.
    shows: &'static str,
    seen_us: Histogram<u64>,
    late: u64,
}

#[derive(Deserialize)]
struct Edge {
    iterator: Option<String>,
    done: bool,
}

pub(super) fn measure(
    options: &Options,
    program: &Program,
    progress: &mut dyn Write,
) -> Result<Visible, HarnessError> {
    let endpoint = EndpointPlan {
        behaviour: Behaviour::Answer(200),
        application: 0,
        event_types: vec![EVENT_TYPE.to_owned()],
    };
    let rig = Rig::set_up(&RigPlan {
        program,
        directory: &options.directory,
        environment: &[],
        endpoints: &[endpoint],
        // Each arrival is to be known by its message.
        recording: true,
        keep: false,
    })?;
    let (routes, payload) = ([rig.route(0, EVENT_TYPE)], Template::new(options.payload_bytes));
    let load = |first, length| Load {
        address: rig.server().map_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)), |it| it.address()),
        key: &rig.key,
        routes: &routes,
        payload: &payload,
        connections: options.connections,
        pace: Pace::PerSecond(options.visible_rate),
        until: Until::Elapsed(length),
        first,
        clock: rig.clock,
    };
    let warm = generator::run(&load(0, options.warm_up))?;
    let over = AtomicBool::new(false);
    let (sent, questions) = std::thread::scope(|scope| {
        let asker = scope.spawn(|| ask_until(&rig, &over));
        let sent = generator::run(&load(warm.next, options.window));
        over.store(true, Ordering::Relaxed);
        let asked = asker.join().map_err(|_| HarnessError::Vacuous("the asker panicked".to_owned()));
        Ok::<_, HarnessError>((sent?, asked??))
    })?;
    if let Some(refusal) = &sent.refusal {
        return Err(HarnessError::Vacuous(format!("a message was refused: {refusal}")));
    }
    throughput::drain(&rig, warm.accepted + sent.accepted)?;
    let seconds = (sent.ended_us.saturating_sub(sent.began_us).max(1)) as f64 / 1e6;
    let lists: Vec<Listed> = questions.iter().map(Question::listed).collect();
    for it in &lists {
        say(progress, &format!("  {}: p99 {:.1} ms, {} late", it.list, it.p99_us / 1e3, it.late));
    }
    let picked = questions.first().map_or(0, |it| it.seen_us.len());
    if picked == 0 {
        return Err(HarnessError::Vacuous("nothing was picked".to_owned()));
    }
    Ok(Visible { accepted_per_s: sent.accepted as f64 / seconds, picked, lists })
}

fn questions(rig: &Rig) -> Vec<Question> {
    let (app, endpoint) = (&rig.applications[0], &rig.endpoints[0]);
    let of_endpoint = format!("/api/v1/app/{app}/attempt/endpoint/{endpoint}?limit=250&before={{before}}");
    let messages = format!("/api/v1/app/{app}/endpoint/{endpoint}/msg?limit=250&before={{before}}");
    let question = |list, path, shows| Question { list, path, shows, seen_us: new_histogram(), late: 0 };
    let attempt = r#""msgId":"{msg}""#;
    vec![
        question("attempts of the endpoint", of_endpoint.clone(), attempt),
        question("attempts of the endpoint, successes", format!("{of_endpoint}&status=0"), attempt),
        question(
            "attempts of the endpoint, 2xx of one type",
            format!("{of_endpoint}&status_code_class=200&event_types={EVENT_TYPE}"),
            attempt,
        ),
        question("attempted messages, delivered", format!("{messages}&status=0"), r#""id":"{msg}""#),
        question("attempts of the message", format!("/api/v1/app/{app}/attempt/msg/{{msg}}?"), attempt),
        question(
            "destinations of the message, delivered",
            format!("/api/v1/app/{app}/msg/{{msg}}/endpoint?"),
            r#""status":0"#,
        ),
    ]
}

/// Picks deliveries and looks for them in every list at once, until told that it is over.
fn ask_until(rig: &Rig, over: &AtomicBool) -> Result<Vec<Question>, HarnessError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HarnessError::io("starting the asker's runtime"))?;
    let address = rig.server()?.address();
    runtime.block_on(async {
        let mut all = Vec::new();
        for question in questions(rig) {
            all.push((question, Connection::open(address).await?));
        }
        let mut arrived = rig.receiver.ledger().arrived();
        while !over.load(Ordering::Relaxed) {
            clock::pause(PAUSE).await;
            let mut picked = None;
            rig.receiver.ledger().look(arrived, |arrivals| {
                arrived += arrivals.len();
                picked = arrivals.last().map(pick);
            });
            let Some(picked) = picked else { continue };
            let looked =
                all.iter_mut().map(|(question, connection)| question.look_for(&picked, connection, rig));
            for seen in join_all(looked).await {
                seen?;
            }
        }
        Ok(all.into_iter().map(|(question, _)| question).collect())
    })
}

fn pick(arrival: &Arrival) -> Picked {
    let before = clock::rfc3339(clock::unix_now() + Duration::from_millis(1));
    Picked { message: arrival.message.to_string(), answered_us: arrival.at_us, before }
}

impl Question {
    /// Asks until the attempt is shown, and notes how late that was.
    async fn look_for(
        &mut self,
        picked: &Picked,
        connection: &mut Connection,
        rig: &Rig,
    ) -> Result<(), HarnessError> {
        let path = self.path.replace("{msg}", &picked.message).replace("{before}", &picked.before);
        let shows = self.shows.replace("{msg}", &picked.message);
        let authorization = format!("Bearer {}", rig.key);
        loop {
            let is_shown = is_shown(&path, &shows, &authorization, connection).await?;
            let after_us = rig.clock.micros().saturating_sub(picked.answered_us);
            let gives_up = Duration::from_micros(after_us) > GIVE_UP;
            if is_shown || gives_up {
                self.seen_us.saturating_record(after_us.max(1));
                self.late += u64::from(!is_shown || after_us > WITHIN_US);
                return Ok(());
            }
        }
    }

    fn listed(&self) -> Listed {
        Listed {
            list: self.list,
            p50_us: self.seen_us.value_at_quantile(0.5) as f64,
            p99_us: self.seen_us.value_at_quantile(0.99) as f64,
            max_us: self.seen_us.max() as f64,
            late: self.late,
        }
    }
}

/// Reads the pages of a list until one shows it.
async fn is_shown(
    path: &str,
    shows: &str,
    authorization: &str,
    connection: &mut Connection,
) -> Result<bool, HarnessError> {
    let mut page = path.to_owned();
    for _ in 0..PAGES_MAX {
        let answer = connection.send(json_request(Method::GET, &page, authorization, Bytes::new())).await?;
        let body = String::from_utf8_lossy(&answer.body);
        if answer.status != http::StatusCode::OK {
            return Err(HarnessError::Refused {
                method: Method::GET,
                path: page,
                status: answer.status.as_u16(),
                body: body.into_owned(),
            });
        }
        if body.contains(shows) {
            return Ok(true);
        }
        match serde_json::from_str(&body) {
            Ok(Edge { iterator: Some(iterator), done: false }) => {
                page = format!("{path}&iterator={iterator}")
            }
            _ => return Ok(false),
        }
    }
    Ok(false)
}
