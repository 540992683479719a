//! Quantities with their units. This is the only place that converts, parses or prints them.
//!
//! Every quantity is an integer newtype of a fixed resolution, so that sums do not depend on the
//! order of addition and a bill can be exact:
//!
//! | type | resolution | as text |
//! | --- | --- | --- |
//! | [`Timestamp`] | 1 ns since the start of the run | |
//! | [`Duration`] | 1 ns | `200ms`, `1.5s`, `5min`, `2h 30min` |
//! | [`Tflops`] | 1 GFLOPS | `30 TFLOPS`, `500 GFLOPS` |
//! | [`Mebibytes`] | 1 MiB | `2048 MiB`, `2 GiB` |
//! | [`Tokens`] | 1 token | `256` |
//! | [`BasisPoints`] | 1/10,000 | `12.5%`, `0.125` |
//! | [`Money`] | 10^-9 of the currency unit | `2.50` |
//! | [`Amount`] | a price times a quantity, exactly | `0.00069(4)` |
//!
//! Parsing refuses what is out of range and says the value, the range and the quantity's name.

mod amount;
mod compute;
mod memory;
mod money;
mod parse;
mod ratio;
mod time;
mod tokens;

pub use amount::{Amount, GRAINS_PER_UNIT, PricingUnit};
pub use compute::Tflops;
pub use memory::Mebibytes;
pub use money::Money;
pub use parse::UnitError;
pub use ratio::BasisPoints;
pub use time::{Duration, Timestamp};
pub use tokens::Tokens;
