//! What covenants allow is set aside while their requests are under way, and leaves no trace in what
//! the books come to.

use connector::{Amount, Duration, ModelId, PoolId, RequestId, TenantId};
use platform::billing::{
    AccountId, Bill, Biller, BillingConfig, Currency, Meter, Periods, PriceBook, Prices, Rate,
    RecordKey, UsageRecord, UseKind,
    ledger::{Balance, Event},
};
use proptest::prelude::*;

use super::{amount, at, money, slots};

const ACME: TenantId = TenantId(0);
const IN_WORK: AccountId = AccountId::InWork(ACME);
const OWED: AccountId = AccountId::Payable(PoolId(0));
const FIRST: RequestId = RequestId(1);

/// A share costs 1 a second on either of two pools.
fn biller() -> Biller {
    let mut prices = Prices::new(Currency::USD);
    prices.rates = vec![Rate::flat(Meter::SlotTime, money("7200"))];
    let config = BillingConfig {
        book: PriceBook::new(prices).expect("valid"),
        periods: Periods::every(Duration::from_secs(100)).expect("valid"),
        grace: Duration::ZERO,
    };
    Biller::new(config, vec![money("3600"); 2], "test")
}

fn strike(key: u64, request: RequestId, from: u64, until: u64) -> UsageRecord {
    let record = slots(key.into(), at(from), at(until));
    UsageRecord { request: Some(request), kind: UseKind::Retried, ..record }
}

fn balance(biller: &Biller, account: AccountId) -> Balance {
    biller.ledger().balance(account, Currency::USD)
}

fn cost(bill: &Bill) -> Amount {
    let (tenant, model, pool) = (ACME, ModelId(0), PoolId(0));
    bill.balance(AccountId::Cost { tenant, model, pool, kind: UseKind::Retried }).net()
}

#[test]
fn a_ceiling_is_pending_until_the_answer_and_then_what_was_used_is_posted() {
    let mut biller = biller();
    biller.reserve(FIRST, ACME, money("10"), None).expect("room");
    assert_eq!(balance(&biller, IN_WORK).pending_debits, amount("10"));
    assert_eq!(balance(&biller, AccountId::Reservations).pending_credits, amount("10"));
    biller.add(&strike(1, FIRST, 0, 2)).expect("valid");
    biller.add(&strike(2, FIRST, 3, 4)).expect("valid");
    biller.answered(FIRST, at(4)).expect("in range");
    assert_eq!(balance(&biller, IN_WORK).pending_debits, Amount::ZERO);
    assert_eq!(balance(&biller, IN_WORK).net(), amount("3"));
    assert_eq!(balance(&biller, OWED).net(), amount("-3"));
    biller.settle().expect("in range");
    assert_eq!(balance(&biller, IN_WORK).net(), Amount::ZERO);
    let (bill, ledger) = biller.finish(at(100)).expect("in range");
    assert_eq!((cost(&bill), ledger.open_reservations()), (amount("3"), 0));
    assert_eq!(bill.balance(OWED).net(), amount("-3"));
}

#[test]
fn a_request_that_used_nothing_leaves_a_void() {
    let mut biller = biller();
    biller.reserve(FIRST, ACME, money("10"), None).expect("room");
    biller.answered(FIRST, at(1)).expect("in range");
    biller.answered(FIRST, at(1)).expect("the second time nothing happens");
    let events: Vec<_> =
        biller.ledger().records().map(|record| record.entry().expect("whole").event).collect();
    assert!(matches!(events[..], [Event::Reserved(_), Event::Voided { .. }]), "{events:?}");
    assert_eq!(balance(&biller, IN_WORK), Balance::default());
}

#[test]
fn what_is_beyond_the_ceiling_or_told_late_is_owed_all_the_same() {
    let mut biller = biller();
    biller.reserve(FIRST, ACME, money("2.5"), None).expect("room");
    biller.add(&strike(1, FIRST, 0, 2)).expect("valid");
    biller.add(&strike(2, FIRST, 2, 3)).expect("valid");
    biller.answered(FIRST, at(3)).expect("in range");
    assert_eq!(balance(&biller, OWED).net(), amount("-2.5"));
    biller.add(&strike(3, FIRST, 3, 7)).expect("valid");
    let (bill, _) = biller.finish(at(100)).expect("in range");
    assert_eq!(cost(&bill), amount("7"));
    assert_eq!(bill.balance(OWED).net(), amount("-7"));
    assert_eq!(bill.balance(IN_WORK).net(), Amount::ZERO);
}

#[test]
fn a_reservation_that_has_expired_settles_nothing() {
    let mut biller = biller();
    biller.reserve(FIRST, ACME, money("10"), Some(at(5))).expect("room");
    biller.add(&strike(1, FIRST, 0, 5)).expect("valid");
    biller.answered(FIRST, at(5)).expect("in range");
    assert_eq!((balance(&biller, IN_WORK), balance(&biller, OWED)), Default::default());
    let (bill, _) = biller.finish(at(100)).expect("in range");
    assert_eq!(bill.balance(OWED).net(), amount("-5"));
}

/// Of one request: the ceiling if it reserves, and its strikes: key, pool and seconds; `None` is the
/// answer.
type Moves = Vec<(u64, Option<(u64, u32, u64)>)>;

fn run(ceilings: &[Option<u64>], moves: &Moves) -> Vec<(AccountId, Balance)> {
    let mut biller = biller();
    for (id, ceiling) in (0..).zip(ceilings) {
        if let Some(ceiling) = ceiling {
            let ceiling = money(&ceiling.to_string());
            biller.reserve(RequestId(id), ACME, ceiling, None).expect("room");
        }
    }
    for &(id, what) in moves {
        match what {
            Some((key, pool, seconds)) => {
                let used = strike(key, RequestId(id), key, key + seconds);
                let used = UsageRecord { pool: PoolId(pool), key: RecordKey(key.into()), ..used };
                biller.add(&used).map(|_| ()).expect("valid");
            }
            None => biller.answered(RequestId(id), at(1)).expect("in range"),
        }
    }
    for id in 0..ceilings.len() as u64 {
        biller.answered(RequestId(id), at(1)).expect("in range");
    }
    let (bill, ledger) = biller.finish(at(1)).expect("in range");
    assert_eq!(ledger.open_reservations(), 0);
    assert_eq!(bill.balance(IN_WORK).net(), Amount::ZERO);
    bill.balances.into_iter().filter(|(_, balance)| balance.net() != Amount::ZERO).collect()
}

proptest! {
    #[test]
    fn reservations_change_nothing_of_what_the_books_come_to(
        ceilings in prop::collection::vec(prop::option::of(0_u64..20), 1..6),
        moves in prop::collection::vec((0_u64..6, prop::option::weighted(0.8, (0_u32..2, 0_u64..9))), 0..40),
    ) {
        let moves: Moves = (0_u64..)
            .zip(moves)
            .map(|(key, (id, what))| (id, what.map(|(pool, seconds)| (key, pool, seconds))))
            .collect();
        let nets = |all: Vec<(AccountId, Balance)>| -> Vec<_> {
            all.into_iter().map(|(account, balance)| (account, balance.net())).collect()
        };
        let without: Vec<Option<u64>> = ceilings.iter().map(|_| None).collect();
        prop_assert_eq!(nets(run(&ceilings, &moves)), nets(run(&without, &moves)));
    }
}
