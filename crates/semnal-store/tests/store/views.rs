//! The views against a recount: the same story is told to a store on SQLite and to one in memory, which answers lists
//! by going through every row; both must answer alike, also after a crash, a rebuild and a loss of files.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{Report, Verdict};
use semnal_store::read::Reader;
use semnal_store::store::Resent;
use semnal_store::views::apply::State;
use semnal_store::views::filter::{
    AttemptFilter, DeliveriesOf, DeliveryFilter, Direction, Kind, MessageFilter, Slice, Span,
};

use crate::fixture::{START, World, attempt, created, message, outcome};

const TYPES: [&str; 3] = ["payment_received", "customer_created", "site.published"];
const CHANNELS: [&str; 3] = ["ro", "de", "tenant_1"];
/// Messages are kept for three days.
const KEEP: Duration = Duration::from_secs(3 * 86_400);
/// Pages are small, so that a few rows make several.
const LIMIT: usize = 3;

/// What happens, the same on both stores. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Event {
    Append {
        event_type: usize,
        channels: BTreeSet<usize>,
        endpoints: BTreeSet<usize>,
        expires: bool,
    },
    Attempt {
        delivery: u16,
        verdict: u8,
        after_ms: i64,
    },
    Resend {
        message: u16,
        endpoint: usize,
    },
    /// Cancels a message, or its delivery to one endpoint; `late` says that an attempt was under way.
    Cancel {
        message: u16,
        endpoint: Option<usize>,
        late: bool,
    },
    Expunge(u16),
    DeleteEndpoint(usize),
    Later(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let some = |most| proptest::collection::btree_set(0..3usize, 0..=most);
    prop_oneof![
        6 => (0..3usize, some(2), some(3), any::<bool>())
            .prop_map(|(event_type, channels, endpoints, expires)| Event::Append { event_type, channels, endpoints, expires }),
        6 => (any::<u16>(), 0..4u8, 0..200_000i64)
            .prop_map(|(delivery, verdict, after_ms)| Event::Attempt { delivery, verdict, after_ms }),
        2 => (any::<u16>(), 0..3usize).prop_map(|(message, endpoint)| Event::Resend { message, endpoint }),
        2 => (any::<u16>(), proptest::option::of(0..3usize), any::<bool>())
            .prop_map(|(message, endpoint, late)| Event::Cancel { message, endpoint, late }),
        1 => any::<u16>().prop_map(Event::Expunge),
        1 => (0..30usize).prop_map(Event::DeleteEndpoint),
        3 => prop_oneof![1..120_000i64, 20_000_000..90_000_000i64].prop_map(Event::Later),
    ]
}

/// A store, and what the story has come to.
struct Told {
    world: World,
    application: ApplicationId,
    endpoints: Vec<EndpointId>,
    messages: Vec<MessageId>,
    /// Undecided deliveries with the attempts they have had.
    open: Vec<(DeliveryId, EndpointId, u16)>,
    some_are_gone: bool,
}

impl Told {
    async fn new(world: World) -> Told {
        Told::for_ever(world.keeping(KEEP).await).await
    }

    /// The same in a store that keeps everything.
    async fn for_ever(world: World) -> Told {
        let (application, endpoints) = world.tenant(3).await;
        Told { world, application, endpoints, messages: Vec::new(), open: Vec::new(), some_are_gone: false }
    }

