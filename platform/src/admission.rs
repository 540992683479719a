//! Who is let in: what each tenant may use.
//!
//! # Problem
//!
//! What a request will use is known when it is answered; whether it is let in must be decided before.
//! Whoever counts answers only lets a tenant overspend by all that is under way.
//!
//! # Mechanism
//!
//! On arrival the most that a request can use is *reserved*: its prompt and the longest answer it
//! asks for, and what the dearest candidate's share costs until the inference times out. At the end
//! what it really used is *settled* in its place. Reserved and used together never exceed a quota, so
//! neither does used alone. A request that is struck again reserves that strike first.
//!
//! * Requests per second: a token bucket ([`bucket`]).
//! * Tokens in any 60 s and money in any 24 h: sliding windows ([`window`]).
//! * Requests at once: a count.
//!
//! All quotas are asked before any is charged, so that a refusal leaves no trace.
//!
//! # Edges
//!
//! Use counts from the instant of admission. A request that asks for more than the whole quota can
//! never be let in, and is told so by the absence of a time to come back. A refused request does not
//! use up the rate.

mod bucket;
mod window;

use connector::{Duration, Money, Rejection, TenantId, Timestamp};

use self::{bucket::Bucket, window::Window};
use crate::config::{PlatformConfig, QuotaConfig};

/// Cells of the window of a minute, and of a day.
const TOKEN_CELLS: (Duration, usize) = (Duration::from_secs(1), 60);
const SPEND_CELLS: (Duration, usize) = (Duration::from_secs(900), 96);

/// What a request may use at most, until it is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reservation {
    at: Timestamp,
    tokens: u64,
    spend: Money,
    /// Whether it counts among the requests at once.
    counted: bool,
}

/// What a tenant may use so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    Requests,
    Tokens,
    Concurrent,
    Spend,
}

impl Quota {
    /// The same for records.
    pub(crate) const fn rejection(self) -> Rejection {
        match self {
            Self::Requests => Rejection::RequestQuota,
            Self::Tokens => Rejection::TokenQuota,
            Self::Concurrent => Rejection::ConcurrencyQuota,
            Self::Spend => Rejection::SpendQuota,
        }
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) quota: Quota,
    used: u128,
    asked: u128,
    limit: u128,
    /// When it could be let in if nobody else asks; `None`: never, or nobody knows.
    pub(crate) retry_after: Option<Duration>,
}

/// The quotas of all tenants.
#[derive(Debug)]
pub(crate) struct Gate {
    /// `None`: no quota at all.
    tenants: Vec<Option<Box<Account>>>,
}

#[derive(Debug)]
struct Account {
    requests: Option<Bucket>,
    tokens: Option<Window>,
    concurrent: Option<u32>,
    under_way: u32,
    spend: Option<Window>,
}

impl Gate {
    pub(crate) fn new(config: &PlatformConfig) -> Self {
        let account = |quota: QuotaConfig| {
            (quota != QuotaConfig::default()).then(|| Box::new(Account::new(quota)))
        };
        let tenants = config.tenants.iter().map(|tenant| account(config.quota(tenant)));
        Self { tenants: tenants.collect() }
    }

    /// Whether what this tenant spends matters.
    pub(crate) fn limits_spend(&self, tenant: TenantId) -> bool {
        self.tenants[tenant.index()].as_ref().is_some_and(|account| account.spend.is_some())
    }

    /// Lets a request in and reserves what it may use.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        tenant: TenantId,
        tokens: u64,
        spend: Money,
    ) -> Result<Reservation, Excess> {
        match &mut self.tenants[tenant.index()] {
            None => Ok(Reservation::default()),
            Some(account) => account.admit(now, tokens, spend),
        }
    }

    /// Raises what a request may spend to this amount, if the quota has room for it.
    pub(crate) fn extend(
        &mut self,
        now: Timestamp,
        tenant: TenantId,
        reservation: &mut Reservation,
        spend: Money,
    ) -> Result<(), Excess> {
        match &mut self.tenants[tenant.index()] {
            None => Ok(()),
            Some(account) => account.extend(now, reservation, spend),
        }
    }

    /// The request is over and used so much.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        tenant: TenantId,
        reservation: Reservation,
        tokens: u64,
        spend: Money,
    ) {
        if let Some(account) = &mut self.tenants[tenant.index()] {
            account.settle(now, reservation, tokens, spend);
        }
    }
}

