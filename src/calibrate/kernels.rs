//! Fitting a card's shares to measured kernels.
//!
//! # Mechanism
//!
//! A kernel takes a fixed time and, after it, as long as its arithmetic at a share of the card's peak
//! or its traffic at a share of the bandwidth, whichever is longer. The fixed time and the shares are
//! sought that make the mean of `|ln(predicted / measured)|` least, by Nelder and Mead over their
//! logarithms. As for operating points, a fifth of the settings at a time is predicted by what was
//! fitted to the others.
//!
//! Five forms of tables are known by their columns: matrix products and both kinds of attention as
//! AIConfigurator measures them (github.com/ai-dynamo/aiconfigurator, `systems/data`), and one layer's
//! linear operations and all-reduces as Vidur does (github.com/microsoft/vidur, `data/profiling`).
//!
//! # Edges
//!
//! Repeats of a setting are one point, with the median time. Vidur's tables do not name the card: it
//! is a folder of their path, as in the publisher's repository. AIConfigurator does not say whether its
//! collectives' sizes are in bytes or elements, so they are not read.

mod forms;

use std::{collections::BTreeMap, fmt};

use super::{
    search::Search,
    statistics::{Errors, held_back, median},
    tables::{Table, TableError},
};

const STEPS: u64 = 300;

/// A kind of kernels on a card, as one table has them.
#[derive(Clone, Debug)]
pub struct Kernels {
    /// The card, as in the catalogue.
    pub card: String,
    /// Which kernels.
    pub what: &'static str,
    points: Vec<Kernel>,
}

/// A measured kernel: nanoseconds of its arithmetic and its traffic by the datasheet, and measured.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    arithmetic: f64,
    traffic: f64,
    measured: f64,
}

/// What was fitted, and how far it is off.
#[derive(Clone, Debug)]
pub struct KernelFit {
    /// Which kernels.
    pub kernels: Kernels,
    /// Nanoseconds of every kernel.
    pub fixed: f64,
    /// Share of the peak; `None` where traffic is all there is.
    pub arithmetic: Option<f64>,
    /// Share of the bandwidth.
    pub traffic: Option<f64>,
    /// Errors of the datasheet alone.
    pub datasheet: Errors,
    /// Errors of kernels that were held back.
    pub corrected: Errors,
}

/// The tables of kernels that there are, by their columns.
pub(super) fn columns() -> String {
    forms::columns()
}

/// Fits a table of kernels; `None` if it is none.
///
/// # Errors
/// If a row cannot have been measured, or the card is not known.
pub(super) fn fit(table: &Table) -> Result<Option<KernelFit>, TableError> {
    let Some(form) = forms::find(table) else { return Ok(None) };
    let kernels = forms::read(form, table)?;
    let points = &kernels.points;
    let (fixed, arithmetic, traffic) = search(&points.iter().collect::<Vec<_>>());
    let corrected =
        held_back(points, |_, kept| search(kept), |kernel, &constants| kernel.error(constants));
    let bound = |share: f64, of: fn(&Kernel) -> f64| {
        points.iter().any(|kernel| of(kernel) > 0.0).then_some(share)
    };
    let datasheet = points.iter().map(|kernel| kernel.error((0.0, 1.0, 1.0))).collect();
    Ok(Some(KernelFit {
        fixed,
        arithmetic: bound(arithmetic, |kernel| kernel.arithmetic),
        traffic: bound(traffic, |kernel| kernel.traffic),
        datasheet: Errors::of(datasheet),
        corrected: Errors::of(corrected.into_iter().flatten().collect()),
        kernels,
    }))
}

/// Fixed nanoseconds, and the shares of peak and bandwidth.
type Constants = (f64, f64, f64);

impl Kernel {
    fn predict(&self, (fixed, arithmetic, traffic): Constants) -> f64 {
        fixed + (self.arithmetic / arithmetic).max(self.traffic / traffic)
    }

    fn error(&self, constants: Constants) -> f64 {
        (self.predict(constants) / self.measured - 1.0).abs()
    }
}

fn constants(logarithms: &[f64]) -> Constants {
    let value = |index: usize| libm::exp(logarithms[index]);
    (value(0), value(1).min(1.0), value(2).min(1.0))
}

fn search(kernels: &[&Kernel]) -> Constants {
    let cost = |logarithms: &[f64]| {
        let constants = constants(logarithms);
        let off = |kernel: &&Kernel| {
            libm::fabs(libm::log(kernel.predict(constants) / kernel.measured)).min(2.0)
        };
        let excess: f64 = logarithms[1..].iter().map(|logarithm| logarithm.max(0.0)).sum();
        kernels.iter().map(off).sum::<f64>() / kernels.len() as f64 + excess
    };
    let from = [10e3, 0.7, 0.7].map(libm::log).to_vec();
    let sizes = vec![1.0, -0.3, -0.3];
    constants(&Search { from, sizes, tolerance: 1e-6, steps: STEPS }.least(cost).at)
}

impl fmt::Display for KernelFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kernels { card, what, points } = &self.kernels;
        writeln!(f, "{what} on {card}: {} settings", points.len())?;
        for (name, Errors { median, p90 }) in
            [("datasheet", self.datasheet), ("corrected, held back", self.corrected)]
        {
            let (median, p90) = (median * 100.0, p90 * 100.0);
            writeln!(f, "  {name:<22}error {median:.1} % median, {p90:.1} % p90")?;
        }
        writeln!(f, "  {:<22}{:.1} us", "fixed", self.fixed / 1e3)?;
        for (name, share) in
            [("share of the peak", self.arithmetic), ("of the bandwidth", self.traffic)]
        {
            if let Some(share) = share {
                writeln!(f, "  {name:<22}{:.1} %", share * 100.0)?;
            }
        }
        Ok(())
    }
}

/// Collects measured times by setting.
#[derive(Debug, Default)]
struct Settings(BTreeMap<[u64; 6], (f64, f64, Vec<f64>)>);

impl Settings {
    /// A kernel of this setting took so long; its arithmetic and traffic follow from the setting.
    fn add(&mut self, setting: [u64; 6], (arithmetic, traffic): (f64, f64), measured: f64) {
        self.0.entry(setting).or_insert((arithmetic, traffic, Vec::new())).2.push(measured);
    }

    fn kernels(self) -> Vec<Kernel> {
        let kernel = |(arithmetic, traffic, measured): (f64, f64, Vec<f64>)| Kernel {
            arithmetic,
            traffic,
            measured: median(measured),
        };
        self.0.into_values().map(kernel).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_with_constants_is_found_again() {
        let truth = (12e3, 0.6, 0.8);
        let mut kernels = Vec::new();
        for arithmetic in [1e3, 2e4, 5e5, 3e6] {
            for traffic in [2e3, 4e4, 1e6] {
                let mut kernel = Kernel { arithmetic, traffic, measured: 0.0 };
                kernel.measured = kernel.predict(truth);
                kernels.push(kernel);
            }
        }
        let (fixed, arithmetic, traffic) = search(&kernels.iter().collect::<Vec<_>>());
        assert!((fixed / truth.0 - 1.0).abs() < 0.01, "{fixed}");
        assert!((arithmetic / truth.1 - 1.0).abs() < 0.01, "{arithmetic}");
        assert!((traffic / truth.2 - 1.0).abs() < 0.01, "{traffic}");
    }
}