    async fn tell(&mut self, event: &Event) {
        match event {
            Event::Append { event_type, channels, endpoints, expires } => {
                let alive = |id: &EndpointId| self.world.store.configuration().endpoint(*id).is_some();
                let to: Vec<EndpointId> =
                    endpoints.iter().map(|at| self.endpoints[*at]).filter(alive).collect();
                let mut new = message(self.application, &to);
                new.event_type = EventTypeName::parse(TYPES[*event_type]).unwrap();
                new.channels = channels.iter().map(|at| Channel::parse(CHANNELS[*at]).unwrap()).collect();
                new.payload_retention_days = expires.then_some(1);
                let id = created(&self.world.append(vec![new]).await[0]).id;
                self.messages.push(id);
                let of = |(ordinal, endpoint)| (DeliveryId { message: id, ordinal }, endpoint, 0);
                self.open.extend((0u16..).zip(to).map(of));
            }
            Event::Attempt { delivery, verdict, after_ms } => {
                self.attempt(*delivery, *verdict, *after_ms).await
            }
            Event::Resend { message, endpoint } => self.resend(*message, *endpoint).await,
            Event::DeleteEndpoint(at) => {
                if let Some(id) = self.endpoints.get(*at).copied()
                    && self.world.store.configuration().endpoint(id).is_some()
                {
                    self.world.delete_endpoint(id).await;
                    let gone = self.open.iter().filter(|(_, endpoint, _)| *endpoint == id);
                    let forgotten: Vec<Report> = gone
                        .map(|(delivery, _, attempts)| Report::Forget {
                            delivery: *delivery,
                            has_row: *attempts > 0,
                        })
                        .collect();
                    self.open.retain(|(_, endpoint, _)| *endpoint != id);
                    self.world.report(forgotten).await;
                }
            }
            Event::Cancel { message, endpoint, late } => self.cancel(*message, *endpoint, *late).await,
            Event::Expunge(message) => {
                if let Some(id) = self.chosen(*message) {
                    self.world.store.expunge_payload(id).await.unwrap();
                    self.forget_decided().await;
                }
            }
            Event::Later(ms) => {
                self.world.advance_ms(*ms);
                // Whatever is due goes with the next transaction.
                self.world.apply(Vec::new()).await;
                self.forget_decided().await;
            }
        }
    }

    fn chosen(&self, message: u16) -> Option<MessageId> {
        self.messages.get(usize::from(message) % self.messages.len().max(1)).copied()
    }

    async fn cancel(&mut self, message: u16, endpoint: Option<usize>, late: bool) {
        let Some(id) = self.chosen(message) else { return };
        let to = endpoint.map(|at| self.endpoints[at]);
        self.world.cancel(id, to).await;
        let under_way = self.open.iter().copied();
        let is_cancelled = |it: &(DeliveryId, EndpointId, u16)| {
            it.0.message == id && to.is_none_or(|endpoint| endpoint == it.1)
        };
        let under_way: Vec<_> = under_way.filter(|it| late && is_cancelled(it)).collect();
        for (delivery, endpoint, made) in under_way {
            // A success that comes too late changes nothing.
            let report = attempt(delivery, endpoint, made + 1, Verdict::Delivered, made > 0);
            self.world.report(vec![report]).await;
            self.open.retain(|it| it.0 != delivery);
        }
        self.forget_decided().await;
    }

    /// Does what the engine does when it hears that deliveries were called off.
    async fn forget_decided(&mut self) {
        let mut reports = Vec::new();
        for (id, endpoint, made) in std::mem::take(&mut self.open) {
            let undecided = self.world.message(id.message).await.is_some()
                && self
                    .world
                    .deliveries(id.message)
                    .await
                    .iter()
                    .any(|it| it.id == id && !it.state.is_decided());
            if undecided {
                self.open.push((id, endpoint, made));
            } else {
                reports.push(Report::Forget { delivery: id, has_row: made > 0 });
            }
        }
        self.world.report(reports).await;
        let mut kept = Vec::new();
        for id in std::mem::take(&mut self.messages) {
            if self.world.message(id).await.is_some() {
                kept.push(id);
            } else {
                self.some_are_gone = true;
            }
        }
        self.messages = kept;
    }

