//! Random transactions, also repeated, reordered and wrong: the ledger does what the naive model
//! does, and its books add up after every one.

use std::collections::BTreeMap;

use connector::Timestamp;
use platform::billing::{
    AccountId,
    ledger::{Hold, Ledger, Line, Step, Transaction, TransactionId, verify},
};
use proptest::prelude::*;

use super::{
    model::Model,
    shorthand::{
        EUR, USD, amount, at, book, charge, id, net, reserve, revenue, reverse, settle, unbilled,
    },
};

/// Few, so that they meet.
const IDS: u128 = 24;
const STEPS: usize = 120;

fn ids() -> impl Strategy<Value = TransactionId> {
    (0..IDS).prop_map(id)
}

fn accounts() -> impl Strategy<Value = AccountId> {
    prop_oneof![
        (0..3_u32).prop_map(unbilled),
        (0..3_u32).prop_map(revenue),
        Just(AccountId::Rounding)
    ]
}

/// Mostly balanced, in one or two currencies.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    let one = (accounts(), prop_oneof![4 => Just(EUR), 1 => Just(USD)], -40..40_i128);
    let crooked = prop_oneof![9 => Just(0_i128), 1 => 1..3_i128];
    (prop::collection::vec(one, 0..5), crooked).prop_map(|(moves, crooked)| {
        let mut lines = Vec::new();
        for (account, currency, grains) in moves {
            lines.push(Line { account, currency, amount: amount(grains) });
            lines.push(Line { account: unbilled(0), currency, amount: amount(crooked - grains) });
        }
        lines
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let hold = (accounts(), -3..100_i128, prop::option::of(0..400_u64)).prop_map(
        |(account, grains, expires)| {
            Step::Reserve(Hold {
                account,
                currency: EUR,
                amount: amount(grains),
                expires: expires.map(at),
            })
        },
    );
    prop_oneof![
        3 => (0..9_u64, lines()).prop_map(|(when, lines)| Step::Book { effective: at(when), lines }),
        3 => hold,
        3 => (ids(), 0..9_u64, lines()).prop_map(|(reservation, when, lines)| {
            Step::Post { reservation, effective: at(when), lines }
        }),
        1 => ids().prop_map(|reservation| Step::Void { reservation }),
        2 => ids().prop_map(|of| Step::Reverse { of }),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Post(Transaction),
    /// One of those before, word for word.
    Again(prop::sample::Index),
    Expire,
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let act = prop_oneof![
        8 => (ids(), steps()).prop_map(|(id, step)| Act::Post(Transaction { id, step })),
        2 => any::<prop::sample::Index>().prop_map(Act::Again),
        1 => Just(Act::Expire),
    ];
    prop::collection::vec((0..300_u64, act), STEPS)
}

fn add_up(ledger: &Ledger, model: &Model) -> Result<(), TestCaseError> {
    let mut posted = BTreeMap::new();
    let mut pending = BTreeMap::new();
    for (account, currency, balance) in ledger.balances() {
        prop_assert_eq!(balance, model.balance(account, currency), "{:?} {}", account, currency);
        *posted.entry(currency).or_insert(0) += balance.net().grains();
        *pending.entry(currency).or_insert(0) +=
            balance.pending_debits.grains() - balance.pending_credits.grains();
    }
    prop_assert!(posted.values().chain(pending.values()).all(|&sum| sum == 0));
    for line in model.lines() {
        let balance = ledger.balance(line.account, line.currency);
        prop_assert_eq!(balance, model.balance(line.account, line.currency));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_a_list_of_all_transactions_says(acts in acts()) {
        let (mut ledger, mut model) = (Ledger::default(), Model::default());
        let mut asked: Vec<Transaction> = Vec::new();
        for (now, act) in acts {
            let now: Timestamp = at(now);
            let transaction = match act {
                Act::Post(transaction) => transaction,
                Act::Again(index) if !asked.is_empty() => asked[index.index(asked.len())].clone(),
                Act::Again(_) | Act::Expire => {
                    prop_assert_eq!(ledger.expire(now), model.expire(now));
                    continue;
                }
            };
            asked.push(transaction.clone());
            let expected = model.post(now, &transaction);
            let got = ledger.post(now, transaction);
            prop_assert_eq!(got.map(|receipt| (receipt.sequence, receipt.booked)), expected);
            prop_assert_eq!(ledger.head().sequence, model.len() as u64);
            prop_assert_eq!(ledger.open_reservations(), model.open().len());
        }
        add_up(&ledger, &model)?;
        let again = verify(ledger.records(), Some(ledger.head())).expect("nobody touched it");
        prop_assert_eq!(again.balances(), ledger.balances());
    }

    /// Whole stories, each in its order, in any order among them, each transaction up to thrice.
    #[test]
    fn balances_are_the_same_in_any_order_however_often_it_is_told(
        stories in prop::collection::vec((1..50_i128, 0..4_u32, 0..3_usize), 1..20),
        shuffle in prop::collection::vec((any::<u64>(), 1..4_usize), 60),
    ) {
        let mut straight = Ledger::default();
        let mut told: Vec<(u64, Vec<Transaction>)> = Vec::new();
        for (number, (grains, tenant, kind)) in stories.into_iter().enumerate() {
            let base = number as u128 * 10;
            let story = match kind {
                0 => vec![book(base, charge(tenant, grains))],
                1 => vec![book(base, charge(tenant, grains)), reverse(base + 1, base)],
                _ => vec![reserve(base, 50, None), settle(base + 1, base, grains)],
            };
            for transaction in &story {
                straight.post(at(0), transaction.clone()).unwrap();
            }
            let (key, times) = shuffle[number];
            told.extend((0..times as u64).map(|turn| (key.rotate_left(turn as u32 * 9), story.clone())));
        }
        told.sort_by_key(|&(key, _)| key);
        let mut shuffled = Ledger::default();
        for transaction in told.into_iter().flat_map(|(_, story)| story) {
            shuffled.post(at(0), transaction).unwrap();
        }
        prop_assert_eq!(shuffled.balances(), straight.balances());
        prop_assert_eq!(shuffled.head().sequence, straight.head().sequence);
    }

    #[test]
    fn all_that_is_reversed_nets_to_zero(charges in prop::collection::vec((0..4_u32, -1_000..1_000_i128), 1..50)) {
        let mut ledger = Ledger::default();
        for (number, &(tenant, grains)) in (0..).zip(&charges) {
            ledger.post(at(0), book(number, charge(tenant, grains))).unwrap();
        }
        for number in 0..charges.len() as u128 {
            ledger.post(at(1), reverse(1_000 + number, number)).unwrap();
        }
        for tenant in 0..4 {
            prop_assert_eq!((net(&ledger, unbilled(tenant)), net(&ledger, revenue(tenant))), (0, 0));
        }
    }
}
