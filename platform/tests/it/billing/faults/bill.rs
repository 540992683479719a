//! From use to an invoice.

use std::collections::BTreeSet;

use connector::{Amount, ClassId, Duration, ModelId, Money, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, BillingConfig, BookError, Currency, Invoice, LineKey, Meter, Meters, PeriodId,
    Periods, PriceBook, Prices, Rate, Rating, RatingError, Taken, UsageRecord, UseKind,
};

use super::super::{amount, at, book, money, rating, record, requests, slots, total};

const DAY_S: u64 = 86_400;

fn invoice(rating: &Rating, tenant: u32, period: u32) -> Invoice {
    let book = rating.book();
    let (tenant, period) = (TenantId(tenant), PeriodId(period));
    let lines = rating.lines().expect("in range");
    Invoice::draw(tenant, period, book.currency(), book.commitment(tenant), &lines)
        .expect("in range")
}

fn taking(mut rating: Rating, records: impl IntoIterator<Item = UsageRecord>) -> Rating {
    for record in records {
        rating.add(&record).expect("valid");
    }
    rating
}

fn rated_by(rates: Vec<Rate>, periods: Periods) -> Rating {
    Rating::new(BillingConfig { book: book(rates), periods, grace: Duration::ZERO })
}

fn in_currency(code: &str, prices: Prices) -> Rating {
    let currency: Currency = code.parse().expect("a code");
    let book = PriceBook::new(Prices { currency, ..prices }).expect("valid");
    let periods = Periods::every(Duration::from_secs(DAY_S)).expect("valid");
    Rating::new(BillingConfig { book, periods, grace: Duration::ZERO })
}

/// Whatever reads the text of an invoice's lines adds up to its total.
#[test]
fn b1_amounts_in_text_have_no_separators_and_add_up_to_the_total() {
    let rates = vec![Rate::flat(Meter::Requests, money("1234.565"))];
    let models = (0..7).map(|model| UsageRecord {
        model: ModelId(model),
        ..requests(model.into(), 1_001 + 97 * u64::from(model))
    });
    let invoice = invoice(&taking(rating(rates), models), 0, 0);
    assert_eq!(invoice.lines.len(), 7);
    let texts = invoice.lines.iter().map(|line| line.billed.to_string());
    let read: Money = texts
        .map(|text| {
            assert!(text.len() > "999999.99".len(), "long enough to be separated: {text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{text}");
            text.parse::<Money>().expect("what was printed is read")
        })
        .sum();
    assert_eq!((read, read.to_string()), (invoice.total, "11165405.86".to_owned()));
}

#[test]
fn b2_who_asked_nothing_pays_for_what_was_held_and_committed_to() {
    let rates = vec![
        Rate::flat(Meter::Requests, money("1")),
        Rate::flat(Meter::SlotTime, money("3.60")),
        Rate::flat(Meter::Memory, money("0.36")),
    ];
    let mut prices = Prices { rates, ..Prices::new(Currency::USD) };
    prices.commitments.insert(TenantId(1), money("12.00"));
    let held = slots(1, at(0), at(1_000));
    let meters = Meters { mebibyte_ns: 1_024 * 1_000_000_000_000, ..held.meters };
    let left = UsageRecord { kind: UseKind::Disconnected, meters, ..held };
    let rating = taking(in_currency("USD", prices), [left]);
    let lines: Vec<_> =
        invoice(&rating, 0, 0).lines.iter().map(|line| (line.meter, line.billed)).collect();
    assert_eq!(lines, [(Meter::SlotTime, money("1.00")), (Meter::Memory, money("0.10"))]);
    let idle = invoice(&rating, 1, 0);
    assert_eq!((idle.lines.len(), idle.shortfall, idle.total), (0, money("12"), money("12")));
}

#[test]
fn b3_an_invoice_is_in_the_currency_of_its_prices() {
    for (code, total) in [("EUR", "2.35"), ("USD", "2.35"), ("JPY", "2"), ("KWD", "2.345")] {
        let prices = Prices {
            rates: vec![Rate::flat(Meter::Requests, money("2.3451"))],
            ..Prices::new(Currency::USD)
        };
        let invoice = invoice(&taking(in_currency(code, prices), [requests(1, 1)]), 0, 0);
        assert_eq!((invoice.currency.code(), invoice.total), (code, money(total)));
    }
}

