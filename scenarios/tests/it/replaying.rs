//! Traffic has the requests that it says it has.

use platform::Request;
use scenarios::{
    Scenario,
    trace::{Format, Summary, describe},
};

use crate::world::{fixtures, parse, shared_trace, with_traffic};

/// Requests, prompt tokens and output tokens of a run.
#[derive(Debug, PartialEq, Eq)]
struct Totals(u64, u64, u64);

#[test]
fn the_public_traces_are_replayed_whole() {
    // Counts and means are in the README of the traces; totals are sums over the columns of the
    // files, taken independently with Python's csv and json modules.
    for (file, totals) in [
        ("azure/AzureLLMInferenceTrace_code.csv", Totals(8_819, 18_059_974, 245_896)),
        ("azure/AzureLLMInferenceTrace_conv.csv", Totals(19_366, 22_361_870, 4_088_665)),
        ("mooncake/conversation_trace.jsonl.gz", Totals(12_031, 144_793_823, 4_122_048)),
    ] {
        let Some(path) = shared_trace(file) else { continue };
        assert_eq!(totals_of(&replay(&path, ""), 1), totals, "{file}");
    }
}

#[test]
fn two_traces_are_merged_in_order_of_time() {
    let code = shared_trace("azure/AzureLLMInferenceTrace_code.csv");
    let Some((code, conv)) = code.zip(shared_trace("azure/AzureLLMInferenceTrace_conv.csv")) else {
        return;
    };
    let scenario = with_traffic(&format!(
        "traffic:\n  - {{ name: code, trace: {{ file: {} }} }}\n  - {{ name: conv, trace: {{ file: {} }} }}\n",
        code.display(),
        conv.display()
    ));
    let scenario = Scenario { duration: None, ..scenario };
    assert_eq!(totals_of(&scenario, 1), Totals(28_185, 40_421_844, 4_334_561));
}

#[test]
fn the_azure_code_trace_is_as_published() {
    let Some(path) = shared_trace("azure/AzureLLMInferenceTrace_code.csv") else { return };
    let summary = describe(&path, None).expect("valid");
    assert_eq!(summary.format, Format::Azure);
    assert_row(&summary, (8_819, 3_436, 2.57, 67, 10.53, 13.15, 13.18));
    assert_lengths(&summary, [1_469, 7_303, 7_436, 7_437, 2_048], [13, 90, 251, 1_899, 28]);
}

#[test]
fn the_azure_conversation_trace_is_as_published() {
    let Some(path) = shared_trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let summary = describe(&path, None).expect("valid");
    assert_row(&summary, (19_366, 3_502, 5.53, 16, 8.45, 1.09, 1.39));
    assert_lengths(&summary, [1_020, 4_083, 4_142, 14_050, 1_155], [129, 451, 601, 1_000, 211]);
    assert_eq!((summary.prompt_tokens.total, summary.output_tokens.total), (22_361_870, 4_088_665));
}

#[test]
fn the_mooncake_trace_is_as_published() {
    let Some(path) = shared_trace("mooncake/conversation_trace.jsonl.gz") else { return };
    let summary = describe(&path, None).expect("valid");
    assert_eq!(summary.format, Format::Mooncake);
    assert_row(&summary, (12_031, 3_537, 3.40, 28, 4.12, 3.03, 7.89));
    // The README gives 39,550 and 85,400 and 1,119 (rounded from 39,550.5, 85,400.4 and 1,118.5).
    assert_lengths(
        &summary,
        [6_909, 39_551, 85_400, 126_195, 12_035],
        [350, 698, 1_119, 2_000, 343],
    );
    let prefixes = summary.prefixes.expect("Mooncake tells of blocks");
    assert_eq!((prefixes.blocks, prefixes.distinct_blocks), (288_500, 182_790));
    assert!((prefixes.endless_cache_hit_rate - 0.366).abs() < 0.0005);
}

#[test]
fn a_summary_counts_empty_seconds_and_interpolates_quantiles() {
    let summary = describe(&fixtures().join("mooncake.jsonl"), None).expect("valid");
    assert_eq!((summary.requests, summary.busiest_second, summary.busiest_minute), (3, 2, 3));
    assert!((summary.mean_rate - 1.0).abs() < 1e-12);
    // Gaps of 0 and 3 s; counts per second of 2, 0, 0, 1.
    assert!((summary.interarrival_cv - 1.0).abs() < 1e-12);
    assert!((summary.dispersion - (11.0 / 16.0) / 0.75).abs() < 1e-12);
    assert!((summary.prompt_tokens.p50 - 1_000.0).abs() < 1e-9);
    assert!((summary.prompt_tokens.p95 - 1_450.0).abs() < 1e-9);
    assert_eq!((summary.prompt_tokens.total, summary.prompt_tokens.max), (3_400, 1_500));
    // Seen before: 0 and 1 of the second prompt. 1 of the third comes after a block that is new.
    let prefixes = summary.prefixes.expect("Mooncake tells of blocks");
    assert_eq!((prefixes.blocks, prefixes.distinct_blocks), (7, 4));
    assert!((prefixes.endless_cache_hit_rate - 2.0 / 7.0).abs() < 1e-12);
}

