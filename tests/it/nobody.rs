use connector::{PoolGauge, RequestRecord, Timestamp, TokenGaps};
use harpoon::drive::Observer;

/// Looks at nothing that a run tells.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn record(&mut self, _: &RequestRecord) {}

    fn gauge(&mut self, _: Timestamp, _: &PoolGauge) {}

    fn token_gaps(&mut self, _: Timestamp, _: &TokenGaps) {}

    fn in_flight(&mut self, _: Timestamp, _: usize) {}
}
