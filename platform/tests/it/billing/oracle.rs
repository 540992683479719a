//! Rating and rounding against rational numbers of any size.

use connector::{Amount, Money, PricingUnit, Timestamp};
use num_bigint::BigInt;
use num_rational::BigRational;
use platform::billing::{
    Meter, Meters, Quantity, Rate, Scheme, Tariff, Tier, UsageRecord, Version,
};
use proptest::prelude::*;

use super::{rating, record, total};

/// Grains of one unit of currency, as the module's text has it: 10^9 x 2^23 x 3^2 x 5^14.
fn grains_per_unit() -> BigInt {
    BigInt::from(1_000_000_000) * BigInt::from(2).pow(23) * 9 * BigInt::from(5).pow(14)
}

fn exact(amount: Amount) -> BigRational {
    BigRational::new(amount.grains().into(), grains_per_unit())
}

fn price(money: Money) -> BigRational {
    BigRational::new(money.as_nanos().into(), 1_000_000_000.into())
}

/// Steps of a meter in one unit, by what the units mean.
fn steps(unit: PricingUnit) -> BigInt {
    let hour_ns = BigInt::from(3_600) * 1_000_000_000;
    match unit {
        PricingUnit::Piece => 1.into(),
        PricingUnit::Million => 1_000_000.into(),
        PricingUnit::Hour => hour_ns,
        PricingUnit::TflopsHour => BigInt::from(1_000_000_000_000u64) * 3_600,
        PricingUnit::GibHour => hour_ns * 1_024,
    }
}

fn some_price() -> impl Strategy<Value = Money> {
    (0i128..1 << 49).prop_map(Money::from_nanos)
}

fn some_tariff() -> impl Strategy<Value = Tariff> {
    let ends = prop::collection::btree_set(1u128..800, 0..5);
    let prices = prop::collection::vec((some_price(), some_price()), 6);
    let rest = (any::<bool>(), 0u128..300, 1u128..50, 0u128..100);
    (ends, prices, rest).prop_map(|(ends, prices, (volume, included, granularity, minimum))| {
        let ends = ends.into_iter().map(|end| Some(Quantity(end))).chain([None]);
        let tiers = ends.zip(prices).map(|(up_to, (price, fee))| Tier { up_to, price, fee });
        let scheme = if volume { Scheme::Volume } else { Scheme::Graduated };
        Tariff {
            included: Quantity(included),
            granularity: Quantity(granularity),
            minimum: Quantity(minimum),
            ..Tariff::tiered(scheme, tiers.collect())
        }
    })
}

/// The price of so much use, unit by unit: slow, and nothing like what is tested.
fn unit_by_unit(tariff: &Tariff, charged: u128, unit: PricingUnit) -> BigRational {
    let tier_of = |place: u128| {
        let fits = |tier: &&Tier| tier.up_to.is_none_or(|up_to| place <= up_to.0);
        tariff.tiers.iter().find(fits).expect("the last takes all")
    };
    let beyond = charged.saturating_sub(tariff.included.0);
    let mut sum = BigRational::from_integer(0.into());
    let mut last_fee_of = None;
    for place in 1..=beyond {
        let tier = match tariff.scheme {
            Scheme::Graduated => tier_of(place),
            Scheme::Volume => tier_of(beyond),
        };
        sum += price(tier.price) / steps(unit);
        if last_fee_of != Some(tier) {
            sum += price(tier.fee);
        }
        last_fee_of = Some(tier);
    }
    sum
}

proptest! {
    #[test]
    fn a_product_is_exact(
        nanos in -(1i128 << 60)..1 << 60,
        quantity in 0u128..1 << 30,
        unit in prop::sample::select(PricingUnit::ALL.to_vec()),
    ) {
        let product = Amount::product(Money::from_nanos(nanos), quantity, unit);
        let expected = price(Money::from_nanos(nanos)) * BigInt::from(quantity) / steps(unit);
        if let Some(product) = product {
            prop_assert_eq!(exact(product), expected);
        } else {
            let most = BigRational::new(i128::MAX.into(), grains_per_unit());
            prop_assert!(expected > most || expected < -most);
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_halves_to_even(grains in -(i128::MAX / 2)..i128::MAX / 2, decimals in 0u32..5) {
        let amount = Amount::from_grains(grains);
        let (rounded, residue) = amount.round(decimals);
        prop_assert_eq!(price(rounded) + exact(residue), exact(amount));
        let coins = price(rounded) * BigInt::from(10).pow(decimals);
        prop_assert!(coins.is_integer());
        let off = exact(residue) * BigInt::from(10).pow(decimals) * BigInt::from(2);
        let one = BigRational::from_integer(1.into());
        prop_assert!(off <= one && off >= -one.clone());
        if off == one || off == -one {
            prop_assert_eq!(coins.to_integer() % 2, BigInt::from(0));
        }
    }

    #[test]
    fn exactly_half_a_coin_goes_to_the_even_one(coins in -1_000_000i128..1_000_000) {
        let half = Amount::from_money(Money::from_nanos(coins * 10_000_000 + 5_000_000)).unwrap();
        let (rounded, _) = half.round(2);
        let even = if coins % 2 == 0 { coins } else { coins + 1 };
        prop_assert_eq!(rounded, Money::from_nanos(even * 10_000_000));
    }

    #[test]
    fn tiers_cost_what_their_units_cost(
        tariff in some_tariff(),
        used in prop::collection::vec(0u64..400, 0..4),
        meter in prop::sample::select(vec![Meter::Requests, Meter::QueueTime]),
    ) {
        let mut rating = rating(vec![Rate::new(meter, vec![Version::always(tariff.clone())])]);
        let mut charged = 0;
        for (key, &quantity) in (0u128..).zip(&used) {
            let meters = match meter {
                Meter::Requests => Meters { requests: quantity, ..Meters::default() },
                _ => Meters { queue_ns: quantity, ..Meters::default() },
            };
            rating.add(&UsageRecord { meters, until: Timestamp::ZERO, ..record(key) }).unwrap();
            if quantity > 0 {
                let least = u128::from(quantity).max(tariff.minimum.0);
                charged += least.div_ceil(tariff.granularity.0) * tariff.granularity.0;
            }
        }
        let lines = rating.lines().unwrap();
        prop_assert_eq!(exact(total(&lines)), unit_by_unit(&tariff, charged, meter.unit()));
        prop_assert_eq!(lines.iter().map(|line| line.quantity.0).sum::<u128>(), charged);
    }

    #[test]
    fn text_is_exact_both_ways(grains in -i128::MAX..i128::MAX) {
        let amount = Amount::from_grains(grains);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
    }
}
