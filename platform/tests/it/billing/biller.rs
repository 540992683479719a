//! From records to a bill: whatever the order and the repetition, and to the last grain.

use std::collections::BTreeMap;

use connector::{Amount, Duration, Money, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, Bill, Biller, BillingConfig, BillingError, Currency, Economics, Margins, Meter,
    Meters, PeriodId, Periods, PriceBook, Prices, Rate, Rating, RatingError, RecordKey, Taken,
    UsageRecord, UseKind,
    ledger::{Ledger, verify},
};
use proptest::{prelude::*, sample::Index};

use super::{
    amount, at, money,
    order::{config, some_records},
    requests, slots,
};

const END: u64 = 300;

fn costs() -> Vec<Money> {
    vec![money("1.234567891"), money("2.5")]
}

fn billed(records: &[UsageRecord]) -> (Bill, Ledger) {
    let mut biller = Biller::new(config(), costs(), "test");
    for record in records {
        biller.add(record).expect("valid");
    }
    biller.finish(at(END)).expect("in range")
}

/// What is in the accounts, where there is anything.
fn nets(bill: &Bill) -> BTreeMap<AccountId, Amount> {
    let nets = bill.balances.iter().map(|(account, balance)| (*account, balance.net()));
    nets.filter(|(_, net)| *net != Amount::ZERO).collect()
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).expect("in range")
}

fn exactly(money: Money) -> Amount {
    Amount::from_money(money).expect("in range")
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_leads_to_the_same_bill(
        records in some_records(),
        order in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let (bill, _) = billed(&records);
        let mut mixed = records.clone();
        if !records.is_empty() {
            mixed.extend(order.iter().map(|index| records[index.index(records.len())]));
            for (to, from) in order.iter().enumerate() {
                let (to, from) = (to % mixed.len(), from.index(mixed.len()));
                mixed.swap(to, from);
            }
        }
        let (other, _) = billed(&mixed);
        prop_assert_eq!(&other.standing, &bill.standing);
        prop_assert_eq!(&other.uses, &bill.uses);
        prop_assert_eq!(&other.periods, &bill.periods);
        prop_assert_eq!(nets(&other), nets(&bill));
    }

    #[test]
    fn the_books_are_the_invoices_and_the_cost_to_the_last_grain(records in some_records()) {
        let (bill, ledger) = billed(&records);
        let nets = nets(&bill);
        prop_assert_eq!(sum(nets.values().copied()), Amount::ZERO);
        for tenant in [TenantId(0), TenantId(1)] {
            let owed = bill.standing.iter().filter(|one| one.tenant == tenant);
            let stated = bill.invoices.iter().filter(|one| one.tenant == tenant);
            let corrected = bill.corrections.iter().filter(|one| one.tenant == tenant);
            let owed = sum(owed.map(|one| exactly(one.total)));
            let stated = stated.map(|one| exactly(one.total));
            prop_assert_eq!(sum(stated.chain(corrected.map(|one| exactly(one.total)))), owed);
            prop_assert_eq!(bill.balance(AccountId::Receivable(tenant)).net(), owed);
            prop_assert_eq!(bill.balance(AccountId::Unbilled(tenant)).net(), Amount::ZERO);
        }
        let residues = sum(bill.standing.iter().map(|one| one.residue));
        prop_assert_eq!(bill.balance(AccountId::Rounding).net(), residues);
        let payable = nets.iter().filter(|(account, _)| matches!(account, AccountId::Payable(_)));
        let cost = sum(bill.uses.values().map(|one| one.cost));
        prop_assert_eq!(-sum(payable.map(|(_, net)| *net)), cost);
        prop_assert_eq!(bill.margins(), Ok(margins_from_scratch(&records, &bill)));
        let replayed = verify(ledger.records(), Some(bill.head)).expect("its own journal");
        prop_assert_eq!(replayed.balances(), ledger.balances());
    }
}

/// By a rating that forgets its records as they come.
fn margins_from_scratch(records: &[UsageRecord], bill: &Bill) -> Margins {
    let mut rating = Rating::new(config());
    let once: BTreeMap<_, _> = records.iter().map(|record| (record.key, record)).collect();
    for record in once.values() {
        rating.add_once(record).expect("it can be rated");
    }
    let lines = rating.lines().expect("in range");
    let revenue =
        lines.iter().map(|line| ((line.key.tenant, line.key.model, line.key.pool), line.amount));
    let margins = Margins::new(revenue, &bill.uses).expect("in range");
    let ghosts = bill.uses.iter().filter(|(key, _)| key.kind == UseKind::Ghost);
    let booked = bill.uses.iter().filter(|(key, _)| key.kind != UseKind::Ghost);
    let whole = margins.whole().expect("in range");
    assert_eq!(whole.cost, sum(booked.map(|(_, one)| one.cost)));
    let economics = Economics::new(&bill.uses).expect("in range");
    assert_eq!(economics.whole.of(UseKind::Ghost), sum(ghosts.map(|(_, one)| one.cost)));
    margins
}

fn requested(grace: u64, committed: &[(u32, &str)]) -> Biller {
    let mut prices = Prices::new(Currency::USD);
    prices.rates = vec![Rate::flat(Meter::Requests, money("1.00"))];
    prices.commitments =
        committed.iter().map(|&(tenant, price)| (TenantId(tenant), money(price))).collect();
    let config = BillingConfig {
        book: PriceBook::new(prices).expect("valid"),
        periods: Periods::every(Duration::from_secs(100)).expect("valid"),
        grace: Duration::from_secs(grace),
    };
    Biller::new(config, vec![money("3600")], "test")
}

