//! The conformance suite: what every connector must do, whoever is behind it.