#[test]
fn rows_arrive_from_the_start_and_keep_what_they_name() {
    let scenario = everything();
    let rows = requests_of(&only(&scenario, "replayed"), 1);
    // Doubled time, five seconds late; the first copy is the trace itself.
    let first: Vec<_> = rows.iter().filter(|row| row.prompt_tokens.get() == 20).collect();
    assert!(first.iter().any(|row| row.arrived.as_nanos() == 6_000_000_000), "{rows:?}");
    let acme = rows.iter().find(|row| row.prompt_tokens.get() == 10).expect("the first row");
    assert_eq!(
        (acme.tenant.0, acme.class.map(|c| c.0), acme.model.map(|m| m.0)),
        (0, Some(0), Some(0))
    );
    let globex = rows.iter().find(|row| row.prompt_tokens.get() == 30).expect("the third row");
    assert_eq!((globex.tenant.0, globex.class, globex.model.map(|m| m.0)), (1, None, Some(1)));
}

#[test]
fn the_same_seed_gives_the_same_requests_and_another_seed_others() {
    let scenario = everything();
    let first = requests_of(&scenario, 7);
    assert_eq!(first, requests_of(&scenario, 7));
    assert_ne!(first, requests_of(&scenario, 8));
    assert!(first.is_sorted_by_key(|request| request.arrived));
    assert!(first.iter().enumerate().all(|(index, request)| request.id.0 == index as u64));
    let end = scenario.duration.expect("has one").as_nanos();
    assert!(first.iter().all(|request| request.arrived.as_nanos() < end));
}

#[test]
fn a_source_added_or_moved_does_not_change_another() {
    let scenario = everything();
    for name in ["chat", "bursts", "steady", "moody", "replayed", "mix"] {
        let alone = shapes(&requests_of(&only(&scenario, name), 3));
        assert!(!alone.is_empty(), "{name}");
        let mut reversed = scenario.clone();
        reversed.traffic.reverse();
        for whole in [&scenario, &reversed] {
            let all = shapes(&requests_of(whole, 3));
            let mut rest = all.iter();
            assert!(alone.iter().all(|one| rest.any(|other| other == one)), "{name}");
        }
    }
}

#[test]
fn another_law_of_lengths_does_not_move_arrivals() {
    let with = |law: &str| {
        requests_of(
            &with_traffic(&format!(
                "traffic:\n  - {{ name: chat, arrivals: {{ poisson: {{ rate: 20/s }} }}, prompt_tokens: {law}, output_tokens: {{ uniform: {{ min: 1, max: 9 }} }} }}\n"
            )),
            1,
        )
    };
    let (fixed, drawn) = (with("100"), with("{ lognormal: { p50: 100, p95: 900 } }"));
    let unmoved = |r: &Request| (r.arrived, r.output_tokens);
    assert!(fixed.iter().map(unmoved).eq(drawn.iter().map(unmoved)));
}

#[test]
fn thinning_keeps_the_expected_share_in_order() {
    let Some(path) = shared_trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let whole = shapes(&requests_of(&replay(&path, ""), 1));
    let thinned = shapes(&requests_of(&replay(&path, ", rate: 0.25"), 1));
    // 19,366 rows each kept with probability 1/4: 4,841.5, standard deviation 60.3.
    assert!((thinned.len() as f64 - 4_841.5).abs() < 4.0 * 60.3, "{}", thinned.len());
    let mut rest = whole.iter();
    assert!(thinned.iter().all(|kept| rest.any(|row| row == kept)), "a subsequence");
    assert_eq!(thinned, shapes(&requests_of(&replay(&path, ", rate: 0.25"), 1)));
}

#[test]
fn superposition_repeats_every_row_at_other_times() {
    let Some(path) = shared_trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let tripled = replay(&path, ", rate: 3");
    assert_eq!(totals_of(&tripled, 1), Totals(3 * 19_366, 3 * 22_361_870, 3 * 4_088_665));
    let last = requests_of(&tripled, 1).last().expect("not empty").arrived.as_secs_f64();
    assert!((3_501.7..3_502.0).contains(&last), "no longer than the trace: {last}");
    let fractional = requests_of(&replay(&path, ", rate: 1.5"), 1).len() as f64;
    // One copy and half of another: 29,049, standard deviation 69.6.
    assert!((fractional - 29_049.0).abs() < 4.0 * 69.6, "{fractional}");
    // Copies are shifted against each other, so that the peak grows less than threefold.
    let busiest = |scenario: &Scenario| {
        let mut counts = vec![0_u32; 3_600];
        for request in requests_of(scenario, 1) {
            counts[request.arrived.as_secs_f64() as usize] += 1;
        }
        counts.into_iter().max().unwrap_or_default()
    };
    assert!(busiest(&tripled) < 3 * 16, "{}", busiest(&tripled));
}

