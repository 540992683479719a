use super::Case;

/// About breakers.
pub(super) const CASES: &[Case] = &[
    (
        "an unknown key of a breaker",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform: { breaker: { treshold: 3 } }")],
        "9:24 platform.breaker.treshold: unknown key `treshold` (the keys here are `failure_threshold`, `rates`, `recovery`, `recovery_growth`, `recovery_max`, `calm`, `half_open_probes`, `probe_renewal`, `half_open_max_wait`, `half_open_then`, `auto_half_open`, `ramp_up`, `count`, `ignore`, `mode`)",
    ),
    (
        "numbers of a breaker out of range",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { failure_threshold: 0, half_open_probes: 0, rates: { window: { calls: 0 }, minimum_calls: 0 } } }",
        )],
        concat!(
            "9:43 platform.breaker.failure_threshold: `0` is not a limit: expected a number between 1 and 1000000, or `unlimited`\n",
            "9:64 platform.breaker.half_open_probes: `0` is out of range: it must be between 1 and 1000\n",
            "9:84 platform.breaker.rates.window: `0` is out of range: it must be between 1 and 100000\n",
            "9:113 platform.breaker.rates.minimum_calls: `0` is out of range: it must be between 1 and 100000",
        ),
    ),
    (
        "a window of two kinds",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { rates: { window: { calls: 9, seconds: 9 } } } }",
        )],
        "9:41 platform.breaker.rates.window: expected one of `calls`, `seconds`, found keys",
    ),
    (
        "rates that always or never open",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { rates: { failure_rate: 0%, slow_rate: 101% } } }",
        )],
        concat!(
            "9:47 platform.breaker.rates.failure_rate: a breaker that opens at 0% failures never closes (state a share above 0%)\n",
            "9:62 platform.breaker.rates.slow_rate: 101% of all results cannot be slow calls: at most 100% can (state a share from 0% to 100%)",
        ),
    ),
    (
        "times of a breaker that are none",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { recovery: 0s, probe_renewal: { after: 0s }, half_open_max_wait: 0s, ramp_up: { time: 0s }, rates: { slow_call: { first_token: 0s, per_output_token: 0s } } } }",
        )],
        concat!(
            "9:34 platform.breaker.recovery: recovery takes no time: it must be longer than 0s\n",
            "9:62 platform.breaker.probe_renewal.after: a round of probes takes no time: it must be longer than 0s\n",
            "9:88 platform.breaker.half_open_max_wait: half-open takes no time: it must be longer than 0s\n",
            "9:109 platform.breaker.ramp_up.time: a ramp-up takes no time: it must be longer than 0s\n",
            "9:150 platform.breaker.rates.slow_call.first_token: a first token takes no time: it must be longer than 0s\n",
            "9:172 platform.breaker.rates.slow_call.per_output_token: a token takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a recovery that shrinks",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { recovery: 60s, recovery_growth: 50%, recovery_max: 30s } }",
        )],
        concat!(
            "9:56 platform.breaker.recovery_growth: a recovery of 50% of the last one would shrink (state 100% or more)\n",
            "9:75 platform.breaker.recovery_max: the longest recovery, 30s, is shorter than the first, 1m (raise `recovery_max`)",
        ),
    ),
    (
        "a ramp-up to more than everything",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { ramp_up: { time: 1min, start: 120% } } }",
        )],
        "9:54 platform.breaker.ramp_up.start: 120% of all places cannot be used at first: at most 100% can (state a share from 0% to 100%)",
    ),
    (
        "an error that is counted and ignored",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { breaker: { count: [conflict], ignore: [conflict, sadness], mode: off } }",
        )],
        concat!(
            "9:51 platform.breaker.ignore: `conflict` is both counted and ignored (leave it out of one of the lists)\n",
            "9:62 platform.breaker.ignore[1]: expected one of `timeout`, `unavailable`, `rate_limited`, `capacity_exhausted`, `preempted`, `credit_exhausted`, `policy_refused`, `unauthorized`, `not_found`, `conflict`, `invalid`, `protocol`, found `sadness`\n",
            "9:78 platform.breaker.mode: expected one of `automatic`, `forced_open`, `disabled`, `metrics_only`, found `off`",
        ),
    ),
    (
        "an error that is both",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { cables: { pools: { a: { breaker: { count: [conflict], ignore: [conflict] } } } } }",
        )],
        "9:75 platform.cables.pools.a.breaker.ignore: `conflict` is both counted and ignored (leave it out of one of the lists)",
    ),
    (
        "a limit that never moves",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { cables: { limit: { aimd: { backoff: 100%, initial: 2, least: 5, tolerance: 100%, recalibrate: 0s } } } }",
        )],
        concat!(
            "9:49 platform.cables.limit.aimd.backoff: a limit cannot back off to 100% of itself (state more than 0%, less than 100%)\n",
            "9:64 platform.cables.limit.aimd.initial: an initial limit of 2 is below the least, 5 (raise `initial`, or lower `least`)\n",
            "9:88 platform.cables.limit.aimd.tolerance: a pool never takes less than 100% of its idle time (state more than 100%)\n",
            "9:107 platform.cables.limit.aimd.recalibrate: a look at the idle pool takes no time: it must be longer than 0s",
        ),
    ),
];
