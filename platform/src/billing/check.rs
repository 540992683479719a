//! What makes prices a price book.

use std::collections::BTreeMap;

use connector::{BasisPoints, Money, PoolId};

use super::{
    BookError, Prices, Rate, Tariff, Version,
    book::{WHOLE, left_over},
};

/// Prices above it could not be multiplied by a month of a fleet.
const DEAREST: Money = Money::from_nanos(1_000_000 * 1_000_000_000);

pub(super) fn rate(
    index: usize,
    rate: &Rate,
    discounts: &BTreeMap<PoolId, BasisPoints>,
) -> Result<(), BookError> {
    let rate_index = index;
    if rate.versions.is_empty() {
        return Err(BookError::NoVersion { rate: rate_index });
    }
    for (index, version) in rate.versions.iter().enumerate() {
        let next = rate.versions.get(index + 1);
        validity(rate_index, version, next)?;
        let place = BookPlace { rate: rate_index, version: index };
        tariff(place, &version.tariff)?;
        for (&pool, &discount) in discounts {
            if rate.pools.as_ref().is_none_or(|pools| pools.contains(&pool)) {
                discounted(place, &version.tariff, pool, discount)?;
            }
        }
    }
    Ok(())
}

/// Where in a book something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookPlace {
    /// Index of the rate.
    pub rate: usize,
    /// Index of its version.
    pub version: usize,
}

impl std::fmt::Display for BookPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rate {}, version {}", self.rate, self.version)
    }
}

fn validity(rate: usize, version: &Version, next: Option<&Version>) -> Result<(), BookError> {
    match (version.until, next) {
        (Some(until), Some(next)) if until < next.from => {
            return Err(BookError::Gap { rate, from: until, until: next.from });
        }
        (until, Some(next)) if until != Some(next.from) => {
            return Err(BookError::Overlap { rate, at: next.from });
        }
        (_, None | Some(_)) => {}
    }
    if version.until.is_some_and(|until| until <= version.from) {
        return Err(BookError::NeverValid { rate, from: version.from });
    }
    Ok(())
}

fn tariff(place: BookPlace, tariff: &Tariff) -> Result<(), BookError> {
    if tariff.granularity.0 == 0 {
        return Err(BookError::NoGranularity { place });
    }
    let Some((last, others)) = tariff.tiers.split_last() else {
        return Err(BookError::NoTier { place });
    };
    let ends: Vec<_> = others.iter().map(|tier| tier.up_to).collect();
    let rising = ends.windows(2).all(|pair| pair[0] < pair[1]);
    let bounded = ends.iter().all(|end| end.is_some_and(|end| end.0 > 0));
    if last.up_to.is_some() || !rising || !bounded {
        return Err(BookError::UnorderedTiers { place });
    }
    let prices = tariff.tiers.iter().flat_map(|tier| [tier.price, tier.fee]);
    for price in prices {
        if price < Money::ZERO || price > DEAREST {
            return Err(BookError::PriceOutOfRange { place, price });
        }
    }
    Ok(())
}

/// A discounted price is a price like any other: it has nine decimals, or it is refused. Rounding
/// it would be a second place where money is rounded.
fn discounted(
    place: BookPlace,
    tariff: &Tariff,
    pool: PoolId,
    discount: BasisPoints,
) -> Result<(), BookError> {
    if discount > BasisPoints::ONE {
        return Err(BookError::DiscountAboveAll { pool, discount });
    }
    let inexact = |price: Money| price.as_nanos() * left_over(discount) % WHOLE != 0;
    match tariff.tiers.iter().map(|tier| tier.price).find(|&price| inexact(price)) {
        Some(price) => Err(BookError::InexactDiscount { place, pool, price, discount }),
        None => Ok(()),
    }
}

pub(super) fn commitments(prices: &Prices) -> impl Iterator<Item = BookError> {
    let currency = prices.currency;
    let coin = 10i128.pow(9 - currency.decimals());
    let wrong = move |commitment: Money| {
        commitment < Money::ZERO || commitment > DEAREST || commitment.as_nanos() % coin != 0
    };
    prices
        .commitments
        .iter()
        .filter(move |(_, commitment)| wrong(**commitment))
        .map(move |(&tenant, &commitment)| BookError::Commitment { tenant, commitment, currency })
}
