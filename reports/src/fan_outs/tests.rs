use std::num::NonZero;

use connector::{
    BasisPoints, Breach, BreachReason, Concessions, FanOut, Metric, Statistic, TenantId,
};

use super::*;
use crate::{
    RunEnd, Style, Summary,
    sample::{at_ms, completed, recorder},
};

/// Every part of one of three that arrived at this time, the last first.
fn parts(arrived_ms: u64, end_to_end_ms: [u64; 3]) -> [RequestRecord; 3] {
    let parts = NonZero::new(3).expect("is not zero");
    [2, 1, 0].map(|part| {
        let record = completed(arrived_ms, end_to_end_ms[usize::from(part)]);
        let request = RequestId(arrived_ms + u64::from(part));
        RequestRecord { request, fan_out: Some(FanOut { part, parts }), ..record }
    })
}

fn summary(warm_up: Duration, records: impl IntoIterator<Item = RequestRecord>) -> Summary {
    let mut recorder = recorder(warm_up, None);
    records.into_iter().for_each(|record| recorder.record(&record));
    recorder.finish(RunEnd { ended: at_ms(60_000), ..RunEnd::default() }).0
}

/// Kept, slow in one part, failed in one part, cut short; and a request that was sent alone.
fn run() -> Summary {
    let breach = Breach {
        reason: BreachReason::EndToEnd,
        excess: BasisPoints::new(1),
        concessions: Concessions::NONE,
    };
    let mut slow = parts(2_000, [400, 3_000, 500]);
    slow[1].covenant = CovenantOutcome::Broken(breach);
    let mut failed = parts(3_000, [400, 400, 9_000]);
    failed[0].outcome = Outcome::Rejected;
    let mut records = parts(1_000, [700, 300, 500]).to_vec();
    records.extend(slow);
    records.extend(failed);
    records.extend(&parts(4_000, [8_000, 300, 300])[..2]);
    records.push(completed(5_000, 7_000));
    summary(Duration::ZERO, records)
}

#[test]
fn a_fan_out_is_done_when_its_last_part_is() {
    let summary = run();
    let value = |statistic| summary.value(Metric::FanOut, Some(statistic), &Scope::default());
    assert_eq!(value(Statistic::Min), Some(0.7));
    assert_eq!(value(Statistic::Max), Some(3.0));
    assert_eq!(summary.fan_out.map(|fan_out| fan_out.latency.count), Some(2));
}

#[test]
fn a_fan_out_is_kept_if_every_part_is() {
    let summary = run();
    assert_eq!(summary.value(Metric::FanOutKept, None, &Scope::default()), Some(1.0 / 3.0));
    let told = summary.fan_out.map(|fan_out| (fan_out.ended, fan_out.kept));
    assert_eq!(told, Some((3, 1)), "one was cut short");
    let of_tenant = Scope { tenant: Some(TenantId(0)), ..Scope::default() };
    assert_eq!(summary.value(Metric::FanOutKept, None, &of_tenant), None);
    assert_eq!(summary.value(Metric::FanOut, Some(Statistic::Mean), &of_tenant), None);
}

#[test]
fn parts_that_interleave_are_put_together_by_their_numbers() {
    let (one, two) = (parts(1_000, [300, 300, 900]), parts(1_003, [400, 400, 400]));
    let interleaved = one.into_iter().zip(two).flat_map(|(one, two)| [one, two]);
    let fan_out = summary(Duration::ZERO, interleaved).fan_out.expect("there are two");
    let (least, most) = (fan_out.latency.min_s, fan_out.latency.max_s);
    assert_eq!((fan_out.ended, least, most), (2, Some(0.4), Some(0.9)));
}

#[test]
fn those_of_the_warm_up_are_left_out_and_nothing_is_kept_of_those_that_ended() {
    let mut fan_outs = FanOuts::new();
    for n in 0..1_000 {
        for record in &parts(n * 3, [300; 3]) {
            fan_outs.record(record);
        }
        assert!(fan_outs.open.is_empty());
    }
    assert_eq!((fan_outs.ended, fan_outs.kept), (1_000, 1_000));
    let warm_up = summary(Duration::from_secs(2), parts(1_000, [300; 3]));
    assert_eq!(warm_up.fan_out, None);
}

#[test]
fn the_table_and_the_json_tell_of_fan_outs_where_there_are_any() {
    let summary = run();
    let table = summary.table(Style::PLAIN);
    let told = |of: &str| table.lines().find(|line| line.starts_with(of)).map(str::to_owned);
    assert_eq!(
        told("fan-outs").as_deref().map(str::trim_end),
        Some("fan-outs  1 of 3 kept, 33.3%")
    );
    assert!(told("fan-out  ").is_some_and(|row| row.contains("3.00 s")), "{table}");
    let json: serde_json::Value = serde_json::from_str(&summary.to_json()).expect("is JSON");
    assert_eq!(json["fan_out"]["kept_share"], 1.0 / 3.0);
    assert_eq!(json["fan_out"]["latency"]["max_s"], 3.0);
    let alone = self::summary(Duration::ZERO, [completed(0, 500)]);
    assert!(!alone.table(Style::PLAIN).contains("fan-out"));
    assert!(!alone.to_json().contains("fan_out"));
}
