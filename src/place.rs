//! Placement rules compared on a list of nodes and a list of pods, as in the evaluation of Weng et
//! al., "Beware of Fragmentation", USENIX ATC 2023.
//!
//! Pods arrive one after the other, each is placed by the rule or fails, and none ever leaves. First
//! comes every pod of the list in random order, then pods drawn from the list with replacement until
//! the next would exceed the load, a share of all GPUs; where the list alone exceeds it, its last pods
//! in that order do not come. Nodes are numbered at random, for the number decides among equals. What is counted is how much of the GPUs is promised in the end.
//!
//! Scores have steps of one per cent and look at CPU and GPUs, while memory only limits, as in the
//! authors' simulator. `fgd` takes the pod list for what is usually asked for. Every rule sees the same
//! arrivals for the same seed.

mod lists;
mod trial;

use std::{fmt, path::Path};

use rayon::prelude::*;
use sim::config::Placement;

pub use self::{lists::PlaceError, trial::Trial};
use self::{
    lists::{Cluster, Workload},
    trial::Arrivals,
};

/// What is compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules, in the order in which they are shown.
    pub rules: Vec<Placement>,
    /// What the pods that arrive ask of all GPUs, in per cent.
    pub load_percent: u32,
    /// One trial of each rule per seed.
    pub seeds: Vec<u64>,
}

/// How the rules did.
#[derive(Clone, Debug)]
pub struct Comparison {
    nodes: usize,
    gpus: u64,
    pods: usize,
    load_percent: u32,
    seeds: usize,
    /// Every rule, in the order of the plan.
    pub results: Vec<RuleResult>,
}

/// How one rule did.
#[derive(Clone, Debug)]
pub struct RuleResult {
    /// Which.
    pub rule: Placement,
    /// One per seed, in the order of the plan.
    pub trials: Vec<Trial>,
}

/// Places the pods of a list on the nodes of a list by every rule of the plan, with every seed.
///
/// Trials run at the same time on as many threads as rayon has, which changes no result.
///
/// # Errors
/// If a list cannot be read, or there is nothing to place or to place it on.
pub fn place(nodes: &Path, pods: &Path, plan: &Plan) -> Result<Comparison, PlaceError> {
    let cluster = Cluster::read(nodes)?;
    let workload = Workload::read(pods, &cluster)?;
    let arrivals = Arrivals::new(&cluster, &workload, plan.load_percent)?;
    let seeds = plan.seeds.len();
    let pairs: Vec<(Placement, u64)> = plan
        .rules
        .iter()
        .flat_map(|&rule| plan.seeds.iter().map(move |&seed| (rule, seed)))
        .collect();
    let trials: Vec<Trial> =
        pairs.par_iter().map(|&(rule, seed)| arrivals.place(rule, seed)).collect();
    let of_rule = |(rule, trials): (&Placement, &[Trial])| RuleResult {
        rule: *rule,
        trials: trials.to_vec(),
    };
    Ok(Comparison {
        nodes: cluster.hosts.len(),
        gpus: cluster.gpus(),
        pods: workload.pods.len(),
        load_percent: plan.load_percent,
        seeds,
        results: plan.rules.iter().zip(trials.chunks(seeds.max(1))).map(of_rule).collect(),
    })
}

impl RuleResult {
    /// The mean share of all GPUs that is promised in the end, in per cent.
    pub fn allocation_percent(&self) -> f64 {
        self.mean(Trial::allocation_percent)
    }

    fn mean(&self, of: impl Fn(&Trial) -> f64) -> f64 {
        self.trials.iter().map(of).sum::<f64>() / self.trials.len() as f64
    }
}

impl Comparison {
    /// Every trial as CSV.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_trials(&self, out: impl std::io::Write) -> Result<(), csv::Error> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record([
            "rule",
            "seed",
            "gpu_allocation_percent",
            "pods_placed",
            "pods_failed",
        ])?;
        for RuleResult { rule, trials } in &self.results {
            for trial in trials {
                rows.write_record([
                    rule.name().to_owned(),
                    trial.seed.to_string(),
                    format!("{:.4}", trial.allocation_percent()),
                    trial.placed.to_string(),
                    trial.failed.to_string(),
                ])?;
            }
        }
        rows.flush()?;
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, gpus, pods, load_percent, seeds, results } = self;
        writeln!(f, "nodes {nodes}, GPUs {gpus}, pods listed {pods}")?;
        writeln!(f, "load {load_percent}% of the GPUs, seeds {seeds}\n")?;
        writeln!(f, "{:<16}{:>27}{:>20}", "rule", "GPU allocation %", "pods, mean")?;
        let titles = ["mean", "lowest", "highest"].map(|title| format!("{title:>9}")).concat();
        writeln!(f, "{:<16}{titles}{:>10}{:>10}", "", "placed", "failed")?;
        for result in results {
            let percents = || result.trials.iter().map(Trial::allocation_percent);
            writeln!(
                f,
                "{:<16}{:>9.2}{:>9.2}{:>9.2}{:>10.0}{:>10.0}",
                result.rule.name(),
                result.allocation_percent(),
                percents().fold(f64::INFINITY, f64::min),
                percents().fold(f64::NEG_INFINITY, f64::max),
                result.mean(|trial| trial.placed as f64),
                result.mean(|trial| trial.failed as f64),
            )?;
        }
        Ok(())
    }
}
