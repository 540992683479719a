//! What is booked, and when again.

use connector::{Amount, Duration, TenantId};
use platform::billing::{
    AccountId, Bill, Biller, BillingConfig, Currency, Invoice, Meter, PeriodId, Periods, Rate,
    Taken, UsageRecord,
    ledger::{Event, Hold, Ledger, LedgerError, Line, Step, Transaction, TransactionId},
};

use super::super::{amount, at, book, money, rating, requests};

const USD: Currency = Currency::USD;

fn booking(name: &str, legs: Vec<(AccountId, Amount)>) -> Transaction {
    let line = |(account, amount)| Line { account, currency: USD, amount };
    let lines = legs.into_iter().map(line).collect();
    Transaction { id: TransactionId::named(name), step: Step::Book { effective: at(0), lines } }
}

fn invoice() -> Invoice {
    let mut rating = rating(vec![Rate::flat(Meter::Requests, money("0.335"))]);
    rating.add(&requests(1, 5)).expect("valid");
    let lines = rating.lines().expect("in range");
    Invoice::draw(TenantId(0), PeriodId(0), USD, None, &lines).expect("in range")
}

fn net(ledger: &Ledger, account: AccountId) -> Amount {
    ledger.balance(account, USD).net()
}

const DAY_S: u64 = 86_400;

/// Books of two tenants who ask once a day for 75 days, at 1.00, in periods of 30 days.
fn daily() -> (Biller, Vec<UsageRecord>) {
    let config = BillingConfig {
        book: book(vec![Rate::flat(Meter::Requests, money("1"))]),
        periods: Periods::every(Duration::from_secs(30 * DAY_S)).expect("valid"),
        grace: Duration::from_secs(DAY_S),
    };
    let asked = (0..75).flat_map(|day| (0..2).map(move |tenant| (day, tenant)));
    let records = asked.map(|(day, tenant)| UsageRecord {
        tenant: TenantId(tenant),
        from: at(day * DAY_S),
        until: at(day * DAY_S + 60),
        ..requests(u128::from(2 * day) + u128::from(tenant), 1)
    });
    (Biller::new(config, Vec::new(), "books"), records.collect())
}

fn stated(bill: &Bill) -> Vec<(u32, u32, String)> {
    let told = bill.invoices.iter();
    told.map(|one| (one.tenant.0, one.period.0, one.total.to_string())).collect()
}

/// Whoever asks every day gets the invoice of a month when the month is over, and once.
#[test]
fn b4_a_month_has_one_invoice_however_often_the_books_are_looked_at() {
    let (mut biller, records) = daily();
    for record in &records {
        biller.add(record).expect("valid");
        let head = biller.ledger().head();
        assert_eq!(biller.add(record), Ok(Taken::Known));
        assert_eq!(biller.ledger().head(), head, "nothing is drawn by asking again");
    }
    let owed = biller.ledger().balance(AccountId::Receivable(TenantId(0)), USD).net();
    assert_eq!(owed, amount("60"), "the third month is not over");
    let (bill, _) = biller.finish(at(75 * DAY_S)).expect("in range");
    let expected = [(0, "30.00"), (1, "30.00"), (2, "15.00")];
    let of = |tenant| expected.map(|(period, total)| (tenant, period, total.to_owned()));
    assert_eq!(stated(&bill), [of(0), of(1)].concat());
    assert_eq!(bill.corrections, []);
}

/// The books are made a second time, from the same records, into the same ledger.
#[test]
fn b13_a_bill_drawn_twice_is_one_bill() {
    let run = || {
        let (mut biller, records) = daily();
        for record in &records {
            biller.add(record).expect("valid");
        }
        biller.finish(at(75 * DAY_S)).expect("in range")
    };
    let ((first, mut ledger), (second, again)) = (run(), run());
    assert_eq!((stated(&first).len(), &first), (6, &second));
    let head = ledger.head();
    for record in again.records() {
        let entry = record.entry().expect("an entry");
        let Event::Booked { effective, lines } = entry.event else { panic!("{entry:?}") };
        let step = Step::Book { effective, lines };
        ledger.post(at(80 * DAY_S), Transaction { id: entry.id, step }).expect("known");
    }
    assert_eq!(ledger.head(), head, "nothing was booked a second time");
}

/// A check that assigns would change what it looks at.
#[test]
fn b9_looking_changes_nothing_and_ending_one_ends_no_other() {
    let mut ledger = Ledger::default();
    let hold = |account| Hold { account, currency: USD, amount: amount("5"), expires: None };
    let ids = ["first", "second"].map(TransactionId::named);
    for (tenant, id) in (0..).zip(ids) {
        let step = Step::Reserve(hold(AccountId::Unbilled(TenantId(tenant))));
        ledger.post(at(1), Transaction { id, step }).expect("valid");
    }
    let head = ledger.head();
    for id in ids {
        assert!(ledger.reservation(id).is_some());
    }
    assert_eq!((ledger.open_reservations(), ledger.deadline()), (2, None));
    assert_eq!(ledger.head(), head, "nothing was booked by looking");
    let ended = Transaction {
        id: TransactionId::named("end of the first"),
        step: Step::Void { reservation: ids[0] },
    };
    ledger.post(at(2), ended).expect("open");
    assert_eq!(ids.map(|id| ledger.reservation(id).is_some()), [false, true]);
}

#[test]
fn b13_an_invoice_booked_twice_is_booked_once() {
    let (mut ledger, invoice) = (Ledger::default(), invoice());
    let first = ledger.post(at(100), booking("invoice 0/0", invoice.legs())).expect("balanced");
    let head = ledger.head();
    let again = ledger.post(at(200), booking("invoice 0/0", invoice.legs()));
    assert_eq!((again, ledger.head()), (Ok(first), head));
    let owed = net(&ledger, AccountId::Receivable(TenantId(0)));
    assert_eq!(owed, Amount::from_money(invoice.total).expect("in range"));
    let other = booking("invoice 0/0", vec![(AccountId::Cash, amount("1"))]);
    let told = ledger.post(at(300), other);
    assert!(matches!(told, Err(LedgerError::Conflict { .. })), "{told:?}");
}

#[test]
fn b16_a_booking_is_whole_or_leaves_no_trace() {
    let mut ledger = Ledger::default();
    let mut legs = invoice().legs();
    let dropped = legs.pop().expect("some legs");
    let told = ledger.post(at(1), booking("invoice", legs.clone()));
    assert!(matches!(told, Err(LedgerError::Unbalanced { .. })), "{told:?}");
    assert_eq!((ledger.head().sequence, ledger.balances().len()), (0, 0));
    legs.push(dropped);
    ledger.post(at(2), booking("invoice", legs)).expect("the id is free to be tried again");
    assert_eq!(ledger.head().sequence, 1);
}

/// Twice in the same second, or a second later: a key that has a clock in it would not know.
#[test]
fn b13_the_key_of_what_was_used_has_no_clock_in_it() {
    let mut rating = rating(vec![Rate::flat(Meter::Requests, money("1"))]);
    let used = requests(7, 2);
    for _ in 0..3 {
        rating.add(&used).expect("valid");
    }
    let later = UsageRecord { from: at(1), until: at(2), ..used };
    assert!(rating.add(&later).is_err(), "the same key at another time is a contradiction");
    let lines = rating.lines().expect("in range");
    assert_eq!(super::super::total(&lines), amount("2"));
}
