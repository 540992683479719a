use connector::Money;

use crate::{
    billing::{Meters, UseKind},
    interface::Meter,
};

impl Meter {
    /// One more use, which came to this; the time held costs this much.
    pub(crate) fn add(&mut self, kind: UseKind, meters: &Meters, cost: Money) {
        self.flop += meters.flop;
        self.mebibyte_ns += meters.mebibyte_ns;
        self.slot_ns += meters.slot_ns;
        self.cost += cost;
        if kind == UseKind::Delivered {
            self.completed += meters.requests;
            self.prompt_tokens += u128::from(meters.input_tokens + meters.cached_tokens);
            self.output_tokens += u128::from(meters.output_tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_delivered_counts_as_answered() {
        let meters = Meters {
            input_tokens: 3,
            output_tokens: 4,
            requests: 1,
            slot_ns: 5,
            flop: 6,
            mebibyte_ns: 7,
            ..Meters::default()
        };
        let mut meter = Meter::default();
        for kind in [UseKind::Delivered, UseKind::Retried] {
            meter.add(kind, &meters, Money::from_nanos(8));
        }
        let expected = Meter {
            completed: 1,
            prompt_tokens: 3,
            output_tokens: 4,
            slot_ns: 10,
            flop: 12,
            mebibyte_ns: 14,
            cost: Money::from_nanos(16),
        };
        assert_eq!(meter, expected);
    }
}
