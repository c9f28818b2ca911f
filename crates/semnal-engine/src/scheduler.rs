//! What is sent next. Keeps a queue per endpoint, a ring of endpoints per application, a ring of applications, and
//! the timers of what is due within a minute; everything else stays in the store.
//!
//! Pure but for the tokens that stop attempts: the time is an argument, reports and loads are collected for the
//! engine to hand over. Invariants: work is taken per endpoint and application, never as "the oldest of everything";
//! memory is bounded by `ITEMS_MAX`, `TIMERS_MAX` and `PAYLOAD_BYTES_MAX`, what exceeds it is parked in the store.

mod call_off;
mod confirm;
mod probe;
pub mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use semnal_core::configuration::Configuration;
use semnal_core::delivery::Progress;
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key};
use semnal_core::name::EventTypeName;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_store::message::Message;
use semnal_store::outcome::{DueCursor, Outcome, Report, RetryRow, Trigger, due_cursor_at};

use crate::destination::{Destination, RequestForm};
use crate::lane::{Blocked, Item, Lane};
use probe::Probes;
use work::{Finish, Job, Load, Status, item_of, park};

/// 256 items per endpoint stay in memory whatever happens elsewhere.
pub(crate) const WINDOW_MIN: usize = 256;
/// 8,192 items per endpoint stay in memory while all together are few (docs/adr/0001).
pub(crate) const WINDOW_MAX: usize = 8_192;
/// 65,536 items in memory; beyond half of it each endpoint has its window of 256 only.
pub(crate) const ITEMS_MAX: usize = 65_536;
/// 64 MiB of payload in memory; beyond it a payload is read again before it is sent.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// 50,000 timers in memory; later ones stay in the store.
pub(crate) const TIMERS_MAX: usize = 50_000;
/// Timers are read one minute ahead.
pub(crate) const HORIZON: Duration = Duration::from_secs(60);
/// 8,192 reports wait at most before no further attempt starts.
const REPORTS_MAX: usize = 8_192;
/// Rows of a backlog read at once.
const BACKLOG_ROWS: usize = 1_024;
/// An item is undecided for 60 s at most before it gets a row, so that recovery has little to read (DESIGN 4.2).
const UNDECIDED_MAX: Duration = Duration::from_secs(60);
/// An application's turn is worth 64 KiB of payload, a request counting 1 KiB besides.
const QUANTUM_BYTES: i64 = 64 * 1_024;

/// See the module.
pub(crate) struct Scheduler {
    configuration: Arc<Configuration>,
    form: RequestForm,
    lanes: HashMap<EndpointId, Lane>,
    rings: HashMap<ApplicationId, Ring>,
    ready: VecDeque<ApplicationId>,
    /// Lanes that only time will make ready.
    wakes: BTreeSet<(UnixMillis, EndpointId)>,
    timers: BTreeMap<DueCursor, RetryRow>,
    /// Every row due up to here is a timer; later ones are in the store only.
    reached: DueCursor,
    /// Where the load of due rows that is under way began.
    loading_due: Option<DueCursor>,
    items: usize,
    payload_bytes: usize,
    in_flight: usize,
    in_flight_max: usize,
    reports: Vec<Report>,
    /// Reports handed over whose commit has not been heard of.
    unconfirmed: usize,
    loads: Vec<Load>,
    /// Undecided deliveries without a row, until the store confirms that they are decided or have one.
    fresh: u64,
    /// Deliveries that were called off, until the store confirms that it has heard the last report about each: a row of
    /// theirs that is read meanwhile is not taken, the store offers it again.
    forgetting: HashSet<DeliveryId>,
    disk_full: bool,
    swept_at: UnixMillis,
    probes: Probes,
}

/// Where an item joins its endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Front,
    Back,
}

/// The ready endpoints of an application.
#[derive(Default)]
struct Ring {
    endpoints: VecDeque<EndpointId>,
    /// Bytes that the application may still send in this turn; negative after a large one.
    deficit: i64,
    queued: bool,
}