    async fn attempt(&mut self, delivery: u16, verdict: u8, after_ms: i64) {
        if self.open.is_empty() {
            return;
        }
        let at = usize::from(delivery) % self.open.len();
        let (id, endpoint, made) = self.open[at];
        let verdict = match verdict {
            0 | 1 => Verdict::Delivered,
            2 => Verdict::RetryAt(UnixMillis(self.world.now().0 + 1_000)),
            _ => Verdict::Exhausted,
        };
        let mut report = attempt(id, endpoint, made + 1, verdict, made > 0);
        if let Report::Attempt { outcome: slot, .. } = &mut report {
            let mut it = outcome(id, endpoint, made + 1, verdict);
            it.started_at = UnixMillis(self.world.now().0 - after_ms % 1_000);
            it.phases.total_us = u32::try_from(after_ms).unwrap() * 10;
            *slot = std::sync::Arc::new(it);
        }
        self.world.report(vec![report]).await;
        if verdict.is_final() {
            self.open.remove(at);
        } else {
            self.open[at].2 += 1;
        }
    }

    /// Reopens or adds a delivery that nobody holds in memory.
    async fn resend(&mut self, message: u16, endpoint: usize) {
        let Some(id) = self.chosen(message) else { return };
        let to = self.endpoints[endpoint];
        if self.world.store.configuration().endpoint(to).is_none()
            || self.open.iter().any(|(delivery, endpoint, _)| delivery.message == id && *endpoint == to)
        {
            return;
        }
        if self.world.resend(id, to).await != Resent::Accepted {
            return;
        }
        let deliveries = self.world.deliveries(id).await;
        let it = deliveries.iter().find(|it| it.endpoint == to).unwrap();
        let attempts = self.world.attempts(id).await.iter().filter(|o| o.id.delivery == it.id).count();
        // An attempt that follows has a row to take away: it counts as one more in the story of `open`.
        self.world
            .report(vec![attempt(it.id, to, u16::try_from(attempts).unwrap() + 1, Verdict::Exhausted, true)])
            .await;
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, semnal_store::error::StoreError> + Send + 'static,
    ) -> T {
        self.world.store.list(question).await.unwrap()
    }
}

fn kinds() -> Vec<Kind> {
    let types = |names: &[&str]| Some(names.iter().map(|n| EventTypeName::parse(n).unwrap()).collect());
    let channel = |name| Some(Channel::parse(name).unwrap());
    vec![
        Kind::default(),
        Kind { event_types: types(&TYPES[..1]), channel: None },
        Kind { event_types: types(&TYPES[..2]), channel: channel("ro") },
        Kind { event_types: None, channel: channel("tenant_1") },
        Kind { event_types: types(&["nobody.sends_this"]), channel: None },
    ]
}

fn spans(now: UnixMillis) -> Vec<Span> {
    let middle = UnixMillis((START.0 + now.0) / 2);
    vec![
        Span::default(),
        Span { after: Some(middle), before: None },
        Span { after: None, before: Some(middle) },
        Span { after: Some(UnixMillis(START.0 - 1)), before: Some(UnixMillis(now.0 - 5)) },
    ]
}

/// Walks a list from one end to the other, page by page, and returns everything.
macro_rules! walk {
    ($told:expr, $list:ident, $filter:expr, $direction:expr) => {{
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let (filter, slice) = ($filter.clone(), Slice { from, direction: $direction, limit: LIMIT });
            let found = $told.ask(move |reader| reader.$list(&filter, &slice)).await;
            all.extend(found.items);
            from = found.more_after;
            if from.is_none() {
                break all;
            }
        }
    }};
}

/// `exact_totals`: attempts of messages that are gone are not among the totals.
async fn assert_alike(files: &Told, rows: &Told, exact_totals: bool) {
    let now = files.world.now();
    for kind in kinds() {
        for span in spans(now) {
            for direction in [Direction::Older, Direction::Newer] {
                let filter = MessageFilter { application: files.application, kind: kind.clone(), span };
                let one = walk!(files, list_messages, filter, direction);
                assert_eq!(one, walk!(rows, list_messages, filter, direction), "{filter:?}");
                assert_lists_alike(files, rows, &kind, span, direction).await;
            }
        }
    }
    assert_counts_alike(files, rows, exact_totals).await;
}

