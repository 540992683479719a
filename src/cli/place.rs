use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use sim::config::Placement;

use super::{Failure, print, write_csv};
use crate::place::{PlaceError, Plan, place};

/// Most seeds of one comparison.
const MOST_SEEDS: i64 = 10_000;
/// Stands for every rule.
const ALL: &str = "all";

/// Compare placement rules on a list of nodes and a list of pods.
///
/// Pods arrive in random order until they ask for the given share of all GPUs, and none leaves. Prints
/// how much of the GPUs each rule has given out in the end, and how many pods found a place.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  harpoon place --nodes openb_node_list_gpu_node.csv --pods openb_pod_list_default.csv
  harpoon place --nodes nodes.csv --pods pods.csv --rule fgd best_fit --load 100%
  harpoon place --nodes nodes.csv --pods pods.csv --seeds 50 --out trials.csv

A list of nodes has the columns cpu_milli, memory_mib, gpu, model; a list of pods cpu_milli,
memory_mib, num_gpu, gpu_milli, gpu_spec; as the openb trace of github.com/alibaba/clusterdata.")]
pub(super) struct Place {
    /// The nodes: CSV, plain or gzip.
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// The pods: CSV, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pods: PathBuf,
    /// The rules: `all`, or some of `random`, `round_robin`, `power_of_two`, `least_loaded`,
    /// `worst_fit`, `first_fit`, `dot_product`, `gpu_clustering`, `gpu_packing`, `best_fit`, `fgd`.
    #[arg(long = "rule", value_name = "RULE", num_args = 1.., default_value = ALL, value_parser = rules)]
    rules: Vec<Rules>,
    /// What the pods ask for in total, as a share of all GPUs: 1% to 1000%.
    #[arg(long, value_name = "PERCENT", default_value = "130%", value_parser = percent)]
    load: u32,
    /// Trials of each rule, with seeds seed, seed+1, ...
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MOST_SEEDS))]
    seeds: u32,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write every trial into this CSV file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One rule or every one.
#[derive(Clone, Debug)]
struct Rules(Vec<Placement>);

fn rules(name: &str) -> Result<Rules, String> {
    if name == ALL {
        return Ok(Rules(Placement::ALL.to_vec()));
    }
    let known = || Placement::ALL.map(Placement::name).join(", ");
    let rule = Placement::from_name(name);
    rule.map(|rule| Rules(vec![rule])).ok_or_else(|| format!("not one of {ALL}, {}", known()))
}

fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok();
    number
        .filter(|percent| (1..=1000).contains(percent))
        .ok_or_else(|| "not a whole percentage between 1% and 1000%, such as 130%".to_owned())
}

impl Place {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        let last = u64::from(self.seeds) - 1;
        let last = self.seed.checked_add(last).ok_or_else(|| {
            let message = format!("no seeds follow {} for {} trials", self.seed, self.seeds);
            Failure::bad_input(message).with_help("choose a smaller --seed")
        })?;
        let mut rules: Vec<Placement> = Vec::new();
        for rule in self.rules.into_iter().flat_map(|rules| rules.0) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        let seeds = (self.seed..=last).collect();
        let plan = Plan { rules, load_percent: self.load, seeds };
        let compared = place(&self.nodes, &self.pods, &plan);
        let compared = compared.map_err(|error| bad_lists(&error))?;
        if let Some(path) = &self.out {
            write_csv(path, |file| compared.write_trials(file)).map_err(Failure::failed)?;
        }
        print(&compared.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn bad_lists(error: &PlaceError) -> Failure {
    Failure::bad_input(error.to_string()).with_help(error.help())
}
