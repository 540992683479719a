use super::Case;

/// About taking shares away.
pub(super) const CASES: &[Case] = &[
    (
        "an unknown rule of preemption",
        &[("      count: 1", "      count: 1\n      preemption: { victim: oldest }")],
        "8:29 provider.pools[0].preemption.victim: expected one of `lowest_tier`, `youngest`, `least_progress_lost`, `cheapest`, found `oldest` (did you mean `youngest`?)",
    ),
    (
        "an unknown key of preemption",
        &[("      count: 1", "      count: 1\n      preemption: { progress: lost }")],
        "8:21 provider.pools[0].preemption.progress: unknown key `progress` (the keys here are `grace`, `victim`, `requeue`)",
    ),
    (
        "an unknown key of requeueing",
        &[("      count: 1", "      count: 1\n      preemption: { requeue: { wait: 3s } }")],
        "8:32 provider.pools[0].preemption.requeue.wait: unknown key `wait` (did you mean `max_waiting`?)",
    ),
    (
        "a line for nobody",
        &[("      count: 1", "      count: 1\n      preemption: { requeue: { max_waiting: 0 } }")],
        "8:45 provider.pools[0].preemption.requeue.max_waiting: `0` is out of range: it must be between 1 and 1000000",
    ),
    (
        "a checkpoint at no speed",
        &[(
            "      count: 1",
            "      count: 1\n      preemption: { requeue: { checkpoint: { bandwidth: 0 GB/s } } }",
        )],
        "8:57 provider.pools[0].preemption.requeue.checkpoint.bandwidth: `0 GB/s` is out of range for a bandwidth: it must be between 1 byte/s and 1,000 TB/s",
    ),
    (
        "a checkpoint in no time",
        &[(
            "      count: 1",
            "      count: 1\n      preemption: { grace: 0s, requeue: { checkpoint: {} } }",
        )],
        "8:55 provider.pools[0].preemption.requeue.checkpoint: nothing can be written out in a grace of 0s (state a longer `grace`, or `bandwidth: instant`, or leave `checkpoint` out)",
    ),
];
