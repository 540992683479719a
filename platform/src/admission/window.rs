//! How much was used in the last minute or day, in cells.
//!
//! Time is cut into cells, and what is used counts in the cell of its admission. The limit holds for
//! one cell more than the window has, so that it holds for every stretch of the window's length
//! wherever that begins. A reservation that is settled is put right where it was made, which a token
//! bucket cannot do: what came back later could be spent a second time.

use connector::{Duration, Timestamp};

use super::{Excess, Quota};

#[derive(Clone, Debug)]
pub(super) struct Window {
    limit: u128,
    cell: Duration,
    /// By number of the cell, wrapped around.
    amounts: Vec<u128>,
    /// The number of the newest cell.
    newest: u64,
    total: u128,
}

impl Window {
    pub(super) fn new(limit: u128, cell: Duration, cells: usize) -> Self {
        Self { limit, cell, amounts: vec![0; cells + 1], newest: 0, total: 0 }
    }

    /// Whether there is room for so much more.
    pub(super) fn check(
        &mut self,
        now: Timestamp,
        amount: u128,
        quota: Quota,
    ) -> Result<(), Excess> {
        self.advance(now);
        if self.total + amount <= self.limit {
            return Ok(());
        }
        let retry_after = self.room_after(now, amount);
        Err(Excess { quota, used: self.total, asked: amount, limit: self.limit, retry_after })
    }

    /// So much is used now. There is room.
    pub(super) fn add(&mut self, now: Timestamp, amount: u128) {
        self.advance(now);
        let index = self.index(self.newest);
        self.amounts[index] += amount;
        self.total += amount;
    }

    /// What was taken for so much at an instant is so much instead. What has left the window stays
    /// as it was.
    pub(super) fn replace(&mut self, now: Timestamp, at: Timestamp, before: u128, after: u128) {
        self.advance(now);
        let cell = self.number(at);
        if self.newest - cell >= self.amounts.len() as u64 {
            return;
        }
        let index = self.index(cell);
        self.amounts[index] = self.amounts[index] + after - before;
        self.total = self.total + after - before;
    }

    /// Forgets the cells that have left the window.
    fn advance(&mut self, now: Timestamp) {
        let number = self.number(now);
        let passed = number.saturating_sub(self.newest).min(self.amounts.len() as u64);
        for step in 1..=passed {
            let index = self.index(self.newest + step);
            self.total -= std::mem::take(&mut self.amounts[index]);
        }
        self.newest = self.newest.max(number);
    }

    /// When enough will have left the window; `None` if there is never room for so much.
    fn room_after(&self, now: Timestamp, amount: u128) -> Option<Duration> {
        if amount > self.limit {
            return None;
        }
        let cells = self.amounts.len() as u64;
        let mut total = self.total;
        for step in 1..=cells {
            total -= self.amounts[self.index(self.newest + step)];
            if total + amount <= self.limit {
                let then = Timestamp::ZERO + self.cell * (self.newest + step);
                return Some(then.since(now));
            }
        }
        None
    }

    fn number(&self, at: Timestamp) -> u64 {
        at.as_nanos() / self.cell.as_nanos()
    }

    fn index(&self, number: u64) -> usize {
        (number % self.amounts.len() as u64) as usize
    }
}

#[cfg(test)]
impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.total == 0 && self.amounts.iter().all(|&amount| amount == 0)
    }
}
