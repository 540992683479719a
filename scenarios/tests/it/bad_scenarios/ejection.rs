use super::Case;

/// About pools that are left out because they do worse than their peers.
pub(super) const CASES: &[Case] = &[
    (
        "an unknown key of ejection",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform: { ejection: { treshold: 3 } }")],
        "9:25 platform.ejection.treshold: unknown key `treshold` (the keys here are `interval`, `minimum_calls`, `failure_margin`, `slowness`, `base`, `longest`, `most`)",
    ),
    (
        "times of ejection that are none",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { ejection: { interval: 0s, base: 0s } }",
        )],
        concat!(
            "9:35 platform.ejection.interval: an interval of ejection takes no time: it must be longer than 0s\n",
            "9:45 platform.ejection.base: an ejection takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a number of ejection out of range",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { ejection: { minimum_calls: 0 } }",
        )],
        "9:40 platform.ejection.minimum_calls: `0` is out of range: it must be between 1 and 1000000",
    ),
    (
        "shares of ejection that are none or too much",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { ejection: { failure_margin: 0%, slowness: 100%, most: 101% } }",
        )],
        concat!(
            "9:41 platform.ejection.failure_margin: with a margin of 0% half of the pools are outliers (state a margin above 0%)\n",
            "9:55 platform.ejection.slowness: 100% of its peers' time is not slow (state more than 100%)\n",
            "9:67 platform.ejection.most: 101% of all pools cannot be left out: at most 100% can (state a share from 0% to 100%)",
        ),
    ),
    (
        "a margin of ejection above everything",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform: { ejection: { failure_margin: 101% } }",
        )],
        "9:41 platform.ejection.failure_margin: 101% of all results cannot be failures: at most 100% can (state a share from 0% to 100%)",
    ),
];