#[test]
fn b5_a_line_is_there_once_whoever_worked_in_its_pool() {
    let rates =
        vec![Rate::flat(Meter::Requests, money("1")), Rate::flat(Meter::SlotTime, money("3.60"))];
    let records = (0..20).map(|number| UsageRecord {
        class: ClassId(number % 5),
        pool: PoolId(number / 10),
        meters: Meters { requests: 1, slot_ns: 50_000_000_000, ..Meters::default() },
        ..record(number.into())
    });
    let invoice = invoice(&taking(rating(rates), records), 0, 0);
    let subjects: Vec<_> = invoice.lines.iter().map(|line| (line.pool.0, line.meter)).collect();
    let distinct: BTreeSet<_> = subjects.iter().copied().collect();
    assert_eq!((subjects.len(), distinct.len()), (4, 4));
    assert_eq!(invoice.total, money("21"), "20 requests and 1,000 s");
}

#[test]
fn b6_tenants_and_periods_are_not_taken_for_each_other() {
    let pairs = (0..3).flat_map(|tenant| (0..3).map(move |period| (tenant, period)));
    let records = pairs.clone().map(|(tenant, period)| UsageRecord {
        tenant: TenantId(tenant),
        from: at(DAY_S * u64::from(period)),
        until: at(DAY_S * u64::from(period) + 1),
        ..requests(u128::from(10 * tenant + period), u64::from(10 * tenant + period))
    });
    let rating = taking(rating(vec![Rate::flat(Meter::Requests, money("1"))]), records);
    for (tenant, period) in pairs {
        let expected = Money::from_nanos(i128::from(10 * tenant + period) * 1_000_000_000);
        assert_eq!(invoice(&rating, tenant, period).total, expected, "{tenant} in {period}");
    }
}

#[test]
fn b11_whatever_has_a_price_is_on_the_invoice() {
    let price = |(index, meter): (usize, Meter)| {
        let unit = meter.unit().size().cast_signed();
        Rate::flat(meter, Money::from_nanos(unit.min(1_000_000) * (index as i128 + 1)))
    };
    let rates = Meter::ALL.into_iter().enumerate().map(price).collect();
    let all = Meters {
        input_tokens: 1_000_000_000,
        cached_tokens: 1_000_000_000,
        output_tokens: 1_000_000_000,
        requests: 1_000_000_000,
        slot_ns: 1 << 60,
        flop: 1 << 70,
        mebibyte_ns: 1 << 70,
        queue_ns: 1 << 60,
        cold_start_ns: 1 << 60,
    };
    let rating = taking(rating(rates), [UsageRecord { meters: all, ..record(1) }]);
    let invoice = invoice(&rating, 0, 0);
    let meters: Vec<_> = invoice.lines.iter().map(|line| line.meter).collect();
    assert_eq!(meters, Meter::ALL);
    assert!(invoice.lines.iter().all(|line| line.billed > Money::ZERO), "{:?}", invoice.lines);
}

#[test]
fn b15_a_bill_names_one_tenant_alone() {
    let rates = vec![Rate::flat(Meter::Requests, money("0.335"))];
    let of = |tenant| UsageRecord { tenant: TenantId(tenant), ..requests(tenant.into(), 1) };
    let rating = taking(rating(rates), (0..4).map(of));
    for tenant in 0..4 {
        let invoice = invoice(&rating, tenant, 0);
        let parts = invoice.lines.iter().flat_map(|line| &line.parts);
        assert!(parts.clone().count() > 0);
        assert!(parts.clone().all(|part| part.key.tenant == TenantId(tenant)));
        for (account, _) in invoice.legs() {
            let own = [
                AccountId::Receivable(TenantId(tenant)),
                AccountId::Unbilled(TenantId(tenant)),
                AccountId::Rounding,
            ];
            assert!(own.contains(&account), "{account:?} in the bill of {tenant}");
        }
    }
}

