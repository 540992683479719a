use proptest::prelude::*;

use super::*;

const CARD: Tflops = Tflops::new(100);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn tflops(usages: &ShareUsages) -> Vec<u64> {
    usages.iter().map(|usage| usage.tflops.as_gflops() / 1_000).collect()
}

/// Busy for the last two minutes of a day.
#[test]
fn v1_each_of_the_six_windows_is_an_average_over_its_length() {
    let mut history = History::default();
    history.note(at(0), Rate::default());
    let bytes = Mebibytes::from_gib(4).as_bytes() as f64;
    history.note(at(86_280), Rate { card: 0.5, bytes });
    let usages = history.usages(at(86_400), Totals::default(), CARD);
    let milli = |window: UsageWindow| usages[window as usize].tflops.as_gflops();
    let expected = |seconds: u64| 50_000 * 120 / seconds;
    assert_eq!(milli(UsageWindow::Last5Minutes), expected(300));
    assert_eq!(milli(UsageWindow::Last15Minutes), expected(900));
    assert_eq!(milli(UsageWindow::LastHour), expected(3_600));
    assert_eq!(milli(UsageWindow::LastDay), expected(86_400));
    assert_eq!(usages[UsageWindow::LastWeek as usize], usages[UsageWindow::AllTime as usize]);
    assert_eq!(usages[0].vram, Mebibytes::new(4_096 * 120 / 300));
}

#[test]
fn a_share_is_charged_with_nothing_from_before_it_was_granted() {
    let mut history = History::default();
    history.note(at(0), Rate { card: 1.0, bytes: 0.0 });
    history.note(at(100), Rate { card: 0.25, bytes: 0.0 });
    let granted = history.totals(at(100));
    assert_eq!(tflops(&history.usages(at(150), granted, CARD)), [25; 6]);
    assert_eq!(tflops(&history.usages(at(100), granted, CARD)), [0; 6]);
}

proptest! {
    /// Against the sum over all changes, none forgotten.
    #[test]
    fn windows_are_what_the_whole_past_says(
        changes in prop::collection::vec((1..40_000u64, 0..=4u8), 1..6_000),
    ) {
        let mut history = History::default();
        let mut past: Vec<(u64, f64)> = vec![(0, 0.0)];
        let mut now = 0;
        for (wait, quarters) in changes {
            now += wait / 20;
            let card = f64::from(quarters) / 4.0;
            history.note(at(now), Rate { card, bytes: 0.0 });
            past.push((now, card));
        }
        now += 7;
        let usages = history.usages(at(now), Totals::default(), CARD);
        for window in UsageWindow::ALL {
            let begins = window.length().map_or(0, |length| now.saturating_sub(length.as_nanos() / 1_000_000_000));
            let ends = past.iter().skip(1).map(|change| change.0).chain([now]);
            let had: f64 = past.iter().zip(ends)
                .map(|(&(from, card), to)| card * to.saturating_sub(from.max(begins)) as f64)
                .sum();
            let mean = 100.0 * had / (now - begins) as f64;
            let found = usages[window as usize].tflops.as_gflops() as f64 / 1_000.0;
            // A 256th of the window, at most all of the card wrong in it, and rounding.
            prop_assert!((found - mean).abs() <= 100.0 / 128.0 + 0.01, "{window:?}: {found} and not {mean}");
        }
    }
}
