//! Judging by and fitting to measured operating points and kernels. The published tables are not part
//! of this repository: without them those tests say so and pass.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use harpoon::calibrate::check::{Check, Metric, Prediction, check};

use crate::binary::Desk;

const HEADER: &str = "concurrency,backend,model_path,system,precision,mode,isl,osl,tp_size,\
    silicon_ttft_ms,silicon_tpot_ms\n";

fn table(rows: &str) -> Desk {
    let desk = Desk::empty();
    desk.put("points.csv", HEADER.to_owned() + rows);
    desk
}

fn published(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/perf").join(name)
}

fn assert_within(check: &Check, model: &str, metric: Metric, (median, p90): (f64, f64)) {
    let group = check.groups.iter().find(|judged| judged.group.model == model).expect("judged");
    let errors = group.errors(metric, Prediction::Corrected).expect("enough points");
    assert!(errors.median <= median && errors.p90 <= p90, "{model} {metric:?}: {errors:?}");
}

#[test]
fn load_tests_of_70b_are_met_where_they_were_held_back() {
    let path = published("serving_benchmarks/measured_ttft_tpot_public.csv.gz");
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return;
    }
    let mut all = String::new();
    let packed = std::fs::File::open(path).expect("it exists");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut all).unwrap();
    let wanted = |row: &&str| row.contains("Llama-3.1-70B") && row.contains(",vllm,");
    let rows: Vec<&str> = all.lines().take(1).chain(all.lines().filter(wanted)).collect();
    let desk = Desk::empty();
    desk.put("points.csv", rows.join("\n"));
    let check = check(&desk.path("points.csv"), |_, _| {}).expect("a table of points");
    println!("{check}");
    assert_eq!(check.groups[0].points.len(), 60);
    assert_within(&check, "Llama-3.1-70B", Metric::Ttft, (0.10, 0.25));
    assert_within(&check, "Llama-3.1-70B", Metric::Tpot, (0.10, 0.25));
}

#[test]
fn static_batches_on_a100_are_met_where_they_were_held_back() {
    let path = published("splitwise/perf_model_a100.csv");
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return;
    }
    let check = check(&path, |_, _| {}).expect("a table of points");
    println!("{check}");
    for model in ["Llama-2-70B", "BLOOM-176B"] {
        assert_within(&check, model, Metric::Tpot, (0.10, 0.25));
        assert_within(&check, model, Metric::Ttft, (0.10, 0.25));
    }
    // Two cards with 64 prompts of 512 tokens took a ninth of what their arithmetic takes at the peak.
    assert_eq!(check.left_out.values().sum::<u64>(), 1);
}

#[test]
fn what_is_not_modelled_is_left_out_and_said() {
    let desk = table(
        "4,vllm,meta-llama/Llama-3.1-8B,h100_sxm,fp8,agg,128,16,1,30,6\n\
         4,vllm,meta-llama/Llama-3.1-8B,h100_sxm,fp8,disagg,128,16,1,30,6\n\
         4,vllm,meta-llama/Llama-3.1-8B,h100_sxm,fp8,agg,128,1,1,30,6\n\
         4,vllm,somebody/else,h100_sxm,fp8,agg,128,16,1,30,6\n\
         4,vllm,meta-llama/Llama-3.1-8B,tpu_v5,fp8,agg,128,16,1,30,6\n\
         4,vllm,meta-llama/Llama-3.1-8B,h100_sxm,nvfp4,agg,128,16,1,30,6\n\
         4,vllm,meta-llama/Llama-3.1-405B,h100_sxm,fp8,agg,128,16,1,30,6\n",
    );
    let ran = desk.harpoon(&["calibrate", "--check", "points.csv", "--out", "judged.csv"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout + "\n" + &desk.read("judged.csv"));
}

#[test]
fn figures_that_nobody_measured_are_refused_with_their_line() {
    for (rows, name) in [
        ("0,vllm,llama-3.1-8b,h100_sxm,,agg,128,16,1,30,6\n", "no_clients"),
        ("4,vllm,llama-3.1-8b,h100_sxm,,agg,128,16,1,-3,6\n", "negative_time"),
        ("4,vllm,llama-3.1-8b,h100_sxm,,agg,128,16,1,NaN,6\n", "no_number"),
        ("4,vllm,llama-3.1-8b,h100_sxm,,agg,many,16,1,30,6\n", "no_count"),
        ("4,vllm,llama-3.1-8b\n", "short_row"),
        ("", "no_rows"),
    ] {
        let ran = table(rows).harpoon(&["calibrate", "--check", "points.csv"]);
        insta::assert_snapshot!(name, ran.refusal());
    }
}

#[test]
fn a_table_of_something_else_is_refused_with_what_would_do() {
    let desk = Desk::empty();
    desk.put("prices.csv", "provider,gpu,price\nx,H100,3\n");
    for arguments in [["calibrate", "--check", "prices.csv"], ["calibrate", "--fit", "prices.csv"]]
    {
        insta::assert_snapshot!("something_else", desk.harpoon(&arguments).refusal());
    }
}

#[test]
fn kernels_that_nobody_measured_are_refused_with_their_line() {
    let header = "device,op_name,gemm_dtype,m,n,k,latency\n";
    for (rows, name) in [
        ("h100_sxm,gemm,bfloat16,-1,1,1,0.01\n", "negative_size"),
        ("h100_sxm,gemm,bfloat16,1,1,1,0\n", "no_time"),
        ("h100_sxm,gemm,fp8,1,1,1,0.01\n", "too_few_kernels"),
        ("tpu,gemm,bfloat16,1,1,1,0.01\n", "unknown_card"),
    ] {
        let desk = Desk::empty();
        desk.put("gemm.csv", header.to_owned() + rows);
        insta::assert_snapshot!(name, desk.harpoon(&["calibrate", "--fit", "gemm.csv"]).refusal());
    }
    let desk = Desk::empty();
    desk.put(
        "reduce.csv",
        "time_stats.all_reduce.median,num_workers,devices_per_node,size\n1,2,2,4\n",
    );
    let ran = desk.harpoon(&["calibrate", "--fit", "reduce.csv"]);
    insta::assert_snapshot!("card_of_no_folder", ran.refusal());
}

/// A product of 4096 x 4096 x 4096 at 16 bit is 137.4 GFLOP, 139 us at the peak of an H100; these took
/// twice that and 5 us.
#[test]
fn kernels_say_what_share_of_the_peak_they_reach() {
    let desk = Desk::empty();
    let mut rows = "device,op_name,gemm_dtype,m,n,k,latency\n".to_owned();
    for m in [1_024, 2_048, 4_096, 8_192, 16_384, 32_768] {
        let peak_ms = 2.0 * f64::from(m) * 4096.0 * 4096.0 / 989e12 * 1e3;
        let ms = 0.005 + 2.0 * peak_ms;
        writeln!(rows, "h100_sxm,gemm,bfloat16,{m},4096,4096,{ms}").expect("into a string");
    }
    desk.put("gemm.csv", rows);
    let ran = desk.harpoon(&["calibrate", "--fit", "gemm.csv"]);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("share of the peak     50.0 %"), "{}", ran.stdout);
    assert!(ran.stdout.contains("fixed                 5.0 us"), "{}", ran.stdout);
}
