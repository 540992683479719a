//! What a price times a quantity comes to, exactly.
//!
//! Prices are per hour, quantities are per nanosecond, and an hour has a factor of nine: 2.50 per
//! hour for one second is 0.000694444..., which no decimal scale holds. Rounding each product would
//! make a sum depend on how use was cut into records, so the scale is chosen the other way round:
//! one unit of currency is [`GRAINS_PER_UNIT`] *grains*, a multiple of every [`PricingUnit`] times
//! the 10^9 steps of a price. Every product of a price and a whole quantity is then a whole number
//! of grains; sums are exact in any order and by any partition, and rounding is left to one place,
//! the line of an invoice ([`Amount::round`]).
//!
//! Since 9 divides 10 - 1, every amount is a decimal of at most 32 places and at most one digit that
//! repeats for ever, written in brackets: `0.00069(4)`. So text is exact both ways.

use std::{fmt, ops::Neg, str::FromStr};

use super::{Money, UnitError, parse::Notation};

/// 2^23 x 3^2 x 5^14: the least common multiple of all [`PricingUnit`]s.
const GRAINS_PER_STEP: i128 = 460_800_000_000_000_000;
/// Steps of a price in one unit of currency.
const STEPS_PER_UNIT: i128 = 1_000_000_000;
/// Grains in one unit of currency: about 4.6 x 10^26.
pub const GRAINS_PER_UNIT: i128 = GRAINS_PER_STEP * STEPS_PER_UNIT;

const NOTATION: Notation = Notation {
    name: "amount of money",
    example: "0.00069(4)",
    expected: "",
    range: "within 369 thousand million, of at most 32 decimals and a whole number of grains",
    units: &[],
    max: 0,
};

/// An amount of money in grains ([`GRAINS_PER_UNIT`]), signed; about 3.69 x 10^11 units of currency
/// at most. The currency is kept outside: one book has one.
///
/// There are no `+` and `-`: money that overflows is an error to report, never a wrapped number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// What a price is for one of; its size in steps of the meter it prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PricingUnit {
    /// One piece: a request.
    Piece,
    /// A million pieces: tokens.
    Million,
    /// One share for one hour, metered in slot-nanoseconds; also an hour of anybody's time.
    Hour,
    /// One TFLOPS for one hour, metered in FLOP.
    TflopsHour,
    /// One GiB for one hour, metered in MiB-nanoseconds.
    GibHour,
}

