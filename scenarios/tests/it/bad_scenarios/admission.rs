use super::Case;

/// About lines, quotas and patience.
pub(super) const CASES: &[Case] = &[
    (
        "a line in no known order",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  cables: { line: filo, pools: { a: { line: { adaptive_lifo: { after: 0s } } } } }",
        )],
        concat!(
            "10:19 platform.cables.line: expected one of `fifo`, `lifo`, `adaptive_lifo`, `shortest`, `priority`, `weighted_fair`, found `filo` (did you mean `fifo`?)\n",
            "10:71 platform.cables.pools.a.line.adaptive_lifo.after: a standing line takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a line shortened sooner than it is long",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  cables: { codel: { target: 2s, interval: 1s }, pools: { a: { codel: { target: 0s, drop: some } } } }",
        )],
        concat!(
            "10:44 platform.cables.codel.interval: an interval of 1s is shorter than the target, 2s (raise `interval`, or lower `target`)\n",
            "10:81 platform.cables.pools.a.codel.target: a delay to aim at takes no time: it must be longer than 0s\n",
            "10:91 platform.cables.pools.a.codel.drop: expected one of `by_control_law`, `all_overdue`, found `some`",
        ),
    ),
    (
        "a bound of more than there is, and of nothing",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  admission: { wait_bound: 120% }",
        )],
        "10:28 platform.admission.wait_bound: 120% of all time left cannot pass in line: at most 100% can (state a share from 0% to 100%)",
    ),
    (
        "rules of shedding that shed nobody, for ever, and in two ways",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  admission:\n    shed:\n      - { line: 0%, until: 101% }\n      - { classes: [some], places: 101% }\n      - { tiers: [gold], below_priority: 3, wait: 0s }\n      - { below_priority: 10, line: 50%, wait: 1s }",
        )],
        concat!(
            "12:9 platform.admission.shed[0]: a rule of shedding names requests in one way (state one of `below_priority`, `classes` and `tiers`)\n",
            "12:17 platform.admission.shed[0].line: a rule that begins at 0% never ends\n",
            "12:28 platform.admission.shed[0].until: 101% of all load cannot be left: at most 100% can (state a share from 0% to 100%)\n",
            "13:21 platform.admission.shed[1].classes[0]: unknown class `some` (the classes are `all`)\n",
            "13:36 platform.admission.shed[1].places: 101% of all places cannot be taken: at most 100% can (state a share from 0% to 100%)\n",
            "14:9 platform.admission.shed[2]: a rule of shedding names requests in one way (state one of `below_priority`, `classes` and `tiers`)\n",
            "14:51 platform.admission.shed[2].wait: a wait that is too long takes no time: it must be longer than 0s\n",
            "15:9 platform.admission.shed[3]: a rule of shedding begins at one load (state one of `line`, `places` and `wait`)\n",
            "15:27 platform.admission.shed[3].below_priority: `10` is out of range: it must be between 1 and 9",
        ),
    ),
    (
        "a bound of nothing",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  admission: { wait_bound: 0% }")],
        "10:28 platform.admission.wait_bound: nobody would ever wait in line (state a share from 1% to 100%, or `cables: { queue: 0 }`)",
    ),
    (
        "a bound that is switched off",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  admission: { bounded: false, wait_bound: 10% }",
        )],
        "10:44 platform.admission.wait_bound: `wait_bound` has no effect here (remove it, or `bounded: false`)",
    ),
    (
        "quotas of nothing",
        &[(
            "duration: 1min",
            "duration: 1min\ntenants: [{ name: acme, weight: 0, quota: { requests: { burst: 5 }, tokens_per_minute: 0, concurrent: 0, spend_per_day: -1 } }]",
        )],
        concat!(
            "3:33 tenants[0].weight: `0` is out of range: it must be between 1 and 1000\n",
            "3:55 tenants[0].quota.requests: the key `per_second` is missing\n",
            "3:88 tenants[0].quota.tokens_per_minute: `0` is out of range: it must be between 1 and 1000000000000\n",
            "3:103 tenants[0].quota.concurrent: `0` is out of range: it must be between 1 and 1000000\n",
            "3:121 tenants[0].quota.spend_per_day: `-1` is out of range for a price: it must be between 0 and 10^12 with at most nine decimals",
        ),
    ),
    (
        "patience without a unit",
        &[("name: chat", "name: chat\n    patience: 5")],
        "11:15 traffic[0].patience: `5` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
    ),
];
