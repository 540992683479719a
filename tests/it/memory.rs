//! Memory does not grow with the number of requests.

use crate::binary::{Desk, SMALL};

/// Requests per second.
const RATE: u64 = 20;

/// Both runs are long enough for their time series to have its full length.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "peak memory is read from /proc")]
fn ten_times_the_requests_take_the_same_memory() {
    let (short, requests) = peak_mib(10_000);
    assert!(requests > 9_500 * RATE, "{requests}");
    let (long, requests) = peak_mib(100_000);
    assert!(requests > 95_000 * RATE, "{requests}");
    assert!(long < 1.1 * short, "{long:.1} MiB instead of {short:.1} MiB");
    assert!(long < 200.0, "{long:.1} MiB");
}

/// Peak resident memory of a run of so many seconds, and how many requests it had.
fn peak_mib(seconds: u64) -> (f64, u64) {
    let desk = Desk::with_scenario(SMALL);
    let rate = format!("traffic.chat.arrivals.poisson.rate={RATE}/s");
    let duration = format!("duration={seconds}s");
    let files = ["--out", "out", "--quiet"];
    let settings = ["--set", &rate, "--set", &duration];
    let arguments = [&["run", "scenario.yaml"], &files[..], &settings].concat();
    let running = desk.start(&arguments);
    let peak = running.peak_memory_kib();
    let ran = running.finish();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows = desk.read("out/requests.csv").lines().count();
    (peak as f64 / 1024.0, rows as u64)
}
