//! The rules of the house that no compiler or linter checks.
//!
//! Every rule is a function from text or metadata to a list of offences, so that each can be shown
//! to fail on a bad input beside the test that holds the repository to it. An offence says what is
//! wrong, where, and the way out.

mod edges;
mod licences;
mod manifests;
mod names;
mod objectives;
mod sizes;
mod texts;
mod workspace;

/// Fails with all offences at once.
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

/// Fails unless there is exactly one offence and it says all of `words`.
fn one(offences: &[String], words: &[&str]) {
    assert_eq!(offences.len(), 1, "{offences:#?}");
    for word in words {
        assert!(offences[0].contains(word), "{word:?} is missing in {:?}", offences[0]);
    }
}
