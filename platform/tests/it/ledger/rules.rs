//! What the ledger books and what it refuses, one rule at a time.

use connector::{PoolId, TenantId};
use platform::billing::{
    AccountId,
    ledger::{
        End, Event, LONGEST_NAME, Ledger, LedgerError, Line, MOST_LINES, NamedKind, Step,
        Transaction, TransactionId,
    },
};

use super::shorthand::{
    EUR, USD, amount, at, book, charge, id, net, pending, reserve, revenue, reverse, settle,
    unbilled, void,
};

fn after(transactions: impl IntoIterator<Item = Transaction>) -> Ledger {
    let mut ledger = Ledger::default();
    for transaction in transactions {
        ledger.post(at(10), transaction).unwrap();
    }
    ledger
}

fn refusal(ledger: &mut Ledger, now: u64, transaction: Transaction) -> LedgerError {
    let before = (ledger.head(), ledger.balances());
    let error = ledger.post(at(now), transaction).unwrap_err();
    assert_eq!((ledger.head(), ledger.balances()), before, "a refusal leaves no trace");
    error
}

#[test]
fn what_is_booked_is_in_both_accounts() {
    let ledger = after([book(1, charge(3, 7)), book(2, charge(3, 5))]);
    assert_eq!((net(&ledger, unbilled(3)), net(&ledger, revenue(3))), (12, -12));
    assert_eq!(ledger.head().sequence, 2);
}

#[test]
fn each_currency_balances_by_itself() {
    let pair = |currency, grains| {
        [
            Line::debit(unbilled(0), currency, amount(grains)),
            Line::credit(revenue(0), currency, amount(grains)),
        ]
    };
    let mut ledger = after([book(1, [pair(EUR, 2), pair(USD, 3)].concat())]);
    assert_eq!(ledger.balance(unbilled(0), USD).net(), amount(3));
    let across =
        vec![Line::debit(unbilled(0), EUR, amount(5)), Line::credit(revenue(0), USD, amount(5))];
    let unbalanced = LedgerError::Unbalanced { id: id(2), currency: EUR, by: amount(5) };
    assert_eq!(refusal(&mut ledger, 10, book(2, across)), unbalanced);
}

#[test]
fn a_transaction_has_lines_and_not_too_many() {
    let mut ledger = Ledger::default();
    let none = refusal(&mut ledger, 0, book(1, Vec::new()));
    assert_eq!(none, LedgerError::Lines { id: id(1), lines: 0 });
    let many = |pairs| (0..pairs).flat_map(|tenant| charge(tenant, 1)).collect();
    let most = MOST_LINES as u32 / 2;
    let beyond = refusal(&mut ledger, 0, book(1, many(most + 1)));
    assert_eq!(beyond, LedgerError::Lines { id: id(1), lines: MOST_LINES + 2 });
    ledger.post(at(0), book(1, many(most))).unwrap();
}

#[test]
fn the_same_transaction_again_is_answered_as_the_first_time() {
    let mut ledger = Ledger::default();
    let first = ledger.post(at(10), book(1, charge(0, 7))).unwrap();
    ledger.post(at(20), book(2, charge(0, 1))).unwrap();
    let head = ledger.head();
    assert_eq!(ledger.post(at(1_000_000), book(1, charge(0, 7))).unwrap(), first);
    assert_eq!((ledger.head(), net(&ledger, unbilled(0))), (head, 8));
}

#[test]
fn an_id_with_other_content_is_a_conflict() {
    let mut ledger = after([book(1, charge(0, 7))]);
    let conflict = LedgerError::Conflict { id: id(1), sequence: 1 };
    for other in [book(1, charge(0, 8)), reserve(1, 7, None), void(1, 1), reverse(1, 1)] {
        assert_eq!(refusal(&mut ledger, 10, other), conflict);
    }
}

#[test]
fn a_refused_transaction_may_be_tried_again_under_its_id() {
    let mut ledger = Ledger::default();
    let early = refusal(&mut ledger, 0, settle(2, 1, 5));
    assert_eq!(early, LedgerError::NotFound { id: id(1) });
    ledger.post(at(0), reserve(1, 5, None)).unwrap();
    ledger.post(at(0), settle(2, 1, 5)).unwrap();
    assert_eq!(net(&ledger, unbilled(0)), 5);
}

#[test]
fn what_is_reserved_is_pending_and_not_posted() {
    let ledger = after([reserve(1, 100, None)]);
    assert_eq!((net(&ledger, unbilled(0)), pending(&ledger, unbilled(0))), (0, 100));
    let all = ledger.balance(AccountId::Reservations, EUR);
    assert_eq!((all.pending_credits, all.credits), (amount(100), amount(0)));
}

#[test]
fn a_settlement_posts_what_was_used_and_releases_the_rest() {
    let ledger = after([reserve(1, 100, None), settle(2, 1, 30)]);
    assert_eq!((net(&ledger, unbilled(0)), pending(&ledger, unbilled(0))), (30, 0));
    assert_eq!((ledger.open_reservations(), ledger.reservation(id(1))), (0, None));
}

