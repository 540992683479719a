use super::Case;

/// About pools that scale.
pub(super) const CASES: &[Case] = &[
    (
        "an autoscaled pool larger than the pool",
        &[("      count: 1", "      count: 3\n      autoscale: { max: 5 }")],
        "8:25 provider.pools[0].autoscale.max: 5 cards are more than the 3 that the pool has (lower `max`, or raise `count`)",
    ),
    (
        "fewest cards above the most",
        &[("      count: 1", "      count: 3\n      autoscale: { min: 3, max: 2 }")],
        "8:25 provider.pools[0].autoscale.min: at least 3 cards cannot be at most 2 (lower `min`, or raise `max`)",
    ),
    (
        "a start out of bounds",
        &[("      count: 1", "      count: 3\n      autoscale: { start: 0 }")],
        "8:27 provider.pools[0].autoscale.start: 0 cards at the start are not between 1 and 3 (state a number from `min` to `max`, or 0 with `idle_to_zero`)",
    ),
    (
        "more spare cards than there are",
        &[("      count: 1", "      count: 3\n      autoscale: { warm: 4 }")],
        "8:26 provider.pools[0].autoscale.warm: 4 spare cards are more than the pool's 3 (lower `warm`, or raise `count`)",
    ),
    (
        "an unknown model to load ahead",
        &[("      count: 1", "      count: 3\n      autoscale: { warm: 1, preload: [gemma-2] }")],
        "8:39 provider.pools[0].autoscale.preload[0]: unknown model `gemma-2` (did you mean `gemma-2b`?)",
    ),
    (
        "no metric",
        &[("      count: 1", "      count: 3\n      autoscale: { metric: {} }")],
        "8:28 provider.pools[0].autoscale.metric: no metric is stated (state `gpu_utilization`, `slot_utilization`, `waiting` or `concurrency`)",
    ),
    (
        "more than a whole card",
        &[(
            "      count: 1",
            "      count: 3\n      autoscale: { metric: { gpu_utilization: 120%, slot_utilization: 0% } }",
        )],
        concat!(
            "8:47 provider.pools[0].autoscale.metric.gpu_utilization: 120% is not a share of a card that could be aimed at (state a share above 0% and at most 100%)\n",
            "8:71 provider.pools[0].autoscale.metric.slot_utilization: 0% is not a share of a card that could be aimed at (state a share above 0% and at most 100%)",
        ),
    ),
    (
        "looks too often",
        &[("      count: 1", "      count: 3\n      autoscale: { interval: 500ms }")],
        "8:30 provider.pools[0].autoscale.interval: a look every 500ms is too often (state at least 1s)",
    ),
    (
        "a window too long",
        &[("      count: 1", "      count: 3\n      autoscale: { scale_in: { window: 2h } }")],
        "8:40 provider.pools[0].autoscale.scale_in.window: 2h is too long (state at most 1h)",
    ),
    (
        "no limits to the pace",
        &[("      count: 1", "      count: 3\n      autoscale: { scale_out: { most: [] } }")],
        "8:39 provider.pools[0].autoscale.scale_out.most: there are no limits (add at least one, such as `{ cards: 4, per: 15s }`)",
    ),
    (
        "a limit of two kinds and one of none",
        &[(
            "      count: 1",
            "      count: 3\n      autoscale: { scale_out: { most: [{ cards: 1, share: 5% }, { per: 1min }] } }",
        )],
        concat!(
            "8:40 provider.pools[0].autoscale.scale_out.most[0]: a limit is either `cards` or a `share` of them (such as `{ cards: 4, per: 15s }` or `{ share: 100%, per: 15s }`)\n",
            "8:65 provider.pools[0].autoscale.scale_out.most[1]: a limit is either `cards` or a `share` of them (such as `{ cards: 4, per: 15s }` or `{ share: 100%, per: 15s }`)",
        ),
    ),
    (
        "a period too long and one of nothing",
        &[(
            "      count: 1",
            "      count: 3\n      autoscale: { scale_in: { most: [{ cards: 1, per: 1h }, { cards: 1, per: 0s }] } }",
        )],
        concat!(
            "8:56 provider.pools[0].autoscale.scale_in.most[0].per: 1h is too long (state at most 30m)\n",
            "8:79 provider.pools[0].autoscale.scale_in.most[1].per: the period takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a schedule out of order and beyond everything",
        &[(
            "      count: 1",
            "      count: 3\n      autoscale: { schedule: { period: 1h, points: [{ at: 2h, min: 1 }, { at: 1min, min: 9 }] } }",
        )],
        concat!(
            "8:59 provider.pools[0].autoscale.schedule.points[0].at: 2h lies beyond the period of 1h\n",
            "8:79 provider.pools[0].autoscale.schedule.points[1].at: 1m does not come after the point before it, 2h\n",
            "8:90 provider.pools[0].autoscale.schedule.points[1].min: at least 9 cards cannot be at most 3 (lower it, or raise `max`)",
        ),
    ),
    (
        "a schedule without points",
        &[("      count: 1", "      count: 3\n      autoscale: { schedule: { points: [] } }")],
        "8:40 provider.pools[0].autoscale.schedule.points: there are no points (add at least one, such as `{ at: 8h, min: 4 }`)",
    ),
    (
        "an unknown key of autoscaling",
        &[("      count: 1", "      count: 3\n      autoscale: { minimum: 1 }")],
        "8:20 provider.pools[0].autoscale.minimum: unknown key `minimum` (the keys here are `min`, `max`, `start`, `metric`, `interval`, `tolerance`, `scale_out`, `scale_in`, `provisioning`, `schedule`, `warm`, `preload`, `idle_to_zero`)",
    ),
];