async fn assert_lists_alike(files: &Told, rows: &Told, kind: &Kind, span: Span, direction: Direction) {
    for endpoint in files.endpoints.iter().copied() {
        for (success, status_class) in
            [(None, None), (Some(true), None), (Some(false), None), (None, Some(2)), (Some(false), Some(0))]
        {
            let filter = AttemptFilter { endpoint, success, status_class, kind: kind.clone(), span };
            let one = walk!(files, list_attempts, filter, direction);
            assert_eq!(one, walk!(rows, list_attempts, filter, direction), "{filter:?}");
        }
    }
    let everywhere = std::iter::once(DeliveriesOf::OpenOfApplication(files.application));
    for of in everywhere.chain(files.endpoints.iter().copied().map(DeliveriesOf::Endpoint)) {
        for state in [None].into_iter().chain(State::ALL.map(Some)) {
            let filter = DeliveryFilter { of, state, kind: kind.clone(), span };
            let one = walk!(files, list_deliveries, filter, direction);
            assert_eq!(one, walk!(rows, list_deliveries, filter, direction), "{filter:?}");
        }
    }
}

async fn assert_counts_alike(files: &Told, rows: &Told, exact_totals: bool) {
    let (now, application) = (files.world.now(), files.application);
    let middle = UnixMillis((START.0 + now.0) / 2);
    for (first, last) in [(START, now), (middle, now), (UnixMillis(START.0 + 7), middle)] {
        for endpoint in files.endpoints.iter().copied() {
            let counts = move |reader: &Reader| reader.count_deliveries(endpoint, first, last);
            assert_eq!(files.ask(counts).await, rows.ask(counts).await, "{endpoint:?} {first:?} {last:?}");
            if !exact_totals {
                continue;
            }
            let totals = move |reader: &Reader| reader.total_attempts(endpoint, first, last);
            assert_eq!(files.ask(totals).await, rows.ask(totals).await, "{endpoint:?} {first:?} {last:?}");
        }
        let messages = move |reader: &Reader| reader.count_messages(application, first, last);
        assert_eq!(files.ask(messages).await, rows.ask(messages).await, "{first:?} {last:?}");
    }
}