fn request(key: u128, from: u64, until: u64) -> UsageRecord {
    UsageRecord { from: at(from), until: at(until), ..requests(key, 1) }
}

#[test]
fn a_period_is_drawn_with_the_first_record_that_ends_a_grace_after_it() {
    for (ends, late_is_a_correction) in [(109, false), (110, true)] {
        let mut biller = requested(10, &[]);
        for record in [request(1, 0, 20), request(2, 99, ends), request(3, 50, 51)] {
            biller.add(&record).expect("valid");
        }
        let (bill, _) = biller.finish(at(120)).expect("in range");
        let totals: Vec<_> = bill.invoices.iter().map(|one| (one.period, one.total)).collect();
        let stated = if late_is_a_correction { "2.00" } else { "3.00" };
        assert_eq!(totals, [(PeriodId(0), money(stated))]);
        assert_eq!(bill.corrections.len(), usize::from(late_is_a_correction));
        assert_eq!(bill.standing[0].total, money("3.00"));
        assert_eq!(bill.periods.len(), 2, "the second one had begun");
    }
}

#[test]
fn a_commitment_is_due_in_every_period_that_began_and_a_period_at_the_end_did_not() {
    let mut biller = requested(0, &[(1, "5.00")]);
    biller.add(&request(1, 250, 251)).expect("valid");
    let (bill, _) = biller.finish(at(300)).expect("in range");
    let stated: Vec<_> =
        bill.invoices.iter().map(|one| (one.tenant.0, one.period.0, one.total)).collect();
    let five = money("5.00");
    assert_eq!(stated, [(0, 2, money("1.00")), (1, 0, five), (1, 1, five), (1, 2, five)]);
    assert_eq!(bill.balance(AccountId::Shortfall(TenantId(1))).net(), amount("-15"));
}

#[test]
fn who_had_no_invoice_for_a_drawn_period_gets_one_late() {
    let mut biller = requested(0, &[]);
    biller.add(&request(1, 150, 160)).expect("valid");
    biller.add(&request(2, 50, 60)).expect("valid");
    let (bill, _) = biller.finish(at(160)).expect("in range");
    assert_eq!((bill.invoices.len(), bill.corrections.len()), (2, 0));
    assert_eq!(bill.invoices[0].period, PeriodId(0));
}

#[test]
fn what_nobody_pays_is_internal_cost_by_what_came_of_it() {
    let mut biller = requested(0, &[]);
    let kinds = UseKind::ALL.into_iter().zip(1..);
    for (kind, seconds) in kinds {
        let meters = Meters { requests: 1, ..slots(0, at(0), at(seconds)).meters };
        let key = RecordKey(u128::from(seconds));
        let record = UsageRecord { key, kind, meters, ..slots(0, at(0), at(seconds)) };
        assert_eq!(biller.add(&record), Ok(Taken::New));
        assert_eq!(biller.add(&record), Ok(Taken::Known));
    }
    let (bill, _) = biller.finish(at(10)).expect("in range");
    assert_eq!(bill.standing[0].total, money("2.00"), "delivered and disconnected");
    assert_eq!(bill.internal_cost().expect("in range"), amount("25"), "3 + 4 + 5 + 6 + 7 s");
    let pool = PoolId(0);
    assert_eq!(bill.balance(AccountId::Idle(pool)).net(), amount("7"));
    assert_eq!(bill.balance(AccountId::Overhead(pool)).net(), amount("6"));
    assert_eq!(bill.balance(AccountId::Payable(pool)).net(), amount("-28"));
}

#[test]
fn a_record_that_contradicts_another_changes_nothing() {
    let mut biller = requested(0, &[]);
    biller.add(&request(1, 0, 1)).expect("valid");
    let conflict = BillingError::Rating(RatingError::Conflict { key: RecordKey(1) });
    assert_eq!(biller.add(&request(1, 0, 2)), Err(conflict));
    let (bill, _) = biller.finish(Timestamp::ZERO).expect("in range");
    assert_eq!(bill.standing[0].total, money("1.00"));
}

#[test]
fn more_periods_than_can_be_drawn_are_refused() {
    let mut biller = requested(0, &[]);
    let far = u64::from(Biller::MOST_PERIODS) * 100;
    biller.add(&request(1, far, far + 1)).expect("none is drawn beyond the limit");
    let limit = Biller::MOST_PERIODS;
    assert_eq!(biller.finish(at(far + 1)).err(), Some(BillingError::Periods { limit }));
}

#[test]
fn a_thousand_lines_are_booked_in_pieces() {
    let mut biller = requested(0, &[(0, "5000.00")]);
    for pool in 0..1_200 {
        let record = UsageRecord { pool: PoolId(pool), ..request(pool.into(), 0, 1) };
        biller.add(&record).expect("valid");
    }
    let late = UsageRecord { pool: PoolId(3), ..request(5_000, 1, 2) };
    biller.add(&request(4_000, 100, 101)).expect("valid");
    biller.add(&late).expect("valid");
    let (bill, _) = biller.finish(at(100)).expect("in range");
    assert_eq!(bill.standing[0].lines.len(), 1_200);
    assert_eq!(bill.corrections.len(), 1);
    assert_eq!(bill.balance(AccountId::Receivable(TenantId(0))).net(), amount("10000"));
}
