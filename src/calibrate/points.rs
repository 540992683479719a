//! Measured operating points, and how each of them was measured.
//!
//! A point is a closed loop of clients against one server, with the mean time to first token and the
//! mean time per output token that came of it. Two forms of tables are known by their columns:
//!
//! * [`serving`]: load tests gathered by AIConfigurator (`silicon_ttft_ms`, `silicon_tpot_ms`);
//! * [`splitwise`]: batches of equal prompts (`prompt_time`, `token_time`).
//!
//! Rows that say something that the engine does not model, or that nobody can place, are left out and
//! counted by reason.

mod serving;
mod splitwise;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use sim::{
    catalogue,
    config::{GpuSpec, ModelShape},
};

use super::{
    closed_loop::{ClosedLoop, Latencies},
    kernels, models,
    tables::{Table, TableError},
};

/// What is fitted as one: the same constants are to explain all its points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The card, as in the catalogue.
    pub card: String,
    /// The model.
    pub model: &'static str,
    /// The serving software.
    pub stack: String,
    /// Bits per weight.
    pub weight_bits: u32,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { card, model, stack, weight_bits } = self;
        write!(f, "{model} on {card}, {stack}, {weight_bits} bit")
    }
}

/// An operating point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Where it stands in its file.
    pub(super) line: u64,
    pub(super) group: Group,
    pub(super) gpu: GpuSpec,
    pub(super) shape: ModelShape,
    /// Cards that work as one.
    pub(super) cards: u32,
    /// Tokens of a prompt and of an answer, as the table states them.
    pub(super) lengths: (u32, u32),
    pub(super) plan: ClosedLoop,
    /// Whether the way it was measured is known; otherwise it is found out with the constants.
    pub(super) is_published: bool,
    pub(super) measured: Latencies,
}

/// The points of a table, and what of it was left out.
#[derive(Debug, Default)]
pub(super) struct Points {
    pub(super) points: Vec<Point>,
    /// Rows by the reason why they were left out.
    pub(super) left_out: BTreeMap<String, u64>,
}

/// Why a point with answers of one token is left out.
const ONE_TOKEN: &str = "an answer of one token has no time per output token";

/// Why there are no points.
#[derive(Debug, thiserror::Error)]
pub enum PointsError {
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The table is of no form that is known.
    #[error("{}: the columns `{found}` are not those of measured operating points", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// The first columns that there are.
        found: String,
    },
}

impl PointsError {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Table(_) => None,
            Self::Form { .. } => Some(format!(
                "operating points have either {}; or {}. Kernels have {}",
                serving::COLUMNS.join(", "),
                splitwise::COLUMNS.join(", "),
                kernels::columns(),
            )),
        }
    }
}

/// Reads a table of either form.
pub(super) fn read(table: &Table) -> Result<Points, PointsError> {
    let all = |columns: &[&str]| columns.iter().all(|column| table.has(column));
    let points = if all(&serving::COLUMNS) {
        serving::points(table)?
    } else if all(&splitwise::COLUMNS) {
        splitwise::points(table)?
    } else {
        let found: Vec<&str> = table.header.iter().take(8).collect();
        return Err(PointsError::Form { path: table.path.clone(), found: found.join("`, `") });
    };
    if points.points.is_empty() && points.left_out.is_empty() {
        return Err(table.bad(1, "there are no rows".to_owned()).into());
    }
    Ok(points)
}

impl Points {
    fn leave_out(&mut self, reason: String) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// Every group, with its points.
    pub(super) fn by_group(self) -> BTreeMap<Group, Vec<Point>> {
        let mut groups: BTreeMap<Group, Vec<Point>> = BTreeMap::new();
        for point in self.points {
            groups.entry(point.group.clone()).or_default().push(point);
        }
        groups
    }
}

/// The card of the catalogue that a table means by this name, such as `h100_sxm` or `a100-80gb`.
pub(super) fn card(name: &str) -> Option<GpuSpec> {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_prefix("nvidia ").unwrap_or(&name);
    let plain = plain.strip_suffix("_sxm").unwrap_or(plain);
    catalogue::gpu(match plain {
        "a100" | "a100-80gb" | "a100_80gb" | "a100-sxm4-80gb" => "A100-80",
        "a100-40gb" | "a100_40gb" | "a100-sxm4-40gb" => "A100-40",
        "h100 80gb hbm3" => "H100",
        "rtx_pro_6000" => "RTX PRO 6000",
        other => other,
    })
}

/// The card and the model of a row, or why there is none.
fn server(
    card_name: &str,
    model: &str,
    bits: (u32, u32),
) -> Result<(GpuSpec, &'static str, ModelShape), String> {
    let gpu = card(card_name).ok_or_else(|| format!("the card `{card_name}` is not known"))?;
    let (name, shape) = models::find(model, bits.0, bits.1)
        .ok_or_else(|| format!("the shape of the model `{model}` is not known"))?;
    Ok((gpu, name, shape))
}
