//! What requests may cost, set aside while they are under way.
//!
//! # Mechanism
//!
//! A covenant with a ceiling limits what the provider may charge for its request. In books that
//! reserve, that amount is set aside when the request arrives and settled when it is answered:
//!
//! | when | step | debit | credit |
//! | --- | --- | --- | --- |
//! | it arrives | reserve the ceiling | (pending) `InWork(tenant)` | (pending) `Reservations` |
//! | it is answered and used something | post what it used | `InWork(tenant)` | `Payable(pool)` |
//! | it is answered and used nothing | void | | |
//! | the books are settled | book | `Cost(tenant, model, pool, kind)` | `InWork(tenant)` |
//!
//! So what is pending on `InWork` is the most that requests under way may still cost, and once all is
//! settled the account is empty.
//!
//! # Edges
//!
//! Use that is told after its request was answered, or beyond the ceiling, or after the reservation
//! has expired, is booked as that of a request without one: `Cost` to `Payable`. All accounts but
//! `InWork` come to the same in the end.

use std::collections::BTreeMap;

use connector::{Amount, RequestId, TenantId};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{AccountId, Leg, UseKey, ledger::TransactionId, reconcile::OutOfRange};

/// Reservations that are open, and what was posted of those that were.
#[derive(Clone, Debug, Default)]
pub(super) struct Reservations {
    open: HashMap<RequestId, Open, FxBuildHasher>,
    /// Posted and not yet told apart by model and pool.
    in_work: BTreeMap<UseKey, Amount>,
}

#[derive(Clone, Debug)]
struct Open {
    id: TransactionId,
    tenant: TenantId,
    /// Of the ceiling.
    left: Amount,
    used: Vec<(UseKey, Amount)>,
}

/// A reservation whose request is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settlement {
    /// Of the reservation.
    pub(super) id: TransactionId,
    /// What is posted; nothing: it is void.
    pub(super) legs: Vec<Leg>,
}

impl Reservations {
    /// A request was let in with this ceiling.
    pub(super) fn open(
        &mut self,
        request: RequestId,
        id: TransactionId,
        tenant: TenantId,
        ceiling: Amount,
    ) {
        self.open.insert(request, Open { id, tenant, left: ceiling, used: Vec::new() });
    }

    /// Whether what this request uses is to be [noted](Self::note).
    #[inline]
    pub(super) fn is_open(&self, request: RequestId) -> bool {
        self.open.contains_key(&request)
    }

    /// A request's strike cost so much; what is beyond the ceiling is left aside.
    pub(super) fn note(&mut self, request: RequestId, key: UseKey, cost: Amount) {
        let Some(open) = self.open.get_mut(&request) else { return };
        let covered = cost.min(open.left);
        if covered > Amount::ZERO
            && let Some(left) = open.left.checked_sub(covered)
        {
            open.left = left;
            open.used.push((key, covered));
        }
    }

    /// A request was answered. `is_open` tells whether its reservation is still there to be posted.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub(super) fn settle(
        &mut self,
        request: RequestId,
        is_open: impl FnOnce(TransactionId) -> bool,
    ) -> Result<Option<Settlement>, OutOfRange> {
        let Some(Open { id, tenant, used, .. }) = self.open.remove(&request) else {
            return Ok(None);
        };
        if !is_open(id) {
            return Ok(None);
        }
        let mut legs = Vec::with_capacity(2 * used.len());
        for (key, cost) in used {
            legs.extend([(AccountId::InWork(tenant), cost), (AccountId::Payable(key.pool), -cost)]);
            let sum = self.in_work.entry(key).or_insert(Amount::ZERO);
            *sum = sum.checked_add(cost).ok_or(OutOfRange)?;
        }
        Ok(Some(Settlement { id, legs }))
    }

    /// What was posted of this use since this was last asked.
    pub(super) fn take_posted(&mut self, key: UseKey) -> Amount {
        self.in_work.remove(&key).unwrap_or(Amount::ZERO)
    }
}
