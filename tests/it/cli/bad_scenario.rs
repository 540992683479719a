//! Mistakes in what a scenario says.

use crate::binary::{Desk, SMALL};

/// The refusal of the small scenario with one text replaced by another.
fn with(good: &str, bad: &str) -> String {
    assert!(SMALL.contains(good), "{good}");
    Desk::with_scenario(SMALL.replace(good, bad)).harpoon(&["run", "scenario.yaml"]).refusal()
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    insta::assert_snapshot!(with("sharing_ratio", "sharingratio"), @r"
    error: unknown key `sharingratio`
      --> scenario.yaml:6:41: provider.pools[0].sharingratio
       |     - { name: cards, gpu: L4, count: 4, sharingratio: 4, price_per_slot_hour: 1.00 }
      help: did you mean `sharing_ratio`?
    exit code 2
    ");
}

#[test]
fn a_missing_key_is_named() {
    insta::assert_snapshot!(with("    prompt_tokens: 64\n", ""), @r"
    error: synthetic traffic does not say its `prompt_tokens`
      --> scenario.yaml:13:15: traffic[0].arrivals
       |     arrivals: { poisson: { rate: 5/s } }
      help: add `prompt_tokens: { lognormal: { p50: 1020, p95: 4083 } }` or `prompt_tokens: 256`
    exit code 2
    ");
    insta::assert_snapshot!(with(", count: 4", ""), @r"
    error: the key `count` is missing
      --> scenario.yaml:6:7: provider.pools[0]
       |     - { name: cards, gpu: L4, sharing_ratio: 4, price_per_slot_hour: 1.00 }
    exit code 2
    ");
}

#[test]
fn a_key_given_twice_is_refused_with_the_line_of_the_first() {
    insta::assert_snapshot!(with("seed: 3\n", "seed: 3\nseed: 4\n"), @r"
    error: the key `seed` is given twice
      --> scenario.yaml:3:1
       | seed: 4
      help: it is first given on line 2
    exit code 2
    ");
}

#[test]
fn a_wrong_unit_is_refused_with_the_known_ones() {
    insta::assert_snapshot!(with("vram: 4 GiB", "vram: 4 GB"), @r"
    error: `4 GB` has no unit of memory size: expected one of MiB, GiB, TiB
      --> scenario.yaml:9:46: models[0].requirements.vram
       |     requirements: { tflops: 10 TFLOPS, vram: 4 GB }
    exit code 2
    ");
    insta::assert_snapshot!(with("duration: 20s", "duration: 20 parsecs"), @r"
    error: `20 parsecs` has no unit of duration: expected one of ns, us, ms, s, min, h, days
      --> scenario.yaml:3:11: duration
       | duration: 20 parsecs
    exit code 2
    ");
    insta::assert_snapshot!(with("rate: 5/s", "rate: 5"), @r"
    error: `5` has no unit of rate: expected one of /s, /min, /h, /day (20/s)
      --> scenario.yaml:13:34: traffic[0].arrivals.poisson.rate
       |     arrivals: { poisson: { rate: 5 } }
    exit code 2
    ");
}

#[test]
fn a_negative_number_and_one_that_is_none_are_refused() {
    insta::assert_snapshot!(with("count: 4", "count: -4"), @r"
    error: `-4` is out of range: it must be between 1 and 100000
      --> scenario.yaml:6:38: provider.pools[0].count
       |     - { name: cards, gpu: L4, count: -4, sharing_ratio: 4, price_per_slot_hour: 1.00 }
    exit code 2
    ");
    insta::assert_snapshot!(with("duration: 20s", "duration: -20s"), @r"
    error: `-20s` is out of range for a duration: it must be between 0 and 366 days
      --> scenario.yaml:3:11: duration
       | duration: -20s
    exit code 2
    ");
    insta::assert_snapshot!(with("rate: 5/s", "rate: NaN/s"), @r"
    error: `NaN/s` has no unit of rate: expected one of /s, /min, /h, /day (20/s)
      --> scenario.yaml:13:34: traffic[0].arrivals.poisson.rate
       |     arrivals: { poisson: { rate: NaN/s } }
    exit code 2
    ");
    insta::assert_snapshot!(with("poisson: { rate: 5/s }", "gamma: { rate: 5/s, cv: .nan }"), @r"
    error: `.nan` is not a finite number
      --> scenario.yaml:13:41: traffic[0].arrivals.gamma.cv
       |     arrivals: { gamma: { rate: 5/s, cv: .nan } }
    exit code 2
    ");
    insta::assert_snapshot!(with("price_per_slot_hour: 1.00", "price_per_slot_hour: inf"), @r"
    error: `inf` is not a price: expected something like `2.50`
      --> scenario.yaml:6:80: provider.pools[0].price_per_slot_hour
       |     - { name: cards, gpu: L4, count: 4, sharing_ratio: 4, price_per_slot_hour: inf }
    exit code 2
    ");
}

#[test]
fn a_pool_without_gpus_is_refused() {
    insta::assert_snapshot!(with("count: 4", "count: 0"), @r"
    error: `0` is out of range: it must be between 1 and 100000
      --> scenario.yaml:6:38: provider.pools[0].count
       |     - { name: cards, gpu: L4, count: 0, sharing_ratio: 4, price_per_slot_hour: 1.00 }
    exit code 2
    ");
}

#[test]
fn a_scenario_without_pools_is_refused() {
    let pools =
        "    - { name: cards, gpu: L4, count: 4, sharing_ratio: 4, price_per_slot_hour: 1.00 }\n";
    insta::assert_snapshot!(with(pools, "      []\n"), @r"
    error: there are no pools
      --> scenario.yaml:6:7: provider.pools
       |       []
      help: add at least one
    exit code 2
    ");
}

#[test]
fn a_model_that_fits_no_pool_is_refused_with_what_there_is() {
    insta::assert_snapshot!(with("vram: 4 GiB", "vram: 40 GiB"), @r"
    error: model `tiny` needs 40 GiB and 10 TFLOPS of one GPU and fits no pool
      --> scenario.yaml:8:5: models[0]
       |   - name: tiny
      help: add a pool with larger GPUs or remove the model; the pools are cards (24 GiB, 121 TFLOPS)
    exit code 2
    ");
}

#[test]
fn an_unknown_card_is_refused_with_the_catalogue() {
    insta::assert_snapshot!(with("gpu: L4", "gpu: TPU"), @r"
    error: unknown GPU `TPU`
      --> scenario.yaml:6:27: provider.pools[0].gpu
       |     - { name: cards, gpu: TPU, count: 4, sharing_ratio: 4, price_per_slot_hour: 1.00 }
      help: the GPUs of the catalogue are `A10G`, `L4`, `L40S`, `A100-40`, `A100-80`, `H100`, `H200`, `B200`, `RTX PRO 6000`; describe another one as `{ name, vram, tflops_16bit, memory_bandwidth }`
    exit code 2
    ");
}

#[test]
fn a_run_of_no_length_is_refused() {
    insta::assert_snapshot!(with("duration: 20s", "duration: 0s"), @r"
    error: the run takes no time: it must be longer than 0s
      --> scenario.yaml:3:11: duration
       | duration: 0s
    exit code 2
    ");
    insta::assert_snapshot!(with("duration: 20s\n", ""), @r"
    error: traffic `chat` does not end by itself, and the scenario has no `duration`
      --> scenario.yaml:11:3: traffic
       |   - name: chat
      help: add `duration: 10min` at the top
    exit code 2
    ");
}

#[test]
fn a_warm_up_that_leaves_nothing_is_refused() {
    insta::assert_snapshot!(with("duration: 20s", "duration: 20s\nwarm_up: 20s"), @r"
    error: the warm-up of `20s` leaves nothing of a run of `20s`
      --> scenario.yaml:4:10: warm_up
       | warm_up: 20s
      help: make it shorter than `duration`
    exit code 2
    ");
}

#[test]
fn absurd_sizes_are_refused_with_their_range() {
    insta::assert_snapshot!(with("count: 4", "count: 4000000000"), @r"
    error: `4000000000` is out of range: it must be between 1 and 100000
      --> scenario.yaml:6:38: provider.pools[0].count
       |     - { name: cards, gpu: L4, count: 4000000000, sharing_ratio: 4, price_per_slot_hour: 1.00 }
    exit code 2
    ");
    insta::assert_snapshot!(with("sharing_ratio: 4", "sharing_ratio: 1000"), @r"
    error: `1000` is out of range: it must be between 1 and 10
      --> scenario.yaml:6:56: provider.pools[0].sharing_ratio
       |     - { name: cards, gpu: L4, count: 4, sharing_ratio: 1000, price_per_slot_hour: 1.00 }
    exit code 2
    ");
    insta::assert_snapshot!(with("duration: 20s", "duration: 99999999999999999999h"), @r"
    error: `99999999999999999999h` is out of range for a duration: it must be between 0 and 366 days
      --> scenario.yaml:3:11: duration
       | duration: 99999999999999999999h
    exit code 2
    ");
    insta::assert_snapshot!(with("duration: 20s", "duration: 400d"), @r"
    error: `400d` is out of range for a duration: it must be between 0 and 366 days
      --> scenario.yaml:3:11: duration
       | duration: 400d
    exit code 2
    ");
    insta::assert_snapshot!(with("rate: 5/s", "rate: 1e300/s"), @r"
    error: `1e300/s` has no unit of rate: expected one of /s, /min, /h, /day (20/s)
      --> scenario.yaml:13:34: traffic[0].arrivals.poisson.rate
       |     arrivals: { poisson: { rate: 1e300/s } }
    exit code 2
    ");
    insta::assert_snapshot!(with("rate: 5/s", "rate: 1000000000/s"), @r"
    error: `1000000000/s` is out of range for a rate: it must be between 0 and 1,000,000/s
      --> scenario.yaml:13:34: traffic[0].arrivals.poisson.rate
       |     arrivals: { poisson: { rate: 1000000000/s } }
    exit code 2
    ");
    insta::assert_snapshot!(with("prompt_tokens: 64", "prompt_tokens: 99999999999"), @r"
    error: `99999999999` is out of range: it must be between 1 and 4194304
      --> scenario.yaml:14:20: traffic[0].prompt_tokens
       |     prompt_tokens: 99999999999
    exit code 2
    ");
    insta::assert_snapshot!(with("seed: 3", "seed: 18446744073709551616"), @r"
    error: `18446744073709551616` is out of range: it must be between 0 and 18446744073709551615
      --> scenario.yaml:2:7: seed
       | seed: 18446744073709551616
    exit code 2
    ");
}

#[test]
fn the_largest_provider_allowed_still_runs() {
    let desk = Desk::with_scenario(SMALL);
    let set = ["run", "scenario.yaml", "--quiet", "--set", "provider.pools.0.count=100000"];
    assert_eq!(desk.harpoon(&set).code, Some(0));
}

#[test]
fn an_objective_that_asks_for_nothing_known_is_refused() {
    insta::assert_snapshot!(with("error_rate < 1%", "eror_rate < 1%"), @r"
    error: unknown metric `eror_rate`
      --> scenario.yaml:17:5: objectives[0]
       |   - eror_rate < 1%
      help: did you mean `error_rate`?
    exit code 2
    ");
    insta::assert_snapshot!(with("error_rate < 1%", "ttft.p95{pool=crads} < 1s"), @r"
    error: unknown pool `crads`
      --> scenario.yaml:17:5: objectives[0]
       |   - ttft.p95{pool=crads} < 1s
      help: did you mean `cards`?
    exit code 2
    ");
}

#[test]
fn an_override_that_leads_nowhere_is_refused_with_the_nearest_way() {
    let desk = Desk::with_scenario(SMALL);
    let refusals: Vec<String> = [
        "provider.pools[crads].count=2",
        "provider.pools.7.count=2",
        "provider.pools.0.cuont=2",
        "provider.pools.0.count=many",
        "seed.x=1",
        "provider.pools.0.count=[1",
    ]
    .map(|set| desk.harpoon(&["run", "scenario.yaml", "--set", set]).refusal())
    .into();
    insta::assert_snapshot!(refusals.join("\n\n"), @r"
    error: `provider.pools` has 1 item, but none at `crads`
      --> --set:1:1
       | provider.pools[crads].count=2
      help: did you mean `cards`?
    exit code 2

    error: `provider.pools` has 1 item, but none at `7`
      --> --set:1:1
       | provider.pools.7.count=2
      help: the names are `cards`
    exit code 2

    error: unknown key `cuont`
      --> --set:1:1: provider.pools[0].cuont
       | provider.pools.0.cuont=2
      help: did you mean `count`?
    exit code 2

    error: `many` is not a whole number
      --> --set:1:24: provider.pools[0].count
       | provider.pools.0.count=many
    exit code 2

    error: `seed` is a single value and has no `x`
      --> --set:1:1
       | seed.x=1
    exit code 2

    error: not valid YAML: while parsing a flow sequence, expected ',' or ']'
      --> --set:1:26
       | provider.pools.0.count=[1
    exit code 2
    ");
}
