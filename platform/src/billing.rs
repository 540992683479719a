//! From meter to invoice: what was used, what it costs, and what is written about it.
//!
//! # The whole way
//!
//! ```text
//! strike -> UsageRecord -> rating by the price book -> RatedLine -> invoice (the one rounding)
//!               |                                          |            |
//!               |                                          +-> ledger <-+  residue
//!               +-> reconciliation against the provider's statement
//! ```
//!
//! 1. *Meter.* Every attempt leaves one [`UsageRecord`] per kind of use, in integers: tokens,
//!    requests, slot-nanoseconds, FLOP, MiB-nanoseconds. Its [`RecordKey`] makes it idempotent for
//!    ever: the same record a second time changes nothing.
//! 2. *Rate.* A price times a quantity is an [`Amount`](connector::Amount), which is exact: no
//!    product is ever rounded. A bill is a function of the *set* of records, so order, repetition
//!    and lateness cannot change it.
//! 3. *Post.* Amounts are moved between [`AccountId`]s by double entry.
//! 4. *Invoice.* A line of an invoice is rounded to the smallest coin of its currency, halves to
//!    even, here and nowhere else. The residue goes to [`AccountId::Rounding`], so that the books
//!    still add up to the last grain.
//!
//! Two books are kept of everything: what tenants are charged, and what the provider will charge.
//!
//! # Units
//!
//! Prices and invoiced sums are [`Money`](connector::Money) (decimals, nine places). Amounts between them are
//! [`Amount`](connector::Amount) (grains). Their [`Currency`] is named beside them.

mod account;
mod bill;
mod biller;
mod book;
mod cells;
mod change;
mod charge;
mod check;
mod currency;
mod economics;
mod error;
mod invoice;
mod lease;
pub mod ledger;
mod margin;
mod periods;
mod rated;
mod rating;
pub mod reconcile;
mod reservations;
mod seen;
mod shortcut;
mod split;
mod tariff;
mod usage;
mod uses;

pub use account::AccountId;
pub use bill::{Bill, BilledPeriod, BillingError};
pub use biller::Biller;
pub use book::{PriceBook, Prices, Rate, Version};
pub use change::Change;
pub use check::BookPlace;
pub use currency::{Currency, CurrencyError};
pub use economics::{Economics, UnitCost};
pub use error::{BookError, RatingError};
pub use invoice::{Correction, Invoice, InvoiceLine, InvoiceOutOfRange, Leg};
pub use lease::{LeaseRecord, Origin};
pub use margin::{Margin, Margins};
pub use periods::Periods;
pub use rated::{Band, LineKey, PeriodId, RatedLine};
pub use rating::{BillingConfig, Rating, Taken};
pub use tariff::{Scheme, Tariff, Tier};
pub use usage::{Meter, Meters, Quantity, RecordKey, StrikeId, UsageRecord, UseKind};
pub use uses::{Use, UseKey, Uses};
