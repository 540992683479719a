//! A bill is a function of the set of records: order, repetition and lateness do not matter.

use std::collections::BTreeMap;

use connector::{Amount, Duration, ModelId, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, BillingConfig, Change, Invoice, LineKey, Meter, Meters, PeriodId, Periods, Quantity,
    Rate, RatedLine, Rating, RatingError, RecordKey, Scheme, StrikeId, Taken, Tariff, UsageRecord,
    UseKind, Version,
};
use proptest::{prelude::*, sample::Index};

use super::{amount, at, book, money, record, requests, tier, total};

fn world() -> Rating {
    Rating::new(config())
}

/// Three periods of 100 s, tiers of both schemes, a price that changes in the middle of the second
/// period, and something included.
pub(super) fn config() -> BillingConfig {
    let graduated = |price: &str| Tariff {
        included: Quantity(1_000),
        ..Tariff::tiered(
            Scheme::Graduated,
            vec![
                tier(Some(5_000), price, "3"),
                tier(Some(20_000), "0.7", "0"),
                tier(None, "0.31", "1.5"),
            ],
        )
    };
    let volume = Tariff {
        granularity: Quantity(7),
        minimum: Quantity(30),
        ..Tariff::tiered(Scheme::Volume, vec![tier(Some(500), "2.5", "0"), tier(None, "2.47", "9")])
    };
    let change = at(150);
    let rates = vec![
        Rate::new(
            Meter::OutputTokens,
            vec![
                Version { from: at(0), until: Some(change), tariff: graduated("1.1") },
                Version { from: change, until: None, tariff: graduated("1.3") },
            ],
        ),
        Rate::new(Meter::Requests, vec![Version::always(volume)]),
        Rate::new(
            Meter::SlotTime,
            vec![
                Version { from: at(0), until: Some(change), tariff: Tariff::flat(money("2.49")) },
                Version { from: change, until: None, tariff: Tariff::flat(money("2.99")) },
            ],
        ),
        Rate::flat(Meter::Memory, money("0.013")),
    ];
    let periods = Periods::between(vec![at(0), at(100), at(200), at(300)]).expect("valid");
    BillingConfig { book: book(rates), periods, grace: Duration::ZERO }
}

fn some_record(key: u128) -> impl Strategy<Value = UsageRecord> {
    let who = (0u32..2, 0u32..2, 0u32..2, prop::sample::select(UseKind::ALL.to_vec()));
    let when = (0u64..250_000_000_000, 0u64..50_000_000_000);
    let what = (0u64..3_000, 0u64..200, 0u128..1 << 40, 0u128..1 << 50);
    (who, when, what).prop_map(move |(who, (from, length), what)| UsageRecord {
        key: RecordKey(key),
        from: Timestamp::from_nanos(from),
        until: Timestamp::from_nanos(from + length),
        tenant: TenantId(who.0),
        model: ModelId(who.1),
        pool: PoolId(who.2),
        strike: StrikeId(key as u64),
        request: None,
        kind: who.3,
        meters: Meters {
            output_tokens: what.0,
            requests: what.1,
            slot_ns: what.2,
            mebibyte_ns: what.3,
            ..Meters::default()
        },
        ..record(key)
    })
}

pub(super) fn some_records() -> impl Strategy<Value = Vec<UsageRecord>> {
    (0usize..25).prop_flat_map(|count| (0..count as u128).map(some_record).collect::<Vec<_>>())
}

fn rated(records: &[UsageRecord]) -> Vec<RatedLine> {
    let mut rating = world();
    for record in records {
        rating.add(record).expect("valid");
    }
    rating.lines().expect("in range")
}

/// Adds up changes per line.
#[derive(Default)]
struct Told {
    lines: BTreeMap<LineKey, RatedLine>,
    sums: BTreeMap<LineKey, Amount>,
    books: BTreeMap<AccountId, Amount>,
}

