//! HostedAI's own API: an operation takes several exchanges.
//!
//! # Problem
//!
//! A subscription is asked for with one call and is there minutes later, if the row in a list says so. The
//! call has no key that would make it safe to repeat, may succeed after its caller gave up, may answer
//! nothing, and is refused while an earlier subscription is still being taken down. What runs in its pod
//! is reached at another address that has to be asked for.
//!
//! # Mechanism
//!
//! * *Allocate*: look which rows there are, subscribe once, and look for a row that was not there before.
//!   When its pod runs, expose its port and wait until that works. Then it is granted.
//! * *Infer*: a chat completion at the exposed address, which is not the provider's.
//! * *Release*: unsubscribe, and look until the row is gone twice in a row. A release that is confirmed but
//!   not begun is asked for again; one that takes too long ends as a time-out and stays in the lists.
//! * *Inspect*, *List*: the rows of our teams, page by page.
//!
//! A pool has one share for each team: the first that holds none there is subscribed for. When each holds
//! one, the pool is full for us.
//!
//! # Edges
//!
//! * Before a subscription is asked for, no failure is ambiguous. From then on every failure is, unless it
//!   is a refusal of that very call: the share may be held and charged, and shows in the lists.
//! * Rows of other teams are left out. A row that does not say whose it is, is ours if we know it, or if it
//!   is the only such row of a pool in which the team has none: of several at most one can be ours, and
//!   nobody can tell which.
//! * Nothing is kept between two looks, so an old answer cannot be taken for news.
//! * Everything is bounded by the time allowed for the operation, and every exchange by
//!   [`GpuaasOptions::exchange_within`], to the last byte of its body.
//!
//! # Source
//!
//! `docs/live/gpuaas.md`, whose numbers of pathologies name the tests.

mod books;
mod errand;
mod exchange;
mod look;
mod offers;
mod release;
mod service;
mod subscribe;

use std::sync::Arc;

use self::books::Books;
pub(super) use self::errand::Gpuaas;
use super::{
    credentials::Credentials,
    endpoint::Endpoint,
    line::{Exchanges, Failures},
    options::{ApiKey, AuthScheme, HttpOptions, SetupError},
};
use crate::{
    gpuaas::{GpuaasOptions, OptionsError, read_failure, refusal_in},
    harpoon_v1::WireNames,
};

/// How the provider words its failures.
const FAILURES: Failures = Failures { read: read_failure, hidden: refusal_in };

/// Our account at the provider: where it is, on whose behalf we ask, and what we hold.
#[derive(Debug)]
struct Account {
    provider: Exchanges,
    /// Of exposed services, and no other goes there.
    service_key: Option<Arc<Credentials>>,
    options: GpuaasOptions,
    names: WireNames,
    allow_plaintext_key: bool,
    books: Books,
}

impl Account {
    /// # Errors
    /// Where the options cannot be used; see [`SetupError`].
    fn new(options: &HttpOptions, endpoint: &Arc<Endpoint>) -> Result<Self, SetupError> {
        let own = options.gpuaas.clone().ok_or(OptionsError::NoTeam)?;
        own.check()?;
        let of_services = HttpOptions {
            api_key: own.service_key.clone().map(ApiKey::Given),
            auth: AuthScheme::Bearer,
            ..options.clone()
        };
        let endpoint = Arc::clone(endpoint);
        Ok(Self {
            provider: Exchanges { endpoint, failures: FAILURES, limits: options.limits },
            service_key: Credentials::of(&of_services)?.map(Arc::new),
            names: WireNames::new(options.names.clone()),
            allow_plaintext_key: options.allow_plaintext_key,
            books: Books::new(own.teams.len()),
            options: own,
        })
    }

    fn team(&self, index: usize) -> &str {
        &self.options.teams[index]
    }
}