#[test]
fn a_settlement_beyond_the_reservation_is_refused() {
    let mut ledger = after([reserve(1, 100, None)]);
    let beyond = LedgerError::ExceedsReservation {
        reservation: id(1),
        reserved: amount(100),
        posted: amount(101),
    };
    assert_eq!(refusal(&mut ledger, 10, settle(2, 1, 101)), beyond);
    ledger.post(at(10), settle(2, 1, 100)).unwrap();
}

#[test]
fn a_reservation_ends_once_and_says_how() {
    let ends = [
        (settle(2, 1, 1), 10, End::Posted),
        (void(2, 1), 10, End::Voided),
        (book(2, charge(9, 1)), 50, End::Expired),
    ];
    for (last, when, end) in ends {
        let mut ledger = after([reserve(1, 100, Some(50))]);
        ledger.post(at(when), last).unwrap();
        for late in [settle(3, 1, 1), void(3, 1)] {
            let ended = LedgerError::Ended { reservation: id(1), end, sequence: 2 };
            assert_eq!(refusal(&mut ledger, when, late), ended);
        }
        assert_eq!(pending(&ledger, unbilled(0)), 0);
    }
}

#[test]
fn the_instant_of_expiry_is_too_late() {
    let mut ledger = after([reserve(1, 100, Some(50)), reserve(2, 100, Some(50))]);
    assert_eq!(ledger.deadline(), Some(at(50)));
    ledger.expire(at(49));
    assert_eq!(ledger.open_reservations(), 2);
    ledger.post(at(49), settle(3, 1, 1)).unwrap();
    ledger.expire(at(50));
    assert_eq!((ledger.open_reservations(), ledger.deadline()), (0, None));
    let ended = LedgerError::Ended { reservation: id(2), end: End::Expired, sequence: 4 };
    assert_eq!(refusal(&mut ledger, 50, settle(4, 2, 1)), ended);
}

#[test]
fn a_reservation_is_of_something_and_for_some_time() {
    let mut ledger = Ledger::default();
    let negative = LedgerError::NegativeReservation { id: id(1), amount: amount(-1) };
    assert_eq!(refusal(&mut ledger, 0, reserve(1, -1, None)), negative);
    let born = LedgerError::BornExpired { id: id(1), expires: at(5), now: at(5) };
    assert_eq!(refusal(&mut ledger, 5, reserve(1, 1, Some(5))), born);
}

#[test]
fn nothing_is_booked_to_the_far_side_of_reservations_or_reserved_from_it() {
    let mut ledger = Ledger::default();
    let line =
        |grains| Line { account: AccountId::Reservations, currency: EUR, amount: amount(grains) };
    let mut hold = reserve(1, 5, None);
    let Step::Reserve(of) = &mut hold.step else { unreachable!() };
    of.account = AccountId::Reservations;
    for transaction in [book(1, vec![line(1), line(-1)]), hold] {
        let refused = LedgerError::Reservations { id: id(1) };
        assert_eq!(refusal(&mut ledger, 0, transaction), refused);
    }
}

#[test]
fn only_reservations_are_settled_or_voided() {
    let mut ledger = after([book(1, charge(0, 7)), reverse(2, 1)]);
    for other in [settle(3, 1, 1), void(3, 1)] {
        assert_eq!(refusal(&mut ledger, 10, other), LedgerError::NoReservation { id: id(1) });
    }
    assert_eq!(refusal(&mut ledger, 10, void(3, 9)), LedgerError::NotFound { id: id(9) });
}

#[test]
fn a_reversal_nets_to_zero_in_the_period_of_what_it_reverses() {
    let ledger = after([book(1, charge(0, 7)), reverse(2, 1)]);
    assert_eq!((net(&ledger, unbilled(0)), net(&ledger, revenue(0))), (0, 0));
    let entries: Vec<_> = ledger.records().map(|record| record.entry().unwrap()).collect();
    let (when, lines) = entries[1].event.booking().unwrap();
    assert_eq!((when, lines), (at(1), charge(0, -7).as_slice()));
    assert!(matches!(entries[1].event, Event::Reversed { of, .. } if of == id(1)));
}

#[test]
fn a_settlement_is_reversed_like_any_booking() {
    let ledger = after([reserve(1, 9, None), settle(2, 1, 7), reverse(3, 2)]);
    assert_eq!((net(&ledger, unbilled(0)), pending(&ledger, unbilled(0))), (0, 0));
}

#[test]
fn a_transaction_is_reversed_at_most_once() {
    let mut ledger = after([book(1, charge(0, 7)), reverse(2, 1)]);
    let again = LedgerError::AlreadyReversed { id: id(1), sequence: 2 };
    assert_eq!(refusal(&mut ledger, 10, reverse(3, 1)), again);
    let same = ledger.post(at(99), reverse(2, 1)).unwrap();
    assert_eq!((same.sequence, ledger.head().sequence), (2, 2));
}

