//! The provider's statement: what it charges, share by share.
//!
//! # Mechanism
//!
//! The meter keeps what is finished until somebody fetches it; prices are put to it then, and
//! time at two prices makes two lines. The quirks of
//! a region show here as they do in its other books: usage that is reported as zero has no time and no
//! charge, and rows of other tenants have a line each, for all time.

use connector::{PoolId, StatementLine, StayEnd, Timestamp};

use super::{Simulator, lists::foreign_share};
use crate::meter::{self, Finished};

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
            for line in stay.lines(allocation, &ask, end, self.meter.prices(ask.pool)) {
                report(self.as_reported(line));
            }
        }
    }

    pub(super) fn lines_of_held(&self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        for (key, share) in &self.shares {
            let prices = self.meter.prices(share.ask.pool);
            for line in share.stay.lines(key.id(), &share.ask, (now, StayEnd::Held), prices) {
                report(self.as_reported(line));
            }
        }
        for id in (0..self.pools.len() as u32).map(PoolId) {
            let rows = self.gateway(id.index()).map_or(0, |gateway| gateway.quirks.foreign_rows);
            for row in 0..rows {
                let (whose, held) = ((foreign_share(row), id, None), (now, StayEnd::Held));
                for line in meter::lines(whose, (Timestamp::ZERO, held), self.meter.prices(id)) {
                    report(self.as_reported(line));
                }
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
