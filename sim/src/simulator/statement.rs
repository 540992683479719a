//! The provider's statement: what it charges, share by share.
//!
//! # Mechanism
//!
//! The meter keeps what is finished until somebody fetches it; prices are put to it then. The quirks of
//! a region show here as they do in its other books: usage that is reported as zero has no time and no
//! charge, and rows of other tenants have a line each, for all time.

use connector::{PoolId, StatementLine, StayEnd, Timestamp};

use super::{Simulator, lists::foreign_share};
use crate::meter::Finished;

impl Simulator {
    /// From now on a statement is kept: what has ended is kept in memory until it is fetched by
    /// [`statement`](connector::Connector::statement).
    #[must_use]
    pub fn keeping_statement(mut self) -> Self {
        self.meter.keep_statement();
        self
    }

    pub(super) fn finished_lines(&mut self, report: &mut dyn FnMut(StatementLine)) {
        for Finished { allocation, stay, ask, end } in self.meter.take_finished() {
            let price = self.pools[ask.pool.index()].config.price_per_slot_hour;
            if let Some(line) = stay.line(allocation, &ask, end, price) {
                report(self.as_reported(line));
            }
        }
    }

    pub(super) fn lines_of_held(&self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        for (key, share) in &self.shares {
            let price = self.pools[share.pool()].config.price_per_slot_hour;
            let line = share.stay.line(key.id(), &share.ask, (now, StayEnd::Held), price);
            if let Some(line) = line {
                report(self.as_reported(line));
            }
        }
        for (id, pool) in (0..).map(PoolId).zip(&self.pools) {
            let rows = self.gateway(id.index()).map_or(0, |gateway| gateway.quirks.foreign_rows);
            let price = pool.config.price_per_slot_hour;
            for row in 0..rows {
                report(self.as_reported(StatementLine {
                    allocation: foreign_share(row),
                    pool: id,
                    tenant: None,
                    from: Timestamp::ZERO,
                    until: now,
                    ended: StayEnd::Held,
                    price_per_slot_hour: price,
                    charge: price.per_hour_over(now.since(Timestamp::ZERO)),
                }));
            }
        }
    }

    /// What the region makes of it.
    fn as_reported(&self, line: StatementLine) -> StatementLine {
        let reports_zero =
            self.gateway(line.pool.index()).is_some_and(|gateway| gateway.quirks.zero_usage);
        if reports_zero {
            let charge = connector::Money::ZERO;
            return StatementLine { until: line.from, charge, ..line };
        }
        line
    }
}
