use super::Case;

/// About control planes and what goes wrong with them.
pub(super) const CASES: &[Case] = &[
    (
        "a list latency without a unit",
        &[("  pools:", "  regions: [{ name: eu, control_plane: { list: 20 } }]\n  pools:")],
        "4:48 provider.regions[0].control_plane.list: `20` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
    ),
    (
        "a law of latencies that does not exist",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { pools: { normal: { mean: 1s } } } }]\n  pools:",
        )],
        "4:49 provider.regions[0].control_plane.pools: expected one of `uniform`, `exponential`, `lognormal`, `pareto`, found `normal` (did you mean `lognormal`?)",
    ),
    (
        "a heavy tail from nothing",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { infer: { pareto: { least: 0s, alpha: 0.01 } } } }]\n  pools:",
        )],
        concat!(
            "4:68 provider.regions[0].control_plane.infer.pareto.least: the least time takes no time: it must be longer than 0s\n",
            "4:79 provider.regions[0].control_plane.infer.pareto.alpha: `0.01` is out of range: it must be between 0.1 and 10",
        ),
    ),
    (
        "a cancellation that takes less than no time",
        &[("  pools:", "  regions: [{ name: eu, control_plane: { cancel: -1s } }]\n  pools:")],
        "4:50 provider.regions[0].control_plane.cancel: `-1s` is out of range for a duration: it must be between 0 and 366 days",
    ),
    (
        "a rate of refusals above all calls",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { failures: { rate_limited: 101% } } }]\n  pools:",
        )],
        "4:68 provider.regions[0].control_plane.failures.rate_limited: 101% of all calls cannot be refused: at most 100% can (state a share from 0% to 100%)",
    ),
    (
        "a rate of failures above all calls of one kind",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { failures: { unavailable: { allocate: 200% } } } }]\n  pools:",
        )],
        "4:79 provider.regions[0].control_plane.failures.unavailable.allocate: 200% of all calls cannot fail: at most 100% can (state a share from 0% to 100%)",
    ),
    (
        "a rate of losses that is no share",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { failures: { timed_out: often } } }]\n  pools:",
        )],
        "4:65 provider.regions[0].control_plane.failures.timed_out: `often` is not a ratio: expected something like `12.5%`",
    ),
    (
        "a rate of an operation that does not exist",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { failures: { timed_out: { alocate: 1% } } } }]\n  pools:",
        )],
        "4:67 provider.regions[0].control_plane.failures.timed_out.alocate: unknown key `alocate` (did you mean `allocate`?)",
    ),
    (
        "a failure that does not exist",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { failures: { timeout: 1% } } }]\n  pools:",
        )],
        "4:54 provider.regions[0].control_plane.failures.timeout: unknown key `timeout` (did you mean `timed_out`?)",
    ),
    (
        "no wait for an answer",
        &[("  pools:", "  regions: [{ name: eu, control_plane: { timeout: 0s } }]\n  pools:")],
        "4:51 provider.regions[0].control_plane.timeout: the wait for an answer takes no time: it must be longer than 0s",
    ),
    (
        "a tenant without access that nobody knows",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { no_access: [globex] } }]\n  pools:",
        )],
        "4:54 provider.regions[0].control_plane.no_access[0]: unknown tenant `globex` (the tenants are `default`)",
    ),
    (
        "a quirk that does not exist",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { ghost: 1% } } }]\n  pools:",
        )],
        "4:52 provider.regions[0].control_plane.quirks.ghost: unknown key `ghost` (did you mean `ghosts`?)",
    ),
    (
        "more ghosts than grants",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { ghosts: 150%, empty_200: 101% } } }]\n  pools:",
        )],
        concat!(
            "4:60 provider.regions[0].control_plane.quirks.ghosts: 150% of all grants cannot be ghosts: at most 100% can (state a share from 0% to 100%)\n",
            "4:77 provider.regions[0].control_plane.quirks.empty_200: 101% of all grants cannot be empty: at most 100% can (state a share from 0% to 100%)",
        ),
    ),
    (
        "a quirk that is neither on nor off",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { already_subscribed: perhaps, policy_500: 500, zero_usage: none } } }]\n  pools:",
        )],
        concat!(
            "4:72 provider.regions[0].control_plane.quirks.already_subscribed: expected true or false, found `perhaps`\n",
            "4:93 provider.regions[0].control_plane.quirks.policy_500: expected true or false, found `500`\n",
            "4:110 provider.regions[0].control_plane.quirks.zero_usage: expected true or false, found `none`",
        ),
    ),
    (
        "absurdly many foreign rows",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { foreign_rows: 10001 } } }]\n  pools:",
        )],
        "4:66 provider.regions[0].control_plane.quirks.foreign_rows: `10001` is out of range: it must be between 0 and 10000",
    ),
    (
        "lists that are behind by a number",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { eventual_lists: 5 } } }]\n  pools:",
        )],
        "4:68 provider.regions[0].control_plane.quirks.eventual_lists: `5` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
    ),
    (
        "slow releases out of order",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { quirks: { slow_release: { lognormal: { p50: 2min, p95: 1min } } } } }]\n  pools:",
        )],
        "4:97 provider.regions[0].control_plane.quirks.slow_release.lognormal.p95: p95 (1m) is below p50 (2m)",
    ),
    (
        "a brown-out that makes things faster",
        &[(
            "duration: 1min",
            "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, brownout: { slowdown: 50% } }]",
        )],
        "3:53 faults[0].brownout.slowdown: a brown-out makes nothing faster, but 50% of a latency is less of it (state at least 100%, such as `500%` for five times as long)",
    ),
    (
        "a brown-out that fails more than all calls",
        &[(
            "duration: 1min",
            "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, brownout: { slowdown: 200%, errors: 101% } }]",
        )],
        "3:67 faults[0].brownout.errors: 101% of all calls cannot fail: at most 100% can (state a share from 0% to 100%)",
    ),
    (
        "a brown-out without a slowdown",
        &[("duration: 1min", "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, brownout: {} }]")],
        "3:41 faults[0].brownout: the key `slowdown` is missing",
    ),
    (
        "a partition in a direction that does not exist",
        &[(
            "duration: 1min",
            "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, partition: { direction: answers } }]",
        )],
        "3:55 faults[0].partition.direction: expected one of `request`, `answer`, `both`, found `answers` (did you mean `answer`?)",
    ),
    (
        "two kinds of fault in one",
        &[(
            "duration: 1min",
            "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, brownout: { slowdown: 200% }, partition: {} }]",
        )],
        "3:10 faults[0]: a fault has one kind, but 2 are given (write one of `outage: {}`, `errors: { rate: 10% }`, `latency: { add: 2s }`, `brownout: { slowdown: 500% }`, `partition: { direction: both }`, `gpu_loss: { count: 1 }`, `maintenance: { deadline: 10min }`)",
    ),
];
