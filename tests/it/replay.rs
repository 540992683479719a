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

/// A run by hand: every step takes 1 ms, since one layer takes 0.4, the head 0.5 and attention 0.1.
/// The first request comes at 0 and has its tokens at 1, 2 and 3 ms; the second comes at 0.5 ms, joins
/// the step that begins at 1, and has its tokens at 2 and 3.
fn run_by_hand(desk: &Desk) {
    desk.put(
        "run/meta.json",
        r#"{ "model": "one-layer",
             "engine_kwargs": { "max_num_seqs": 8, "max_num_batched_tokens": 64 },
             "kv_cache": { "num_gpu_blocks": 9, "block_size": 16, "enable_prefix_caching": false },
             "resolved_config": { "scheduler_config": { "policy": "fcfs" } } }"#,
    );
    let request = |input: u32, output: u32, times: [f64; 4]| {
        let [queued, scheduled, first, last] = times;
        format!(r#"{{ "input_toks": {input}, "output_toks": {output}, "queued_ts": {queued}, "#)
            + &format!(
                r#""scheduled_ts": {scheduled}, "first_token_ts": {first}, "last_token_ts": {last} }}"#,
            )
            + "\n"
    };
    let first = request(10, 3, [7.0, 7.0, 7.001, 7.003]);
    let second = request(20, 2, [7.0005, 7.001, 7.002, 7.003]);
    desk.put("run/requests.jsonl", first + &second);
    desk.put("run/profile_tp1_dense.csv", "layer,tokens,time_us\nmlp,1,400\nmlp,64,400\n");
    desk.put(
        "run/profile_tp1_per_sequence.csv",
        "layer,sequences,time_us\nlm_head,1,500\nlm_head,8,500\n",
    );
    desk.put(
        "run/profile_tp1_attention.csv",
        "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n\
         0,0,1,16,100\n16,0,0,0,100\n16,0,1,16,100\n",
    );
    desk.put(
        "run/timeseries.csv",
        "t,running,waiting,kv_cache_pct\n0.0005,1,1,12.5\n0.0015,2,0,37.5\n0.0025,2,0,37.5\n",
    );
}

#[test]
fn a_run_by_hand_is_met_to_the_digit() {
    let desk = Desk::empty();
    run_by_hand(&desk);
    let ran = desk.harpoon(&["calibrate", "--replay", "run", "--layers", "1", "--svg", "run.svg"]);
    assert_eq!(ran.stderr, "");
    insta::assert_snapshot!(ran.stdout);
    assert!(desk.read("run.svg").starts_with("<svg"));
}

#[test]
fn a_kernel_that_takes_less_than_no_time_is_refused_with_its_line() {
    let desk = Desk::empty();
    run_by_hand(&desk);
    desk.put("run/profile_tp1_dense.csv", "layer,tokens,time_us\nmlp,1,400\nmlp,1,-1\n");
    let ran = desk.harpoon(&["calibrate", "--replay", "run", "--layers", "1"]);
    insta::assert_snapshot!(ran.refusal());
}

#[test]
fn a_request_that_no_cache_holds_is_refused() {
    let desk = Desk::empty();
    run_by_hand(&desk);
    let meta = desk.read("run/meta.json").replace("\"num_gpu_blocks\": 9", "\"num_gpu_blocks\": 2");
    desk.put("run/meta.json", meta);
    let ran = desk.harpoon(&["calibrate", "--replay", "run", "--layers", "1"]);
    insta::assert_snapshot!(ran.refusal());
}

#[test]
fn a_folder_that_is_no_run_is_refused_with_a_way_out() {
    let desk = Desk::empty();
    let ran = desk.harpoon(&["calibrate", "--replay", "nowhere"]);
    insta::assert_snapshot!(ran.refusal());
}
