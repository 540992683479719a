use connector::Money;

use crate::{
    billing::{UsageRecord, UseKind},
    interface::Meter,
};

impl Meter {
    /// One more record; the time held costs this much.
    pub(crate) fn add(&mut self, record: &UsageRecord, cost: Money) {
        let meters = &record.meters;
        self.flop += meters.flop;
        self.mebibyte_ns += meters.mebibyte_ns;
        self.slot_ns += meters.slot_ns;
        self.cost += cost;
        if record.kind == UseKind::Delivered {
            self.completed += meters.requests;
            self.prompt_tokens += u128::from(meters.input_tokens + meters.cached_tokens);
            self.output_tokens += u128::from(meters.output_tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use connector::{ClassId, ModelId, PoolId, TenantId, Timestamp};

    use super::*;
    use crate::billing::{Meters, RecordKey, StrikeId};

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
        let record = |kind| UsageRecord {
            key: RecordKey(0),
            from: Timestamp::ZERO,
            until: Timestamp::ZERO,
            tenant: TenantId(0),
            class: ClassId(0),
            model: ModelId(0),
            pool: PoolId(0),
            strike: StrikeId(0),
            kind,
            meters,
        };
        let mut meter = Meter::default();
        for kind in [UseKind::Delivered, UseKind::Retried] {
            meter.add(&record(kind), Money::from_nanos(8));
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
