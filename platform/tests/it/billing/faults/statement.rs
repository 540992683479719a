//! The provider's statement beside our books.

use connector::{
    AllocationId, Amount, ClassId, Duration, ModelId, Money, PoolId, StatementLine, StayEnd,
    TenantId, Timestamp,
};
use platform::billing::{
    LeaseRecord, Meters, Origin, RecordKey, StrikeId, UsageRecord, UseKind,
    reconcile::{Cause, Reconciler, Reconciliation},
};

use super::super::{amount, at};

/// A second of a share costs 0.001.
const PRICE: Money = Money::from_nanos(3_600_000_000);

fn books() -> Reconciler {
    Reconciler::new(vec![PRICE; 2], Money::from_nanos(1))
}

fn line((share, pool): (u64, u32), from: Timestamp, until: Timestamp) -> StatementLine {
    StatementLine {
        allocation: AllocationId(share),
        pool: PoolId(pool),
        tenant: Some(TenantId(0)),
        from,
        until,
        ended: StayEnd::Released,
        price_per_slot_hour: PRICE,
        charge: PRICE.per_hour_over(until.since(from)),
    }
}

/// A share that we knew from its first second and had at work until its release.
fn ours(books: &mut Reconciler, (share, pool): (u64, u32), from: Timestamp, until: Timestamp) {
    books.lease(&LeaseRecord {
        allocation: AllocationId(share),
        pool: PoolId(pool),
        origin: Origin::Granted,
        known: from,
        booked: from,
        given_back: until,
        price_per_slot_hour: PRICE,
    });
    books.usage(&UsageRecord {
        key: RecordKey(u128::from(share)),
        from,
        until,
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: PoolId(pool),
        strike: StrikeId(share),
        request: None,
        kind: UseKind::Delivered,
        meters: Meters { slot_ns: until.since(from).as_nanos().into(), ..Meters::default() },
    });
}

/// Every cause that there is, with its money.
fn causes(books: &Reconciliation, pool: u32) -> Vec<(Cause, Amount)> {
    let side = books.pools.get(&PoolId(pool));
    side.into_iter()
        .flat_map(|side| &side.causes)
        .map(|(&cause, sum)| (cause, sum.amount))
        .collect()
}

#[test]
fn b5_a_line_that_is_repeated_is_an_overlap() {
    let mut books = books();
    ours(&mut books, (1, 0), at(0), at(100));
    for _workspace in 0..3 {
        books.line(&line((1, 0), at(0), at(100)));
    }
    let books = books.reconcile().expect("in range");
    let expected = [(Cause::Matched, amount("0.1")), (Cause::Overlap, amount("0.2"))];
    assert_eq!(causes(&books, 0), expected);
}

/// The second pool is of another cluster, and the answer is of the first.
#[test]
fn b12_a_pool_that_nobody_answers_for_is_uncharged_and_not_unused() {
    let mut books = books();
    ours(&mut books, (1, 0), at(0), at(100));
    ours(&mut books, (2, 1), at(0), at(50));
    books.line(&line((1, 0), at(0), at(100)));
    let books = books.reconcile().expect("in range");
    assert_eq!(causes(&books, 0), [(Cause::Matched, amount("0.1"))]);
    assert_eq!(causes(&books, 1), [(Cause::Uncharged, amount("-0.05"))]);
    let other = &books.pools[&PoolId(1)];
    assert_eq!((other.charged, other.tenants), (Amount::ZERO, amount("0.05")), "used, not charged");
}

#[test]
fn b14_a_share_that_was_granted_after_all_is_named_as_such() {
    let mut books = books();
    // Given up after 10 s; the answer came at 12 s, and the share was given back at once.
    books.line(&line((1, 0), at(0), at(12)));
    books.lease(&LeaseRecord {
        allocation: AllocationId(1),
        pool: PoolId(0),
        origin: Origin::Late,
        known: at(12),
        booked: at(12),
        given_back: at(12),
        price_per_slot_hour: PRICE,
    });
    let books = books.reconcile().expect("in range");
    assert_eq!(causes(&books, 0), [(Cause::LateGrant, amount("0.012"))]);
}

#[test]
fn b16_what_was_made_there_and_not_here_is_a_ghost() {
    let mut books = books();
    books.line(&line((1, 0), at(0), at(30)));
    let books = books.reconcile().expect("in range");
    assert_eq!(causes(&books, 0), [(Cause::Ghost, amount("0.03"))]);
    assert_eq!(books.pools[&PoolId(0)].overhead(), Ok(amount("0.03")));
}

#[test]
fn p32_a_statement_that_never_came_is_not_a_month_without_cost() {
    let mut books = books();
    for share in 0..10 {
        ours(&mut books, (share, 0), at(0), at(1_000));
    }
    let books = books.reconcile().expect("in range");
    assert_eq!(causes(&books, 0), [(Cause::Uncharged, amount("-10"))]);
    assert_eq!(books.pools[&PoolId(0)].tenants, amount("10"));
}

/// Lines of no time and no charge, as under a policy without cost.
#[test]
fn p35_hours_that_are_reported_as_zero_are_ours_all_the_same() {
    let mut books = books();
    ours(&mut books, (1, 0), at(5), at(105));
    books.line(&StatementLine { charge: Money::ZERO, ..line((1, 0), at(5), at(5)) });
    let books = books.reconcile().expect("in range");
    assert_eq!(causes(&books, 0), [(Cause::Uncharged, amount("-0.1"))]);
    let used: u128 = books.uses.values().map(|used| used.slot_ns).sum();
    assert_eq!(used, u128::from(Duration::from_secs(100).as_nanos()));
}
