//! Written by training; `docs/platform/classification.md` says how to write it again.

use super::Weights;

/// The trained model.
pub const WEIGHTS: Weights = Weights {
    of: [
        132,   // length
        -1232, // questions
        105,   // code
        2894,  // mathematics
        1975,  // reasoning
        0,     // creation
        406,   // constraints
        0,     // list of tasks
        617,   // numbers
        -580,  // lookup
        274,   // rewriting
        675,   // specialist terms
        61,    // long words
        16,    // script
    ],
    cuts: [5401, 8708],
    typical: [
        48433, // length
        322,   // questions
        172,   // code
        22,    // mathematics
        461,   // reasoning
        204,   // creation
        322,   // constraints
        58,    // list of tasks
        298,   // numbers
        755,   // lookup
        396,   // rewriting
        170,   // specialist terms
        1871,  // long words
        1356,  // script
    ],
};
