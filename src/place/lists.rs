//! Lists of nodes and of pods, in the form of the openb trace
//! (github.com/alibaba/clusterdata, cluster-trace-gpu-v2023).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sim::placement::{Ask, Host, Models};

use crate::tables::{Table, TableError};

/// GPUs are asked for in thousandths.
const PARTS_PER_GPU: u32 = 1000;
/// Most GPUs of one node.
const MOST_GPUS: u32 = 64;

/// A list that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Of nodes.
    Nodes,
    /// Of pods.
    Pods,
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Pods => "pods",
        }
    }

    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Nodes => &["cpu_milli", "memory_mib", "gpu", "model"],
            Self::Pods => &["cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"],
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Nodes => {
                "a node is `cpu_milli` (1/1000 CPU), `memory_mib`, `gpu` (0 to 64) and `model` (may be \
                 empty), numbers without a fraction"
            }
            Self::Pods => {
                "a pod is `cpu_milli` (1/1000 CPU), `memory_mib`, `num_gpu` (0 to 64), `gpu_milli` of \
                 each GPU (1 to 1000, 0 without a GPU) and `gpu_spec` (models, `|` between them; empty \
                 for any), numbers without a fraction"
            }
        }
    }

    const fn flag(self) -> &'static str {
        match self {
            Self::Nodes => "--nodes",
            Self::Pods => "--pods",
        }
    }
}

/// Why nothing can be placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A list cannot be read, or a row of it is not what it should be.
    #[error("{error}")]
    Table {
        /// Which list.
        list: List,
        /// What is wrong.
        error: TableError,
    },
    /// A column is missing.
    #[error("{}:1: a list of {} has no column `{missing}`, only `{found}`", path.display(), list.name())]
    Column {
        /// Which list.
        list: List,
        /// Which file.
        path: PathBuf,
        /// The column.
        missing: &'static str,
        /// The columns that there are.
        found: String,
    },
    /// The list holds nothing that could be used.
    #[error("{}: {message}", path.display())]
    Nothing {
        /// Which list.
        list: List,
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: &'static str,
    },
    /// Reaching the load takes too many pods.
    #[error("the load takes about {expected} pods, more than {most}")]
    TooManyArrivals {
        /// As many as can be expected.
        expected: u128,
        /// As many as may be.
        most: u64,
    },
}

impl PlaceError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::Table { list, error: TableError::Read { .. } | TableError::TooLong { .. } } => {
                format!("give {} a CSV file, plain or packed with gzip", list.flag())
            }
            Self::Table { list, error: TableError::Row { .. } } => list.meaning().to_owned(),
            Self::Column { list, .. } => {
                format!(
                    "give {} a CSV file with the columns {}",
                    list.flag(),
                    list.columns().join(", ")
                )
            }
            Self::Nothing { list, .. } => format!("give {} another file", list.flag()),
            Self::TooManyArrivals { .. } => {
                "give a lower --load, or a list of larger pods".to_owned()
            }
        }
    }
}

/// The nodes that there are.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) hosts: Vec<Host>,
    models: Vec<String>,
}

/// The pods that ask to be placed.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) pods: Vec<Ask>,
}

#[derive(Deserialize)]
struct NodeRow {
    cpu_milli: u64,
    memory_mib: u64,
    gpu: u32,
    model: String,
}

#[derive(Deserialize)]
struct PodRow {
    cpu_milli: u64,
    memory_mib: u64,
    num_gpu: u32,
    gpu_milli: u32,
    gpu_spec: String,
}

impl Cluster {
    pub(super) fn read(path: &Path) -> Result<Self, PlaceError> {
        let (list, mut cluster) = (List::Nodes, Self { hosts: Vec::new(), models: Vec::new() });
        let table = read(list, path)?;
        for row in table.rows() {
            let node = row.and_then(|(line, row)| {
                cluster.node(&row).map_err(|message| table.bad(line, message))
            });
            let node = node.map_err(|error| PlaceError::Table { list, error })?;
            cluster.hosts.push(node);
        }
        let nothing = |message| PlaceError::Nothing { list, path: path.to_owned(), message };
        match (cluster.hosts.len(), cluster.parts()) {
            (0, _) => Err(nothing("there are no nodes")),
            (_, 0) => Err(nothing("no node has a GPU")),
            (_, _) => Ok(cluster),
        }
    }

