//! What is on its way to the caller, and how it reads on arrival.

use connector::{
    AllocationId, AllocationInfo, Duration, Error, ErrorKind, Event, EventKind, PoolId, Reply,
    Ticket, Timestamp, Tokens, Usage,
};

use super::{ShareKey, Simulator};

/// An answer on its way; long ones are written out on arrival, from the state of that instant.
#[derive(Clone, Copy, Debug)]
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
    RateLimited(Duration),
    /// The share was taken away for a higher priority.
    Preempted,
    /// The share was released, or the inference cancelled, while it ran.
    Abandoned,
    /// A scripted error.
    Injected,
    /// The region is down; nothing was reached.
    Down,
    /// The region went down, or the card fell off, under a running inference.
    Lost,
}

impl Refusal {
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
            Self::RateLimited(wait) => {
                Error::from(ErrorKind::RateLimited { retry_after: Some(wait) })
            }
            Self::Preempted => Error::from(ErrorKind::Preempted),
            Self::Abandoned => Error::new(ErrorKind::Conflict, "cancelled"),
            Self::Injected => Error::from(ErrorKind::Unavailable { reached: true }),
            Self::Down => Error::from(ErrorKind::Unavailable { reached: false }),
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

    /// How an answer reads on arrival.
    pub(super) fn arrival(&self, at: Timestamp, ticket: Ticket, answer: Answer) -> Event {
        let result = match answer {
            Answer::Granted(share) => Ok(Reply::Granted { allocation: share.id() }),
            Answer::Generated(usage) => Ok(Reply::Generated { usage, text: None }),
            Answer::Cancelled => Ok(Reply::Cancelled),
            Answer::Released => Ok(Reply::Released),
            Answer::Inspect(share) => match self.describe(share) {
                Some(info) => Ok(Reply::Inspected(info)),
                None => Err(Refusal::UnknownAllocation.error()),
            },
            Answer::List(pool) => Ok(Reply::Listed(self.holdings(pool))),
            Answer::Pools => Ok(Reply::Pools(self.offers())),
            Answer::Refused(refusal) => Err(refusal.error()),
        };
        Event { at, kind: EventKind::Completed { ticket, result } }
    }

    fn describe(&self, key: ShareKey) -> Option<AllocationInfo> {
        let share = self.shares.get(key)?;
        Some(AllocationInfo {
            allocation: AllocationId(key.id().0),
            pool: share.ask.pool,
            model: Some(share.ask.model),
            requirements: Some(share.ask.requirements),
            running: Some(share.inferences.len() as u32),
        })
    }

    fn holdings(&self, pool: PoolId) -> Vec<AllocationInfo> {
        let of_pool = self.shares.iter().filter(|(_, share)| share.ask.pool == pool);
        of_pool.filter_map(|(key, _)| self.describe(key)).collect()
    }

    fn offers(&self) -> Vec<connector::PoolInfo> {
        let numbered = self.pools.iter().enumerate();
        numbered.map(|(index, pool)| pool.info(PoolId(index as u32))).collect()
    }
}