impl Scheduler {
    /// `probe_interval` is how long from one probe of an endpoint that is disabled for failing to the next.
    pub(crate) fn new(
        form: RequestForm,
        in_flight_max: usize,
        probe_interval: Option<Duration>,
        now: UnixMillis,
    ) -> Scheduler {
        Scheduler {
            configuration: Arc::default(),
            form,
            lanes: HashMap::new(),
            rings: HashMap::new(),
            ready: VecDeque::new(),
            wakes: BTreeSet::new(),
            timers: BTreeMap::new(),
            reached: due_cursor_at(UnixMillis(i64::MIN)),
            loading_due: None,
            items: 0,
            payload_bytes: 0,
            in_flight: 0,
            in_flight_max,
            reports: Vec::new(),
            unconfirmed: 0,
            loads: Vec::new(),
            fresh: 0,
            forgetting: HashSet::new(),
            disk_full: false,
            swept_at: now,
            probes: Probes::new(probe_interval),
        }
    }

    pub(crate) fn status(&self) -> Status {
        let busy = self.in_flight > 0
            || !self.reports.is_empty()
            || self.unconfirmed > 0
            || !self.loads.is_empty()
            || self.loading_due.is_some()
            || self.probes.asking()
            || self.lanes.values().any(|lane| lane.backlog.loading || lane.ready);
        let (in_flight, queued) = (self.in_flight, self.items);
        Status { in_flight, queued, timers: self.timers.len(), lanes: self.lanes.len(), busy }
    }

    pub(crate) fn fresh(&self) -> u64 {
        self.fresh
    }

    /// Takes a new message's deliveries, or those found at start (then without the message).
    pub(crate) fn offer_fresh(
        &mut self,
        endpoint: EndpointId,
        delivery: DeliveryId,
        message: Option<Arc<Message>>,
        now: UnixMillis,
    ) {
        self.fresh += 1;
        let progress = Progress::default();
        let (trigger, since) = (Trigger::Scheduled, Key::default());
        let item = Item { delivery, progress, trigger, has_row: false, since, message, offered_at: now };
        self.offer(endpoint, item, Place::Back, now);
    }

    /// Takes rows that a person's request made due; what is in memory already is due already.
    pub(crate) fn resent(&mut self, rows: &[RetryRow], now: UnixMillis) {
        if rows.is_empty() {
            return;
        }
        // There may be many of both: the timers are gone through once.
        let again: HashSet<_> = rows.iter().map(|row| (row.endpoint, row.delivery)).collect();
        self.timers.retain(|_, timer| !again.contains(&(timer.endpoint, timer.delivery)));
        for row in rows {
            self.offer_row(row, now);
        }
    }

    /// Tells whether an endpoint takes bulk work: it has little waiting, or holds what it has in the store anyway.
    pub(crate) fn takes_bulk(&self, endpoint: EndpointId) -> bool {
        self.lanes
            .get(&endpoint)
            .is_none_or(|lane| lane.holds() || (!lane.backlog.exists && lane.queue.len() < WINDOW_MIN))
    }

    fn offer_row(&mut self, row: &RetryRow, now: UnixMillis) {
        if self.forgetting.contains(&row.delivery) {
            return;
        }
        // A person waits for one with a time; one out of a backlog is one of many.
        let is_urgent = row.trigger == Trigger::Manual && row.due_at.is_some();
        let place = if is_urgent { Place::Front } else { Place::Back };
        self.offer(row.endpoint, item_of(row, now), place, now);
    }

    fn offer(&mut self, endpoint: EndpointId, mut item: Item, place: Place, now: UnixMillis) {
        let window = self.window();
        let Some(lane) = lane(&mut self.lanes, &self.configuration, &self.form, endpoint, now) else {
            self.reports.push(Report::Forget { delivery: item.delivery, has_row: item.has_row });
            return;
        };
        if item.has_row && lane.with_row.contains(&item.delivery) {
            return;
        }
        // Behind a backlog comes more backlog, so that an endpoint's work keeps its order. A person's request does
        // not wait behind it.
        let behind = lane.backlog.exists && !item.has_row;
        if lane.holds() || behind || lane.queue.len() >= window || self.items >= ITEMS_MAX {
            self.reports.push(park(endpoint, &item));
            return;
        }
        if item.has_row {
            lane.with_row.insert(item.delivery);
        }
        let bytes = item.message.as_ref().map_or(0, |m| m.payload.len());
        if self.payload_bytes + bytes > PAYLOAD_BYTES_MAX {
            item.message = None;
        } else {
            self.payload_bytes += bytes;
        }
        self.items += 1;
        match place {
            Place::Front => lane.queue.push_front(item),
            Place::Back => lane.queue.push_back(item),
        }
        self.wake(endpoint, now);
    }

