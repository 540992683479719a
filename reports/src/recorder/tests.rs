use connector::{
    ClassId, Comparison, ErrorKind, Metric, ModelId, Money, Outcome, PoolId, ProviderUsage, Scope,
    SetAside, Statistic, TenantId,
};

use super::*;
use crate::{
    Run, Style,
    sample::{at_ms, completed, failed, gaps, gauge, names, recorder},
};

const EVERYTHING: Scope = Scope { pool: None, model: None, tenant: None, class: None };

#[test]
fn the_table_of_a_small_run() {
    insta::assert_snapshot!(small_run().table(Style::PLAIN), @r#"
    # harpoon 0.1.0 scenario=sample hash=0000000000000abc seed=42 digest=94e9251d67a4a436

    run       10.0 s, measured 9.00 s; warm-up 1.00 s, requests left out: 1
    requests  23 offered: 20 completed, 2 failed (timeout 1, capacity_exhausted 1), 1 rejected, 0
              cancelled
              error rate 13.0%, 2.22 completed per second, peak in flight 20, 2 retried, 3 fell back
    tokens    2,300 prompt, 220 output, 24.4 output per second
    cost      0.0440, 0.200 per 1k output tokens; metered over the whole run 0.0400
    cache     36.6% of 1,000 prompt blocks found; 3 sequences recomputed
    sharing   2.50% of the cards' time spent changing tenants; 0 GiB moved

    latency
                           count     mean      p50      p90      p95      p99      max
    allocation                22  50.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms
    time to first token       20   200 ms   200 ms   200 ms   200 ms   200 ms   200 ms
    time per output token     20   125 ms   120 ms   200 ms   210 ms   220 ms   220 ms
    inter-token latency      200   110 ms   100 ms   100 ms   100 ms   600 ms   600 ms
    end to end                20   1.45 s   1.40 s   2.20 s   2.30 s   2.40 s   2.40 s
    queueing                  23  5.00 ms  5.00 ms  5.00 ms  5.00 ms  5.00 ms  5.00 ms

    pools
    pool  kind         completed  alloc p95  TTFT p95    GPU  slots  preempted    cost
    east  standard            15    50.0 ms    200 ms  75.0%  25.0%          0  0.0340
    west  preemptible          5    50.0 ms    200 ms      -      -          -  0.0100

    models
    model       offered  completed  errors  TTFT p95  TPOT p95  end p95    cost
    mistral-7b       18         15   16.7%    200 ms    210 ms   2.30 s  0.0340
    qwen-32b          5          5      0%    200 ms    220 ms   2.40 s  0.0100

    classes
    class    offered  completed  errors  TTFT p95  TPOT p95  end p95    cost
    simple        18         15   16.7%    200 ms    210 ms   2.30 s  0.0340
    complex        5          5      0%    200 ms    220 ms   2.40 s  0.0100

    tenants
    tenant  offered  completed  errors  TTFT p95  TPOT p95  end p95    cost
    acme         18         15   16.7%    200 ms    210 ms   2.30 s  0.0340
    globex        5          5      0%    200 ms    220 ms   2.40 s  0.0100

    objectives
    objective            measured  verdict
    ttft.p95 < 300ms       200 ms      met
    error_rate < 0.1%       13.0%   MISSED
    end_to_end.p95 < 2s   no data   MISSED
    "#);
}

#[test]
fn the_json_of_a_small_run() {
    let json = small_run().to_json();
    let begin: Vec<&str> = json.lines().take_while(|line| !line.contains("\"tpot\"")).collect();
    insta::assert_snapshot!(begin.join("\n"), @r#"
    {"harpoon": {"version":"0.1.0","scenario":"sample","hash":"0000000000000abc","seed":42,"digest":"94e9251d67a4a436","partial":false},
      "run": {
        "ended_s": 10.0,
        "warm_up_s": 1.0,
        "measured_s": 9.0,
        "warm_up_requests": 1,
        "unfinished_requests": 0,
        "peak_in_flight": 20,
        "folded_tenants": 0,
        "folded_requests": 0,
        "metered_cost": 0.04,
        "charged": null,
        "charged_beyond_metered": null,
        "charged_otherwise_slot_ns": null
      },
      "requests": {
        "offered": 23,
        "completed": 20,
        "failed": 2,
        "failed_by_kind": {
          "timeout": 1,
          "capacity_exhausted": 1
        },
        "rejected": 1,
        "cancelled": 0,
        "error_rate": 0.13043478260869565,
        "attempts": 26,
        "retried": 2,
        "fell_back": 3,
        "prompt_tokens": 2300,
        "completed_prompt_tokens": 2000,
        "output_tokens": 220,
        "completed_per_s": 2.2222222222222223,
        "output_tokens_per_s": 24.444444444444443,
        "cost": 0.044,
        "cost_per_1k_output_tokens": 0.2
      },
      "latency": {
        "allocation_latency": {
          "count": 22,
          "mean_s": 0.05,
          "min_s": 0.05,
          "p50_s": 0.05,
          "p90_s": 0.05,
          "p95_s": 0.05,
          "p99_s": 0.05,
          "p99_9_s": 0.05,
          "max_s": 0.05
        },
        "ttft": {
          "count": 20,
          "mean_s": 0.2,
          "min_s": 0.2,
          "p50_s": 0.2,
          "p90_s": 0.2,
          "p95_s": 0.2,
          "p99_s": 0.2,
          "p99_9_s": 0.2,
          "max_s": 0.2
        },
    "#);
}

#[test]
fn the_json_of_a_small_run_has_null_for_what_was_not_measured() {
    let json = small_run().to_json();
    let value: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 12, "{keys:?}");
    assert_eq!(value["pools"][0]["name"], "east");
    assert_eq!(value["pools"][0]["gpu_utilization"], 0.75);
    assert_eq!(value["pools"][1]["gpu_utilization"], serde_json::Value::Null);
    assert_eq!(value["pools"][0]["latency"]["ttft"]["p95_s"], 0.2);
    assert_eq!(value["tenants"][0]["meter"]["cost"], 0.04);
    assert_eq!(value["objectives"][2]["measured"], serde_json::Value::Null);
}

#[test]
fn gaps_and_caches_are_told_per_pool_and_absent_where_nobody_looked() {
    let value: serde_json::Value =
        serde_json::from_str(&small_run().to_json()).expect("valid JSON");
    assert_eq!(value["latency"]["inter_token"]["count"], 200);
    assert_eq!(value["latency"]["inter_token"]["mean_s"], 0.11);
    let [east, west] = [&value["pools"][0], &value["pools"][1]];
    assert_eq!(east["latency"]["inter_token"]["max_s"], 0.6);
    assert_eq!(value["models"][0]["latency"]["inter_token"]["count"], 200);
    assert_eq!(value["kv_cache"], east["kv_cache"], "it is the only one that was looked at");
    let cache = serde_json::json!({
        "prompt_blocks_asked": 1_000,
        "prompt_blocks_found": 366,
        "hit_rate": 0.366,
        "recomputations": 3,
    });
    assert_eq!(east["kv_cache"], cache);
    assert_eq!(east["peak_kv_use"], 0.75);
    for absent in [
        &west["latency"]["inter_token"],
        &west["kv_cache"],
        &west["peak_kv_use"],
        &value["tenants"][0]["latency"]["inter_token"],
    ] {
        assert_eq!(absent, &serde_json::Value::Null);
    }
}

#[test]
fn a_run_without_requests_makes_a_sane_report() {
    let summary = nothing();
    insta::assert_snapshot!(summary.table(Style::PLAIN), @r#"
    # harpoon 0.1.0 scenario=sample hash=0000000000000abc seed=42 digest=2d06800538d394c2

    run       0 s, measured 0 s
    requests  none finished in the measured time

    latency
                           count  mean  p50  p90  p95  p99  max
    allocation                 0     -    -    -    -    -    -
    time to first token        0     -    -    -    -    -    -
    time per output token      0     -    -    -    -    -    -
    end to end                 0     -    -    -    -    -    -
    queueing                   0     -    -    -    -    -    -
    "#);
    let json = summary.to_json();
    let figures = json + &summary.table(Style::PLAIN);
    assert!(!figures.contains("NaN") && !figures.contains("inf"), "{figures}");
    assert!(summary.objectives_met(), "there are none");
    for metric in Metric::ALL {
        let statistic = metric.is_distribution().then_some(Statistic::Mean);
        let value = summary.value(metric, statistic, &EVERYTHING);
        let expected = matches!(metric, Metric::Cost).then_some(0.0);
        assert_eq!(value, expected, "{metric}");
    }
}

#[test]
fn the_header_is_the_first_line_of_table_and_json() {
    let summary = small_run();
    let table = summary.table(Style::PLAIN);
    assert_eq!(table.lines().next(), Some(summary.header.to_string().as_str()));
    let json = summary.to_json();
    let first = json.lines().next().expect("has lines");
    let header: serde_json::Value =
        serde_json::from_str(&(first.trim_end_matches(',').to_owned() + "}")).expect("valid JSON");
    assert_eq!(header["harpoon"]["digest"], summary.header.digest.expect("finished").to_string());
    assert_eq!(header["harpoon"]["seed"], 42);
}

#[test]
fn requests_of_the_warm_up_are_counted_and_left_out() {
    let run = |with_warm_up: bool| {
        let mut recorder = recorder(Duration::from_secs(1), None);
        recorder.in_flight(at_ms(900), 99);
        if with_warm_up {
            recorder.record(&completed(999, 60_000));
        }
        recorder.record(&completed(1_000, 500));
        recorder.finish(RunEnd { ended: at_ms(61_000), ..RunEnd::default() }).0
    };
    let (with, without) = (run(true), run(false));
    assert_eq!(with.requests, without.requests);
    assert_eq!(with.latency, without.latency);
    assert_eq!(with.run, Run { warm_up_requests: 1, ..without.run });
    assert_eq!(without.run.peak_in_flight, None, "the peak was in the warm-up");
    assert!(with.table(Style::PLAIN).contains("warm-up 1.00 s, requests left out: 1"));
    assert_ne!(with.header.digest, without.header.digest, "the digest is of all that happened");
}

#[test]
fn a_run_that_was_cut_off_says_so_everywhere() {
    let mut recorder = recorder(Duration::ZERO, None);
    recorder.record(&completed(0, 500));
    let end = RunEnd { ended: at_ms(700), partial: true, unfinished: 3, ..RunEnd::default() };
    let summary = recorder.finish(end).0;
    let table = summary.table(Style::PLAIN);
    assert!(table.lines().next().is_some_and(|line| line.ends_with(" partial")), "{table}");
    assert!(table.contains("PARTIAL RUN: cut off after 700 ms"), "{table}");
    assert!(table.contains("3 still in flight at the end"), "{table}");
    assert!(summary.to_json().contains("\"partial\":true"));
    assert!(summary.to_json().contains("\"unfinished_requests\": 3"));
}

#[test]
fn values_are_those_of_the_small_run_by_hand() {
    let summary = small_run();
    let value = |metric, scope: Scope| summary.value(metric, None, &scope);
    assert_eq!(value(Metric::ErrorRate, EVERYTHING), Some(3.0 / 23.0));
    assert_eq!(value(Metric::Throughput, EVERYTHING), Some(20.0 / 9.0));
    assert_eq!(value(Metric::OutputTokenThroughput, EVERYTHING), Some(220.0 / 9.0));
    assert_eq!(value(Metric::Cost, EVERYTHING), Some(0.044));
    assert_eq!(value(Metric::PeakInFlight, EVERYTHING), Some(20.0));
    let itl = |statistic, scope| summary.value(Metric::InterTokenLatency, Some(statistic), &scope);
    assert_eq!(itl(Statistic::Mean, EVERYTHING), Some(0.11));
    assert_eq!(itl(Statistic::Max, Scope { model: Some(ModelId(0)), ..EVERYTHING }), Some(0.6));
    assert_eq!(itl(Statistic::Max, Scope { pool: Some(PoolId(1)), ..EVERYTHING }), None);
    assert_eq!(itl(Statistic::Max, Scope { class: Some(ClassId(0)), ..EVERYTHING }), None);
    // East computed for 27 of the 36 card-seconds, and held 18 of 72 slot-seconds.
    assert_eq!(value(Metric::GpuUtilization, EVERYTHING), Some(0.75));
    assert_eq!(value(Metric::SlotUtilization, EVERYTHING), Some(0.25));
    let west = Scope { pool: Some(PoolId(1)), ..EVERYTHING };
    assert_eq!(value(Metric::GpuUtilization, west), None, "it was never looked at");
    assert_eq!(value(Metric::ErrorRate, west), Some(0.0));
    let globex = Scope { tenant: Some(TenantId(1)), class: Some(ClassId(1)), ..west };
    // 800, 1200 .. 2400 ms.
    let mean = summary.value(Metric::EndToEnd, Some(Statistic::Mean), &globex);
    assert_eq!(mean, Some(1.6));
    let nobody = Scope { model: Some(ModelId(0)), ..globex };
    assert_eq!(summary.value(Metric::EndToEnd, Some(Statistic::Mean), &nobody), None);
    assert_eq!(value(Metric::ErrorRate, nobody), None);
}

#[test]
fn a_question_that_makes_no_sense_has_no_answer() {
    let summary = small_run();
    let acme = Scope { tenant: Some(TenantId(0)), ..EVERYTHING };
    assert_eq!(summary.value(Metric::EndToEnd, None, &EVERYTHING), None);
    assert_eq!(summary.value(Metric::Cost, Some(Statistic::Max), &EVERYTHING), None);
    assert_eq!(summary.value(Metric::GpuUtilization, None, &acme), None);
    assert_eq!(summary.value(Metric::PeakInFlight, None, &acme), None);
}

#[test]
fn many_tenants_are_shown_by_size_and_the_rest_is_added_up() {
    let tenants = (0..30).map(|n| format!("tenant {n}")).collect();
    let mut recorder = Recorder::new(
        connector::Names { tenants, ..names() },
        RecorderConfig { warm_up: Duration::ZERO, ..recorder(Duration::ZERO, None).config },
    );
    for tenant in 0..30u32 {
        for _ in 0..=tenant {
            let tenant = TenantId(tenant);
            recorder.record(&RequestRecord { tenant, ..completed(0, 500) });
        }
    }
    let summary = recorder.finish(RunEnd::default()).0;
    let table = summary.table(Style::PLAIN);
    let shown: Vec<&str> = table.lines().filter(|line| line.starts_with("tenant ")).collect();
    assert_eq!(shown.len(), 10 + 1, "with the heading: {table}");
    assert!(shown[1].starts_with("tenant 29"), "{table}");
    // The other twenty have 1 + 2 + .. + 20 requests.
    assert!(table.contains("(20 others)      210"), "{table}");
    assert_eq!(summary.tenants.len(), 30, "all are in the JSON");
}

#[test]
fn folded_tenants_are_left_out_and_those_of_objectives_are_not_folded() {
    let (many, last) = (crate::MAX_CELLS as u32 + 3, crate::MAX_CELLS as u32 + 2);
    let tenants = (0..many).map(|n| format!("tenant {n}")).collect();
    let config = recorder(Duration::ZERO, None).config;
    let mut recorder = Recorder::new(
        connector::Names { tenants, ..names() },
        RecorderConfig { kept_tenants: vec![TenantId(last)], ..config },
    );
    for tenant in 0..many {
        recorder.record(&RequestRecord { tenant: TenantId(tenant), ..completed(0, 500) });
    }
    let meter = Meter { cost: Money::from_nanos(1_000_000_000), ..Meter::default() };
    let meters = vec![meter; many as usize];
    let summary = recorder.finish(RunEnd { ended: at_ms(1_000), meters, ..RunEnd::default() }).0;
    assert_eq!((summary.run.folded_tenants, summary.run.folded_requests), (2, 2));
    assert_eq!(summary.tenants.len(), crate::MAX_CELLS + 1);
    assert!(summary.tenants.iter().all(|tenant| tenant.group.requests.offered == 1));
    assert_eq!(
        summary.tenants.last().map(|tenant| tenant.group.name.as_str()),
        Some("tenant 1026")
    );
    let table = summary.table(Style::PLAIN);
    assert!(table.contains("(2 more, folded)"), "{table}");
    assert!(table.contains("metered over the whole run 1027.00"), "{table}");
    let throughput = |tenant| {
        let scope = Scope { tenant: Some(TenantId(tenant)), ..EVERYTHING };
        summary.value(Metric::Throughput, None, &scope)
    };
    assert_eq!([0, last - 1, last].map(throughput), [Some(1.0), None, Some(1.0)]);
}

#[test]
fn tables_fit_100_columns_whatever_the_names() {
    let long =
        |what: &str| vec![format!("{what} with a name that nobody would ever want to read aloud")];
    let names = connector::Names {
        pools: long("pool"),
        models: long("model"),
        tenants: long("tenant"),
        classes: long("class"),
    };
    let mut recorder = Recorder::new(names, recorder(Duration::ZERO, None).config);
    let large = RequestRecord {
        cost: Money::from_nanos(123_456_789_000_000_000),
        ..completed(0, 10_000_000)
    };
    recorder.record(&large);
    for kind in ErrorKind::ALL {
        recorder.record(&failed(0, Outcome::Failed(kind)));
    }
    recorder.gauge(at_ms(1_000), &gauge(at_ms(1_000), 10));
    let question = Objective { text: "objective ".repeat(20), ..end().objectives[0].clone() };
    let end = RunEnd {
        objectives: vec![question],
        lag: Some(GeneratorLag { limited: true, ..GeneratorLag::default() }),
        ..end()
    };
    let table = recorder.finish(end).0.table(Style::PLAIN);
    let header = table.lines().next();
    for line in table.lines().filter(|line| Some(*line) != header) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(table.contains("GENERATOR-LIMITED"), "{table}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let summary = small_run();
    let coloured = summary.table(Style { colour: true });
    assert!(coloured.contains("\u{1b}[1;31mMISSED\u{1b}[0m"), "{coloured}");
    let mut stripped = coloured;
    for code in ["\u{1b}[1m", "\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[0m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, summary.table(Style::PLAIN));
}

#[test]
fn the_clock_on_the_wall_is_told_apart_from_the_report() {
    let summary = small_run();
    assert_eq!(
        summary.speed().as_deref(),
        Some("10.0 s in 20.0 ms, 500x real time, 1,200 requests/s")
    );
    assert_eq!(nothing().speed(), None);
    let end = RunEnd { wall: Some(std::time::Duration::from_millis(10_030)), ..end() };
    let live = recorder(Duration::ZERO, None).finish(end).0;
    assert_eq!(
        live.speed().as_deref(),
        Some("10.0 s in 10.0 s, 0.997x real time, 0 requests/s"),
        "what runs in real time is not said to stand still"
    );
}

fn nothing() -> Summary {
    recorder(Duration::ZERO, None).finish(RunEnd::default()).0
}

/// Ten seconds, the first of them warm-up: 20 completed requests of two tenants on two pools, two
/// failures, a rejection, and what the pools did.
#[test]
fn the_providers_book_is_told_beside_the_platforms_and_by_how_much_they_differ() {
    const SECOND: u128 = 1_000_000_000;
    let mut recorder = recorder(Duration::ZERO, None);
    recorder.record(&completed(0, 700));
    recorder.gauge(at_ms(10_000), &gauge(at_ms(10_000), 28_000));
    let east = ProviderUsage {
        slot_ns: 130 * SECOND,
        cost: Money::from_nanos(30_000_000),
        untold_slot_ns: SECOND / 2,
        ghost_slot_ns: 15 * SECOND,
        releasing_slot_ns: 90 * SECOND,
        slots_held: 2,
        output_tokens: 11,
        ..ProviderUsage::default()
    };
    let cost = Money::from_nanos(20_000_000);
    let (pool, tenant) = (PoolId(1), TenantId(1));
    let west = ProviderUsage { pool, tenant, slot_ns: SECOND, cost, ..ProviderUsage::default() };
    recorder.provider_usage(&east);
    recorder.provider_usage(&west);
    let summary = recorder.finish(end()).0;
    let table = summary.table(Style::PLAIN);
    let told: Vec<&str> = table.lines().skip_while(|line| !line.contains("charged")).collect();
    assert_eq!(
        told[..3].join("\n"),
        "\
charged   0.0500 by the provider over the whole run, 0.0100 more than metered; of 131 s held: 500
          ms before grants were told, 15.0 s as ghosts, 90.0 s in releases, 25.5 s until releases
          got through; 2 shares still held"
    );
    let json: serde_json::Value = serde_json::from_str(&summary.to_json()).expect("valid JSON");
    assert_eq!(json["run"]["charged"]["slot_ns"], 131_000_000_000_u64);
    assert_eq!(json["run"]["charged_beyond_metered"], 0.01);
    assert_eq!(json["pools"][0]["charged"]["busy_card_ns"], 28_000_000_000_u64);
    assert_eq!(json["pools"][0]["charged"]["ghost_slot_ns"], 15_000_000_000_u64);
    assert_eq!(json["tenants"][1]["charged"]["cost"], 0.02);
    assert_eq!(json["tenants"][1]["charged"]["busy_card_ns"], serde_json::Value::Null);
}

fn small_run() -> Summary {
    let mut recorder = recorder(Duration::from_secs(1), None);
    recorder.record(&completed(900, 700));
    recorder.token_gaps(at_ms(1_000), &gaps(900, 10));
    recorder.gauge(at_ms(1_000), &gauge(at_ms(1_000), 1_000));
    for n in 0..20u64 {
        let mut record = completed(1_000 + 100 * n, 500 + 100 * n);
        if n % 4 == 3 {
            record.tenant = TenantId(1);
            record.class = ClassId(1);
            record.model = ModelId(1);
            record.pool = Some(PoolId(1));
        }
        recorder.in_flight(record.arrived, n + 1);
        recorder.record(&record);
    }
    recorder.record(&failed(4_000, Outcome::Failed(ErrorKind::Timeout)));
    recorder.record(&failed(4_000, Outcome::Failed(ErrorKind::CapacityExhausted)));
    let rejected = RequestRecord {
        pool: None,
        allocating: None,
        attempts: 0,
        cost: Money::ZERO,
        ..failed(5_000, Outcome::Rejected)
    };
    recorder.record(&rejected);
    recorder.token_gaps(at_ms(10_000), &gaps(100, 196));
    recorder.token_gaps(at_ms(10_000), &gaps(600, 4));
    recorder.gauge(
        at_ms(10_000),
        &PoolGauge {
            recomputations: 5,
            prefix_asked: 1_040,
            prefix_found: 376,
            kv_blocks_in_use: 300,
            ..gauge(at_ms(10_000), 28_000)
        },
    );
    recorder.finish(end()).0
}

#[test]
fn shares_that_were_set_aside_are_told_of() {
    let mut recorder = recorder(Duration::ZERO, None);
    let set_aside =
        SetAside { waiting: 1, requeued: 1_200, resumed: 1_199, recomputed_tokens: 7_000 };
    let gauge = PoolGauge { set_aside, ..gauge(at_ms(10_000), 0) };
    recorder.gauge(at_ms(10_000), &gauge);
    let (summary, _) = recorder.finish(end());
    let told =
        "set aside  1,200 shares taken away; 1,199 placed again; 7,000 tokens to compute again";
    let table = summary.table(Style::PLAIN);
    assert!(table.contains(told), "{table}");
    assert_eq!(summary.pools[0].requeue, summary.requeue);
    assert!(small_run().requeue.is_none());
}

fn end() -> RunEnd {
    let ask = |text: &str, metric, statistic, comparison, threshold| Objective {
        text: text.to_owned(),
        metric,
        statistic,
        scope: EVERYTHING,
        comparison,
        threshold,
    };
    let p95 = Some(Statistic::Percentile(95_000));
    RunEnd {
        ended: at_ms(10_000),
        meters: vec![Meter {
            completed: 16,
            cost: Money::from_nanos(40_000_000),
            ..Meter::default()
        }],
        wall: Some(std::time::Duration::from_millis(20)),
        objectives: vec![
            ask("ttft.p95 < 300ms", Metric::TimeToFirstToken, p95, Comparison::Less, 0.3),
            ask("error_rate < 0.1%", Metric::ErrorRate, None, Comparison::Less, 0.001),
            Objective {
                scope: Scope { tenant: Some(TenantId(1)), pool: Some(PoolId(0)), ..EVERYTHING },
                ..ask("end_to_end.p95 < 2s", Metric::EndToEnd, p95, Comparison::Less, 2.0)
            },
        ],
        ..RunEnd::default()
    }
}