impl Told {
    fn take(&mut self, changes: Vec<Change>, closed: Option<PeriodId>) {
        let whose = |change: &Change| (change.key().tenant, change.key().period);
        for changes in changes.chunk_by(|one, other| whose(one) == whose(other)) {
            let booking = sums(Change::booking(changes).expect("in range"));
            assert_eq!(booking, sums(changes.iter().flat_map(Change::legs).collect()));
        }
        for change in changes {
            let key = change.key();
            assert_eq!(change.before, self.lines.get(&key).copied(), "the line as it was told");
            assert_eq!(change.correction, Some(key.period) == closed);
            match change.after {
                Some(line) => self.lines.insert(key, line),
                None => self.lines.remove(&key),
            };
            book_legs(&mut self.books, change.legs());
            let sum = self.sums.entry(key).or_default();
            *sum = sum.checked_add(change.amount).expect("in range");
        }
    }
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_is_the_same_bill(
        records in some_records(),
        shuffled in any::<prop::sample::Index>().prop_map(|index| index),
        order in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let once = rated(&records);
        let mut mixed = records.clone();
        if !records.is_empty() {
            mixed.extend(order.iter().map(|index| records[index.index(records.len())]));
            mixed.rotate_left(shuffled.index(records.len()));
            for (to, from) in order.iter().enumerate() {
                let (to, from) = (to % mixed.len(), from.index(mixed.len()));
                mixed.swap(to, from);
            }
        }
        prop_assert_eq!(rated(&mixed), once);
    }

    #[test]
    fn step_by_step_is_the_same_as_from_scratch(
        records in some_records(),
        asked in prop::collection::vec(any::<bool>(), 25),
        close_at in 0usize..25,
    ) {
        let (mut rating, mut told, mut closed) = (world(), Told::default(), None);
        for (index, record) in records.iter().enumerate() {
            if index == close_at {
                told.take(rating.close(PeriodId(1)).expect("in range"), None);
                closed = Some(PeriodId(1));
            }
            rating.add(record).expect("valid");
            if asked[index] {
                told.take(rating.changes().expect("in range"), closed);
            }
        }
        told.take(rating.changes().expect("in range"), closed);
        let lines = rated(&records);
        prop_assert_eq!(&told.lines.values().copied().collect::<Vec<_>>(), &lines);
        told.sums.retain(|_, sum| *sum != Amount::ZERO);
        let sums: Vec<_> = told.sums.iter().map(|(key, sum)| (*key, *sum)).collect();
        let amounts = lines.iter().map(|line| (line.key, line.amount));
        let amounts: Vec<_> = amounts.filter(|(_, amount)| *amount != Amount::ZERO).collect();
        prop_assert_eq!(sums, amounts);
        prop_assert_eq!(rating.changes(), Ok(vec![]), "all was told");
        // What invoices take out of what is unbilled is all that was put there.
        for (tenant, period) in (0..2).flat_map(|tenant| (0..3).map(move |period| (tenant, period))) {
            let (tenant, period) = (TenantId(tenant), PeriodId(period));
            let invoice = Invoice::draw(tenant, period, rating.book().currency(), None, &lines);
            book_legs(&mut told.books, invoice.expect("in range").legs());
        }
        for tenant in [TenantId(0), TenantId(1)] {
            let unbilled = told.books.get(&AccountId::Unbilled(tenant)).copied();
            prop_assert_eq!(unbilled.unwrap_or_default(), Amount::ZERO);
        }
    }

