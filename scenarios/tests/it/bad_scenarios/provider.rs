use super::Case;

/// About the run as a whole, the provider and the models.
pub(super) const CASES: &[Case] = &[
    (
        "an unknown key",
        &[("      count: 1", "      count: 1\n      sharing_ration: 2")],
        "8:7 provider.pools[0].sharing_ration: unknown key `sharing_ration` (did you mean `sharing_ratio`?)",
    ),
    (
        "an unknown key without a likeness",
        &[("      count: 1", "      count: 1\n      zzz: 2")],
        "8:7 provider.pools[0].zzz: unknown key `zzz` (the keys here are `name`, `region`, `kind`, `gpu`, `count`, `sharing_ratio`, `price_per_slot_hour`, `price_per_card_hour`, `price_changes`, `placement`, `sharing`, `guaranteed_share`, `vip`, `neighbours`, `serving`, `weight_load_bandwidth`, `preemption`, `autoscale`, `spot`, `failures`, ...)",
    ),
    (
        "an unknown key at the top",
        &[("duration: 1min", "duration: 1min\nwarmup: 3s")],
        "3:1 warmup: unknown key `warmup` (did you mean `warm_up`?)",
    ),
    (
        "a price that changes at the start, out of order, and to nothing",
        &[(
            "      count: 1",
            "      count: 1\n      price_changes: [{ at: 0s, price_per_slot_hour: 1 }, { at: 2min, price_per_slot_hour: 1 }, { at: 2min, price_per_slot_hour: 2 }, { at: 3min }]",
        )],
        concat!(
            "8:29 provider.pools[0].price_changes[0].at: the price changes at 0s, which is not after 0s (the price at the start is `price_per_slot_hour` of the pool)\n",
            "8:103 provider.pools[0].price_changes[2].at: the price changes at 2m, which is not after 2m (list changes in order of time)\n",
            "8:135 provider.pools[0].price_changes[3]: the key `price_per_slot_hour` is missing",
        ),
    ),
    (
        "blocks of the KV cache that are no power of two",
        &[("      count: 1", "      count: 1\n      serving: { block_tokens: 24 }")],
        "8:32 provider.pools[0].serving.block_tokens: `24` is not a power of two (16 and 32 are)",
    ),
    (
        "hash ids that are no whole blocks",
        &[(
            "      count: 1",
            "      count: 1\n      serving: { block_tokens: 64, content_tokens: 96 }",
        )],
        "8:52 provider.pools[0].serving.content_tokens: a hash id of 96 tokens does not consist of whole blocks of 64 (make `content_tokens` a multiple of `block_tokens`)",
    ),
    (
        "a KV cache without a size",
        &[("      count: 1", "      count: 1\n      serving: { kv_cache: 0% }")],
        "8:28 provider.pools[0].serving.kv_cache: `0%` is not the size of a KV cache: expected a number of tokens, a share of the memory such as `90%`, or `endless`",
    ),
    (
        "cards that do not make whole groups",
        &[("      count: 1", "      count: 3\n      serving: { tensor_parallel: 2 }")],
        "8:35 provider.pools[0].serving.tensor_parallel: 3 cards cannot work in groups of 2 (make `count` a multiple of `tensor_parallel`)",
    ),
    (
        "drafts that are all accepted",
        &[(
            "      count: 1",
            "      count: 1\n      serving: { speculation: { drafts: 2, acceptance: 100% } }",
        )],
        "8:56 provider.pools[0].serving.speculation.acceptance: not every draft can be accepted (state an acceptance rate below 100%)",
    ),
    (
        "a stack that nobody measured",
        &[("      count: 1", "      count: 1\n      serving: { efficiency: vllm }")],
        "8:30 provider.pools[0].serving.efficiency: no stack `vllm` was measured on L4 (there are no stacks measured on L4; state it as `{ compute, memory, ... }`)",
    ),
    (
        "a stack misspelt",
        &[
            ("gpu: L4", "gpu: H200"),
            ("      count: 1", "      count: 1\n      serving: { efficiency: vlm }"),
        ],
        "8:30 provider.pools[0].serving.efficiency: no stack `vlm` was measured on H200 (did you mean `vllm`?)",
    ),
    (
        "more than all of a card",
        &[(
            "      count: 1",
            "      count: 1\n      serving: { efficiency: { compute: 101%, memory: 0% } }",
        )],
        concat!(
            "8:41 provider.pools[0].serving.efficiency.compute: 101% is not a share of what the card has (state a share above 0% and at most 100%)\n",
            "8:55 provider.pools[0].serving.efficiency.memory: 0% is not a share of what the card has (state a share above 0% and at most 100%)",
        ),
    ),
    (
        "a quantum that only support allows",
        &[("      count: 1", "      count: 1\n      sharing: { turns: { quantum: 5s } }")],
        "8:36 provider.pools[0].sharing.turns.quantum: a quantum of 5s is not between 10s and 2m (`operator_override: true` allows it from 2s on)",
    ),
    (
        "a quantum that nobody allows",
        &[("      count: 1", "      count: 1\n      sharing: { turns: { quantum: 1h } }")],
        "8:36 provider.pools[0].sharing.turns.quantum: a quantum of 1h is not between 10s and 2m (the API takes 10s to 2m)",
    ),
    (
        "more guaranteed than a card",
        &[(
            "      count: 1",
            "      count: 1\n      sharing_ratio: 3\n      guaranteed_share: 60%\n      neighbours: [{ guaranteed_share: 50% }]",
        )],
        "9:25 provider.pools[0].guaranteed_share: neighbours and one share are guaranteed more than a card (let what is guaranteed add up to at most 100%)",
    ),
    (
        "neighbours that take every share",
        &[("      count: 1", "      count: 1\n      neighbours: [{}]")],
        "8:19 provider.pools[0].neighbours: 1 neighbours leave no share of a card that has 1 (raise `sharing_ratio` above the number of neighbours)",
    ),
    (
        "a neighbour that cannot be",
        &[(
            "      count: 1",
            "      count: 1\n      sharing_ratio: 2\n      neighbours: [{ busy: 1s, working_set: 25 GiB }]",
        )],
        concat!(
            "9:20 provider.pools[0].neighbours[0]: a neighbour that works in pieces must rest between them (state `idle`, or leave `busy` out for one that always has work)\n",
            "9:20 provider.pools[0].neighbours[0]: a working set of 25 GiB is larger than the card (state at most 24 GiB)",
        ),
    ),
    (
        "spot capacity that nobody says when, or two say",
        &[(
            "      count: 1",
            "      count: 1\n      spot: { grace: 1s }\n    - name: b\n      gpu: L4\n      count: 1\n      spot: { trace: spot.json, process: { up: 1h, down: 1h } }",
        )],
        concat!(
            "8:13 provider.pools[0].spot: either `trace` or `process` says when cards come and go, but none is given (state one of them)\n",
            "12:13 provider.pools[1].spot: either `trace` or `process` says when cards come and go, but both are given (state one of them)",
        ),
    ),
    (
        "a trace of capacity that is none",
        &[("      count: 1", "      count: 1\n      spot: { trace: azure.csv }")],
        "8:22 provider.pools[0].spot.trace: FIXTURES/azure.csv: is no trace of spot capacity: that is JSON with `metadata.gap_seconds` and `data`, or lines of `milliseconds,add|remove,node`, or of `date, time, count`",
    ),
    (
        "a trace of capacity that is not there",
        &[("      count: 1", "      count: 1\n      spot: { trace: { file: none.json } }")],
        "8:30 provider.pools[0].spot.trace.file: FIXTURES/none.json does not exist (paths are relative to the scenario file; replace it with `--set <key>=<path>`)",
    ),
    (
        "a run that begins after its trace of capacity",
        &[(
            "      count: 1",
            "      count: 1\n      spot: { trace: { file: spot.json, start: 50min } }",
        )],
        "8:48 provider.pools[0].spot.trace.start: the run begins 50m into a trace that lasts 50m (state less than the trace lasts)",
    ),
    (
        "cards that come and go all the time",
        &[(
            "      count: 1",
            "      count: 1\n      spot: { process: { up: 999ms, down: 1h, together: 101% } }\n      failures: { card: { mtbf: 0s, mttr: 1h }, common: { mtbf: 36526days, mttr: 1h } }",
        )],
        concat!(
            "8:30 provider.pools[0].spot.process.up: what stays for 999ms only comes and goes all the time (state a second or more)\n",
            "8:57 provider.pools[0].spot.process.together: 101% of all cards cannot go together: at most 100% can (state a share from 0% to 100%)\n",
            "9:33 provider.pools[0].failures.card.mtbf: what stays for 0s only comes and goes all the time (state a second or more)\n",
            "9:65 provider.pools[0].failures.common.mtbf: `36526days` is out of range for a duration: it must be between 0 and 100 years",
        ),
    ),
    (
        "long steps that are faster",
        &[(
            "      count: 1",
            "      count: 1\n      serving: { efficiency: { link: 50%, long_steps: { tokens: 9, link: 51% } } }",
        )],
        "8:74 provider.pools[0].serving.efficiency.long_steps.link: long steps are not faster per token than short ones (state at most the `link` of all)",
    ),
    (
        "a missing key",
        &[("      gpu: L4\n", "")],
        "5:7 provider.pools[0]: the key `gpu` is missing",
    ),
    (
        "several missing keys",
        &[("    - name: a\n      gpu: L4\n      count: 1", "    - kind: standard")],
        concat!(
            "5:7 provider.pools[0]: the key `name` is missing\n",
            "5:7 provider.pools[0]: the key `gpu` is missing\n",
            "5:7 provider.pools[0]: the key `count` is missing",
        ),
    ),
    (
        "a key given twice",
        &[("      count: 1", "      count: 1\n      count: 2")],
        "8:7 the key `count` is given twice (it is first given on line 7)",
    ),
    (
        "a wrong unit",
        &[("duration: 1min", "duration: 1 GiB")],
        "2:11 duration: `1 GiB` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
    ),
    (
        "a missing unit",
        &[("duration: 1min", "duration: 60")],
        "2:11 duration: `60` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
    ),
    (
        "a rate without a unit",
        &[("rate: 1/s", "rate: 1")],
        "11:34 traffic[0].arrivals.poisson.rate: `1` has no unit of rate: expected one of /s, /min, /h, /day (20/s)",
    ),
    (
        "a zero duration",
        &[("duration: 1min", "duration: 0s")],
        "2:11 duration: the run takes no time: it must be longer than 0s",
    ),
    (
        "an absurd duration",
        &[("duration: 1min", "duration: 2000days")],
        "2:11 duration: `2000days` is out of range for a duration: it must be between 0 and 366 days",
    ),
    (
        "a negative duration",
        &[("duration: 1min", "duration: -5s")],
        "2:11 duration: `-5s` is out of range for a duration: it must be between 0 and 366 days",
    ),
    (
        "a warm-up that leaves nothing",
        &[("duration: 1min", "duration: 1min\nwarm_up: 1min")],
        "3:10 warm_up: the warm-up of `1min` leaves nothing of a run of `1min` (make it shorter than `duration`)",
    ),
    (
        "no replication",
        &[("duration: 1min", "duration: 1min\nreplications: 0")],
        "3:15 replications: `0` is out of range: it must be between 1 and 10000",
    ),
    (
        "absurd replications",
        &[("duration: 1min", "duration: 1min\nreplications: 1000000")],
        "3:15 replications: `1000000` is out of range: it must be between 1 and 10000",
    ),
    (
        "a negative number",
        &[("count: 1", "count: -3")],
        "7:14 provider.pools[0].count: `-3` is out of range: it must be between 1 and 100000",
    ),
    (
        "a number that is none",
        &[("count: 1", "count: many")],
        "7:14 provider.pools[0].count: `many` is not a whole number",
    ),
    (
        "a fraction where a whole number belongs",
        &[("count: 1", "count: 1.5")],
        "7:14 provider.pools[0].count: `1.5` is not a whole number",
    ),
    (
        "not a number",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    arrivals: { gamma: { rate: 1/s, cv: .nan } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
        )],
        "11:41 traffic[0].arrivals.gamma.cv: `.nan` is not a finite number",
    ),
    (
        "an infinite number",
        &[(
            "    arrivals: { poisson: { rate: 1/s } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
            "    arrivals: { gamma: { rate: 1/s, cv: inf } }\n    prompt_tokens: 10\n    output_tokens: 10\n",
        )],
        "11:41 traffic[0].arrivals.gamma.cv: `inf` is not a finite number",
    ),
    (
        "a negative rate",
        &[("rate: 1/s", "rate: -1/s")],
        "11:34 traffic[0].arrivals.poisson.rate: `-1/s` is out of range for a rate: it must be between 0 and 1,000,000/s",
    ),
    (
        "a NaN rate",
        &[("rate: 1/s", "rate: NaN/s")],
        "11:34 traffic[0].arrivals.poisson.rate: `NaN/s` has no unit of rate: expected one of /s, /min, /h, /day (20/s)",
    ),
    (
        "a rate of zero",
        &[("rate: 1/s", "rate: 0/s")],
        "11:34 traffic[0].arrivals.poisson.rate: a rate of zero brings no requests (raise it, or remove the source)",
    ),
    (
        "an absurd rate",
        &[("rate: 1/s", "rate: 5000000/s")],
        "11:34 traffic[0].arrivals.poisson.rate: `5000000/s` is out of range for a rate: it must be between 0 and 1,000,000/s",
    ),
    (
        "an absurd number of requests",
        &[("rate: 1/s", "rate: 900000/s"), ("duration: 1min", "duration: 30days")],
        "10:3 traffic: about 2332800000000 requests are expected, but at most 10000000000 are simulated (lower the rates or shorten `duration`)",
    ),
    (
        "a pool without GPUs",
        &[("count: 1", "count: 0")],
        "7:14 provider.pools[0].count: `0` is out of range: it must be between 1 and 100000",
    ),
    (
        "no pools",
        &[("    - name: a\n      gpu: L4\n      count: 1", "    []")],
        "5:5 provider.pools: there are no pools (add at least one)",
    ),
    (
        "absurdly many GPUs",
        &[("count: 1", "count: 99999999")],
        "7:14 provider.pools[0].count: `99999999` is out of range: it must be between 1 and 100000",
    ),
    (
        "absurdly many shares",
        &[("      count: 1", "      count: 1\n      sharing_ratio: 11")],
        "8:22 provider.pools[0].sharing_ratio: `11` is out of range: it must be between 1 and 10",
    ),
    (
        "absurdly many shares in total",
        &[(
            "count: 1",
            "count: 100000\n      sharing_ratio: 10\n    - { name: b, gpu: L4, count: 1 }",
        )],
        "5:5 provider.pools: the pools have 1000001 shares together, but at most 1000000 are simulated (lower `count` or `sharing_ratio`)",
    ),
    (
        "an unknown GPU",
        &[("gpu: L4", "gpu: H10")],
        "6:12 provider.pools[0].gpu: unknown GPU `H10` (did you mean `H100`?)",
    ),
    (
        "a GPU without compute",
        &[(
            "gpu: L4",
            "gpu: { name: x, vram: 80 GiB, tflops_16bit: 0 TFLOPS, memory_bandwidth: 1 TB/s }",
        )],
        concat!(
            "6:51 provider.pools[0].gpu.tflops_16bit: a GPU must have a compute rate above zero\n",
            "8:10 models[0]: model `gemma-2b` needs 2 GiB and 5 TFLOPS of one GPU and fits no pool (add a pool with larger GPUs or remove the model; the pools are a (80 GiB, 0 TFLOPS))",
        ),
    ),
    (
        "a GPU that nobody knows",
        &[("gpu: L4", "gpu: voodoo2")],
        "6:12 provider.pools[0].gpu: unknown GPU `voodoo2` (the GPUs of the catalogue are `A10G`, `L4`, `L40S`, `A100-40`, `A100-80`, `H100`, `H200`, `B200`, `RTX PRO 6000`; describe another one as `{ name, vram, tflops_16bit, memory_bandwidth }`)",
    ),
    (
        "an unknown model",
        &[("gemma-2b", "gemma-3b")],
        "8:10 models[0]: unknown model `gemma-3b` (did you mean `gemma-2b`?)",
    ),
    (
        "a model without requirements",
        &[("[gemma-2b]", "[{ name: mine }]")],
        concat!(
            "8:18 models[0].name: model `mine` does not say its `requirements` (add `requirements`; only models of the catalogue may leave it out)\n",
            "8:18 models[0].name: model `mine` does not say its `timing` (add `timing`; only models of the catalogue may leave it out)",
        ),
    ),
    (
        "a model too large for every card",
        &[("[gemma-2b]", "[gemma-2b, qwen-72b]")],
        "8:20 models[1]: model `qwen-72b` needs 80 GiB and 100 TFLOPS of one GPU and fits no pool (add a pool with larger GPUs or remove the model; the pools are a (24 GiB, 121 TFLOPS))",
    ),
    (
        "a model with too much compute for every card",
        &[(
            "[gemma-2b]",
            "[{ name: gemma-2b, requirements: { tflops: 200 TFLOPS, vram: 1 GiB } }]",
        )],
        "8:10 models[0]: model `gemma-2b` needs 1 GiB and 200 TFLOPS of one GPU and fits no pool (add a pool with larger GPUs or remove the model; the pools are a (24 GiB, 121 TFLOPS))",
    ),
    (
        "a model that takes no time",
        &[("[gemma-2b]", "[{ name: gemma-2b, timing: { linear: { base: 0s } } }]")],
        "8:36 models[0].timing: an iteration takes no time: `base` and `per_sequence` are both zero",
    ),
    (
        "a precision that does not exist",
        &[(
            "[gemma-2b]",
            "[{ name: m, requirements: { tflops: 1 TFLOPS, vram: 1 GiB }, timing: { roofline: { parameters_billion: 1, active_parameters_billion: 2, weight_bits: 5, layers: 1, kv_heads: 1, head_dim: 1 } } }]",
        )],
        concat!(
            "8:142 models[0].timing.roofline.active_parameters_billion: more parameters are active than there are\n",
            "8:158 models[0].timing.roofline.weight_bits: `5` is not a precision: expected 16, 8 or 4 bits",
        ),
    ),
    (
        "a vocabulary larger than the model",
        &[(
            "[gemma-2b]",
            "[{ name: m, requirements: { tflops: 1 TFLOPS, vram: 1 GiB }, timing: { roofline: { parameters_billion: 0.001, vocabulary: 1000, kv_bits: 4, layers: 1, kv_heads: 1, head_dim: 512 } } }]",
        )],
        concat!(
            "8:131 models[0].timing.roofline.vocabulary: the embeddings and the output layer have more parameters than are active\n",
            "8:146 models[0].timing.roofline.kv_bits: `4` is not a precision: expected 16 or 8 bits",
        ),
    ),
    ("no models", &[("[gemma-2b]", "[]")], "8:9 models: there are no models (add at least one)"),
    (
        "two pools of one name",
        &[("      count: 1", "      count: 1\n    - { name: a, gpu: L4, count: 1 }")],
        "8:15 provider.pools[1].name: there are two pools `a` (rename this one; the first is on line 5)",
    ),
    (
        "a name with reserved characters",
        &[("name: a\n", "name: a@b\n")],
        "5:13 provider.pools[0].name: `a@b` contains `@`, which names must not",
    ),
    (
        "an empty name",
        &[("name: a\n", "name: ''\n")],
        "5:13 provider.pools[0].name: a name must not be empty or begin or end with a blank",
    ),
    (
        "an unknown region",
        &[("      count: 1", "      count: 1\n      region: eu")],
        "8:15 provider.pools[0].region: unknown region `eu` (the regions are `default`)",
    ),
    (
        "an unknown kind",
        &[("      count: 1", "      count: 1\n      kind: premum")],
        "8:13 provider.pools[0].kind: expected one of `standard`, `premium`, `preemptible`, `dedicated`, `local`, found `premum` (did you mean `premium`?)",
    ),
    (
        "an endpoint that is no URL",
        &[("      count: 1", "      count: 1\n      endpoint: gpu.example.com")],
        "8:17 provider.pools[0].endpoint: `gpu.example.com` is not the address of an endpoint (write it as https://host or https://host:port/path)",
    ),
    (
        "an endpoint of another protocol",
        &[("      count: 1", "      count: 1\n      endpoint: ftp://gpu.example.com")],
        "8:17 provider.pools[0].endpoint: `ftp://gpu.example.com` is not the address of an endpoint (write it as https://host or https://host:port/path)",
    ),
    (
        "a dialect that nobody speaks",
        &[("      count: 1", "      count: 1\n      endpoint: http://gpu\n      dialect: opnai")],
        "9:16 provider.pools[0].dialect: expected one of `harpoon_v1`, `covenant_v1`, `openai`, `gpuaas`, found `opnai` (did you mean `openai`?)",
    ),
    (
        "a dialect spoken nowhere",
        &[("      count: 1", "      count: 1\n      dialect: openai")],
        "8:16 provider.pools[0].dialect: a dialect without an endpoint where it is spoken (add `endpoint: http://host:port`, or leave `dialect` out)",
    ),
    (
        "decimal gigabytes",
        &[(
            "gpu: L4",
            "gpu: { name: x, vram: 80 GB, tflops_16bit: 1 TFLOPS, memory_bandwidth: 1 TB/s }",
        )],
        "6:29 provider.pools[0].gpu.vram: `80 GB` has no unit of memory size: expected one of MiB, GiB, TiB",
    ),
    (
        "quantiles out of order",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { allocate: { lognormal: { p50: 40ms, p95: 20ms } } } }]\n  pools:",
        )],
        "4:83 provider.regions[0].control_plane.allocate.lognormal.p95: p95 (20ms) is below p50 (40ms)",
    ),
    (
        "a median of zero",
        &[(
            "  pools:",
            "  regions: [{ name: eu, control_plane: { allocate: { lognormal: { p50: 0s, p95: 20ms } } } }]\n  pools:",
        )],
        "4:72 provider.regions[0].control_plane.allocate.lognormal.p50: the median takes no time: it must be longer than 0s",
    ),
];
