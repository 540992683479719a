//! Short words for the tests of the ledger.

use connector::{Amount, ModelId, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, Currency,
    ledger::{Hold, Ledger, Line, Step, Transaction, TransactionId},
};

pub(super) const EUR: Currency = Currency::EUR;
pub(super) const USD: Currency = Currency::USD;

pub(super) fn at(ns: u64) -> Timestamp {
    Timestamp::from_nanos(ns)
}

pub(super) fn id(number: u128) -> TransactionId {
    TransactionId(number)
}

pub(super) fn amount(grains: i128) -> Amount {
    Amount::from_grains(grains)
}

pub(super) fn unbilled(tenant: u32) -> AccountId {
    AccountId::Unbilled(TenantId(tenant))
}

pub(super) fn revenue(tenant: u32) -> AccountId {
    AccountId::Revenue { tenant: TenantId(tenant), model: ModelId(0), pool: PoolId(0) }
}

/// Use of a tenant for so many grains.
pub(super) fn charge(tenant: u32, grains: i128) -> Vec<Line> {
    vec![
        Line::debit(unbilled(tenant), EUR, amount(grains)),
        Line::credit(revenue(tenant), EUR, amount(grains)),
    ]
}

pub(super) fn book(number: u128, lines: Vec<Line>) -> Transaction {
    Transaction { id: id(number), step: Step::Book { effective: at(1), lines } }
}

pub(super) fn reserve(number: u128, grains: i128, expires: Option<u64>) -> Transaction {
    let hold = Hold {
        account: unbilled(0),
        currency: EUR,
        amount: amount(grains),
        expires: expires.map(at),
    };
    Transaction { id: id(number), step: Step::Reserve(hold) }
}

pub(super) fn settle(number: u128, reservation: u128, grains: i128) -> Transaction {
    let step =
        Step::Post { reservation: id(reservation), effective: at(1), lines: charge(0, grains) };
    Transaction { id: id(number), step }
}

pub(super) fn void(number: u128, reservation: u128) -> Transaction {
    Transaction { id: id(number), step: Step::Void { reservation: id(reservation) } }
}

pub(super) fn reverse(number: u128, of: u128) -> Transaction {
    Transaction { id: id(number), step: Step::Reverse { of: id(of) } }
}

/// Debits less credits of an account, in grains.
pub(super) fn net(ledger: &Ledger, account: AccountId) -> i128 {
    ledger.balance(account, EUR).net().grains()
}

/// What is reserved of an account, in grains.
pub(super) fn pending(ledger: &Ledger, account: AccountId) -> i128 {
    ledger.balance(account, EUR).pending_debits.grains()
}
