use super::predict::Band;

/// How much a cable has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Strikes under way.
    pub(crate) in_flight: u32,
    /// Requests in line.
    pub(crate) queued: u32,
    /// Strikes at once; `u32::MAX` is no limit.
    pub(crate) places: u32,
}

impl Load {
    /// The level of a strike that has just taken its place.
    pub(crate) fn band(self) -> Band {
        Band::of(self.in_flight, self.places)
    }

    /// Requests that were sent there and are not done.
    pub(crate) const fn outstanding(self) -> u64 {
        self.in_flight as u64 + self.queued as u64
    }

    /// Places, where a cable without limit counts as one: its requests are compared as they are.
    pub(crate) const fn size(self) -> u32 {
        if self.places == u32::MAX { 1 } else { self.places }
    }

    /// Requests per place.
    pub(crate) fn relative(self) -> f64 {
        self.outstanding() as f64 / f64::from(self.size())
    }

    /// Requests per place with one more.
    pub(crate) fn with_one_more(self) -> f64 {
        (self.outstanding() + 1) as f64 / f64::from(self.size())
    }
}
