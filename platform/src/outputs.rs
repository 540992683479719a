//! What the platform wants done, in order.
//!
//! Operations are many and small, records are large. Kept together, every operation would be moved with
//! the room that a record takes, so records lie in lines of their own, and the common line only says
//! whose turn it is.

use std::collections::VecDeque;

use connector::{CableId, Operation, RequestRecord, Ticket};

use crate::{
    billing::{LeaseRecord, UsageRecord},
    interface::{Output, Response},
};

/// Room before the first growth.
const ROOM: usize = 64;

/// See the module text.
#[derive(Debug)]
pub(crate) struct Outputs {
    order: VecDeque<Next>,
    records: VecDeque<RequestRecord>,
    usage: VecDeque<UsageRecord>,
    leases: VecDeque<LeaseRecord>,
}

#[derive(Debug)]
enum Next {
    Submit(CableId, Ticket, Operation),
    Respond(Response),
    Record,
    Usage,
    Lease,
}

impl Outputs {
    pub(crate) fn new() -> Self {
        Self {
            order: VecDeque::with_capacity(ROOM),
            records: VecDeque::new(),
            usage: VecDeque::new(),
            leases: VecDeque::new(),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "outputs are built in their place in line")]
    pub(crate) fn push(&mut self, output: Output) {
        let next = match output {
            Output::Submit { cable, ticket, operation } => Next::Submit(cable, ticket, operation),
            Output::Respond(response) => Next::Respond(response),
            Output::Record(record) => {
                self.records.push_back(record);
                Next::Record
            }
            Output::Usage(record) => {
                self.usage.push_back(record);
                Next::Usage
            }
            Output::Lease(record) => {
                self.leases.push_back(record);
                Next::Lease
            }
        };
        self.order.push_back(next);
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "outputs are taken from their place in line")]
    pub(crate) fn pop(&mut self) -> Option<Output> {
        match self.order.pop_front()? {
            Next::Submit(cable, ticket, operation) => {
                Some(Output::Submit { cable, ticket, operation })
            }
            Next::Respond(response) => Some(Output::Respond(response)),
            Next::Record => self.records.pop_front().map(Output::Record),
            Next::Usage => self.usage.pop_front().map(Output::Usage),
            Next::Lease => self.leases.pop_front().map(Output::Lease),
        }
    }
}
