use std::{fs::File, io::Write as _, path::Path};

use connector::Timestamp;

use super::{FilesError, exact_seconds, rows::failed};
use crate::{
    pools::ratio,
    series::{Interval, PoolPoint},
    timeline::Timeline,
};

const COLUMNS: [&str; 17] = [
    "start_s",
    "length_s",
    "warm_up",
    "arrivals",
    "completions",
    "failures",
    "output_tokens",
    "ttft_mean_s",
    "ttft_p95_s",
    "end_to_end_mean_s",
    "end_to_end_p95_s",
    "in_flight_peak",
    "in_time",
    "strikes",
    "retries",
    "queued_peak",
    "faults",
];
/// For each pool, after its name and a point.
const POOL_COLUMNS: [&str; 4] = ["slots_held_mean", "cards_mean", "busy_share", "waiting_peak"];

/// Writes `timeline.csv`, a row per interval.
pub(super) fn write(path: &Path, timeline: &Timeline<'_>) -> Result<(), FilesError> {
    let mut file = File::create(path).map_err(FilesError::io("create", path))?;
    file.write_all(timeline.header.reserved_line().as_bytes())
        .map_err(FilesError::io("write", path))?;
    let mut writer = csv::Writer::from_writer(file);
    write_rows(&mut writer, timeline).map_err(|error| failed(path, error))?;
    writer.flush().map_err(FilesError::io("write", path))
}

fn write_rows(writer: &mut csv::Writer<File>, timeline: &Timeline<'_>) -> csv::Result<()> {
    let Timeline { series, pools, cables, .. } = timeline;
    let reasons = timeline.reasons();
    let of_pools = pools
        .iter()
        .flat_map(|pool| POOL_COLUMNS.iter().map(move |column| format!("{pool}.{column}")));
    writer.write_record(
        COLUMNS
            .into_iter()
            .map(str::to_owned)
            .chain(reasons.iter().map(|reason| format!("failures.{reason}")))
            .chain(cables.iter().map(|cable| format!("{cable}.breaker")))
            .chain(of_pools),
    )?;
    let mut before =
        vec![PoolPoint { at: Some(Timestamp::ZERO), ..PoolPoint::default() }; pools.len()];
    let length = series.length();
    for (index, interval) in series.intervals().iter().enumerate() {
        let start = length * index as u64;
        let mut row = vec![
            exact_seconds(start.as_nanos()).to_string(),
            exact_seconds(length.as_nanos()).to_string(),
            u8::from(start < timeline.warm_up).to_string(),
        ];
        row.extend(of_requests(interval));
        row.extend(of_platform(interval));
        row.push(timeline.faults_in(start, length).join("; "));
        row.extend(reasons.iter().map(|&reason| {
            interval.failed_by.get(reason).copied().unwrap_or_default().to_string()
        }));
        row.extend((0..cables.len()).map(|cable| {
            interval.passages.get(cable).map_or("", |passage| passage.name()).to_owned()
        }));
        for (pool, before) in before.iter_mut().enumerate() {
            row.extend(of_pool(before, interval.pools.get(pool)));
        }
        writer.write_record(row)?;
    }
    Ok(())
}

fn of_requests(interval: &Interval) -> [String; 9] {
    [
        interval.arrivals.to_string(),
        interval.completions.to_string(),
        interval.failures.to_string(),
        interval.output_tokens.to_string(),
        figure(interval.first_token.mean_s(), 9),
        figure(interval.first_token.p95_s(), 9),
        figure(interval.end_to_end.mean_s(), 9),
        figure(interval.end_to_end.p95_s(), 9),
        whole(interval.in_flight),
    ]
}

fn of_platform(interval: &Interval) -> [String; 4] {
    [
        interval.in_time.to_string(),
        interval.strikes.to_string(),
        interval.retries.to_string(),
        whole(interval.queued),
    ]
}

/// Means between the gauge before this interval and the last one in it; empty without a gauge.
fn of_pool(before: &mut PoolPoint, point: Option<&PoolPoint>) -> [String; 4] {
    let Some((point, at)) = point.and_then(|point| Some((point, point.at?))) else {
        return Default::default();
    };
    let elapsed_ns = u128::from(at.since(before.at.unwrap_or_default()).as_nanos());
    let grown = |of: fn(&PoolPoint) -> u128| of(point).saturating_sub(of(before));
    let (busy, cards, held) =
        (grown(|p| p.busy_card_ns), grown(|p| p.card_ns), grown(|p| p.held_slot_ns));
    *before = *point;
    [
        figure(ratio(held, elapsed_ns), 4),
        figure(ratio(cards, elapsed_ns), 4),
        figure(ratio(busy, cards), 6),
        point.waiting.to_string(),
    ]
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

fn whole(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
