use crate::{
    Event, Operation, PoolGauge, ProviderUsage, StatementLine, Ticket, Timestamp, TokenGaps,
};

/// The far side of the waist: a simulator, a live endpoint, or a recording.
///
/// # Contract
///
/// * `now` never goes back between calls.
/// * Every ticket handed to [`submit`](Self::submit) is answered by exactly one
///   [`Completed`](crate::EventKind::Completed) event, however late. A connector that gives a
///   question up must answer it with an error whose [`ambiguous`](crate::ErrorKind::ambiguous) is
///   truthful. [`FirstToken`](crate::EventKind::FirstToken) comes at most once per ticket and
///   before its completion.
/// * The caller drains [`poll`](Self::poll) until it returns `None` after every `submit` and at
///   every [`deadline`](Self::deadline). An early or spurious poll is a no-op.
/// * A connector bounds what it holds: beyond its limit `submit` is answered with
///   [`RateLimited`](crate::ErrorKind::RateLimited) or another retryable error, never by blocking.
pub trait Connector {
    /// Hands over one operation. The answer carries the same ticket; tickets are the caller's to
    /// choose and must be unique among those in flight.
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation);

    /// The next thing that has happened by `now`, oldest first.
    fn poll(&mut self, now: Timestamp) -> Option<Event>;

    /// When to poll next; `None` while nothing is pending. It may be earlier than the next event.
    ///
    /// A connector whose answers arrive from outside (a socket) reports only its own timers here
    /// and wakes its driver by other means.
    fn deadline(&self) -> Option<Timestamp>;

    /// Reports the state of every pool at `now`, where the far side can be looked into. A live
    /// endpoint cannot, and reports nothing.
    fn gauges(&mut self, now: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        let _ = (now, report);
    }

    /// Hands out the times between tokens that have come to an end by `now`, and forgets them: each
    /// is reported once. The same length may be reported more than once. Takes as long as there are
    /// engines and lengths, so it is for the ends of stretches of measured time, not for every look.
    ///
    /// Of a live endpoint they are the times between pieces of its streams, as they were received.
    fn token_gaps(&mut self, now: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        let _ = (now, report);
    }

    /// Reports what the provider will charge for up to `now`, one record per pool and tenant, where
    /// the far side can be looked into. For the end of a run: it takes as long as there are shares.
    fn provider_usage(&mut self, now: Timestamp, report: &mut dyn FnMut(ProviderUsage)) {
        let _ = (now, report);
    }

    /// Hands out the lines of the provider's statement that are complete by `now`, and forgets them:
    /// each is reported once, in the order in which they ended. Nothing where the far side keeps no
    /// statement.
    fn statement(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        let _ = (now, report);
    }

    /// Reports the lines of shares that are still held, as they would read if they ended at `now`.
    /// For the end of a run: it takes as long as there are shares.
    fn statement_of_held(&mut self, now: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        let _ = (now, report);
    }
}