#[test]
fn time_scale_stretches_gaps() {
    let Some(path) = shared_trace("azure/AzureLLMInferenceTrace_conv.csv") else { return };
    let (plain, slow) = (replay(&path, ""), replay(&path, ", time_scale: 2"));
    let pairs = requests_of(&plain, 1).into_iter().zip(requests_of(&slow, 1));
    for (one, two) in pairs.take(1_000) {
        assert_eq!(one.arrived.as_nanos() * 2, two.arrived.as_nanos());
    }
}

#[test]
fn a_mix_has_the_rates_of_its_table() {
    let rates = shared_trace("servegen/deepseek-r1_client_rates.csv.gz");
    let tokens = shared_trace("servegen/deepseek-r1_client_token_pmfs.jsonl.gz");
    let quantiles = shared_trace("servegen/deepseek-r1_client_token_quantiles.csv.gz");
    let Some(((rates, tokens), quantiles)) = rates.zip(tokens).zip(quantiles) else { return };
    let mix = |tokens: &std::path::Path| {
        let scenario = with_traffic(&format!(
            "traffic:\n  - name: mix\n    servegen: {{ rates: {}, tokens: {}, start: 10h }}\n",
            rates.display(),
            tokens.display()
        ));
        Scenario { duration: Some(connector::Duration::from_secs(3_600)), ..scenario }
    };
    let scenario = mix(&tokens);
    assert_eq!(scenario.names.tenants.len(), 74, "the default one and 73 clients");
    let client_35 = scenario.names.tenants.iter().position(|name| name == "mix/35");
    let mean = |seeds: u64, counted: &dyn Fn(&Request) -> bool| {
        let runs = (0..seeds).map(|seed| requests_of(&scenario, seed));
        runs.map(|run| run.iter().filter(|r| counted(r)).count() as f64).sum::<f64>() / seeds as f64
    };
    // From the table, windows at 36,000 to 39,000 s: 46,710 requests of 26 clients, 23,980 of them of
    // client 35.
    let all = mean(4, &|_| true);
    assert!((all / 46_710.0 - 1.0).abs() < 0.04, "{all}");
    let largest = mean(4, &|request| client_35 == Some(request.tenant.index()));
    assert!((largest / 23_980.0 - 1.0).abs() < 0.04, "{largest}");
    // Quantiles stand for the whole tables: the mean answer agrees.
    let answer = |scenario: &Scenario| {
        let Totals(count, _, output) = totals_of(scenario, 1);
        output as f64 / count as f64
    };
    let (exact, approximate) = (answer(&scenario), answer(&mix(&quantiles)));
    assert!((approximate / exact - 1.0).abs() < 0.03, "{exact} {approximate}");
}

#[test]
fn a_large_mix_needs_lengths_for_the_clients_whose_tables_are_missing() {
    let rates = shared_trace("servegen/m-small_client_rates.csv.gz");
    let tokens = shared_trace("servegen/m-small_client_token_quantiles.csv.gz");
    let Some((rates, tokens)) = rates.zip(tokens) else { return };
    let text = |lengths: &str| {
        let (before, _) = crate::world::SMALLEST.split_once("traffic:").expect("has traffic");
        format!(
            "{before}traffic:\n  - name: mix\n    servegen: {{ rates: {}, tokens: {}, start: 10h, scale: 0.1 }}\n{lengths}",
            rates.display(),
            tokens.display()
        )
    };
    let told = parse(&text("")).expect_err("five tables are missing").to_string();
    assert!(told.contains("the requests of clients 1, 5, 8, 11, 38 are"), "{told}");
    let scenario = parse(&text("    prompt_tokens: 300\n    output_tokens: 20\n")).expect("valid");
    let scenario = Scenario { duration: Some(connector::Duration::from_secs(1_200)), ..scenario };
    // From the table, windows at 36,000 and 36,600 s: 1,253,376 requests, of which a tenth.
    let Totals(count, ..) = totals_of(&scenario, 1);
    assert!((count as f64 / 125_337.6 - 1.0).abs() < 0.1, "{count}");
}

