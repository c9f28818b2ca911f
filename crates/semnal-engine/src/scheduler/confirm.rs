//! What follows once the store has made reports durable: timers for retries, backlogs that grew, rows that are no
//! longer being decided.

use semnal_core::delivery::Progress;
use semnal_core::id::{DeliveryId, EndpointId, Key};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{Outcome, Report, RetryRow, Trigger, Verdict};

use super::{Scheduler, TIMERS_MAX, lane};

impl Scheduler {
    /// Takes reports that are durable now.
    pub(crate) fn confirmed(&mut self, reports: &[Report], now: UnixMillis) {
        self.unconfirmed = self.unconfirmed.saturating_sub(reports.len());
        for report in reports {
            match report {
                Report::Attempt { outcome, progress, has_row } => {
                    self.fresh -= u64::from(!has_row);
                    self.forget_row(outcome.endpoint, outcome.id.delivery);
                    if self.forgetting.remove(&outcome.id.delivery) {
                        continue;
                    }
                    self.after_attempt(outcome, *progress, now);
                }
                Report::Park { row, has_row } => {
                    self.fresh -= u64::from(!has_row);
                    if !self.forgetting.contains(&row.delivery) {
                        self.confirm_park(row, now);
                    }
                }
                Report::Forget { delivery, has_row } => {
                    self.fresh -= u64::from(!has_row);
                    self.forgetting.remove(delivery);
                }
            }
        }
    }

    /// Only now can a row that is read no longer be one that is being decided.
    fn forget_row(&mut self, endpoint: EndpointId, delivery: DeliveryId) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.with_row.remove(&delivery);
        }
    }

    /// A row without a time is durable. An old item that got its row while it waits in the queue stays there.
    fn confirm_park(&mut self, row: &RetryRow, now: UnixMillis) {
        let lane = self.lanes.get_mut(&row.endpoint);
        if let Some(lane) = lane
            && lane.with_row.contains(&row.delivery)
        {
            let in_memory = lane.in_flight.contains_key(&row.delivery)
                || lane.queue.iter().any(|item| item.delivery == row.delivery);
            if in_memory {
                return;
            }
            lane.with_row.remove(&row.delivery);
        }
        self.grow_backlog(row.endpoint, now);
    }

    fn after_attempt(&mut self, outcome: &Outcome, progress: Progress, now: UnixMillis) {
        match outcome.verdict {
            Verdict::RetryAt(due_at) => {
                let row = RetryRow {
                    endpoint: outcome.endpoint,
                    delivery: outcome.id.delivery,
                    progress,
                    due_at: Some(due_at),
                    trigger: Trigger::Scheduled,
                    since: Key::default(),
                };
                self.add_timer(row);
            }
            Verdict::Held => self.grow_backlog(outcome.endpoint, now),
            Verdict::Delivered | Verdict::Exhausted => {}
        }
    }

    pub(super) fn add_timer(&mut self, row: RetryRow) {
        let Some(cursor) = row.due_cursor() else { return };
        if cursor <= self.reached {
            self.timers.insert(cursor, row);
        }
        // Too many: the latest stay in the store and are read again later.
        while self.timers.len() > TIMERS_MAX
            && let Some((last, _)) = self.timers.pop_last()
        {
            let before = self.timers.keys().next_back().copied();
            self.reached = before.unwrap_or(last);
        }
    }

    fn grow_backlog(&mut self, endpoint: EndpointId, now: UnixMillis) {
        if let Some(lane) = lane(&mut self.lanes, &self.configuration, &self.form, endpoint, now) {
            lane.backlog.grow();
            self.load_backlog(endpoint);
        }
    }

    /// An endpoint has rows without a time since before the start.
    pub(crate) fn found_backlog(&mut self, endpoint: EndpointId, now: UnixMillis) {
        self.grow_backlog(endpoint, now);
    }
}