    #[cfg(test)]
    pub(super) fn of(hosts: Vec<Host>) -> Self {
        Self { hosts, models: Vec::new() }
    }

    fn node(&mut self, row: &NodeRow) -> Result<Host, String> {
        if row.gpu > MOST_GPUS {
            return Err(format!("{} GPUs on one node, more than {MOST_GPUS}", row.gpu));
        }
        let model = match row.model.as_str() {
            "" => Models::NONE,
            name => Models::only(self.number_of(name)?),
        };
        Ok(Host::new([row.cpu_milli, row.memory_mib], row.gpu, PARTS_PER_GPU, model))
    }

    fn number_of(&mut self, model: &str) -> Result<u32, String> {
        let known = self.models.iter().position(|known| known == model);
        let number = known.unwrap_or_else(|| {
            self.models.push(model.to_owned());
            self.models.len() - 1
        });
        let too_many = || format!("`{model}` is one GPU model more than {}", Models::MOST);
        Some(number as u32).filter(|number| *number < Models::MOST).ok_or_else(too_many)
    }

    /// The models that this list names; those that no node has are of no help.
    fn models(&self, names: &str) -> Models {
        let numbers = names.split('|').filter_map(|name| {
            let known = self.models.iter().position(|known| known == name.trim());
            known.map(|number| Models::only(number as u32))
        });
        if names.is_empty() { Models::ANY } else { numbers.fold(Models::NONE, Models::or) }
    }

    /// GPU parts of all nodes.
    pub(super) fn parts(&self) -> u64 {
        self.hosts.iter().map(Host::all_parts).sum()
    }

    /// GPUs of all nodes.
    pub(super) fn gpus(&self) -> u64 {
        self.parts() / u64::from(PARTS_PER_GPU)
    }
}

impl Workload {
    pub(super) fn read(path: &Path, cluster: &Cluster) -> Result<Self, PlaceError> {
        let list = List::Pods;
        let table = read(list, path)?;
        let pods = table.rows().map(|row| {
            row.and_then(|(line, row)| {
                pod(&row, cluster).map_err(|message| table.bad(line, message))
            })
        });
        let pods: Result<Vec<Ask>, TableError> = pods.collect();
        let workload = Self { pods: pods.map_err(|error| PlaceError::Table { list, error })? };
        let nothing = |message| PlaceError::Nothing { list, path: path.to_owned(), message };
        match (workload.pods.len(), workload.parts()) {
            (0, _) => Err(nothing("there are no pods")),
            (_, 0) => Err(nothing("no pod asks for a GPU")),
            (_, _) => Ok(workload),
        }
    }

    /// GPU parts that all pods ask for.
    pub(super) fn parts(&self) -> u64 {
        self.pods.iter().map(Ask::all_parts).sum()
    }
}

fn pod(row: &PodRow, cluster: &Cluster) -> Result<Ask, String> {
    let (gpus, parts) = (row.num_gpu, row.gpu_milli);
    match (gpus, parts) {
        (0, 1..) => return Err(format!("{parts} thousandths of no GPU")),
        (1.., 0) => return Err(format!("nothing of {gpus} GPUs")),
        (_, 1001..) => return Err(format!("{parts} thousandths of a GPU, more than all of it")),
        (65.., _) => return Err(format!("{gpus} GPUs of one node, more than {MOST_GPUS}")),
        (_, _) => {}
    }
    Ok(Ask {
        resources: [row.cpu_milli, row.memory_mib],
        gpus,
        parts,
        models: if gpus == 0 { Models::ANY } else { cluster.models(&row.gpu_spec) },
        overcommit: 1,
        // As the authors' simulator has it: those with a fraction of a GPU are of one kind.
        kind: if parts < PARTS_PER_GPU { 0 } else { gpus },
    })
}

fn read(list: List, path: &Path) -> Result<Table, PlaceError> {
    let table = Table::read(path).map_err(|error| PlaceError::Table { list, error })?;
    match list.columns().iter().find(|column| !table.has(column)) {
        None => Ok(table),
        Some(missing) => {
            let found: Vec<&str> = table.header.iter().take(8).collect();
            let (path, found) = (path.to_owned(), found.join("`, `"));
            Err(PlaceError::Column { list, path, missing, found })
        }
    }
}