#[test]
fn synthetic_traffic_has_its_rate_batches_and_curve() {
    let scenario = everything();
    let count = |name| requests_of(&only(&scenario, name), 5).len() as f64;
    // 20/s over two whole periods of a curve whose mean is 1: 24,000, standard deviation 155.
    assert!((count("chat") - 24_000.0).abs() < 4.0 * 155.0, "{}", count("chat"));
    // 5/s in batches of 5, cv 2.5: 1,200 batches, standard deviation 87.
    assert!((count("bursts") - 6_000.0).abs() < 4.0 * 5.0 * 87.0, "{}", count("bursts"));
    assert!((count("steady") - 6_000.0).abs() < 4.0 * 39.0, "{}", count("steady"));
    let bursts = requests_of(&only(&scenario, "bursts"), 5);
    assert!(bursts.chunks_exact(5).all(|batch| batch[0].arrived == batch[4].arrived));
    assert!(bursts.iter().all(|request| request.fan_out.is_none()));
    let chat = requests_of(&only(&scenario, "chat"), 5);
    let between = |from: f64, to: f64| {
        chat.iter().filter(|r| (from..to).contains(&r.arrived.as_secs_f64())).count() as f64
    };
    // Factors: 50 % at 0 and 10 min, 150 % at 5 min.
    assert!(between(285.0, 315.0) > 2.0 * between(585.0, 615.0));
}

#[test]
fn the_parts_of_a_fan_out_arrive_together_and_are_numbered() {
    let search = requests_of(&only(&everything(), "search"), 5);
    // 10/s in tens: 1,200, standard deviation 35.
    assert!((search.len() as f64 - 12_000.0).abs() < 4.0 * 10.0 * 35.0, "{}", search.len());
    for parts in search.chunks_exact(10) {
        for (place, part) in parts.iter().enumerate() {
            let fan_out = part.fan_out.expect("it is part of one");
            assert_eq!((usize::from(fan_out.part), fan_out.parts.get()), (place, 10));
            assert_eq!(fan_out.first(part.id), parts[0].id);
            assert_eq!(part.arrived, parts[0].arrived);
        }
    }
}

fn everything() -> Scenario {
    scenarios::load(&fixtures().join("everything.yaml"), &[])
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn only(scenario: &Scenario, name: &str) -> Scenario {
    let mut one = scenario.clone();
    one.traffic.retain(|source| source.name() == name);
    one
}

/// A scenario that replays one trace whole.
fn replay(path: &std::path::Path, settings: &str) -> Scenario {
    let scenario = with_traffic(&format!(
        "traffic:\n  - {{ name: trace, trace: {{ file: {}{settings} }} }}\n",
        path.display()
    ));
    Scenario { duration: None, ..scenario }
}

fn requests_of(scenario: &Scenario, seed: u64) -> Vec<Request> {
    let arrivals = scenario.arrivals(seed).unwrap_or_else(|error| panic!("{error}"));
    arrivals.map(|request| request.unwrap_or_else(|error| panic!("{error}"))).collect()
}

fn totals_of(scenario: &Scenario, seed: u64) -> Totals {
    requests_of(scenario, seed).iter().fold(
        Totals(0, 0, 0),
        |Totals(n, prompt, output), request| {
            let (p, o) = (request.prompt_tokens.get(), request.output_tokens.get());
            Totals(n + 1, prompt + u64::from(p), output + u64::from(o))
        },
    )
}

/// Requests without their numbers, which depend on what they are merged with.
fn shapes(requests: &[Request]) -> Vec<(u64, u32, u32, u32)> {
    let shape = |r: &Request| {
        (r.arrived.as_nanos(), r.tenant.0, r.prompt_tokens.get(), r.output_tokens.get())
    };
    requests.iter().map(shape).collect()
}

/// Requests, span in s, mean rate, most in a second, rate of the busiest minute, CV, dispersion, as
/// the README of the traces rounds them.
fn assert_row(summary: &Summary, expected: (u64, u64, f64, u64, f64, f64, f64)) {
    let (requests, span, rate, second, minute, cv, dispersion) = expected;
    assert_eq!(summary.requests, requests);
    assert_eq!((summary.span.as_secs_f64() + 0.5) as u64, span);
    assert_eq!(summary.busiest_second, second);
    for (measured, published) in [
        (summary.mean_rate, rate),
        (summary.busiest_minute as f64 / 60.0, minute),
        (summary.interarrival_cv, cv),
        (summary.dispersion, dispersion),
    ] {
        assert!((measured - published).abs() <= 0.005, "{measured}, published {published}");
    }
}

/// p50, p95, p99, max and mean, rounded.
fn assert_lengths(summary: &Summary, prompts: [u32; 5], outputs: [u32; 5]) {
    let rounded = |tokens: scenarios::trace::TokenSummary| {
        let round = |value: f64| (value + 0.5) as u32;
        [round(tokens.p50), round(tokens.p95), round(tokens.p99), tokens.max, round(tokens.mean)]
    };
    assert_eq!(rounded(summary.prompt_tokens), prompts);
    assert_eq!(rounded(summary.output_tokens), outputs);
}
