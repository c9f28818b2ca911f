//! The store against a model of the ledger: random sequences of what clients, people and the engine do, with stops and
//! crashes in between, after each of which the store must say what the model says, and its proof must balance.
//!
//! The test plays the engine: it knows which deliveries have a row, reports attempts only of undecided ones, and forgets
//! what belonged to a deleted endpoint.

use std::sync::Arc;

use std::collections::BTreeMap;

use proptest::prelude::*;
use semnal_core::configuration::Change;
use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, MessageId};
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Appended;
use semnal_store::outcome::{Report, Trigger, Verdict};
use semnal_store::store::{ChangePlan, Resent};

use crate::fixture::{Begun, World, begin, created, endpoint, message, outcome, park};

/// One step of a sequence. Numbers choose among what exists at that moment.
#[derive(Debug, Clone)]
enum Step {
    /// These share one transaction.
    Together(Vec<Ask>),
    Attempt(u16, End),
    Park(u16),
    Advance(u16),
    Stop,
    Crash,
}

/// What clients and people ask for.
#[derive(Debug, Clone)]
enum Ask {
    /// To the endpoints whose bit is set.
    Append(u8),
    Resend(u16, u16),
    AddEndpoint,
    DeleteEndpoint(u16),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Delivered,
    Retry,
    Held,
    Exhausted,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        5 => any::<u8>().prop_map(Ask::Append),
        3 => any::<(u16, u16)>().prop_map(|(message, endpoint)| Ask::Resend(message, endpoint)),
        1 => Just(Ask::AddEndpoint),
        1 => any::<u16>().prop_map(Ask::DeleteEndpoint),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(End::Delivered), Just(End::Retry), Just(End::Held), Just(End::Exhausted)];
    prop_oneof![
        5 => proptest::collection::vec(ask(), 1..5).prop_map(Step::Together),
        8 => (any::<u16>(), end).prop_map(|(which, end)| Step::Attempt(which, end)),
        2 => any::<u16>().prop_map(Step::Park),
        2 => (0u16..1_000).prop_map(Step::Advance),
        1 => Just(Step::Stop),
        1 => Just(Step::Crash),
    ]
}

/// A delivery as the model knows it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    endpoint: EndpointId,
    state: DeliveryState,
    has_row: bool,
    due_at: Option<UnixMillis>,
    /// Why the next attempt is made; a parked delivery keeps it.
    trigger: Trigger,
    /// What its last attempt decided. A reopened delivery whose endpoint is deleted is what it was before.
    decided: Option<fn(Progress) -> DeliveryState>,
}

impl Pair {
    fn new(endpoint: EndpointId) -> Pair {
        let state = DeliveryState::Pending(Progress::default());
        Pair { endpoint, state, has_row: false, due_at: None, trigger: Trigger::Scheduled, decided: None }
    }

    fn is_undecided(&self) -> bool {
        !self.state.is_decided()
    }

    fn pending(&mut self, progress: Progress, due_at: Option<UnixMillis>) {
        *self = Pair { state: DeliveryState::Pending(progress), has_row: true, due_at, ..*self };
    }

    fn decide(&mut self, state: fn(Progress) -> DeliveryState, attempts: u16) {
        let state = state(Progress { attempts, step: 0 });
        *self = Pair { state, has_row: false, due_at: None, ..*self };
    }
}

#[derive(Default)]
struct Model {
    messages: Vec<MessageId>,
    pairs: BTreeMap<DeliveryId, Pair>,
    endpoints: Vec<EndpointId>,
    /// Every endpoint that ever was.
    all_endpoints: Vec<EndpointId>,
}

impl Model {
    fn undecided(&self) -> Vec<DeliveryId> {
        self.pairs.iter().filter(|(_, pair)| pair.is_undecided()).map(|(id, _)| *id).collect()
    }

    fn fresh(&self) -> Vec<DeliveryId> {
        let fresh = self.pairs.iter().filter(|(_, pair)| pair.is_undecided() && !pair.has_row);
        fresh.map(|(id, _)| *id).collect()
    }

    fn append(&mut self, id: MessageId, endpoints: &[EndpointId]) {
        self.messages.push(id);
        for (ordinal, endpoint) in (0u16..).zip(endpoints) {
            self.pairs.insert(DeliveryId { message: id, ordinal }, Pair::new(*endpoint));
        }
    }

    fn resend(&mut self, id: MessageId, endpoint: EndpointId, now: UnixMillis) {
        let of_message = |ordinal| DeliveryId { message: id, ordinal };
        let mut own = self.pairs.range_mut(of_message(0)..=of_message(u16::MAX));
        if let Some((_, pair)) = own.find(|(_, pair)| pair.endpoint == endpoint) {
            if pair.has_row || pair.state.is_decided() {
                let attempts = pair.state.progress().attempts;
                pair.pending(Progress { attempts, step: 0 }, Some(now));
                pair.trigger = Trigger::Manual;
            }
            return;
        }
        let ordinal = self.pairs.range(of_message(0)..=of_message(u16::MAX)).count();
        let pair = Pair { has_row: true, due_at: Some(now), trigger: Trigger::Manual, ..Pair::new(endpoint) };
        self.pairs.insert(of_message(u16::try_from(ordinal).unwrap()), pair);
    }