impl PricingUnit {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Piece, Self::Million, Self::Hour, Self::TflopsHour, Self::GibHour];

    /// How many steps of the meter one unit is.
    pub const fn size(self) -> u128 {
        const HOUR_NS: u128 = 3_600_000_000_000;
        match self {
            Self::Piece => 1,
            Self::Million => 1_000_000,
            Self::Hour => HOUR_NS,
            Self::TflopsHour => 1_000 * HOUR_NS,
            Self::GibHour => 1_024 * HOUR_NS,
        }
    }

    /// Grains of one step of a price for one step of the meter: exact, as a test holds.
    const fn grains(self) -> u128 {
        const STEP: u128 = GRAINS_PER_STEP.unsigned_abs();
        match self {
            Self::Piece => const { STEP / Self::Piece.size() },
            Self::Million => const { STEP / Self::Million.size() },
            Self::Hour => const { STEP / Self::Hour.size() },
            Self::TflopsHour => const { STEP / Self::TflopsHour.size() },
            Self::GibHour => const { STEP / Self::GibHour.size() },
        }
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many grains; for stores that keep the integer.
    ///
    /// # Panics
    /// For `i128::MIN`, which has no opposite.
    pub const fn from_grains(grains: i128) -> Self {
        assert!(grains != i128::MIN, "an amount that cannot be reversed");
        Self(grains)
    }

    #[inline]
    fn within(grains: Option<i128>) -> Option<Self> {
        grains.filter(|&grains| grains != i128::MIN).map(Self)
    }

    /// The grains; for stores that keep the integer.
    pub const fn grains(self) -> i128 {
        self.0
    }

    /// `price x quantity`, the price being for one `unit` and the quantity in steps of its meter;
    /// `None` out of range.
    #[inline]
    pub fn product(price: Money, quantity: u128, unit: PricingUnit) -> Option<Self> {
        i128::try_from(quantity).ok()?;
        let nanos = price.as_nanos();
        // Of sizes without a sign, since the product of two 128-bit integers with one is a call.
        let size = nanos.unsigned_abs().checked_mul(quantity)?.checked_mul(unit.grains())?;
        let grains = i128::try_from(size).ok()?;
        Some(Self(if nanos < 0 { -grains } else { grains }))
    }

    /// A decimal amount; `None` out of range.
    #[inline]
    pub fn from_money(money: Money) -> Option<Self> {
        Self::within(money.as_nanos().checked_mul(GRAINS_PER_STEP))
    }

    /// The sum; `None` out of range.
    #[inline]
    pub fn checked_add(self, rhs: Self) -> Option<Self> {
        Self::within(self.0.checked_add(rhs.0))
    }

    /// The difference; `None` out of range.
    #[inline]
    pub fn checked_sub(self, rhs: Self) -> Option<Self> {
        Self::within(self.0.checked_sub(rhs.0))
    }

    /// The sum of many; `None` once out of range, also if later terms would lead back.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The nearest amount of so many decimals (at most nine), halves to the even neighbour, and the
    /// residue: `self = rounded + residue`, exactly.
    pub fn round(self, decimals: u32) -> (Money, Self) {
        let step_nanos = 10i128.pow(9 - decimals.min(9));
        let step = step_nanos * GRAINS_PER_STEP;
        let (below, rest) = (self.0.div_euclid(step), self.0.rem_euclid(step));
        let up = match (2 * rest).cmp(&step) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => below.rem_euclid(2),
        };
        (Money::from_nanos((below + up) * step_nanos), Self(rest - up * step))
    }

    /// The amount as a float, for statistics only, never for a bill.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / GRAINS_PER_UNIT as f64
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// Exact: `2.50`, `0.00069(4)`; at least two decimals. Rounded amounts are [`Money`].
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (per_unit, grains) = (GRAINS_PER_UNIT.unsigned_abs(), self.0.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.", grains / per_unit)?;
        let mut rest = grains % per_unit;
        let mut places = 0;
        while rest > 0 || places < 2 {
            let (digit, next) = (rest * 10 / per_unit, rest * 10 % per_unit);
            if next == rest && digit > 0 {
                return write!(f, "({digit})");
            }
            write!(f, "{digit}")?;
            (rest, places) = (next, places + 1);
        }
        Ok(())
    }
}

/// What [`Display`](fmt::Display) writes, and any other decimal that is a whole number of grains.
impl FromStr for Amount {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let written = Written::read(digits).ok_or_else(|| NOTATION.malformed(text))?;
        let grains = written.grains().ok_or_else(|| NOTATION.out_of_range(text))?;
        Ok(Self(if negative { -grains } else { grains }))
    }
}

/// `whole.decimals(repeated)`.
struct Written {
    whole: u128,
    /// The decimals with the repeated digit after them for ever, as ninths of the last place.
    ninths: u128,
    places: u32,
}

impl Written {
    fn read(digits: &str) -> Option<Self> {
        const MOST_PLACES: usize = 32;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (decimals, repeated) = match fraction.strip_suffix(')') {
            Some(inner) => inner.split_once('(')?,
            None => (fraction, "0"),
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = decimals.len() <= MOST_PLACES && repeated.len() == 1 && !whole.is_empty();
        if !fits || ![whole, decimals, repeated].into_iter().all(plain) {
            return None;
        }
        let last: u128 = if decimals.is_empty() { 0 } else { decimals.parse().ok()? };
        let ninths = last * 9 + repeated.parse::<u128>().ok()?;
        Some(Self { whole: whole.parse().ok()?, ninths, places: decimals.len() as u32 })
    }

    /// A ninth of a unit is 2^32 x 5^23 grains; the place is divided out of it first, so that
    /// nothing overflows on the way.
    fn grains(&self) -> Option<i128> {
        let twos = 2u128.pow(32 - self.places);
        let fraction = if self.places <= 23 {
            self.ninths.checked_mul(twos * 5u128.pow(23 - self.places))?
        } else {
            let fives = 5u128.pow(self.places - 23);
            let scaled = self.ninths.checked_mul(twos)?;
            scaled.is_multiple_of(fives).then_some(scaled / fives)?
        };
        let whole = self.whole.checked_mul(GRAINS_PER_UNIT.unsigned_abs())?;
        whole.checked_add(fraction)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests;