async fn story(events: &[Event]) {
    let (mut files, mut rows) = (Told::new(World::sqlite()).await, Told::new(World::memory()).await);
    for (at, event) in events.iter().enumerate() {
        files.tell(event).await;
        rows.tell(event).await;
        if at == events.len() / 2 {
            assert_alike(&files, &rows, !files.some_are_gone).await;
            files.world = files.world.crash();
            files.world.wait_for_views().await;
        }
    }
    assert_eq!(files.messages, rows.messages);
    assert_alike(&files, &rows, !files.some_are_gone).await;
    files.world.assert_balanced().await;
    rows.world.assert_balanced().await;
    files.world.rebuild_views().await;
    assert_alike(&files, &rows, true).await;
    files.world.assert_balanced().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn the_views_answer_like_a_recount(events in proptest::collection::vec(event(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(story(&events));
    }
}

#[tokio::test]
async fn files_that_are_lost_or_of_another_version_are_built_anew() {
    let mut told = Told::new(World::sqlite()).await;
    for _ in 0..5 {
        let channels = BTreeSet::from([0]);
        told.tell(&Event::Append {
            event_type: 0,
            channels,
            endpoints: BTreeSet::from([0, 1]),
            expires: false,
        })
        .await;
        told.tell(&Event::Attempt { delivery: 0, verdict: 0, after_ms: 3 }).await;
    }
    let filter =
        MessageFilter { application: told.application, kind: Kind::default(), span: Span::default() };
    let expected = walk!(told, list_messages, filter, Direction::Older);
    assert_eq!(expected.len(), 5);
    let damages: [fn(&std::path::Path); 3] = [
        |views| std::fs::remove_dir_all(views).unwrap(),
        |views| {
            for entry in views.read_dir().unwrap().flatten() {
                std::fs::write(entry.path(), "this is no database").unwrap();
            }
        },
        |views| {
            let file =
                views.read_dir().unwrap().flatten().map(|e| e.path()).find(|p| p.extension().is_some());
            let connection = rusqlite::Connection::open(file.unwrap()).unwrap();
            connection.pragma_update(None, "user_version", 99).unwrap();
        },
    ];
    for damage in damages {
        told.world = told.world.closed().await;
        damage(&told.world.path().join("views"));
        told.world = told.world.opened();
        told.world.wait_for_views().await;
        assert_eq!(walk!(told, list_messages, filter, Direction::Older), expected);
        told.world.assert_balanced().await;
    }
}

#[tokio::test]
async fn verify_notices_a_row_and_a_sum_that_are_wrong() {
    let mut told = Told::new(World::sqlite()).await;
    told.tell(&Event::Append {
        event_type: 0,
        channels: BTreeSet::new(),
        endpoints: BTreeSet::from([0]),
        expires: false,
    })
    .await;
    told.tell(&Event::Attempt { delivery: 0, verdict: 0, after_ms: 3 }).await;
    told.world.assert_balanced().await;
    for damage in [
        "delete from message",
        "update delivery set state = 2",
        "delete from attempt",
        "insert into attempt select endpoint, started_at + 1, message, ordinal, number, success, status,
            event_type, channels from attempt",
        "update message_minute set count = count + 1",
        "update delivery_minute set count = count + 1",
        "update attempt_minute set failed = 1",
        "delete from attempt_minute",
    ] {
        told.world = told.world.closed().await;
        let views = told.world.path().join("views");
        let file =
            views.read_dir().unwrap().flatten().map(|e| e.path()).find(|p| p.extension().unwrap() == "db");
        rusqlite::Connection::open(file.unwrap()).unwrap().execute(damage, []).unwrap();
        told.world = told.world.opened();
        assert!(!told.world.verify().await.balances(), "{damage}");
        told.world.rebuild_views().await;
        told.world.assert_balanced().await;
    }
}

#[tokio::test]
async fn a_list_shows_what_was_committed_before_it_was_asked_for() {
    let told = Told::new(World::sqlite()).await;
    let filter =
        MessageFilter { application: told.application, kind: Kind::default(), span: Span::default() };
    for _ in 0..200 {
        let it = told.world.append_one(message(told.application, &[])).await;
        let slice = Slice { from: None, direction: Direction::Older, limit: 1 };
        let filter = filter.clone();
        let found = told.ask(move |reader| reader.list_messages(&filter, &slice)).await;
        assert_eq!(found.items, [it.id]);
    }
}

#[tokio::test]
async fn a_list_of_many_days_goes_through_their_files() {
    let told = Told::for_ever(World::sqlite()).await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(told.world.append_one(message(told.application, &[])).await.id);
        told.world.advance_ms(86_400_000 * 2);
    }
    let filter =
        MessageFilter { application: told.application, kind: Kind::default(), span: Span::default() };
    // Twenty files are made here at once, which takes longer than a list waits.
    told.world.assert_balanced().await;
    assert_eq!(walk!(told, list_messages, filter, Direction::Newer), expected);
    let files = told.world.path().join("views").read_dir().unwrap().flatten();
    let days = files.filter(|it| it.path().extension().is_some_and(|suffix| suffix == "db")).count();
    assert_eq!(days, 20);
    let from = Some(MessageId(Key(expected[10].0.0 + 1)));
    let slice = Slice { from, direction: Direction::Older, limit: 1 };
    let found = told.ask(move |reader| reader.list_messages(&filter, &slice)).await;
    assert_eq!(found.items, [expected[10]]);
}

#[tokio::test]
async fn messages_are_listed_although_the_views_cannot_be_written() {
    let told = Told::new(World::sqlite()).await;
    let filter =
        MessageFilter { application: told.application, kind: Kind::default(), span: Span::default() };
    let mut expected = vec![told.world.append_one(message(told.application, &[])).await.id];
    assert_eq!(walk!(told, list_messages, filter, Direction::Newer), expected);
    // As on a full disk: the one that writes the views waits.
    let views = told.world.path().join("views");
    let file = views.read_dir().unwrap().flatten().map(|e| e.path()).find(|p| p.extension().unwrap() == "db");
    let hindrance = rusqlite::Connection::open(file.unwrap()).unwrap();
    hindrance.execute_batch("begin immediate").unwrap();
    for _ in 0..7 {
        expected.push(told.world.append_one(message(told.application, &[])).await.id);
    }
    for direction in [Direction::Newer, Direction::Older] {
        assert_eq!(walk!(told, list_messages, filter, direction), expected);
        expected.reverse();
    }
    hindrance.execute_batch("rollback").unwrap();
    told.world.assert_balanced().await;
    assert_eq!(walk!(told, list_messages, filter, Direction::Newer), expected);
}

fn files_of(told: &Told) -> Vec<String> {
    let files = told.world.path().join("views").read_dir().unwrap().flatten();
    let mut names: Vec<String> =
        files.filter_map(|it| it.file_name().into_string().ok()).filter(|it| it.ends_with(".db")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_file_of_a_day_goes_with_the_last_message_of_the_day() {
    let mut told = Told::new(World::sqlite()).await;
    let to = BTreeSet::from([0]);
    let new = Event::Append { event_type: 0, channels: BTreeSet::new(), endpoints: to, expires: false };
    // Two messages a day on five days, an hour apart. In the end those of the first two days are too old.
    for _ in 0..5 {
        told.tell(&new).await;
        told.tell(&Event::Attempt { delivery: 0, verdict: 0, after_ms: 3 }).await;
        told.world.advance_ms(3_600_000);
        told.tell(&new).await;
        told.tell(&Event::Attempt { delivery: 0, verdict: 0, after_ms: 3 }).await;
        told.world.assert_balanced().await;
        told.world.advance_ms(82_800_000);
    }
    let all = told.messages.clone();
    for gone in 4..=all.len() {
        told.world.wait_until_gone(all[gone - 1]).await;
        let filter =
            MessageFilter { application: told.application, kind: Kind::default(), span: Span::default() };
        for direction in [Direction::Newer, Direction::Older] {
            let mut expected = all[gone..].to_vec();
            if direction == Direction::Older {
                expected.reverse();
            }
            assert_eq!(walk!(told, list_messages, filter, direction), expected);
        }
        let (endpoint, now) = (told.endpoints[0], told.world.now());
        let counts = move |reader: &Reader| reader.count_deliveries(endpoint, START, now);
        assert_eq!(told.ask(counts).await.delivered, (all.len() - gone) as u64);
        let of = DeliveriesOf::Endpoint(endpoint);
        let filter = DeliveryFilter { of, state: None, kind: Kind::default(), span: Span::default() };
        assert_eq!(walk!(told, list_deliveries, filter, Direction::Older).len(), all.len() - gone);
        let filter = AttemptFilter {
            endpoint,
            success: None,
            status_class: None,
            kind: Kind::default(),
            span: Span::default(),
        };
        assert_eq!(walk!(told, list_attempts, filter, Direction::Older).len(), all.len() - gone);
        told.world.assert_balanced().await;
        let left = all.get(gone).map_or(1, |_| 5 - gone / 2);
        assert_eq!(files_of(&told).len(), left, "{gone} are gone");
        let next = all.get(gone).map_or(told.world.now().0, |id| id.0.time().0 + 3 * 86_400_000 + 1);
        told.world.advance_ms((next - told.world.now().0).max(0));
    }
}
