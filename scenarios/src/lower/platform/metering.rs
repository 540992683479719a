use connector::{BasisPoints, Duration};
use sim::delivery::{DeliveryConfig, Lateness};

use super::super::{Context, at_most_all, control_plane, read, time};
use crate::{
    document::Node,
    language::{LatenessSpec, MeteringSpec, Quantity, ScenarioSpec},
};

/// What happens to records of use on their way to the bill.
pub(in super::super) fn lower(context: Context<'_>, spec: &ScenarioSpec) -> DeliveryConfig {
    let spec = read(&spec.platform).and_then(|platform| read(&platform.metering));
    let Some(MeteringSpec { duplicates, late, reordered }) = spec else {
        return DeliveryConfig::default();
    };
    DeliveryConfig {
        duplicates: duplicates
            .as_ref()
            .map_or(BasisPoints::ZERO, |node| share(context, node, "come twice")),
        late: read(late).and_then(|late| lateness(context, late)),
        reordered: time(reordered.as_ref(), Duration::ZERO),
    }
}

fn lateness(context: Context<'_>, spec: &LatenessSpec) -> Option<Lateness> {
    let by = control_plane::latency(context, spec.by.get()?);
    Some(Lateness { share: share(context, &spec.share, "come late"), by })
}

fn share(context: Context<'_>, node: &Node<Quantity<BasisPoints>>, what: &str) -> BasisPoints {
    let stated = node.get().map_or(BasisPoints::ZERO, |stated| stated.0);
    at_most_all(context, node.at, stated, "records", what)
}
