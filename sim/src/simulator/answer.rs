//! What is on its way to the caller, and how it reads on arrival.

use connector::{
    Duration, Error, ErrorKind, Event, EventKind, PoolId, Reply, Ticket, Timestamp, Tokens, Usage,
};

use super::{ShareKey, Simulator, Wake};
use crate::{config::Quirks, control::Failure};

/// An answer on its way; long ones are written out on arrival, from the state of that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted(ShareKey),
    Generated(Usage),
    Cancelled,
    Released,
    Inspect(ShareKey),
    List(PoolId),
    Pools,
    Refused(Refusal),
}

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownPool,
    UnknownModel,
    UnknownAllocation,
    UnknownInference,
    LargerThanCard,
    /// Prompt and answer together, beyond so many tokens.
    LongerThanCache(Tokens),
    PoolFull,
    /// The tenant's resource policy leaves the region out.
    NoAccess,
    /// A full pool, said as an error inside.
    FullAsFailure,
    /// A policy's refusal, said as an error inside.
    NoAccessAsFailure,
    /// The tenant holds a share of this pool already.
    AlreadySubscribed,
    RateLimited(Duration),
    /// One call too many, without saying when to come back.
    Throttled,
    /// A success without content.
    Empty,
    /// The call or its answer got lost; the caller has waited long enough.
    TimedOut,
    /// The share was taken away for a higher priority.
    Preempted,
    /// The share was released, or the inference cancelled, while it ran.
    Abandoned,
    /// An error inside, by script or by chance.
    Injected,
    /// The region is down; nothing was reached.
    Down,
    /// The host ran out of memory, and the serving process was killed.
    Killed,
    /// The region went down, or the card fell off, under a running inference.
    Lost,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::OverLimit(wait) => Self::RateLimited(wait),
            Failure::Throttled => Self::Throttled,
            Failure::Internal => Self::Injected,
            Failure::Lost => Self::TimedOut,
        }
    }
}

impl Refusal {
    /// How the region puts it.
    pub(super) fn as_told(self, quirks: &Quirks) -> Self {
        match self {
            Self::PoolFull if quirks.policy_500 => Self::FullAsFailure,
            Self::NoAccess if quirks.policy_500 => Self::NoAccessAsFailure,
            other => other,
        }
    }

    fn error(self) -> Error {
        match self {
            Self::UnknownPool => Error::new(ErrorKind::NotFound, "no such pool"),
            Self::UnknownModel => Error::new(ErrorKind::NotFound, "no such model"),
            Self::UnknownAllocation => Error::new(ErrorKind::NotFound, "no such allocation"),
            Self::UnknownInference => Error::new(ErrorKind::NotFound, "no such inference"),
            Self::LargerThanCard => {
                Error::new(ErrorKind::Invalid, "more memory asked for than a card has")
            }
            Self::LongerThanCache(limit) => Error::new(
                ErrorKind::Invalid,
                format!("prompt and answer are longer than the KV cache of {} tokens", limit.get()),
            ),
            Self::PoolFull => Error::from(ErrorKind::CapacityExhausted),
            Self::NoAccess => Error::from(ErrorKind::PolicyRefused),
            Self::FullAsFailure => Error::new(
                ErrorKind::Unavailable { reached: true },
                "10189007: failed to validate subscription resources",
            ),
            Self::NoAccessAsFailure => Error::new(
                ErrorKind::Unavailable { reached: true },
                "12370004: unable to retrieve resource access permissions for your team",
            ),
            Self::AlreadySubscribed => Error::new(ErrorKind::Conflict, "already subscribed"),
            Self::Throttled => Error::from(ErrorKind::RateLimited { retry_after: None }),
            Self::Empty => Error::new(ErrorKind::Protocol, "200 with an empty body"),
            Self::TimedOut => Error::from(ErrorKind::Timeout),
            Self::RateLimited(wait) => {
                Error::from(ErrorKind::RateLimited { retry_after: Some(wait) })
            }
            Self::Preempted => Error::from(ErrorKind::Preempted),
            Self::Abandoned => Error::new(ErrorKind::Conflict, "cancelled"),
            Self::Injected => Error::from(ErrorKind::Unavailable { reached: true }),
            Self::Down => Error::from(ErrorKind::Unavailable { reached: false }),
            Self::Killed => Error::new(
                ErrorKind::Unavailable { reached: true },
                "serving process killed: the host is out of memory",
            ),
            Self::Lost => Error::new(ErrorKind::Unavailable { reached: true }, "card lost"),
        }
    }
}

impl Simulator {
    /// An answer arrives at once.
    pub(super) fn deliver(&mut self, now: Timestamp, ticket: Ticket, answer: Answer) {
        let event = self.arrival(now, ticket, answer);
        self.events.push_back(event);
    }

    /// What became of an inference leaves the pool for its caller. Lost on the way, it is missed
    /// only when the caller gives up.
    pub(super) fn deliver_from(
        &mut self,
        now: Timestamp,
        pool: usize,
        ticket: Ticket,
        answer: Answer,
    ) {
        if !self.faults.lose_answer(now, pool) {
            return self.deliver(now, ticket, answer);
        }
        let timeout = self.gateway(pool).map_or(Duration::ZERO, |gateway| gateway.timeout);
        let lost = Answer::Refused(Refusal::TimedOut);
        self.queue.schedule(now + timeout, Wake::Answer(ticket, lost));
    }

    /// An inference is finished.
    pub(super) fn deliver_text(
        &mut self,
        now: Timestamp,
        share: ShareKey,
        ticket: Ticket,
        usage: Usage,
    ) {
        let share = &self.shares[share];
        let pool = share.pool();
        self.meter.count_tokens(&share.ask, usage);
        let is_zero = self.gateway(pool).is_some_and(|gateway| gateway.quirks.zero_usage);
        let told = if is_zero { Usage::default() } else { usage };
        self.deliver_from(now, pool, ticket, Answer::Generated(told));
    }

    /// How an answer reads on arrival.
    #[inline]
    pub(super) fn arrival(&self, at: Timestamp, ticket: Ticket, answer: Answer) -> Event {
        // Each is written where it is to be, instead of moved there from where they all come together.
        let completed = |result| Event { at, kind: EventKind::Completed { ticket, result } };
        match answer {
            Answer::Granted(share) => completed(Ok(Reply::Granted { allocation: share.id() })),
            Answer::Generated(usage) => completed(Ok(Reply::Generated { usage, text: None })),
            Answer::Cancelled => completed(Ok(Reply::Cancelled)),
            Answer::Released => completed(Ok(Reply::Released)),
            Answer::Inspect(share) => completed(self.inspection(at, share)),
            Answer::List(pool) => completed(Ok(Reply::Listed(self.rows(at, pool)))),
            Answer::Pools => completed(Ok(Reply::Pools(self.offers(at)))),
            Answer::Refused(refusal) => completed(Err(refusal.error())),
        }
    }

    fn inspection(&self, at: Timestamp, share: ShareKey) -> Result<Reply, Error> {
        let info = self.describe(at, share).ok_or_else(|| Refusal::UnknownAllocation.error())?;
        Ok(Reply::Inspected(info))
    }

    fn offers(&self, now: Timestamp) -> Vec<connector::PoolInfo> {
        let numbered = (0..).map(PoolId).zip(&self.pools);
        numbered.map(|(id, pool)| pool.info(id, self.meter.prices(id).at(now))).collect()
    }
}
