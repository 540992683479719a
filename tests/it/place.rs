//! Placing lists of pods on lists of nodes. The openb trace is not part of this repository: without it
//! that test says so and passes.

use std::path::Path;

use harpoon::place::{Plan, RuleResult, place};
use sim::config::Placement;

use crate::binary::Desk;

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\n\
    a,64000,262144,2,T4\n\
    b,96000,393216,8,G2\n\
    c,96000,393216,8,G2\n\
    d,32000,131072,0,\n";
const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n\
    whole,8000,16384,1,1000,\n\
    part,4000,8192,1,460,\n\
    small,2000,4096,1,220,T4|P100\n\
    many,32000,131072,4,1000,G2\n\
    cpu,8000,8192,0,0,\n";

fn desk(nodes: &str, pods: &str) -> Desk {
    let desk = Desk::empty();
    desk.put("nodes.csv", nodes);
    desk.put("pods.csv", pods);
    desk
}

const PLACE: [&str; 5] = ["place", "--nodes", "nodes.csv", "--pods", "pods.csv"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PLACE, more].concat()
}

/// Mean of ten seeds as published: Weng et al., USENIX ATC 2023, figure 9(a), the values of
/// `experiments/analysis/expected_results/analysis_allo_discrete.csv` in their repository.
const PUBLISHED: [(Placement, f64); 6] = [
    (Placement::Random, 87.47),
    (Placement::DotProduct, 90.85),
    (Placement::GpuClustering, 91.88),
    (Placement::GpuPacking, 92.00),
    (Placement::BestFit, 93.08),
    (Placement::FragmentationDescent, 95.39),
];

#[test]
fn the_published_rules_give_out_as_much_of_openb_as_published() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/openb");
    if !traces.exists() {
        println!("skipped: {} is not here", traces.display());
        return;
    }
    let plan = Plan {
        rules: PUBLISHED.map(|(rule, _)| rule).to_vec(),
        load_percent: 130,
        seeds: (1..=10).collect(),
    };
    let nodes = traces.join("openb_node_list_gpu_node.csv");
    let compared = place(&nodes, &traces.join("openb_pod_list_default.csv"), &plan).expect("lists");
    println!("{compared}");
    for (result, (rule, published)) in compared.results.iter().zip(PUBLISHED) {
        let ours = result.allocation_percent();
        assert!((ours - published).abs() <= 1.0, "{rule:?}: {ours}, published {published}");
    }
    let percents = compared.results.iter().map(RuleResult::allocation_percent);
    assert!(percents.is_sorted(), "the order of the rules is as published");
    insta::assert_snapshot!("openb", compared.to_string());
}

#[test]
fn every_rule_is_compared_on_the_same_pods() {
    let desk = desk(NODES, PODS);
    let ran = desk.harpoon(&with(&["--seeds", "3", "--out", "trials.csv"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.stdout + "\n" + &desk.read("trials.csv"));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let desk = desk(NODES, PODS);
    let ran = |threads: &str| {
        let mut command = desk.command(&with(&["--seeds", "20", "--load", "400%"]));
        let ran = command.env("RAYON_NUM_THREADS", threads).output().expect("it runs");
        String::from_utf8(ran.stdout).expect("text")
    };
    assert_eq!(ran("1"), ran("4"));
    assert!(ran("1").contains("load 400% of the GPUs, seeds 20"));
}

#[test]
fn rules_are_shown_once_and_in_the_order_asked_for() {
    let ran = desk(NODES, PODS).harpoon(&with(&["--rule", "fgd", "random", "fgd", "--load", "50"]));
    let shown: Vec<&str> =
        ran.stdout.lines().skip(5).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(shown, ["fgd", "random"], "{}", ran.stdout);
}

#[test]
fn lists_that_make_no_sense_are_refused_with_line_and_way_out() {
    let pod = |row: &str| format!("cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n{row}\n");
    let node = |row: &str| format!("cpu_milli,memory_mib,gpu,model\n{row}\n");
    for (nodes, pods, name) in [
        (NODES.to_owned(), pod("1000,1024,1,1001,"), "more_than_a_gpu"),
        (NODES.to_owned(), pod("1000,1024,0,500,"), "part_of_no_gpu"),
        (NODES.to_owned(), pod("1000,1024,2,0,"), "nothing_of_gpus"),
        (NODES.to_owned(), pod("1000,1024,65,1000,"), "pod_of_many_gpus"),
        (NODES.to_owned(), pod("0.5,1024,1,500,"), "fraction_of_a_thousandth"),
        (NODES.to_owned(), pod("1000,1024"), "short_row"),
        (NODES.to_owned(), pod("1000,1024,0,0,"), "pods_without_gpu"),
        (NODES.to_owned(), "cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n".into(), "no_pods"),
        (NODES.to_owned(), NODES.to_owned(), "nodes_as_pods"),
        (node("1000,1024,65,T4"), PODS.to_owned(), "node_of_many_gpus"),
        (node("1000,1024,-1,T4"), PODS.to_owned(), "negative_gpus"),
        (node("1000,1024,0,"), PODS.to_owned(), "nodes_without_gpu"),
        ("cpu_milli,memory_mib,gpu,model\n".to_owned(), PODS.to_owned(), "no_nodes"),
        (PODS.to_owned(), PODS.to_owned(), "pods_as_nodes"),
    ] {
        insta::assert_snapshot!(name, desk(&nodes, &pods).harpoon(&PLACE).refusal());
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let desk = desk(NODES, PODS);
    for (more, name) in [
        (["--load", "0%"], "no_load"),
        (["--load", "much"], "load_of_no_number"),
        (["--rule", "best"], "unknown_rule"),
        (["--seeds", "0"], "no_seeds"),
        (["--seed", "18446744073709551615"], "seeds_that_run_out"),
        (["--out", "no/such/folder.csv"], "unwritable"),
    ] {
        let ran = desk.harpoon(&with(&more));
        insta::assert_snapshot!(name, ran.refusal());
    }
    let ran = desk.harpoon(&["place", "--nodes", "nowhere.csv", "--pods", "pods.csv"]);
    insta::assert_snapshot!("no_file", ran.refusal());
}