impl Account {
    fn new(quota: QuotaConfig) -> Self {
        let window = |limit, (cell, cells)| Window::new(limit, cell, cells);
        Self {
            requests: quota.requests.map(|rate| Bucket::new(rate.per_second, rate.burst)),
            tokens: quota.tokens_per_minute.map(|most| window(u128::from(most), TOKEN_CELLS)),
            concurrent: quota.concurrent,
            under_way: 0,
            spend: quota.spend_per_day.map(|most| window(nanos(most), SPEND_CELLS)),
        }
    }

    fn admit(&mut self, now: Timestamp, tokens: u64, spend: Money) -> Result<Reservation, Excess> {
        if let Some(most) = self.concurrent.filter(|&most| self.under_way >= most) {
            let (used, limit) = (u128::from(self.under_way), u128::from(most));
            // Nobody knows when one of them ends.
            let retry_after = None;
            let quota = Quota::Concurrent;
            return Err(Excess { quota, used, asked: 1, limit, retry_after });
        }
        if let Some(bucket) = &mut self.requests {
            bucket.check(now)?;
        }
        if let Some(window) = &mut self.tokens {
            window.check(now, u128::from(tokens), Quota::Tokens)?;
        }
        if let Some(window) = &mut self.spend {
            window.check(now, nanos(spend), Quota::Spend)?;
        }
        Ok(self.reserve(now, tokens, spend))
    }

    /// All quotas have room.
    fn reserve(&mut self, now: Timestamp, tokens: u64, spend: Money) -> Reservation {
        if let Some(bucket) = &mut self.requests {
            bucket.take();
        }
        if let Some(window) = &mut self.tokens {
            window.add(now, u128::from(tokens));
        }
        if let Some(window) = &mut self.spend {
            window.add(now, nanos(spend));
        }
        self.under_way += 1;
        Reservation { at: now, tokens, spend, counted: true }
    }

    fn extend(
        &mut self,
        now: Timestamp,
        reservation: &mut Reservation,
        spend: Money,
    ) -> Result<(), Excess> {
        let more = spend - reservation.spend;
        if let Some(window) = self.spend.as_mut().filter(|_| more > Money::ZERO) {
            window.check(now, nanos(more), Quota::Spend)?;
            window.replace(now, reservation.at, nanos(reservation.spend), nanos(spend));
            reservation.spend = spend;
        }
        Ok(())
    }

    fn settle(&mut self, now: Timestamp, reservation: Reservation, tokens: u64, spend: Money) {
        if !reservation.counted {
            return;
        }
        self.under_way -= 1;
        if let Some(window) = &mut self.tokens {
            let reserved = u128::from(reservation.tokens);
            window.replace(now, reservation.at, reserved, u128::from(tokens));
        }
        if let Some(window) = &mut self.spend {
            window.replace(now, reservation.at, nanos(reservation.spend), nanos(spend));
        }
    }
}

/// Money as a number to count; below nothing there is nothing.
fn nanos(money: Money) -> u128 {
    u128::try_from(money.as_nanos()).unwrap_or(0)
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { quota, used, asked, limit, .. } = *self;
        match quota {
            Quota::Requests => write!(f, "over quota: the {limit} requests at once are used up")?,
            Quota::Concurrent => write!(f, "over quota: {used} of {limit} requests are under way")?,
            Quota::Tokens => write!(
                f,
                "over quota: {used} of {limit} tokens in 60 s are used or reserved, {asked} more asked"
            )?,
            Quota::Spend => {
                let [used, asked, limit] = [used, asked, limit]
                    .map(|nanos| Money::from_nanos(i128::try_from(nanos).unwrap_or(i128::MAX)));
                write!(
                    f,
                    "over quota: {used} of {limit} in 24 h are spent or reserved, {asked} more asked"
                )?;
            }
        }
        match self.retry_after {
            Some(after) => write!(f, "; try again in {after}"),
            None if asked > limit => f.write_str("; it is more than the quota will ever allow"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
