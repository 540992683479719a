use super::Case;

/// About tiers and covenants.
pub(super) const CASES: &[Case] = &[
    (
        "tiers of one name, and a tier that is not there",
        &[
            (
                "models: [gemma-2b]",
                "models: [gemma-2b]\nplatform: { tiers: [{ name: gold }, { name: gold }] }",
            ),
            ("duration: 1min", "duration: 1min\ntenants: [{ name: acme, tier: gould }]"),
        ],
        concat!(
            "3:31 tenants[0].tier: unknown tier `gould` (did you mean `gold`?)\n",
            "10:45 platform.tiers[1].name: there are two tiers `gold` (rename this one; the first is on line 10)",
        ),
    ),
    (
        "promises of nothing",
        &[(
            "duration: 1min",
            "duration: 1min\ntenants: [{ name: acme, covenant: { ttft: 0s, tpot: 50, end_to_end: 0ms } }]",
        )],
        concat!(
            "3:43 tenants[0].covenant.ttft: a first token takes no time: it must be longer than 0s\n",
            "3:53 tenants[0].covenant.tpot: `50` has no unit of duration: expected one of ns, us, ms, s, min, h, days\n",
            "3:69 tenants[0].covenant.end_to_end: an answer takes no time: it must be longer than 0s",
        ),
    ),
    (
        "neither enforced nor not",
        &[("name: chat", "name: chat\n    covenant: { ttft: 1s, enforce: strictly }")],
        "11:36 traffic[0].covenant.enforce: expected true or false, found `strictly`",
    ),
    (
        "a share of two sizes",
        &[(
            "duration: 1min",
            "duration: 1min\ntenants: [{ name: acme, covenant: { min_vram: 8 GiB, max_vram: 4 GiB } }]",
        )],
        "3:64 tenants[0].covenant.max_vram: a share has at least 8 GiB and at most 4 GiB (raise `max_vram`, or leave one out)",
    ),
    (
        "fallbacks to nowhere",
        &[("name: chat", "name: chat\n    covenant: { fallback: [gemma-2c, a] }")],
        "11:28 traffic[0].covenant.fallback[0]: unknown model or pool `gemma-2c` (did you mean `gemma-2b`?)",
    ),
    (
        "a fallback of two meanings",
        &[
            ("- name: a", "- name: gemma-2b"),
            ("name: chat", "name: chat\n    covenant: { fallback: [gemma-2b] }"),
        ],
        "11:28 traffic[0].covenant.fallback[0]: `gemma-2b` is both a model and a pool (rename one of them)",
    ),
    (
        "an answer that does not get shorter",
        &[("name: chat", "name: chat\n    covenant: { shorten_to: 100%, min_output_tokens: 0 }")],
        concat!(
            "11:29 traffic[0].covenant.shorten_to: an answer of 100% of its length is not shorter (state a share below 100%)\n",
            "11:54 traffic[0].covenant.min_output_tokens: `0` is out of range: it must be between 1 and 4194304",
        ),
    ),
    (
        "a least length of nothing",
        &[("name: chat", "name: chat\n    covenant: { min_output_tokens: 5 }")],
        "11:36 traffic[0].covenant.min_output_tokens: `min_output_tokens` has no effect here (it goes with `shorten_to`)",
    ),
    (
        "concessions twice, without a price and unknown",
        &[(
            "name: chat",
            "name: chat\n    covenant: { concessions: [fallback, fallback, higher_price, speed] }",
        )],
        concat!(
            "11:41 traffic[0].covenant.concessions[1]: the same concession is named twice\n",
            "11:51 traffic[0].covenant.concessions[2]: nothing says how high a price may be (add `cost_ceiling` beside `concessions`)\n",
            "11:65 traffic[0].covenant.concessions[3]: expected one of `fallback`, `shorter_answer`, `preemptible`, `higher_price`, found `speed`",
        ),
    ),
    (
        "an unknown key",
        &[("name: chat", "name: chat\n    covenant: { ttfb: 1s }")],
        "11:17 traffic[0].covenant.ttfb: unknown key `ttfb` (did you mean `ttft`?)",
    ),
];