    /// Cancels what an endpoint has not been sent; returns what the engine has to forget.
    fn delete(&mut self, endpoint: EndpointId) -> Vec<Report> {
        self.endpoints.retain(|it| *it != endpoint);
        let mut forgets = Vec::new();
        for (id, pair) in &mut self.pairs {
            if pair.endpoint == endpoint && pair.is_undecided() {
                forgets.push(Report::Forget { delivery: *id, has_row: pair.has_row });
                let state = pair.decided.unwrap_or(DeliveryState::Cancelled);
                pair.decide(state, pair.state.progress().attempts);
            }
        }
        forgets
    }

    fn attempt(&mut self, id: DeliveryId, end: End, now: UnixMillis) -> Report {
        let pair = self.pairs.get_mut(&id).expect("it was picked from the model");
        let had_row = pair.has_row;
        let before = pair.state.progress();
        let progress = Progress { attempts: before.attempts + 1, step: before.step + 1 };
        let due_at = UnixMillis(now.0 + 700);
        let verdict = match end {
            End::Delivered => Verdict::Delivered,
            End::Retry => Verdict::RetryAt(due_at),
            End::Held => Verdict::Held,
            End::Exhausted => Verdict::Exhausted,
        };
        pair.decided = match end {
            End::Delivered => Some(DeliveryState::Delivered),
            End::Exhausted => Some(DeliveryState::Failed),
            End::Retry | End::Held => None,
        };
        pair.trigger = Trigger::Scheduled;
        match end {
            End::Delivered => pair.decide(DeliveryState::Delivered, progress.attempts),
            End::Retry => pair.pending(progress, Some(due_at)),
            End::Held => pair.pending(progress, None),
            End::Exhausted => pair.decide(DeliveryState::Failed, progress.attempts),
        }
        let outcome = Arc::new(outcome(id, pair.endpoint, progress.attempts, verdict));
        Report::Attempt { outcome, progress, has_row: had_row }
    }

    fn park(&mut self, id: DeliveryId) -> Report {
        let pair = self.pairs.get_mut(&id).expect("it was picked from the model");
        let had_row = pair.has_row;
        let progress = pair.state.progress();
        pair.pending(progress, None);
        let trigger = pair.trigger;
        let mut report = park(id, pair.endpoint, 0, had_row);
        if let Report::Park { row, .. } = &mut report {
            (row.progress, row.trigger) = (progress, trigger);
        }
        report
    }
}

/// A store and its model, which must agree.
struct Run {
    world: World,
    model: Model,
    application: ApplicationId,
}

