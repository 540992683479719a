//! Written by training; see `docs/platform/classification.md` for how to write it again.

use super::Weights;

/// The trained model.
pub const WEIGHTS: Weights = Weights {
    of: [30, 0, 300, 300, 600, 500, 500, 300, 100, -700, 0, 600, 100, 30],
    cuts: [2500, 5000],
    typical: [0; 14],
};
