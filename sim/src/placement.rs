//! Which host takes what is asked: the card of a pool that a new share goes to, or the node of a
//! cluster that a pod goes to.
//!
//! Both are one problem. A [`Host`] has some GPUs, each divided into parts, and two more resources that
//! divide at will; an [`Ask`] wants a number of parts of one or several GPUs and some of the rest. A card
//! of a pool is a host with one GPU in as many parts as it is shared, whose other resources are memory
//! and compute; a node is a host with several GPUs in thousandths, CPU and memory. A
//! [`Placer`] chooses by one rule ([`config::Placement`](crate::config::Placement)) among the hosts
//! that have room, and keeps what is promised.
//!
//! # What a rule is
//!
//! * A score of a host for an ask that depends on nothing else: `first_fit`, `least_loaded`,
//!   `best_fit`, `worst_fit`, `dot_product`, `gpu_packing`, `gpu_clustering`, `fgd`. The
//!   highest wins, the lowest number among equals (with `least_loaded`: the longest unchanged).
//! * Or a way to go through the hosts: `round_robin`, `random`, `power_of_two`.
//!
//! Within a host the GPUs with least left are taken; by `worst_fit` those with most, by `random` any, by
//! `fgd` the one where fragmentation falls most. `docs/model/placement.md` has the equations.
//!
//! # What a decision costs
//!
//! With `n` hosts, of which `c` changed since the same ask came last:
//!
//! | rule | decision | score of a host with `g` GPUs |
//! | --- | --- | --- |
//! | `first_fit`, `least_loaded`, `best_fit`, `worst_fit`, `dot_product`, `round_robin` | `(1 + c) log n` | `g` |
//! | `gpu_packing`, `gpu_clustering` | `(1 + c) log n` | `g log g`; kinds on the host |
//! | `fgd` | `(1 + c) log n` | `g²` x usual asks |
//! | `random`, `power_of_two` | 16 draws; `n` where nearly all are full | none |
//!
//! Every change is looked at once per distinct ask at most, so a share that comes and goes costs
//! `log n` times the distinct asks of its pool, of which there is about one per model. The first time
//! that an ask comes costs `n`. Memory: 16 bytes per host and distinct ask, at most 256 of them.
//!
//! # Edges
//!
//! * What accepts overcommit sees a host as many times as large, but for its GPU parts.
//! * A host out of service takes nothing.
//! * In a pool, `fgd` learns what is usually asked for from what was asked so far and looks at it anew when
//!   that has doubled: the first asks are placed knowing little.
//!
//! # Sources
//!
//! `dot_product`, `gpu_packing`, `gpu_clustering`, `fgd` and the score of `best_fit` are those of Weng et al.,
//! "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent",
//! USENIX ATC 2023, as their simulator has them
//! (github.com/hkust-adsl/kubernetes-scheduler-simulator). `power_of_two` is Mitzenmacher's, "The power
//! of two choices in randomized load balancing", 2001.

mod boards;
mod fragmentation;
mod host;
mod placer;
mod score;
#[cfg(test)]
mod tests;
mod tournament;

pub use host::{Ask, Gpus, Host, Models, RESOURCES};
pub use placer::Placer;
pub use score::Scale;