    /// An invoice and its corrections, as they come, are the invoice drawn at last; and in the end
    /// nothing is left unbilled, to the grain.
    #[test]
    fn corrections_lead_to_the_invoice_from_scratch(
        records in some_records(),
        drawn_at in prop::collection::vec(any::<bool>(), 25),
    ) {
        let (tenant, period) = (TenantId(0), PeriodId(1));
        let draw = |rating: &Rating| {
            let lines = rating.lines().expect("in range");
            let commitment = Some(money("7.35"));
            Invoice::draw(tenant, period, rating.book().currency(), commitment, &lines).expect("in range")
        };
        let mut rating = world();
        let mut stated = draw(&rating);
        let (mut owed, mut books) = (stated.total, BTreeMap::new());
        book_legs(&mut books, stated.legs());
        for (record, drawn) in records.iter().zip(drawn_at) {
            rating.add(record).expect("valid");
            if drawn {
                let now = draw(&rating);
                if let Some(correction) = stated.corrected(&now) {
                    owed += correction.total;
                    book_legs(&mut books, correction.legs());
                }
                stated = now;
            }
        }
        let last = draw(&rating);
        if let Some(correction) = stated.corrected(&last) {
            owed += correction.total;
            book_legs(&mut books, correction.legs());
        }
        prop_assert_eq!(owed, last.total);
        let mut scratch = BTreeMap::new();
        book_legs(&mut scratch, last.legs());
        books.retain(|_, sum| *sum != Amount::ZERO);
        scratch.retain(|_, sum| *sum != Amount::ZERO);
        prop_assert_eq!(&books, &scratch);
        prop_assert_eq!(Amount::checked_sum(books.into_values()), Some(Amount::ZERO));
    }
}

fn sums(legs: Vec<(AccountId, Amount)>) -> BTreeMap<AccountId, Amount> {
    let mut sums = BTreeMap::new();
    book_legs(&mut sums, legs);
    sums.retain(|_, sum| *sum != Amount::ZERO);
    sums
}

fn book_legs(books: &mut BTreeMap<AccountId, Amount>, legs: Vec<(AccountId, Amount)>) {
    let sum = Amount::checked_sum(legs.iter().map(|(_, amount)| *amount));
    assert_eq!(sum, Some(Amount::ZERO), "every booking is balanced");
    for (account, amount) in legs {
        let balance: &mut Amount = books.entry(account).or_default();
        *balance = balance.checked_add(amount).expect("in range");
    }
}

#[test]
fn a_record_told_twice_is_known_and_one_that_differs_is_a_conflict() {
    let mut rating = super::rating(vec![Rate::flat(Meter::Requests, money("1"))]);
    assert_eq!(rating.add(&requests(1, 1)), Ok(Taken::New));
    assert_eq!(rating.add(&requests(1, 1)), Ok(Taken::Known));
    let conflict = RatingError::Conflict { key: RecordKey(1) };
    assert_eq!(rating.add(&requests(1, 2)), Err(conflict));
    assert_eq!(total(&rating.lines().unwrap()), amount("1"));
}

#[test]
fn late_use_reopens_tiers_of_the_period_it_belongs_to() {
    let tariff =
        Tariff::tiered(Scheme::Volume, vec![tier(Some(10), "2", "0"), tier(None, "1", "0")]);
    let mut rating = super::rating(vec![Rate::new(Meter::Requests, vec![Version::always(tariff)])]);
    rating.add(&requests(1, 10)).unwrap();
    let closing = rating.close(PeriodId(0)).unwrap();
    assert_eq!(closing.iter().map(|change| change.amount).collect::<Vec<_>>(), [amount("20")]);
    let next_day = UsageRecord { from: at(90_000), until: at(90_001), ..requests(2, 1) };
    rating.add(&next_day).unwrap();
    rating.add(&requests(3, 1)).unwrap();
    let told = rating.changes().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|change| (change.key().period.0, change.correction, change.amount))
        .collect();
    assert_eq!(told, [(0, true, -amount("20")), (0, true, amount("11")), (1, false, amount("2"))]);
}

#[test]
fn a_quote_is_what_a_record_costs_alone() {
    let mut rating = world();
    let record = requests(1, 31);
    assert_eq!(rating.quote(&record), Ok(amount("87.5")), "35 of them");
    assert_eq!(rating.lines(), Ok(vec![]));
    rating.add(&record).unwrap();
    assert_eq!(total(&rating.lines().unwrap()), amount("87.5"));
}
