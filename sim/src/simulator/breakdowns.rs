//! Hardware that fails: its cards are lost without notice, and back when it is repaired.

use connector::Timestamp;

use super::{Refusal, Simulator, Wake};

/// Something that can fail: its pool, and its number there.
pub(super) type PartRef = (usize, usize);

impl Simulator {
    /// The run begins, and everything works.
    pub(super) fn start_breakdowns(&mut self, pool: usize) {
        for part in 0..self.pools[pool].breakdowns.parts().len() {
            self.await_breakdown(Timestamp::ZERO, (pool, part));
        }
    }

    fn await_breakdown(&mut self, now: Timestamp, (pool, part): PartRef) {
        let works = self.pools[pool].breakdowns.parts()[part].works();
        self.queue.schedule(now + works, Wake::Breaks(pool, part));
    }

    /// Something fails.
    #[cold]
    pub(super) fn breaks(&mut self, now: Timestamp, (pool, part): PartRef) {
        let of = &mut self.pools[pool].breakdowns.parts()[part];
        let cause = of.cause;
        let (repair, hit) = of.breaks();
        self.queue.schedule(now + repair, Wake::Repaired(pool, part));
        for card in hit {
            self.withdraw_card(now, (pool, card), cause, Refusal::Lost);
        }
    }

    /// Something works again.
    #[cold]
    pub(super) fn repaired(&mut self, now: Timestamp, (pool, part): PartRef) {
        let of = &mut self.pools[pool].breakdowns.parts()[part];
        let cause = of.cause;
        for card in std::mem::take(&mut of.taken) {
            self.return_card(now, (pool, card), cause);
        }
        self.await_breakdown(now, (pool, part));
    }
}