    /// Returns how many items an endpoint may have in memory at the moment.
    fn window(&self) -> usize {
        if self.items < ITEMS_MAX / 2 { WINDOW_MAX } else { WINDOW_MIN }
    }

    /// Puts an endpoint into its ring when it can send.
    fn wake(&mut self, endpoint: EndpointId, now: UnixMillis) {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
        if lane.ready {
            return;
        }
        match lane.check(now) {
            Ok(()) => {
                lane.ready = true;
                let application = lane.destination.endpoint.application;
                let ring = self.rings.entry(application).or_default();
                ring.endpoints.push_back(endpoint);
                if !ring.queued {
                    ring.queued = true;
                    self.ready.push_back(application);
                }
            }
            Err(Blocked::UntilTime(at)) => {
                self.wakes.insert((at, endpoint));
            }
            Err(Blocked::UntilEvent) => {}
        }
        self.load_backlog(endpoint);
    }

    /// Asks for more of an endpoint's backlog when memory has room for it.
    fn load_backlog(&mut self, endpoint: EndpointId) {
        let window = self.window();
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
        let room = lane.queue.len() < WINDOW_MIN / 2 && self.items < ITEMS_MAX;
        if lane.backlog.exists && !lane.backlog.loading && !lane.holds() && room {
            lane.backlog.loading = true;
            let after = lane.backlog.after;
            if after.is_none() {
                lane.backlog.grown = false;
            }
            // No more than there is room for: what does not fit would have to be written back.
            let limit = BACKLOG_ROWS.min(window - lane.queue.len());
            self.loads.push(Load::Queued { endpoint, after, limit });
        }
    }

