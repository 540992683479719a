use super::Case;

/// About the platform, traffic, faults, objectives, and the text itself.
pub(super) const CASES: &[Case] = &[
    (
        "overlapping classes",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  classes:\n    - { name: big, max_prompt_tokens: 1000, models: [gemma-2b] }\n    - { name: small, max_prompt_tokens: 100, models: [gemma-2b] }\n    - { name: rest, models: [gemma-2b] }",
        )],
        "12:7 platform.classes[1]: class `small` gets no request: class `big` before it takes all of them (order classes from the simplest to the most complex, with growing bounds)",
    ),
    (
        "a class behind one that takes everything",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  classes: [{ name: all, models: [gemma-2b] }, { name: never, models: [gemma-2b] }]",
        )],
        "10:48 platform.classes[1]: class `never` gets no request: class `all` before it takes all of them (order classes from the simplest to the most complex, with growing bounds)",
    ),
    (
        "a class with unknown or no models",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  classes: [{ name: x, max_prompt_tokens: 5, models: [] }, { name: y, models: [gemma] }]",
        )],
        concat!(
            "10:54 platform.classes[0].models: class `x` is served by no model (name at least one)\n",
            "10:80 platform.classes[1].models[0]: unknown model `gemma` (did you mean `gemma-2b`?)",
        ),
    ),
    (
        "a router that does not exist",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  router: cheap")],
        "10:11 platform.router: expected one of `cheapest`, `fastest`, `random`, `round_robin`, `weighted`, `least_loaded`, `power_of_two`, `prefix_affine`, `tiered`, `covenant`, `static`, found `cheap` (did you mean `cheapest`?)",
    ),
    (
        "weights of pools that do not exist",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { weighted: { a: 1000001, b: 1 } }",
        )],
        concat!(
            "10:28 platform.router.weighted.a: `1000001` is out of range: it must be between 0 and 1000000\n",
            "10:37 platform.router.weighted.b: unknown pool `b` (the pools are `a`)",
        ),
    ),
    (
        "a weighted router that weighs nothing",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { weighted: { a: 0 } }",
        )],
        "10:11 platform.router: the weighted router has no pool with a weight above 0 (weigh at least one pool: `weighted: { pool: 1 }`)",
    ),
    (
        "a rule that needs settings, as a bare word",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  router: weighted")],
        "10:11 platform.router: `weighted` needs settings of its own (write `{ weighted: ... }`)",
    ),
    (
        "a prefix of no blocks and a load below the mean",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { prefix_affine: { blocks: 0, load_factor: 99%, pools: 1 } }",
        )],
        concat!(
            "10:38 platform.router.prefix_affine.blocks: `0` is out of range: it must be between 1 and 64\n",
            "10:54 platform.router.prefix_affine.load_factor: a load factor of 99% leaves requests without a pool (100% is the mean load of all pools: give at least that)\n",
            "10:59 platform.router.prefix_affine.pools: unknown key `pools` (the keys here are `blocks`, `load_factor`)",
        ),
    ),
    (
        "a quantile and a margin out of range",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { covenant: { quantile: 100%, margin: 91% } }",
        )],
        concat!(
            "10:35 platform.router.covenant.quantile: `100%` is out of range: it must be between 50% and 99.9%\n",
            "10:49 platform.router.covenant.margin: `91%` is out of range: it must be between 0% and 90%",
        ),
    ),
    (
        "a measure that does not exist",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { power_of_two: { by: price } }",
        )],
        "10:33 platform.router.power_of_two.by: expected one of `load`, `latency`, found `price`",
    ),
    (
        "static candidates that are wrong",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { static: { all: [gemma-2b, gemma-2b@b, gemma-2@a], none: [] } }",
        )],
        concat!(
            "10:29 platform.router.static.all[0]: `gemma-2b` is not a candidate (write it as `model@pool`)\n",
            "10:39 platform.router.static.all[1]: unknown pool `b` (the pools are `a`)\n",
            "10:51 platform.router.static.all[2]: unknown model `gemma-2` (did you mean `gemma-2b`?)\n",
            "10:63 platform.router.static.none: unknown class `none` (the classes are `all`)\n",
            "10:69 platform.router.static.none: a class needs at least one candidate",
        ),
    ),
    (
        "a static router without a class",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  classes: [{ name: x, max_prompt_tokens: 5, models: [gemma-2b] }, { name: y, models: [gemma-2b] }]\n  router: { static: { x: [gemma-2b@a] } }",
        )],
        "11:11 platform.router: the static router has no candidates for class `y` (add `y: [model@pool]`)",
    ),
    (
        "a candidate that does not fit its pool",
        &[
            ("      count: 1", "      count: 1\n    - { name: b, gpu: H100, count: 1 }"),
            (
                "models: [gemma-2b]",
                "models: [gemma-2b, qwen-72b]\nplatform:\n  router: { static: { all: [qwen-72b@a] } }",
            ),
        ],
        "11:29 platform.router.static.all[0]: model `qwen-72b` needs 80 GiB and 100 TFLOPS of one GPU, but those of pool `a` have 24 GiB and 121 TFLOPS (choose a pool with larger GPUs for this model)",
    ),
    (
        "a time-out of zero",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  timeouts: { inference: 0s }")],
        "10:26 platform.timeouts.inference: an inference takes no time: it must be longer than 0s",
    ),
    (
        "hedges at once, of a percentile that is none, or of something unknown",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  hedging: { after: 0s, measure: last_token, same_pools: true }",
        )],
        concat!(
            "10:21 platform.hedging.after: a hedge at once would double all traffic: it must be later than 0s\n",
            "10:34 platform.hedging.measure: expected one of `first_token`, `end_to_end`, found `last_token` (did you mean `first_token`?)\n",
            "10:46 platform.hedging.same_pools: unknown key `same_pools` (did you mean `same_pool`?)",
        ),
    ),
    (
        "a classifier that asks nobody there is, at once, or in an unknown way",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  classifier: { by: guess, ask: { model: gemma-3b, pool: b, timeout: 0s }, via: a }",
        )],
        concat!(
            "10:21 platform.classifier.by: expected one of `lengths`, `rules`, `trained`, found `guess` (did you mean `rules`?)\n",
            "10:42 platform.classifier.ask.model: unknown model `gemma-3b` (did you mean `gemma-2b`?)\n",
            "10:58 platform.classifier.ask.pool: unknown pool `b` (the pools are `a`)\n",
            "10:76 platform.classifier.via: unknown key `via` (the keys here are `by`, `ask`)",
        ),
    ),
    (
        "a classifier whose model is too large for its pool",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b, qwen-72b]\nplatform:\n  classifier: { ask: { model: qwen-72b, pool: a } }",
        )],
        concat!(
            "8:20 models[1]: model `qwen-72b` needs 80 GiB and 100 TFLOPS of one GPU and fits no pool (add a pool with larger GPUs or remove the model; the pools are a (24 GiB, 121 TFLOPS))\n",
            "10:47 platform.classifier.ask.pool: GPUs of pool `a` have no room for model `qwen-72b` (choose a pool with larger GPUs, or ask a smaller model)",
        ),
    ),
    (
        "leases of one tenant among several, and more than lie warm",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\ntenants: [{ name: acme }, { name: globex }]\nplatform:\n  leases: { max_warm: 2, min_warm: { gemma-2b@a: 3 } }",
        )],
        concat!(
            "11:50 platform.leases.min_warm.gemma-2b@a: these leases would serve one tenant only (add `shared: true`, so that tenants share leases)\n",
            "11:50 platform.leases.min_warm.gemma-2b@a: more than lie warm at most, which is 2 (raise `max_warm`)",
        ),
    ),
    (
        "leases of something that is no candidate, and sweeps without a pause",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  leases: { sweep: 0s, min_warm: { gemma-2b: 3 }, batching: { max: 1, wait: 0s } }",
        )],
        concat!(
            "10:20 platform.leases.sweep: the time between two sweeps takes no time: it must be longer than 0s\n",
            "10:36 platform.leases.min_warm.gemma-2b: `gemma-2b` is not a candidate (write it as `model@pool`)\n",
            "10:68 platform.leases.batching.max: `1` is out of range: it must be between 2 and 256\n",
            "10:77 platform.leases.batching.wait: the time in which requests share a lease takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a forecast that is certain, of a season that is too long, with too much weight",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  leases: { forecast: { quantile: 100%, interval: 1s, method: { holt_winters: { gamma: 101%, season: 2h } } } }",
        )],
        concat!(
            "10:35 platform.leases.forecast.quantile: no number of leases is enough for certain: it must be below 100%\n",
            "10:88 platform.leases.forecast.method.holt_winters.gamma: 101% of all weight cannot lie on the newest value: at most 100% can (state a share from 0% to 100%)\n",
            "10:102 platform.leases.forecast.method.holt_winters.season: a season of 7200 intervals: it has from 2 to 4032 (change `interval`)",
        ),
    ),
    (
        "hedges after a percentile that is none",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  hedging: { after: p100 }")],
        "10:21 platform.hedging.after: `p100` is not a percentile between p1 and p99.99",
    ),
    (
        "hedges after neither a time nor a percentile",
        &[("models: [gemma-2b]", "models: [gemma-2b]\nplatform:\n  hedging: { after: 95 }")],
        "10:21 platform.hedging.after: `95` has no unit of duration: expected one of ns, us, ms, s, min, h, days, or a percentile such as p95",
    ),
    (
        "a first token after the end",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  timeouts: { first_token: 2min, inference: 1min, total: 0s, abandon: stop }",
        )],
        concat!(
            "10:28 platform.timeouts.first_token: the first token may take longer than the whole inference, so this is no limit (lower it below `inference`, or leave it out)\n",
            "10:58 platform.timeouts.total: a request takes no time: it must be longer than 0s\n",
            "10:71 platform.timeouts.abandon: expected one of `cancel`, `leave`, found `stop`",
        ),
    ),
    (
        "a budget of more than everything",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  retry: { budget: { share: 101%, burst: -1, rate: 3 } }",
        )],
        concat!(
            "10:29 platform.retry.budget.share: 101% of all first tries cannot be sent again: at most 100% can (state a share from 0% to 100%)\n",
            "10:42 platform.retry.budget.burst: `-1` is out of range: it must be between 0 and 1000000\n",
            "10:46 platform.retry.budget.rate: unknown key `rate` (the keys here are `enabled`, `share`, `per_second`, `burst`)",
        ),
    ),
    (
        "a limit that is none",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  cables: { max_in_flight: 0, pools: { b: { queue: 1 } } }",
        )],
        concat!(
            "10:28 platform.cables.max_in_flight: `0` is not a limit: expected a number between 1 and 1000000, or `unlimited`\n",
            "10:40 platform.cables.pools.b: unknown pool `b` (the pools are `a`)",
        ),
    ),
    (
        "a priority out of range",
        &[("duration: 1min", "duration: 1min\ntenants: [{ name: acme, priority: 10 }]")],
        "3:35 tenants[0].priority: `10` is out of range: it must be between 0 and 9",
    ),
    (
        "an unknown tenant",
        &[("name: chat", "name: chat\n    tenant: acme")],
        "11:13 traffic[0].tenant: unknown tenant `acme` (the tenants are `default`)",
    ),
    (
        "two ways to make requests",
        &[("name: chat", "name: chat\n    trace: { file: own.csv }")],
        "10:5 traffic[0]: a traffic source makes requests in exactly one way (give one of `arrivals`, `users`, `trace` and `servegen`)",
    ),
    (
        "no way to make requests",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    class: all\n",
        )],
        "10:5 traffic[0]: a traffic source makes requests in exactly one way (give one of `arrivals`, `users`, `trace` and `servegen`)",
    ),
    (
        "no traffic",
        &[(
            "traffic:\n  - name: chat\n    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "traffic: []\n",
        )],
        "9:10 traffic: there is no traffic (add at least one source)",
    ),
    (
        "synthetic traffic without lengths",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    arrivals: { poisson: { rate: 1/s } }\n",
        )],
        concat!(
            "11:15 traffic[0].arrivals: synthetic traffic does not say its `prompt_tokens` (add `prompt_tokens: { lognormal: { p50: 1020, p95: 4083 } }` or `prompt_tokens: 256`)\n",
            "11:15 traffic[0].arrivals: synthetic traffic does not say its `output_tokens` (add `output_tokens: { lognormal: { p50: 1020, p95: 4083 } }` or `output_tokens: 256`)",
        ),
    ),
    (
        "synthetic traffic without an end",
        &[("duration: 1min\n", "")],
        "9:3 traffic: traffic `chat` does not end by itself, and the scenario has no `duration` (add `duration: 10min` at the top)",
    ),
    (
        "a trace with lengths of its own",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: azure.csv }\n    prompt_tokens: 10\n    batch: 2\n",
        )],
        concat!(
            "12:20 traffic[0].prompt_tokens: `prompt_tokens` has no effect here (it goes with `arrivals`, `users` or `servegen`; remove it)\n",
            "13:12 traffic[0].batch: `batch` has no effect here (it goes with `arrivals`; remove it)",
        ),
    ),
    (
        "users who are nobody, without lengths, at a rate",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    users: { count: 0, think: -1s }\n    output_tokens: 10\n    batch: 2\n",
        )],
        concat!(
            "11:12 traffic[0].users: synthetic traffic does not say its `prompt_tokens` (add `prompt_tokens: { lognormal: { p50: 1020, p95: 4083 } }` or `prompt_tokens: 256`)\n",
            "11:21 traffic[0].users.count: `0` is out of range: it must be between 1 and 100000\n",
            "11:31 traffic[0].users.think: `-1s` is out of range for a duration: it must be between 0 and 366 days\n",
            "13:12 traffic[0].batch: `batch` has no effect here (it goes with `arrivals`; remove it)",
        ),
    ),
    (
        "users without an end",
        &[
            ("duration: 1min\n", ""),
            ("    arrivals: { poisson: { rate: 1/s } }\n", "    users: { count: 4 }\n"),
        ],
        "9:3 traffic: traffic `chat` does not end by itself, and the scenario has no `duration` (add `duration: 10min` at the top)",
    ),
    (
        "a fan-out of a trace, and one in batches",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            concat!(
                "    trace: { file: azure.csv }\n    fan_out: 2\n",
                "  - name: search\n    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n",
                "    output_tokens: 10\n    fan_out: 1001\n    batch: 2\n",
            ),
        )],
        concat!(
            "12:14 traffic[0].fan_out: `fan_out` has no effect here (it goes with `arrivals`; remove it)\n",
            "17:14 traffic[1].fan_out: `1001` is out of range: it must be between 1 and 1000\n",
            "18:12 traffic[1].batch: a fan-out is a batch already (remove `batch`, or `fan_out` if requests that arrive together are apart)",
        ),
    ),
    (
        "a length of zero",
        &[("prompt_tokens: 10", "prompt_tokens: 0")],
        "12:20 traffic[0].prompt_tokens: `0` is out of range: it must be between 1 and 4194304",
    ),
    (
        "an absurd length",
        &[("prompt_tokens: 10", "prompt_tokens: 99999999")],
        "12:20 traffic[0].prompt_tokens: `99999999` is out of range: it must be between 1 and 4194304",
    ),
    (
        "lengths out of order",
        &[("prompt_tokens: 10", "prompt_tokens: { lognormal: { p50: 100, p95: 50 } }")],
        "12:50 traffic[0].prompt_tokens.lognormal.p95: p95 (50) is below p50 (100)",
    ),
    (
        "a modulated process of one state",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    arrivals: { mmpp: { states: [{ rate: 1/s, mean_stay: 1s }] } }\n    prompt_tokens: 1\n    output_tokens: 1\n",
        )],
        "11:33 traffic[0].arrivals.mmpp.states: a modulated process needs at least 2 states, not 1 (with one state it is `poisson`)",
    ),
    (
        "a rate curve out of order",
        &[(
            "name: chat",
            "name: chat\n    rate_curve: { period: 1h, points: [{ at: 30min, factor: 100% }, { at: 20min, factor: 100% }, { at: 2h, factor: 0% }] }",
        )],
        concat!(
            "11:75 traffic[0].rate_curve.points[1].at: 20m does not come after the point before it, 30m\n",
            "11:104 traffic[0].rate_curve.points[2].at: 2h lies beyond the period of 1h",
        ),
    ),
    (
        "a rate curve of nothing",
        &[("name: chat", "name: chat\n    rate_curve: { points: [{ at: 0s, factor: 0% }] }")],
        "11:17 traffic[0].rate_curve: the rate is zero throughout (give at least one point with a factor above 0%)",
    ),
    (
        "a missing trace",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: nowhere.csv }\n",
        )],
        "11:20 traffic[0].trace.file: FIXTURES/nowhere.csv does not exist (paths are relative to the scenario file; replace it with `--set <key>=<path>`)",
    ),
    (
        "a trace that is a directory",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: . }\n",
        )],
        "11:20 traffic[0].trace.file: FIXTURES/. is not a file (paths are relative to the scenario file; replace it with `--set <key>=<path>`)",
    ),
    (
        "a trace of no known format",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: everything.yaml }\n",
        )],
        "11:20 traffic[0].trace.file: FIXTURES/everything.yaml: the format is not known: the first line is `# Every key of the language once.`, but a trace begins with `TIMESTAMP,ContextTokens,GeneratedTokens` (azure), a JSON object (mooncake), or a header with `arrived_s` or `arrived_ms`, `prompt_tokens` and `output_tokens` (own)",
    ),
    (
        "a trace of another format",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: own.csv, format: azure }\n",
        )],
        "11:20 traffic[0].trace.file: FIXTURES/own.csv:1: the column `TIMESTAMP` is missing; the header has `arrived_s`, `prompt_tokens`, `output_tokens`, `tenant`, `class`, `model`, `note`",
    ),
    (
        "too many copies of a trace",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    trace: { file: azure.csv, rate: 100 }\n",
        )],
        "11:37 traffic[0].trace.rate: a rate of 100 needs more than 64 copies of the trace (lower it; `time_scale` below 1 raises the rate by a faster clock)",
    ),
    (
        "a mix whose lengths are unknown",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    servegen: { rates: rates.csv, tokens: quantiles.csv }\n",
        )],
        "11:15 traffic[0].servegen: nothing says how long the requests of clients 9 are (add `prompt_tokens` and `output_tokens` beside `servegen`, or name a table as `tokens`)",
    ),
    (
        "a mix that starts after its end",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    servegen: { rates: rates.csv, start: 1h }\n    prompt_tokens: 1\n    output_tokens: 1\n",
        )],
        "11:42 traffic[0].servegen.start: 1h lies beyond the end of the table at 20m",
    ),
    (
        "a mix from the wrong table",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    servegen: { rates: quantiles.csv }\n    prompt_tokens: 1\n    output_tokens: 1\n",
        )],
        "11:24 traffic[0].servegen.rates: FIXTURES/quantiles.csv:1: the column `rate_rps` is missing; the header has `client`, `window_start_s`, `input_tokens_mean`, `input_tokens_p50`, `input_tokens_p95`, `input_tokens_p99`, `input_tokens_max`, `output_tokens_mean`, `output_tokens_p50`, `output_tokens_p95`, `output_tokens_p99`, `output_tokens_max`",
    ),
    (
        "a fault without a kind",
        &[("duration: 1min", "duration: 1min\nfaults: [{ at: 1s, lasts: 0s }]")],
        concat!(
            "3:10 faults[0]: a fault has one kind, but none is given (write one of `outage: {}`, `errors: { rate: 10% }`, `latency: { add: 2s }`, `brownout: { slowdown: 500% }`, `partition: { direction: both }`, `gpu_loss: { count: 1 }`, `maintenance: { deadline: 10min }`)\n",
            "3:27 faults[0].lasts: the fault takes no time: it must be longer than 0s",
        ),
    ),
    (
        "a fault of two kinds on an unknown pool",
        &[(
            "duration: 1min",
            "duration: 1min\nfaults: [{ at: 1s, lasts: 1s, pool: b, outage: {}, errors: { rate: 150%, operation: alocate } }]",
        )],
        concat!(
            "3:10 faults[0]: a fault has one kind, but 2 are given (write one of `outage: {}`, `errors: { rate: 10% }`, `latency: { add: 2s }`, `brownout: { slowdown: 500% }`, `partition: { direction: both }`, `gpu_loss: { count: 1 }`, `maintenance: { deadline: 10min }`)\n",
            "3:37 faults[0].pool: unknown pool `b` (the pools are `a`)\n",
            "3:68 faults[0].errors.rate: 150% of all calls cannot fail: at most 100% can (state a share from 0% to 100%)\n",
            "3:85 faults[0].errors.operation: expected one of `allocate`, `infer`, `cancel`, `release`, `inspect`, `list`, `pools`, found `alocate` (did you mean `allocate`?)",
        ),
    ),
    (
        "maintenance that is over before it has begun",
        &[(
            "provider:",
            "faults:\n  - { at: 1s, lasts: 1min, maintenance: { deadline: 30s } }\nprovider:",
        )],
        "4:41 faults[0].maintenance: a deadline of 30s and a grace of 30s leave nothing of a maintenance of 1m (let it last longer than both together)",
    ),
    (
        "an objective on an unknown pool",
        &[("duration: 1min", "duration: 1min\nobjectives: ['ttft.p95{pool=b} < 1s']")],
        "3:14 objectives[0]: unknown pool `b` (the pools are `a`)",
    ),
    (
        "an objective on an unknown metric",
        &[("duration: 1min", "duration: 1min\nobjectives: [ttfft.p95 < 1s]")],
        "3:14 objectives[0]: unknown metric `ttfft` (did you mean `ttft`?)",
    ),
    (
        "an objective in the wrong unit",
        &[(
            "duration: 1min",
            "duration: 1min\nobjectives: [ttft.p95 < 10%, error_rate < 1s, cost < 1s, throughput > 5, peak_in_flight > 1.5]",
        )],
        concat!(
            "3:14 objectives[0]: the threshold of `ttft`: `10%` is not a duration: expected something like `200ms`\n",
            "3:30 objectives[1]: the threshold of `error_rate`: `1s` has no unit of ratio: expected one of % or none (0.125)\n",
            "3:47 objectives[2]: the threshold of `cost`: `1s` is not a price: expected something like `2.50`\n",
            "3:58 objectives[3]: the threshold of `throughput`: `5` has no unit of rate: expected one of /s, /min, /h, /day (20/s)\n",
            "3:74 objectives[4]: the threshold of `peak_in_flight`: `1.5` is not a whole number",
        ),
    ),
    (
        "an anchor",
        &[("name: smallest", "name: &x smallest")],
        "1:7 anchors and aliases are not part of the scenario language (write the value out, and put text with a leading `*`, `&` or `!` in quotes)",
    ),
    (
        "a tag",
        &[("name: smallest", "name: !!str smallest")],
        "1:7 tags are not part of the scenario language (write the value out, and put text with a leading `*`, `&` or `!` in quotes)",
    ),
    (
        "text that is no YAML",
        &[("models: [gemma-2b]", "models: [gemma-2b")],
        "9:8 not valid YAML: illegal placement of ':' indicator",
    ),
    (
        "a list where keys belong",
        &[("provider:\n  pools:\n    - name: a\n      gpu: L4\n      count: 1", "provider: [1]")],
        "3:11 provider: expected the keys `regions`, `pools`, found a list",
    ),
    (
        "text where a list belongs",
        &[("models: [gemma-2b]", "models: gemma-2b")],
        "8:9 models: expected a list, found `gemma-2b`",
    ),
    (
        "keys where a choice belongs",
        &[(
            "models: [gemma-2b]",
            "models: [gemma-2b]\nplatform:\n  router: { cheapest: {}, fastest: {} }",
        )],
        "10:11 platform.router: expected one of `cheapest`, `fastest`, `random`, `round_robin`, `weighted`, `least_loaded`, `power_of_two`, `prefix_affine`, `tiered`, `covenant`, `static`, found keys",
    ),
    (
        "a choice that needs settings",
        &[("arrivals: { poisson: { rate: 1/s } }", "arrivals: poisson")],
        "11:15 traffic[0].arrivals: the key `rate` is missing (write `{ poisson: { rate: ... } }`)",
    ),
    (
        "nothing where something belongs",
        &[("models: [gemma-2b]", "models:")],
        "8:7 models: expected a list, found nothing",
    ),
];