#[test]
fn what_books_nothing_is_not_reversed_and_no_reversal_is() {
    let mut ledger = after([
        book(1, charge(0, 7)),
        reverse(2, 1),
        reserve(3, 1, None),
        reserve(4, 1, None),
        void(5, 4),
    ]);
    let what = [
        (2, "a reversal"),
        (3, "a reservation, which can be voided"),
        (4, "a reservation, which can be voided"),
        (5, "a release"),
    ];
    for (number, what) in what {
        let refused = LedgerError::Irreversible { id: id(number), what };
        assert_eq!(refusal(&mut ledger, 10, reverse(9, number)), refused);
    }
    assert_eq!(refusal(&mut ledger, 10, reverse(9, 8)), LedgerError::NotFound { id: id(8) });
}

#[test]
fn a_clock_that_steps_back_does_not_reorder_the_journal() {
    let mut ledger = Ledger::default();
    ledger.post(at(100), book(1, charge(0, 1))).unwrap();
    assert_eq!(ledger.post(at(40), book(2, charge(0, 1))).unwrap().booked, at(100));
    assert_eq!(ledger.post(at(101), book(3, charge(0, 1))).unwrap().booked, at(101));
}

#[test]
fn a_balance_out_of_range_is_refused_and_nothing_of_it_stays() {
    let mut ledger = after([book(1, charge(0, i128::MAX - 1))]);
    let overflow = LedgerError::Overflow { account: unbilled(0) };
    let lines = [charge(1, 5), charge(0, 2)].concat();
    assert_eq!(refusal(&mut ledger, 10, book(2, lines)), overflow);
    ledger.post(at(10), reserve(3, i128::MAX, None)).unwrap();
    assert_eq!(refusal(&mut ledger, 10, reserve(4, 1, None)), overflow);
}

#[test]
fn names_are_numbered_once_and_for_ever() {
    let mut ledger = Ledger::default();
    let mut number = |kind, name| ledger.name(at(0), kind, name).unwrap();
    assert_eq!(number(NamedKind::Tenant, "acme"), 0);
    assert_eq!(number(NamedKind::Tenant, "zenith"), 1);
    assert_eq!(number(NamedKind::Pool, "acme"), 0);
    assert_eq!(number(NamedKind::Tenant, "acme"), 0);
    assert_eq!(ledger.names(NamedKind::Tenant), ["acme", "zenith"]);
    assert_eq!(ledger.head().sequence, 3);
    let long = "x".repeat(LONGEST_NAME + 1);
    for name in ["", &long] {
        let refused = ledger.name(at(0), NamedKind::Model, name).unwrap_err();
        assert_eq!(refused, LedgerError::Name { length: name.len() });
    }
}

#[test]
fn a_number_without_a_name_is_refused_where_there_are_names() {
    let mut ledger = Ledger::default();
    ledger.name(at(0), NamedKind::Tenant, "acme").unwrap();
    ledger.post(at(0), book(1, charge(0, 1))).unwrap();
    let nameless = LedgerError::Nameless { kind: NamedKind::Tenant, number: 1 };
    assert_eq!(refusal(&mut ledger, 0, book(2, charge(1, 1))), nameless);
}

#[test]
fn balances_are_listed_in_one_order_whatever_was_booked_first() {
    let one = after([book(1, charge(2, 1)), book(2, charge(1, 1))]);
    let other = after([book(2, charge(1, 1)), book(1, charge(2, 1))]);
    assert_eq!(one.balances(), other.balances());
    let accounts: Vec<_> = one.balances().into_iter().map(|(account, ..)| account).collect();
    assert_eq!(accounts, [unbilled(1), unbilled(2), revenue(1), revenue(2)]);
}

#[test]
fn an_id_made_of_a_text_is_half_of_its_sha_256() {
    // FIPS 180-2, appendix B.1: SHA-256 of "abc" begins ba7816bf 8f01cfea 414140de 5dae2223.
    let id = TransactionId::named("abc");
    assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223");
}

#[test]
fn every_kind_of_account_survives_the_journal() {
    use connector::ModelId;
    use platform::billing::UseKind;
    let (tenant, model, pool) = (TenantId(1), ModelId(2), PoolId(u32::MAX));
    let mut accounts = vec![
        AccountId::Unbilled(tenant),
        AccountId::Receivable(tenant),
        AccountId::Cash,
        AccountId::Payable(pool),
        AccountId::Revenue { tenant, model, pool },
        AccountId::Shortfall(tenant),
        AccountId::InWork(tenant),
        AccountId::Idle(pool),
        AccountId::Overhead(pool),
        AccountId::Rounding,
    ];
    accounts.extend(UseKind::ALL.map(|kind| AccountId::Cost { tenant, model, pool, kind }));
    let credits = -(accounts.len() as i128);
    let mut lines: Vec<_> =
        accounts.into_iter().map(|account| Line::debit(account, EUR, amount(1))).collect();
    lines.push(Line { account: unbilled(7), currency: EUR, amount: amount(credits) });
    let ledger = after([book(1, lines.clone())]);
    let entry = ledger.records().next().unwrap().entry().unwrap();
    assert_eq!(entry.event, Event::Booked { effective: at(1), lines });
}
