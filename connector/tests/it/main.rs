//! The conformance suite, tried on a connector that conforms and on ones that do not.

mod conformance;
mod reference;
