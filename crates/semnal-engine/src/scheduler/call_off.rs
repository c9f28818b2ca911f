//! Deliveries that the store has called off: they leave the queues and timers, and the store is told when the last of
//! them is out of memory.

use std::collections::{HashMap, HashSet};

use semnal_core::id::{DeliveryId, EndpointId};
use semnal_core::time::UnixMillis;
use semnal_store::called_off::CalledOff;
use semnal_store::outcome::Report;

use super::Scheduler;
use crate::lane::Item;

impl Scheduler {
    /// Forgets deliveries. One that is being sent ends as it began: its report tells the store that it is over. Each
    /// other one is confirmed, also when it was not in memory.
    pub(crate) fn call_off(&mut self, called_off: &[CalledOff], now: UnixMillis) {
        let mut of_endpoint = HashMap::<EndpointId, HashSet<DeliveryId>>::new();
        for CalledOff { endpoint, delivery, due_at, .. } in called_off {
            if let Some(due_at) = due_at {
                self.timers.remove(&(*due_at, *endpoint, *delivery));
            }
            if self.forgetting.insert(*delivery) {
                of_endpoint.entry(*endpoint).or_default().insert(*delivery);
            }
        }
        for (endpoint, mut deliveries) in of_endpoint {
            for item in self.take_from_queue(endpoint, &mut deliveries) {
                self.reports.push(Report::Forget { delivery: item.delivery, has_row: item.has_row });
                self.forget_probe(endpoint, item.delivery, now);
            }
            // What was not in memory is counted nowhere: as if it had a row.
            let absent = deliveries.into_iter().map(|delivery| Report::Forget { delivery, has_row: true });
            self.reports.extend(absent);
        }
    }

    /// Takes items out of an endpoint's queue, and from `deliveries` these and those that are being sent.
    fn take_from_queue(&mut self, endpoint: EndpointId, deliveries: &mut HashSet<DeliveryId>) -> Vec<Item> {
        let Some(lane) = self.lanes.get_mut(&endpoint) else { return Vec::new() };
        let wanted = |item: &Item| deliveries.contains(&item.delivery);
        let (taken, kept): (Vec<Item>, Vec<Item>) = lane.queue.drain(..).partition(wanted);
        lane.queue = kept.into();
        for delivery in deliveries.iter() {
            lane.with_row.remove(delivery);
        }
        deliveries.retain(|delivery| !lane.in_flight.contains_key(delivery));
        for item in &taken {
            deliveries.remove(&item.delivery);
            self.items -= 1;
            self.payload_bytes -= item.message.as_ref().map_or(0, |m| m.payload.len());
        }
        taken
    }
}
