//! A measured run of a real serving engine, served again: an RTX 4090 under real overload. The
//! measurements are not part of this repository: without them the test says so and passes.

use std::path::Path;

use harpoon::calibrate::replay::replay;

use crate::binary::Desk;

const RUN: &str = "../shared/traces/perf/llmservingsim/rtx4090_llama-3.1-8b";

#[test]
fn an_overloaded_server_is_met_within_fifteen_per_cent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(RUN);
    if !folder.exists() {
        println!("skipped: {} is not here", folder.display());
        return;
    }
    let comparison = replay(&folder, None).expect("a measured run");
    println!("{comparison}");
    assert_eq!(comparison.requests, 300);
    for figure in &comparison.figures {
        assert!(figure.error().abs() < 0.15, "{figure:?}");
    }
}

#[test]
fn a_folder_that_is_no_run_is_refused_with_a_way_out() {
    let desk = Desk::empty();
    let ran = desk.harpoon(&["calibrate", "--replay", "nowhere"]);
    insta::assert_snapshot!(ran.refusal());
}