/// Two days of hours with a request each, in a period of a month.
#[test]
fn b17_an_hour_adds_what_it_used_and_not_the_month_so_far() {
    let rates = vec![Rate::flat(Meter::Requests, money("0.75"))];
    let periods = Periods::every(Duration::from_secs(30 * DAY_S)).expect("valid");
    let mut rating = rated_by(rates, periods);
    let mut charged = Vec::new();
    for hour in 0..48 {
        let (from, until) = (at(3_600 * hour), at(3_600 * hour + 1));
        let used = UsageRecord { from, until, ..requests(hour.into(), 1) };
        rating.add(&used).expect("valid");
        let changes = rating.changes().expect("in range");
        charged.extend(changes.iter().map(|change| change.amount));
        assert_eq!(charged.last(), Some(&amount("0.75")), "hour {hour}");
        assert_eq!(rating.changes(), Ok(vec![]), "asked again, nothing is added");
    }
    assert_eq!(Amount::checked_sum(charged), Some(amount("36")));
    assert_eq!(invoice(&rating, 0, 0).total, money("36"));
}

/// Hour 1 is never asked about, hour 2 comes after its period was closed.
#[test]
fn b18_an_hour_that_was_missed_is_charged_later_in_its_own_period() {
    let periods = Periods::every(Duration::from_secs(3_600)).expect("valid");
    let rates =
        vec![Rate::flat(Meter::Requests, money("1")), Rate::flat(Meter::SlotTime, money("3.60"))];
    let mut rating = rated_by(rates, periods);
    let in_hour = |hour: u64| {
        let from = at(3_600 * hour);
        let meters = Meters { requests: 1, slot_ns: 1_000_000_000_000, ..Meters::default() };
        UsageRecord {
            from,
            until: from + Duration::from_secs(1_000),
            meters,
            ..record(hour.into())
        }
    };
    let told = |changes: Vec<platform::billing::Change>| -> Vec<_> {
        let told = changes.iter();
        told.map(|change| {
            let LineKey { period, meter, .. } = change.key();
            (period.0, meter, change.correction, change.amount)
        })
        .collect()
    };
    let hour = |period, correction| {
        [Meter::Requests, Meter::SlotTime].map(|meter| (period, meter, correction, amount("1")))
    };
    rating.add(&in_hour(0)).expect("valid");
    assert_eq!(told(rating.changes().expect("in range")), hour(0, false));
    rating.add(&in_hour(1)).expect("valid");
    rating.add(&in_hour(3)).expect("valid");
    let both: Vec<_> = hour(1, false).into_iter().chain(hour(3, false)).collect();
    assert_eq!(told(rating.changes().expect("in range")), both, "nothing of hour 1 is lost");
    assert_eq!(rating.close(PeriodId(2)), Ok(vec![]));
    rating.add(&in_hour(2)).expect("valid");
    assert_eq!(told(rating.changes().expect("in range")), hour(2, true));
}

/// An amount that does not fit fails whoever asks, and what was not told stays to be told.
#[test]
fn b18_what_could_not_be_charged_does_not_count_as_charged() {
    let mut rating = rating(vec![Rate::flat(Meter::Requests, money("1000000"))]);
    rating.add(&requests(1, 2)).expect("valid");
    let too_much = UsageRecord { tenant: TenantId(1), ..requests(2, u64::MAX) };
    rating.add(&too_much).expect("a quantity");
    for _ in 0..2 {
        let told = rating.changes();
        assert!(matches!(told, Err(RatingError::AmountOutOfRange(_))), "{told:?}");
    }
    assert!(matches!(rating.close(PeriodId(0)), Err(RatingError::AmountOutOfRange(_))));
    assert_eq!(rating.add(&too_much), Ok(Taken::Known));
    assert_eq!(rating.add(&requests(1, 2)), Ok(Taken::Known), "neither is forgotten");
}

