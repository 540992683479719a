//! What a trace of spot capacity holds, for people and for programs.

use std::path::Path;

use connector::Duration;
use reports::humanise_number;
use scenarios::spot::SpotSummary;
use serde_json::json;

/// As a table, or as JSON.
pub(super) fn tell(file: &Path, summary: &SpotSummary, as_json: bool) -> String {
    if as_json { json_of(summary) } else { table(file, summary) }
}

fn table(file: &Path, summary: &SpotSummary) -> String {
    let hours = |time: Duration| time.as_secs_f64() / 3_600.0;
    let gap = summary.gap.map_or_else(|| "not stated".to_owned(), |gap| gap.to_string());
    let lines = [
        format!("{} ({})", file.display(), summary.format),
        format!("points              {}", summary.points),
        format!("gap                 {gap}"),
        format!("span                {:.1} days", hours(summary.length) / 24.0),
        format!("instances           at most {}, at least {}", summary.most, summary.fewest),
        format!("any available       {:.0}% of the time", summary.any * 100.0),
        format!(
            "mean available      {:.2} over time, {:.2} over points",
            summary.mean, summary.mean_of_points
        ),
        format!("falls               {}, {} instances", summary.falls, summary.went),
        format!("rises               {}, {} instances", summary.rises, summary.came),
        format!(
            "available spells    {}, mean {} h",
            summary.spells,
            humanise_number(hours(summary.mean_spell))
        ),
    ];
    lines.join("\n") + "\n"
}

fn json_of(summary: &SpotSummary) -> String {
    let value = json!({
        "format": summary.format.to_string(),
        "points": summary.points,
        "gap_s": summary.gap.map(Duration::as_secs_f64),
        "span_s": summary.length.as_secs_f64(),
        "most": summary.most,
        "fewest": summary.fewest,
        "any_available": summary.any,
        "mean_available": summary.mean,
        "mean_of_points": summary.mean_of_points,
        "falls": summary.falls,
        "rises": summary.rises,
        "instances_went": summary.went,
        "instances_came": summary.came,
        "available_spells": summary.spells,
        "mean_available_spell_s": summary.mean_spell.as_secs_f64(),
    });
    format!("{value:#}\n")
}
