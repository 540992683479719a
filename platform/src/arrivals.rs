use connector::RequestId;
use slotmap::SlotMap;

use crate::{
    fifo::Fifo,
    flight::{Flight, FlightKey},
};

/// Finds a request under way by its number.
///
/// Requests are numbered in order of arrival, so a list in that order is searched by halving and
/// costs next to nothing to keep. A number out of order is put in its place, which is slower.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    in_order: Fifo<(RequestId, FlightKey)>,
}

impl Arrivals {
    pub(crate) fn add(&mut self, request: RequestId, key: FlightKey) {
        let entries = self.in_order.entries();
        if entries.back().is_none_or(|&(last, _)| last <= request) {
            self.in_order.push((request, key));
        } else {
            let place = entries.partition_point(|&(other, _)| other <= request);
            self.in_order.insert(place, (request, key));
        }
    }

    pub(crate) fn find(
        &self,
        request: RequestId,
        flights: &SlotMap<FlightKey, Flight>,
    ) -> Option<FlightKey> {
        let entries = self.in_order.entries();
        let first = entries.partition_point(|&(other, _)| other < request);
        entries
            .range(first..)
            .take_while(|&&(other, _)| other == request)
            .map(|&(_, key)| key)
            .find(|&key| flights.contains_key(key))
    }

    /// Everything under way, in order of arrival.
    pub(crate) fn all(&self) -> impl Iterator<Item = FlightKey> + '_ {
        self.in_order.entries().iter().map(|&(_, key)| key)
    }

    /// To be called after a flight was removed.
    pub(crate) fn settle(&mut self, flights: &SlotMap<FlightKey, Flight>) {
        self.in_order.compact(flights.len(), |&(_, key)| flights.contains_key(key));
    }
}
