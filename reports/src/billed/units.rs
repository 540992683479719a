use connector::PricingUnit;
use platform::billing::{self, Meter};

use super::Quantity;

/// A unit in which every number of steps of a meter is a decimal.
pub(crate) struct Consumed {
    pub(crate) unit: &'static str,
    /// Steps in one of it: a power of ten.
    steps: u128,
}

impl Consumed {
    pub(crate) const fn of(meter: Meter) -> Self {
        const SECOND: u128 = 1_000_000_000;
        let (unit, steps) = match meter {
            Meter::InputTokens | Meter::CachedTokens | Meter::OutputTokens => ("Tokens", 1),
            Meter::Requests => ("Requests", 1),
            Meter::SlotTime => ("Slot-Seconds", SECOND),
            Meter::Compute => ("TFLOPS-Seconds", 1_000 * SECOND),
            Meter::Memory => ("MiB-Seconds", SECOND),
            Meter::QueueTime | Meter::ColdStartTime => ("Seconds", SECOND),
        };
        Self { unit, steps }
    }

    /// So many steps in it, exactly; `None` out of range.
    pub(crate) fn quantity(&self, steps: billing::Quantity) -> Option<Quantity> {
        Quantity::of(steps.0, self.steps)
    }
}

/// What prices are for one of, as the specification writes units.
pub(crate) const fn pricing_unit(meter: Meter) -> &'static str {
    match meter.unit() {
        PricingUnit::Piece => "Requests",
        PricingUnit::Million => "1000000 Tokens",
        PricingUnit::Hour => match meter {
            Meter::SlotTime => "Slot-Hours",
            _ => "Hours",
        },
        PricingUnit::TflopsHour => "TFLOPS-Hours",
        PricingUnit::GibHour => "GiB-Hours",
    }
}