/// A request whose answer is awaited.
enum Asked<'a> {
    Append(Begun<'a, Result<Vec<Appended>, StoreError>>, Vec<EndpointId>),
    Resend(Begun<'a, Resent>, MessageId, EndpointId),
    Add(Begun<'a, bool>, EndpointId),
    Delete(Begun<'a, bool>, EndpointId),
}

impl Run {
    async fn new(world: World) -> Run {
        let (application, endpoints) = world.tenant(2).await;
        let model = Model { endpoints: endpoints.clone(), all_endpoints: endpoints, ..Model::default() };
        Run { world, model, application }
    }

    async fn step(mut self, step: &Step) -> Run {
        match step {
            Step::Together(asks) => self.together(asks).await,
            Step::Attempt(which, end) => {
                if let Some(id) = pick(&self.model.undecided(), *which) {
                    let report = self.model.attempt(id, *end, self.world.now());
                    self.world.report(vec![report]).await;
                }
            }
            Step::Park(which) => {
                if let Some(id) = pick(&self.model.undecided(), *which) {
                    let report = self.model.park(id);
                    self.world.report(vec![report]).await;
                }
            }
            Step::Advance(by_ms) => self.world.advance_ms(i64::from(*by_ms)),
            Step::Stop => {
                self.world = self.world.restart().await;
                self.assert_recovered();
            }
            Step::Crash => {
                self.world = self.world.crash();
                self.assert_recovered();
            }
        }
        self.assert_balanced(0).await;
        self
    }

    /// Asks for everything at once, so that it shares a transaction, and moves the model in the same order.
    async fn together(&mut self, asks: &[Ask]) {
        let Run { world, model, application } = self;
        let gate = world.hold_writer();
        let asked: Vec<_> =
            asks.iter().filter_map(|ask| begin_asking(world, model, *application, ask)).collect();
        gate.open();
        let (mut changed, mut forgets) = (false, Vec::new());
        for asked in asked {
            match asked {
                Asked::Append(answer, to) => match &answer.await.unwrap()[0] {
                    Appended::Stale => assert!(changed, "nothing changed before it"),
                    appended => {
                        assert!(!changed, "it was matched against an older configuration");
                        model.append(created(appended).id, &to);
                    }
                },
                Asked::Resend(answer, id, endpoint) => {
                    if model.endpoints.contains(&endpoint) {
                        assert_eq!(answer.await, Resent::Accepted);
                        model.resend(id, endpoint, world.now());
                    } else {
                        assert_eq!(answer.await, Resent::NoSuchEndpoint);
                    }
                }
                Asked::Add(answer, id) => {
                    assert!(answer.await);
                    changed = true;
                    model.endpoints.push(id);
                    model.all_endpoints.push(id);
                }
                Asked::Delete(answer, id) => {
                    let exists = model.endpoints.contains(&id);
                    assert_eq!(answer.await, exists);
                    changed |= exists;
                    forgets.extend(model.delete(id));
                }
            }
        }
        let in_memory = |report: &&Report| matches!(report, Report::Forget { has_row: false, .. });
        let unforgotten = forgets.iter().filter(in_memory).count();
        self.assert_balanced(unforgotten).await;
        self.world.report(forgets).await;
    }

    fn assert_recovered(&self) {
        let mut found: Vec<_> =
            self.world.heard.look(|h| h.recovered.iter().map(|r| (r.delivery, r.endpoint)).collect());
        found.sort_unstable();
        let fresh = self.model.fresh();
        let expected: Vec<_> = fresh.iter().map(|id| (*id, self.model.pairs[id].endpoint)).collect();
        assert_eq!(found, expected);
    }

    /// `unforgotten` cancelled deliveries are still in the memory of the engine.
    async fn assert_balanced(&self, unforgotten: usize) {
        let in_memory = self.model.fresh().len() + unforgotten;
        *self.world.heard.without_row.lock() = Some(in_memory as u64);
        let found = self.world.verify().await;
        assert!(found.balances(), "{found:?}");
        let mut states = BTreeMap::<&str, u64>::new();
        for pair in self.model.pairs.values() {
            let word = match pair.state {
                DeliveryState::Pending(_) | DeliveryState::Held(_) => "pending",
                DeliveryState::Delivered(_) => "delivered",
                DeliveryState::Failed(_) => "failed",
                DeliveryState::Cancelled(_) => "cancelled",
                DeliveryState::Expired(_) => "expired",
            };
            *states.entry(word).or_default() += 1;
        }
        assert_eq!(found.states, states);
    }

    async fn assert_every_delivery(&self) {
        for id in &self.model.messages {
            for found in self.world.deliveries(*id).await {
                let pair = self.model.pairs[&found.id];
                let expected = (pair.endpoint, pair.state, pair.due_at);
                assert_eq!((found.endpoint, found.state, found.due_at), expected, "{:?}", found.id);
            }
        }
    }
}

/// Hands one request over; `None` when there is nothing that it could be about.
fn begin_asking<'a>(
    world: &'a World,
    model: &Model,
    application: ApplicationId,
    ask: &Ask,
) -> Option<Asked<'a>> {
    match ask {
        Ask::Append(bits) => {
            let configuration = world.store.configuration();
            let known = configuration.endpoints_of(application);
            let wanted = (0..known.len()).filter(|n| (bits >> (n % 8)) & 1 == 1);
            let to: Vec<EndpointId> = wanted.map(|n| known[n].id).collect();
            let new = vec![message(application, &to)];
            Some(Asked::Append(begin(world.store.append(new, configuration.version)), to))
        }
        Ask::Resend(id, endpoint) => {
            let (id, endpoint) = (pick(&model.messages, *id)?, pick(&model.all_endpoints, *endpoint)?);
            Some(Asked::Resend(begin(world.resend(id, endpoint)), id, endpoint))
        }
        Ask::AddEndpoint => {
            let id = EndpointId(world.store.next_key());
            let change = Change::PutEndpoint(Box::new(endpoint(id, application)));
            Some(Asked::Add(begin(fits(world, change)), id))
        }
        Ask::DeleteEndpoint(which) => {
            let id = pick(&model.endpoints, *which)?;
            Some(Asked::Delete(begin(fits(world, Change::DeleteEndpoint(id))), id))
        }
    }
}

/// Tells whether a change fitted the configuration.
async fn fits(world: &World, change: Change) -> bool {
    let plan = ChangePlan { changes: vec![change], answer: None, value: () };
    match world.store.change(None, move |_| Ok::<_, ()>(plan)).await {
        Ok(done) => done.is_ok(),
        Err(StoreError::Change(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

fn pick<T: Copy>(from: &[T], number: u16) -> Option<T> {
    (!from.is_empty()).then(|| from[usize::from(number) % from.len()])
}

fn check(world: fn() -> World, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::new(world()).await;
        for step in steps {
            run = run.step(step).await;
        }
        run.assert_every_delivery().await;
        run = run.step(&Step::Crash).await;
        run.assert_every_delivery().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_memory_store_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        check(World::memory, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn the_sqlite_store_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..40)) {
        check(World::sqlite, &steps);
    }
}
