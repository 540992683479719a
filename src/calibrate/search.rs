//! The least of a function of a few numbers, by the method of Nelder and Mead (The Computer Journal
//! 7(4), 1965).

use argmin::{
    core::{CostFunction, Executor},
    solver::neldermead::NelderMead,
};

/// Where to search, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// A corner of the first simplex.
    pub(super) from: Vec<f64>,
    /// How far the others are from it, one along each axis.
    pub(super) sizes: Vec<f64>,
    /// It ends when the costs of the corners spread no more than this, or after so many steps.
    pub(super) tolerance: f64,
    pub(super) steps: u64,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) at: Vec<f64>,
    pub(super) cost: f64,
}

struct Cost<F>(F);

impl<F: Fn(&[f64]) -> f64> CostFunction for Cost<F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok((self.0)(at))
    }
}

impl Search {
    /// Searches.
    ///
    /// # Panics
    /// If a cost is not a number.
    pub(super) fn least(self, cost: impl Fn(&[f64]) -> f64) -> Found {
        let Self { from, sizes, tolerance, steps } = self;
        let mut simplex = vec![from.clone()];
        for (index, size) in sizes.into_iter().enumerate() {
            let mut corner = from.clone();
            corner[index] += size;
            simplex.push(corner);
        }
        let ended = NelderMead::new(simplex).with_sd_tolerance(tolerance).and_then(|solver| {
            Executor::new(Cost(cost), solver).configure(|state| state.max_iters(steps)).run()
        });
        // The cost never fails and the corners are the only state, so neither does the search.
        let state = ended.expect("costs are numbers").state;
        Found { at: state.best_param.unwrap_or(from), cost: state.best_cost }
    }
}