#[test]
fn b19_what_an_invoice_says_is_the_sum_of_its_own_figures() {
    let rates = vec![
        Rate::flat(Meter::Requests, money("0.333")),
        Rate::flat(Meter::SlotTime, money("2.50")),
    ];
    let mut prices = Prices { rates, ..Prices::new(Currency::USD) };
    prices.commitments.insert(TenantId(0), money("22.75"));
    let records = (1..30).map(|n: u32| UsageRecord {
        model: ModelId(n % 3),
        pool: PoolId(n % 4),
        ..slots(n.into(), at(n.into()), at(u64::from(3 * n)))
    });
    let asked = (30..50).map(|n: u32| UsageRecord { pool: PoolId(n % 4), ..requests(n.into(), 1) });
    let rating = taking(in_currency("USD", prices), records.chain(asked));
    let invoice = invoice(&rating, 0, 0);
    let billed: Money = invoice.lines.iter().map(|line| line.billed).sum();
    assert!(billed > Money::ZERO && invoice.shortfall > Money::ZERO);
    assert_eq!((billed + invoice.shortfall, invoice.total), (invoice.total, money("22.75")));
    let exact = Amount::checked_sum(invoice.lines.iter().map(|line| line.exact));
    assert_eq!(exact, Some(invoice.exact));
    assert_eq!(total(&rating.lines().expect("in range")), invoice.exact);
    let rounded = Amount::from_money(billed).expect("in range");
    assert_eq!(rounded.checked_add(invoice.residue), Some(invoice.exact));
}

#[test]
fn p35_hours_at_a_price_of_zero_are_counted_hours() {
    let rated = taking(
        rating(vec![Rate::flat(Meter::SlotTime, Money::ZERO)]),
        [slots(1, at(0), at(7_200))],
    );
    let invoice = invoice(&rated, 0, 0);
    let [line] = &invoice.lines[..] else { panic!("{invoice:?}") };
    assert_eq!((line.parts[0].quantity.0, line.billed), (7_200_000_000_000, Money::ZERO));
}

#[test]
fn p36_the_same_use_told_by_two_sources_counts_once() {
    let mut rating = rating(vec![Rate::flat(Meter::Requests, money("1"))]);
    let told = [requests(1, 3), requests(2, 4)];
    for source in 0..2 {
        let taken = told.map(|record| rating.add(&record).expect("valid"));
        assert_eq!(taken, if source == 0 { [Taken::New; 2] } else { [Taken::Known; 2] });
    }
    assert_eq!(invoice(&rating, 0, 0).total, money("7"));
    let differing = rating.add(&requests(1, 30));
    assert!(matches!(differing, Err(RatingError::Conflict { .. })), "{differing:?}");
    assert_eq!(invoice(&rating, 0, 0).total, money("7"));
}

#[test]
fn p37_a_period_that_ends_where_it_begins_is_refused() {
    let day = at(DAY_S);
    assert_eq!(Periods::between(vec![day, day]), Err(BookError::NoPeriod));
    assert_eq!(Periods::every(Duration::ZERO), Err(BookError::NoPeriod));
    // The first day is all of the first day, and nothing of the second.
    let days = Periods::between(vec![at(0), day]).expect("a day");
    let last = Timestamp::from_nanos(day.as_nanos() - 1);
    assert_eq!((days.of(last), days.of(day)), (Some(PeriodId(0)), None));
}

/// Hours are cut at every instant of a second around midnight: whatever the clock, no time is in two
/// days and none in neither.
#[test]
fn p41_the_last_minute_of_a_period_is_in_it_and_in_no_other() {
    let midnight = DAY_S * 1_000_000_000;
    let whole = 3_600_000_000_000u128;
    for shift in [0, 1, 30_000_000_000, 59_999_999_999, 3_599_999_999_999] {
        let from = Timestamp::from_nanos(midnight - 3_600_000_000_000 + shift);
        let until = Timestamp::from_nanos(midnight + shift);
        let rated =
            taking(rating(vec![Rate::flat(Meter::SlotTime, money("1"))]), [slots(1, from, until)]);
        let lines = rated.lines().expect("in range");
        let of = |period: u32| -> u128 {
            let own = lines.iter().filter(|line| line.key.period == PeriodId(period));
            own.map(|line| line.quantity.0).sum()
        };
        let after = u128::from(shift);
        assert_eq!((of(0), of(1)), (whole - after, after));
    }
    let last_minute = slots(1, at(DAY_S - 60), at(DAY_S));
    let rated = taking(rating(vec![Rate::flat(Meter::SlotTime, money("60"))]), [last_minute]);
    assert_eq!(invoice(&rated, 0, 0).total, money("1"));
}
