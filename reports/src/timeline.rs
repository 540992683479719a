//! A run over time, as it is written and drawn.

use std::collections::BTreeSet;

use connector::{Duration, Timestamp};

use crate::{Fault, Header, picture, series::Series};

/// What is known of a run over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline<'a> {
    pub(crate) header: &'a Header,
    pub(crate) series: &'a Series,
    pub(crate) pools: &'a [String],
    pub(crate) cables: &'a [String],
    pub(crate) faults: &'a [Fault],
    pub(crate) warm_up: Duration,
}

impl Timeline<'_> {
    /// Its picture, as SVG.
    pub(crate) fn picture(&self) -> String {
        picture::of_timeline(self).to_svg()
    }

    /// Why requests were not answered, in a fixed order; only what occurred.
    pub(crate) fn reasons(&self) -> BTreeSet<&'static str> {
        self.series.intervals().iter().flat_map(|of| of.failed_by.keys().copied()).collect()
    }

    /// What was wrong in an interval, in the order stated.
    pub(crate) fn faults_in(&self, start: Duration, length: Duration) -> Vec<&str> {
        let start = Timestamp::ZERO + start;
        let end = start + length;
        let here = self.faults.iter().filter(|fault| fault.from < end && fault.until > start);
        here.map(|fault| fault.name.as_str()).collect()
    }
}
