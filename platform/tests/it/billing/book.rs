//! What is no price book.

use connector::{BasisPoints, PoolId, TenantId};
use platform::billing::{
    BillingConfig, BookError, Currency, Meter, PriceBook, Prices, Quantity, Rate, Scheme, Tariff,
    UsageRecord, Version,
};

use super::{Rating, amount, at, money, requests, tier, total};

fn version(from: u64, until: Option<u64>) -> Version {
    Version { from: at(from), until: until.map(at), tariff: Tariff::flat(money("1")) }
}

fn refused(versions: Vec<Version>) -> String {
    let rates = vec![Rate::new(Meter::Requests, versions)];
    let refused = PriceBook::new(Prices { rates, ..Prices::new(Currency::USD) });
    refused.expect_err("refused").to_string()
}

#[test]
fn times_without_a_price_or_with_two_are_refused() {
    assert_eq!(refused(vec![]), "rate 0 has no prices");
    assert_eq!(
        refused(vec![version(0, Some(10)), version(11, None)]),
        "rate 0: no price between 10s and 11s"
    );
    for overlapping in [
        vec![version(0, Some(10)), version(9, None)],
        vec![version(0, None), version(9, None)],
        vec![version(20, Some(30)), version(9, None)],
    ] {
        assert_eq!(refused(overlapping), "rate 0: two prices at 9s");
    }
    assert_eq!(refused(vec![version(5, Some(5))]), "rate 0: the price from 5s is never valid");
}

#[test]
fn tariffs_that_make_no_sense_are_refused() {
    let told = |tariff| refused(vec![Version::always(tariff)]);
    let flat = || Tariff::flat(money("1"));
    let tiered = |tiers| Tariff::tiered(Scheme::Volume, tiers);
    let (open, ten) = (|| tier(None, "1", "0"), || tier(Some(10), "1", "0"));
    assert_eq!(
        told(Tariff { granularity: Quantity(0), ..flat() }),
        "rate 0, version 0: granularity must be at least 1"
    );
    assert_eq!(told(tiered(vec![])), "rate 0, version 0: there are no tiers");
    for tiers in [
        vec![ten()],
        vec![open(), open()],
        vec![ten(), ten(), open()],
        vec![tier(Some(0), "1", "0"), open()],
        vec![ten(), tier(Some(9), "1", "0"), open()],
    ] {
        assert_eq!(
            told(tiered(tiers)),
            "rate 0, version 0: ends of tiers must rise, and the last tier has none"
        );
    }
    assert_eq!(
        told(Tariff::flat(-money("1"))),
        "rate 0, version 0: price -1.00 must be between 0 and 1,000,000"
    );
    assert_eq!(
        told(tiered(vec![tier(None, "0", "1000000.01")])),
        "rate 0, version 0: price 1000000.01 must be between 0 and 1,000,000"
    );
}

fn discounted(price: &str, discount: &str) -> Result<PriceBook, BookError> {
    let mut prices = Prices::new(Currency::USD);
    prices.rates.push(Rate::flat(Meter::Requests, money(price)));
    prices.discounts.insert(PoolId(1), discount.parse().expect("valid"));
    PriceBook::new(prices)
}

#[test]
fn a_discount_applies_in_its_pool_only() {
    let periods = platform::billing::Periods::every(connector::Duration::from_secs(9)).unwrap();
    let book = discounted("2.49", "12.5%").unwrap();
    let mut rating = Rating::new(BillingConfig { book, periods, grace: connector::Duration::ZERO });
    rating.add(&requests(1, 1)).unwrap();
    rating.add(&UsageRecord { pool: PoolId(1), ..requests(2, 1) }).unwrap();
    let lines = rating.lines().unwrap();
    assert_eq!(lines[1].price, money("2.17875"));
    assert_eq!(lines[1].list_price, money("2.49"));
    assert_eq!(total(&lines), amount("4.66875"));
}

#[test]
fn a_discount_that_would_have_to_be_rounded_is_refused() {
    let told = discounted("0.000000001", "50%").unwrap_err().to_string();
    assert_eq!(
        told,
        "rate 0, version 0: 0.000000001 less 50% in pool 1 has more than nine decimals"
    );
    assert!(discounted("0.000000001", "100%").is_ok());
    let discount = BasisPoints::from_percent(101);
    let refused = discounted("1", "101%");
    assert_eq!(refused, Err(BookError::DiscountAboveAll { pool: PoolId(1), discount }));
}

#[test]
fn commitments_are_in_coins() {
    for (currency, commitment, fits) in [
        ("USD", "10.01", true),
        ("USD", "10.001", false),
        ("JPY", "10.01", false),
        ("KWD", "0.001", true),
    ] {
        let mut prices = Prices::new(currency.parse().unwrap());
        prices.commitments.insert(TenantId(0), money(commitment));
        assert_eq!(PriceBook::new(prices).is_ok(), fits, "{commitment} {currency}");
    }
}

#[test]
fn the_first_rate_that_fits_counts() {
    let own = Rate { tenants: Some(vec![TenantId(1)]), ..Rate::flat(Meter::Requests, money("1")) };
    let pool = Rate { pools: Some(vec![PoolId(1)]), ..Rate::flat(Meter::Requests, money("2")) };
    let mut rating = super::rating(vec![own, pool, Rate::flat(Meter::Requests, money("4"))]);
    for (key, tenant, pool, sum) in [(1, 1, 1, "1"), (2, 0, 1, "3"), (3, 0, 0, "7")] {
        let (tenant, pool) = (TenantId(tenant), PoolId(pool));
        rating.add(&UsageRecord { tenant, pool, ..requests(key, 1) }).unwrap();
        assert_eq!(total(&rating.lines().unwrap()), amount(sum));
    }
}
