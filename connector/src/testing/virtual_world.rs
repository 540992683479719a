use super::World;
use crate::{Connector, Timestamp};

/// A connector whose far side lives in virtual time: waiting jumps to the next deadline.
#[derive(Debug)]
pub struct VirtualWorld<C> {
    connector: C,
    now: Timestamp,
}

impl<C: Connector> VirtualWorld<C> {
    /// The connector at the start of time.
    pub const fn new(connector: C) -> Self {
        Self { connector, now: Timestamp::ZERO }
    }
}

impl<C: Connector> World for VirtualWorld<C> {
    type Connector = C;

    fn connector(&mut self) -> &mut C {
        &mut self.connector
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn wait_until(&mut self, until: Timestamp) {
        let next = self.connector.deadline().map_or(until, |deadline| deadline.min(until));
        self.now = self.now.max(next);
    }
}
