//! Transactions that follow from their numbers alone, so that two programs need not tell each other
//! what they asked for.

use connector::{Amount, ModelId, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, Currency,
    ledger::{Hold, Line, Step, Transaction, TransactionId},
};

/// The id of a transaction of a round.
pub(super) fn id(round: u32, number: u32) -> TransactionId {
    TransactionId::named(&format!("{round}/{number}"))
}

/// The n-th transaction of a round. Of ten in a row there are six bookings, one of them reversed,
/// and two reservations, one settled in part and one voided.
pub(super) fn transaction(round: u32, number: u32) -> Transaction {
    let other = |back: u32| id(round, number - back);
    let step = match number % 10 {
        1 => Step::Reverse { of: other(1) },
        2 | 4 => reserve(round, number),
        3 => Step::Post {
            reservation: other(1),
            effective: Timestamp::from_nanos(u64::from(number)),
            lines: lines(round, number - 1, 40),
        },
        5 => Step::Void { reservation: other(1) },
        _ => Step::Book {
            effective: Timestamp::from_nanos(u64::from(number)),
            lines: lines(round, number, i128::from(number) + 1),
        },
    };
    Transaction { id: id(round, number), step }
}

fn reserve(round: u32, number: u32) -> Step {
    Step::Reserve(Hold {
        account: AccountId::Unbilled(tenant(round, number)),
        currency: Currency::EUR,
        amount: Amount::from_grains(100),
        expires: None,
    })
}

fn lines(round: u32, number: u32, grains: i128) -> Vec<Line> {
    let tenant = tenant(round, number);
    let revenue =
        AccountId::Revenue { tenant, model: ModelId(number % 3), pool: PoolId(round % 3) };
    let amount = Amount::from_grains(grains);
    vec![
        Line::debit(AccountId::Unbilled(tenant), Currency::EUR, amount),
        Line::credit(revenue, Currency::EUR, amount),
    ]
}

fn tenant(round: u32, number: u32) -> TenantId {
    TenantId((round.wrapping_mul(7) + number) % 11)
}