    /// Takes rows of an endpoint's backlog.
    pub(crate) fn loaded_queued(
        &mut self,
        endpoint: EndpointId,
        rows: &[RetryRow],
        complete: bool,
        now: UnixMillis,
    ) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.backlog.read(rows.last().map(|row| row.delivery), complete);
        }
        for row in rows {
            self.offer_row(row, now);
        }
        self.wake(endpoint, now);
    }

    /// Takes rows with a time.
    pub(crate) fn loaded_due(&mut self, rows: Vec<RetryRow>, reached: DueCursor, now: UnixMillis) {
        let began = self.loading_due.take();
        if began.is_some_and(|began| self.reached < began) {
            // Timers were given up meanwhile: between them and these rows would be a gap. The next load fills it.
            self.tick(now);
            return;
        }
        self.reached = self.reached.max(reached);
        for row in rows {
            // A row that is being decided, as a probe's before its time, gets another time or none with its outcome.
            let decided_now = |lane: &Lane| lane.with_row.contains(&row.delivery);
            if let Some(cursor) = row.due_cursor()
                && !self.lanes.get(&row.endpoint).is_some_and(decided_now)
            {
                self.timers.insert(cursor, row);
            }
        }
        self.tick(now);
    }

    /// Does what the time asks for: timers, lanes that rested, rows to read, items that got old. Returns whether it was
    /// time to tidy up, which is every 15 s.
    pub(crate) fn tick(&mut self, now: UnixMillis) -> bool {
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            let row = entry.remove();
            self.offer_row(&row, now);
        }
        while let Some((at, endpoint)) = self.wakes.first().copied()
            && at <= now
        {
            self.wakes.pop_first();
            self.wake(endpoint, now);
        }
        self.ask_for_probes(now);
        if self.loading_due.is_none() && self.timers.len() < TIMERS_MAX && self.reached.0 < now + HORIZON / 2
        {
            self.loading_due = Some(self.reached);
            let limit = TIMERS_MAX - self.timers.len();
            self.loads.push(Load::Due { after: self.reached, until: now + HORIZON, limit });
        }
        let sweep = now.since(self.swept_at) >= UNDECIDED_MAX / 4;
        if sweep {
            self.swept_at = now;
            self.sweep(now);
        }
        sweep
    }

    /// Gives old items a row, and forgets lanes that nothing needs.
    fn sweep(&mut self, now: UnixMillis) {
        for (endpoint, lane) in &mut self.lanes {
            let old =
                lane.queue.iter_mut().filter(|i| !i.has_row && now.since(i.offered_at) >= UNDECIDED_MAX);
            for item in old {
                self.reports.push(park(*endpoint, item));
                item.has_row = true;
                lane.with_row.insert(item.delivery);
            }
        }
        self.lanes.retain(|_, lane| {
            let keep = !lane.is_idle() || lane.ready || lane.not_before > now;
            if !keep {
                lane.destination.close();
            }
            keep
        });
    }

    /// Returns when [`Scheduler::tick`] has something to do next.
    pub(crate) fn next_wake(&self) -> Option<UnixMillis> {
        let timer = self.timers.keys().next().map(|cursor| cursor.0);
        let wake = self.wakes.first().map(|(at, _)| *at);
        let load = (self.loading_due.is_none() && self.timers.len() < TIMERS_MAX)
            .then(|| self.reached.0 - HORIZON / 2 + Duration::from_millis(1));
        let sweep = (self.items > 0 || !self.lanes.is_empty()).then(|| self.swept_at + UNDECIDED_MAX / 4);
        [timer, wake, load, sweep, self.probes.next_due()].into_iter().flatten().min()
    }

    /// Returns the next thing to send, taking applications in turn and in each its endpoints in turn.
    pub(crate) fn next(&mut self, now: UnixMillis) -> Option<Job> {
        if self.disk_full || self.in_flight >= self.in_flight_max || self.reports.len() >= REPORTS_MAX {
            return None;
        }
        while let Some(application) = self.ready.pop_front() {
            let Some(ring) = self.rings.get_mut(&application) else { continue };
            if ring.endpoints.is_empty() {
                self.rings.remove(&application);
                continue;
            }
            if ring.deficit <= 0 {
                ring.deficit += QUANTUM_BYTES;
                if ring.deficit <= 0 {
                    self.ready.push_back(application);
                    continue;
                }
            }
            let job = self.take_from(application, now);
            self.requeue(application);
            if job.is_some() {
                return job;
            }
        }
        None
    }

    fn take_from(&mut self, application: ApplicationId, now: UnixMillis) -> Option<Job> {
        let ring = self.rings.get_mut(&application)?;
        let endpoint = ring.endpoints.pop_front()?;
        let lane = self.lanes.get_mut(&endpoint)?;
        lane.ready = false;
        if let Err(blocked) = lane.check(now) {
            if let Blocked::UntilTime(at) = blocked {
                self.wakes.insert((at, endpoint));
            }
            return None;
        }
        let (item, stop) = lane.take(now)?;
        let bytes = item.message.as_ref().map_or(0, |m| m.payload.len());
        self.payload_bytes -= bytes;
        ring.deficit -= i64::try_from(bytes + 1_024).unwrap_or(QUANTUM_BYTES);
        self.items -= 1;
        self.in_flight += 1;
        let destination = lane.destination.clone();
        self.wake(endpoint, now);
        Some(Job { item, destination, stop })
    }

    /// Puts an application back: in front while its turn lasts, else behind the others.
    fn requeue(&mut self, application: ApplicationId) {
        let Some(ring) = self.rings.get_mut(&application) else { return };
        if ring.endpoints.is_empty() {
            self.rings.remove(&application);
        } else if ring.deficit > 0 {
            self.ready.push_front(application);
        } else {
            self.ready.push_back(application);
        }
    }

    /// Takes the end of an attempt.
    pub(crate) fn finish(
        &mut self,
        outcome: Arc<Outcome>,
        progress: Progress,
        has_row: bool,
        finish: Finish,
        now: UnixMillis,
    ) {
        let (endpoint, delivery) = (outcome.endpoint, outcome.id.delivery);
        self.reports.push(Report::Attempt { outcome, progress, has_row });
        self.ended(endpoint, delivery, finish, now);
    }

    /// Takes an attempt that was not made or stopped: its endpoint was deleted, or there is nothing left to send.
    pub(crate) fn abandoned(
        &mut self,
        endpoint: EndpointId,
        delivery: DeliveryId,
        has_row: bool,
        now: UnixMillis,
    ) {
        self.reports.push(Report::Forget { delivery, has_row });
        self.ended(endpoint, delivery, Finish::Failure, now);
    }

    /// Takes an attempt that could not be made for a reason of ours: the delivery goes back to the store.
    pub(crate) fn put_back(
        &mut self,
        endpoint: EndpointId,
        item: &Item,
        rest_until: UnixMillis,
        now: UnixMillis,
    ) {
        if self.forgetting.contains(&item.delivery) {
            return self.abandoned(endpoint, item.delivery, item.has_row, now);
        }
        self.reports.push(park(endpoint, item));
        self.ended(endpoint, item.delivery, Finish::SlowDown(rest_until), now);
    }

    fn ended(&mut self, endpoint: EndpointId, delivery: DeliveryId, finish: Finish, now: UnixMillis) {
        self.in_flight -= 1;
        self.end_probe(endpoint, delivery, now);
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
        let slow_until = match finish {
            Finish::SlowDown(until) => Some(until),
            _ => None,
        };
        lane.finished(delivery, slow_until, finish == Finish::Success);
        if finish == Finish::Gone {
            lane.stopped = true;
            self.park_queue(endpoint, now);
        }
        self.wake(endpoint, now);
    }

    /// An endpoint that answered 410 could not be disabled: it is tried again, and answers again.
    pub(crate) fn start_again(&mut self, endpoint: EndpointId, now: UnixMillis) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.stopped = false;
            self.wake(endpoint, now);
        }
    }

    /// Moves an endpoint's queue to the store.
    fn park_queue(&mut self, endpoint: EndpointId, now: UnixMillis) {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return };
        lane.probing = false;
        for item in std::mem::take(&mut lane.queue) {
            self.items -= 1;
            self.payload_bytes -= item.message.as_ref().map_or(0, |m| m.payload.len());
            self.reports.push(park(endpoint, &item));
            self.end_probe(endpoint, item.delivery, now);
        }
    }

    pub(crate) fn set_disk_full(&mut self, full: bool) {
        self.disk_full = full;
    }

    /// Takes a new configuration: endpoints that changed, endpoints that are gone.
    pub(crate) fn reconfigure(
        &mut self,
        configuration: Arc<Configuration>,
        changed: &[EndpointId],
        deleted: &[EndpointId],
        now: UnixMillis,
    ) {
        let first = self.configuration.version == 0;
        self.configuration = configuration;
        self.follow_probes(first, changed, now);
        for id in changed {
            let Some(endpoint) = self.configuration.endpoint(*id) else { continue };
            let Some(lane) = self.lanes.get_mut(id) else { continue };
            lane.replace(Destination::new(endpoint.clone(), &self.form), now);
            if lane.holds() {
                self.park_queue(*id, now);
            }
            self.wake(*id, now);
        }
        for id in deleted {
            self.probes.forget(*id);
            self.delete(*id);
        }
    }

    fn delete(&mut self, id: EndpointId) {
        let Some(lane) = self.lanes.remove(&id) else { return };
        lane.destination.close();
        for stop in lane.in_flight.values() {
            stop.cancel();
        }
        for item in lane.queue {
            self.items -= 1;
            self.payload_bytes -= item.message.as_ref().map_or(0, |m| m.payload.len());
            self.reports.push(Report::Forget { delivery: item.delivery, has_row: item.has_row });
        }
        if let Some(ring) = self.rings.get_mut(&lane.destination.endpoint.application) {
            ring.endpoints.retain(|e| *e != id);
        }
    }

    /// Returns the schedule of a delivery; that of its event type counts when it is named.
    pub(crate) fn schedule<'a>(
        &'a self,
        destination: &'a Destination,
        event_type: Option<&EventTypeName>,
    ) -> &'a RetrySchedule {
        let endpoint = &destination.endpoint;
        let of_type =
            event_type.and_then(|name| self.configuration.event_type_schedule(endpoint.application, name));
        RetrySchedule::in_force(endpoint.schedule.as_ref(), of_type, &self.form.schedule)
    }

    /// Hands over what the store has to be told and asked, in that order.
    pub(crate) fn drain(&mut self) -> (Vec<Report>, Vec<Load>) {
        self.unconfirmed += self.reports.len();
        (std::mem::take(&mut self.reports), std::mem::take(&mut self.loads))
    }
}

/// Returns the lane of an endpoint, made on first use; `None` when the endpoint does not exist.
fn lane<'a>(
    lanes: &'a mut HashMap<EndpointId, Lane>,
    configuration: &Configuration,
    form: &RequestForm,
    endpoint: EndpointId,
    now: UnixMillis,
) -> Option<&'a mut Lane> {
    match lanes.entry(endpoint) {
        std::collections::hash_map::Entry::Occupied(entry) => Some(entry.into_mut()),
        std::collections::hash_map::Entry::Vacant(entry) => {
            let it = configuration.endpoint(endpoint)?.clone();
            Some(entry.insert(Lane::new(Destination::new(it, form), now)))
        }
    }
}

#[cfg(test)]
mod tests;
