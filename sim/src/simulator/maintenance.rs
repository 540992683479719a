//! Cards that are taken out of service on a schedule, all at once or one lot after the other.
//!
//! A card that is to be maintained takes nobody new and waits for those on it to leave. At the
//! deadline those still there have notice, and after the grace they are gone. The next lot begins
//! when the one before is back.

use connector::Timestamp;

use super::{Refusal, Simulator, Wake, capacity::CardRef};
use crate::{config::FaultKind, standing::Cause};

impl FaultKind {
    /// Why the cards that it takes are away.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Maintenance { .. } => Cause::Maintenance,
            Self::GpuLoss { .. }
            | Self::Errors { .. }
            | Self::Latency { .. }
            | Self::Brownout { .. }
            | Self::Partition { .. }
            | Self::Outage => Cause::Fault,
        }
    }
}

impl Simulator {
    /// The pool's last cards are to be maintained.
    pub(super) fn plan_maintenance(&mut self, fault: usize, pool: usize, count: u32) {
        let cards = (0..self.pools[pool].cards.len()).rev().take(count as usize);
        self.faults.waiting[fault].extend(cards.map(|card| (pool, card)));
    }

    /// The next cards that a maintenance comes to, if there are any. Those that another one has at
    /// present are left out.
    pub(super) fn next_lot(&mut self, now: Timestamp, fault: usize) -> bool {
        let FaultKind::Maintenance { deadline, grace, at_a_time, .. } =
            self.faults.script[fault].kind
        else {
            return false;
        };
        let pools = &self.pools;
        let free = |&(pool, card): &CardRef| {
            !pools[pool].standing(card).is_wanted_away(Cause::Maintenance)
        };
        let waiting = &mut self.faults.waiting[fault];
        waiting.retain(free);
        let size = at_a_time.map_or(waiting.len(), |size| waiting.len().min(size as usize));
        let lot: Vec<CardRef> = waiting.drain(..size).collect();
        for &card in &lot {
            self.close_card(now, card, Cause::Maintenance);
        }
        self.queue.schedule(now + deadline, Wake::DrainOver(fault));
        self.queue.schedule(now + deadline + grace, Wake::DrainTakes(fault));
        self.faults.lost[fault] = lot;
        size > 0
    }

    /// The cards of the present lot have waited long enough.
    #[cold]
    pub(super) fn drain_over(&mut self, now: Timestamp, fault: usize) {
        let FaultKind::Maintenance { grace, .. } = self.faults.script[fault].kind else { return };
        for card in self.faults.lost[fault].clone() {
            self.reclaim_card(now, card, Cause::Maintenance, grace);
        }
    }

    /// Those still on the cards of the present lot go.
    #[cold]
    pub(super) fn drain_takes(&mut self, now: Timestamp, fault: usize) {
        for card in self.faults.lost[fault].clone() {
            self.withdraw_card(now, card, Cause::Maintenance, Refusal::Preempted);
        }
    }
}
