use connector::{
    Connector, Event, Operation, PoolGauge, ProviderUsage, StatementLine, Ticket, Timestamp,
    TokenGaps,
};

use super::{entry::Sight, writer::Tape};

/// A connector all of whose conversation is written down, if there is a tape.
#[derive(Debug)]
pub struct Recorded<C> {
    inner: C,
    tape: Option<(Tape, u32)>,
}

impl<C> Recorded<C> {
    /// Writes to this tape as the connector of this number.
    pub const fn new(inner: C, tape: Tape, number: u32) -> Self {
        Self { inner, tape: Some((tape, number)) }
    }

    /// Writes nothing down.
    pub const fn unrecorded(inner: C) -> Self {
        Self { inner, tape: None }
    }

    /// The connector itself.
    pub const fn inner(&self) -> &C {
        &self.inner
    }

    /// The connector itself, past the tape.
    pub const fn inner_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// Hands a look's rows on, and writes them down together.
    fn look<T: Clone>(
        &mut self,
        now: Timestamp,
        report: &mut dyn FnMut(T),
        sight: fn(Vec<T>) -> Sight,
        look: impl FnOnce(&mut C, &mut dyn FnMut(T)),
    ) {
        let Some((tape, number)) = &self.tape else { return look(&mut self.inner, report) };
        let mut rows = Vec::new();
        look(&mut self.inner, &mut |row| {
            rows.push(row.clone());
            report(row);
        });
        tape.seen(now, *number, sight(rows));
    }
}

impl<C: Connector> Connector for Recorded<C> {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        if let Some((tape, number)) = &self.tape {
            tape.asked(now, *number, ticket, &operation);
        }
        self.inner.submit(now, ticket, operation);
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        let event = self.inner.poll(now)?;
        if let Some((tape, number)) = &self.tape {
            tape.told(now, *number, &event);
        }
        Some(event)
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.inner.deadline()
    }

    fn gauges(&mut self, now: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        self.look(now, report, Sight::Gauges, |inner, report| inner.gauges(now, report));
    }

    fn token_gaps(&mut self, now: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        self.look(now, report, Sight::TokenGaps, |inner, report| inner.token_gaps(now, report));
    }

    fn provider_usage(&mut self, now: Timestamp, report: &mut dyn FnMut(ProviderUsage)) {
        self.look(now, report, Sight::ProviderUsage, |inner, report| {
            inner.provider_usage(now, report);
        });
    }

    fn statement(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        self.look(now, report, Sight::Statement, |inner, report| inner.statement(now, report));
    }

    fn statement_of_held(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        self.look(now, report, Sight::StatementOfHeld, |inner, report| {
            inner.statement_of_held(now, report);
        });
    }
}
