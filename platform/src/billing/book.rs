//! What things cost: a price book, valid by construction.
//!
//! A *rate* prices one meter for some tenants, models and pools; the first one in the book that
//! fits a record's use is the one that counts, so overrides are rates that come earlier. A rate has
//! *versions*, one [`Tariff`] each from an instant to the next; a hole between two of them or an
//! overlap is an error, and a time without charge is a version whose price is zero. A meter without
//! a rate is not charged.

use std::collections::BTreeMap;

use connector::{BasisPoints, ModelId, Money, PoolId, TenantId, Timestamp};

use super::{BookError, Currency, Meter, Scheme, Tariff, UseKind, check};

/// What to build a [`PriceBook`] from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// The currency of all of it.
    pub currency: Currency,
    /// The rates; the first that fits counts.
    pub rates: Vec<Rate>,
    /// How much cheaper everything is in a pool, such as a preemptible one; fees are not.
    pub discounts: BTreeMap<PoolId, BasisPoints>,
    /// What a tenant pays for each period at least.
    pub commitments: BTreeMap<TenantId, Money>,
    /// The uses that tenants are charged for; the rest is the platform's own cost.
    pub charged: Vec<UseKind>,
}

/// The price of one meter, over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What is priced.
    pub meter: Meter,
    /// For whom; `None` for all.
    pub tenants: Option<Vec<TenantId>>,
    /// For which models; `None` for all.
    pub models: Option<Vec<ModelId>>,
    /// In which pools; `None` for all.
    pub pools: Option<Vec<PoolId>>,
    /// The prices, one after the other.
    pub versions: Vec<Version>,
}

/// A price and when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// From this instant on.
    pub from: Timestamp,
    /// Until just before this one; `None` for ever.
    pub until: Option<Timestamp>,
    /// The price.
    pub tariff: Tariff,
}

/// What things cost. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    prices: Prices,
    /// One bit per kind of use.
    charged: u8,
}

impl Prices {
    /// No prices at all; tenants are charged for what they got and for what they walked away from.
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            rates: Vec::new(),
            discounts: BTreeMap::new(),
            commitments: BTreeMap::new(),
            charged: vec![UseKind::Delivered, UseKind::Disconnected],
        }
    }
}

impl Prices {
    /// Everything that keeps them from being a price book; of each rate the first.
    pub fn problems(&self) -> Vec<BookError> {
        let rates = self.rates.iter().enumerate();
        let rates =
            rates.filter_map(|(index, rate)| check::rate(index, rate, &self.discounts).err());
        rates.chain(check::commitments(self)).collect()
    }
}

impl Rate {
    /// For everybody and everything, one price for ever.
    pub fn flat(meter: Meter, price: Money) -> Self {
        Self::new(meter, vec![Version::always(Tariff::flat(price))])
    }

    /// For everybody and everything.
    pub fn new(meter: Meter, versions: Vec<Version>) -> Self {
        Self { meter, tenants: None, models: None, pools: None, versions }
    }

    fn fits(&self, tenant: TenantId, model: ModelId, pool: PoolId, meter: Meter) -> bool {
        fn within<T: PartialEq>(some: Option<&[T]>, one: &T) -> bool {
            some.is_none_or(|some| some.contains(one))
        }
        self.meter == meter
            && within(self.tenants.as_deref(), &tenant)
            && within(self.models.as_deref(), &model)
            && within(self.pools.as_deref(), &pool)
    }

    /// Whether what a unit costs does not depend on how many others there are.
    pub(super) fn is_flat(&self) -> bool {
        self.versions.iter().all(|version| version.tariff.is_flat())
    }

    /// Whether what a unit costs may depend on all others there are.
    pub(super) fn is_by_volume(&self) -> bool {
        self.versions.iter().any(|version| version.tariff.scheme == Scheme::Volume)
    }

    /// The version that holds at an instant, and its index.
    pub(super) fn at(&self, instant: Timestamp) -> Option<(u32, &Version)> {
        let index = self.versions.partition_point(|version| version.from <= instant);
        let index = index.checked_sub(1)?;
        let version = &self.versions[index];
        (version.until.is_none_or(|until| instant < until)).then_some((index as u32, version))
    }
}

impl Version {
    /// One price for ever.
    pub fn always(tariff: Tariff) -> Self {
        Self { from: Timestamp::ZERO, until: None, tariff }
    }
}

impl PriceBook {
    /// Checks the prices.
    ///
    /// # Errors
    /// The first of [`Prices::problems`].
    pub fn new(prices: Prices) -> Result<Self, BookError> {
        if let Some(problem) = prices.problems().into_iter().next() {
            return Err(problem);
        }
        let charged = prices.charged.iter().fold(0, |bits, &kind| bits | 1 << kind as u8);
        Ok(Self { prices, charged })
    }

    /// The currency of all of it.
    pub const fn currency(&self) -> Currency {
        self.prices.currency
    }

    /// The rates, in the order in which they are asked.
    pub fn rates(&self) -> &[Rate] {
        &self.prices.rates
    }

    /// What a tenant pays for each period at least.
    pub fn commitment(&self, tenant: TenantId) -> Option<Money> {
        self.prices.commitments.get(&tenant).copied()
    }

    /// Whether tenants are charged for this kind of use.
    pub const fn charges(&self, kind: UseKind) -> bool {
        self.charged & 1 << kind as u8 != 0
    }

    /// Tenants that committed to pay anything, in order.
    pub(super) fn committed(&self) -> impl Iterator<Item = TenantId> {
        self.prices.commitments.keys().copied()
    }

    /// Index of the rate that counts; `None` if this is not charged.
    pub(super) fn route(
        &self,
        tenant: TenantId,
        model: ModelId,
        pool: PoolId,
        meter: Meter,
    ) -> Option<u32> {
        let fits = |rate: &Rate| rate.fits(tenant, model, pool, meter);
        self.rates().iter().position(fits).map(|index| index as u32)
    }

    /// The price in a pool.
    pub(super) fn discounted(&self, price: Money, pool: PoolId) -> Money {
        let Some(&discount) = self.prices.discounts.get(&pool) else { return price };
        Money::from_nanos(price.as_nanos() * left_over(discount) / WHOLE)
    }
}

pub(super) const WHOLE: i128 = BasisPoints::ONE.get() as i128;

/// Of 10,000 parts of a price, those that are still paid.
pub(super) fn left_over(discount: BasisPoints) -> i128 {
    WHOLE - i128::from(discount.get())
}
