//! Running cases and telling how they went.

use std::fmt;

use super::{CASES, Case, Harness, conversation};

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must.
    Passed,
    /// The harness cannot set it up, or it makes no sense there.
    Skipped,
    /// Why not.
    Failed(String),
}

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The case's name.
    pub case: &'static str,
    /// What was expected, what came, and everything heard before.
    pub reason: String,
}

/// How all cases went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that went as they must.
    pub passed: Vec<&'static str>,
    /// Cases that the harness cannot set up, or that make no sense there.
    pub skipped: Vec<&'static str>,
    /// The rest.
    pub failed: Vec<Failure>,
}

impl Report {
    /// Whether nothing failed and exactly these cases were skipped.
    pub fn is_clean_except(&self, skipped: &[&str]) -> bool {
        self.failed.is_empty() && self.skipped == skipped
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, skipped, failed) = (self.passed.len(), self.skipped.len(), self.failed.len());
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")?;
        for case in &self.skipped {
            writeln!(f, "skipped {case}")?;
        }
        for Failure { case, reason } in &self.failed {
            writeln!(f, "failed {case}: {reason}")?;
        }
        Ok(())
    }
}

/// Runs every case, each in a world of its own.
pub fn run(harness: &mut impl Harness) -> Report {
    let mut report = Report::default();
    for case in CASES {
        match check(harness, case) {
            Verdict::Passed => report.passed.push(case.name),
            Verdict::Skipped => report.skipped.push(case.name),
            Verdict::Failed(reason) => report.failed.push(Failure { case: case.name, reason }),
        }
    }
    report
}

/// Runs one case.
pub fn check(harness: &mut impl Harness, case: &Case) -> Verdict {
    let Some(mut world) = harness.build(&case.setup) else { return Verdict::Skipped };
    let held = conversation::hold(&mut world, case, harness.liberties());
    let senseless = harness.senseless().iter().find(|(name, _)| *name == case.name);
    match (held, senseless) {
        (Ok(()), None) => Verdict::Passed,
        (Err(_), Some(_)) => Verdict::Skipped,
        (Err(reason), None) => Verdict::Failed(reason),
        (Ok(()), Some((_, why))) => Verdict::Failed(format!("it goes well although {why}")),
    }
}

/// Runs the case of this name, which must pass, or be skipped where it is one of `except`.
///
/// # Panics
/// When it does not, with the reason; when there is no case of this name.
pub fn assert_conforms(harness: &mut impl Harness, name: &str, except: &[&str]) {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("there is no conformance case `{name}`"));
    match (check(harness, case), except.contains(&name)) {
        (Verdict::Passed, false) | (Verdict::Skipped, true) => {}
        (Verdict::Passed, true) => panic!("{name} is excepted although it passes"),
        (Verdict::Skipped, false) => panic!("{name} cannot be set up and is not excepted"),
        (Verdict::Failed(reason), _) => panic!("{name}: {reason}"),
    }
}
