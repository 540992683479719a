use connector::Timestamp;

use super::Platform;
use crate::{
    cable::Refusal,
    flight::{Cause, FlightKey, Phase},
};

impl Platform {
    pub(super) fn join_line(&mut self, now: Timestamp, key: FlightKey) {
        let cable = self.cable_of(key);
        let cable = &mut self.cables[cable];
        cable.line.push((now, key));
        cable.waiting += 1;
        self.timers.stand_in_line(now, key);
        self.flights[key].phase = Phase::Waiting { since: now };
    }

    /// A waiting request is to do something else.
    pub(super) fn leave_line(&mut self, now: Timestamp, key: FlightKey) {
        let cable = self.cable_of(key);
        let flight = &mut self.flights[key];
        let Phase::Waiting { since } = std::mem::replace(&mut flight.phase, Phase::Deciding) else {
            unreachable!("only who waits can leave the line");
        };
        flight.queued += now.since(since);
        let flights = &self.flights;
        let waits = |since, key| flights.get(key).is_some_and(|flight| flight.waits_since(since));
        let cable = &mut self.cables[cable];
        cable.waiting -= 1;
        let in_line = |&(since, key): &(Timestamp, FlightKey)| waits(since, key);
        cable.line.drop_dead_front(in_line);
        cable.line.compact(cable.waiting as usize, in_line);
        self.timers.left_line(flights.len(), waits);
    }

    /// A request has waited too long.
    pub(super) fn waited_too_long(&mut self, now: Timestamp, key: FlightKey) {
        let cable = self.cable_of(key);
        self.pass_over(now, key, cable, Refusal::WaitedTooLong);
    }

    /// Places became free, or the breaker opened: whoever waits strikes or goes elsewhere.
    pub(super) fn tend_line(&mut self, now: Timestamp, cable: usize) {
        if self.cables[cable].breaker.state().refuses() {
            self.clear_line(now, cable);
            return;
        }
        while self.cables[cable].has_place()
            && let Some(&(_, key)) = self.cables[cable].line.front()
        {
            self.leave_line(now, key);
            match self.cables[cable].occupy(now) {
                Ok(permit) => self.strike(now, key, permit),
                Err(refusal) => {
                    self.flights[key].set_back(Cause::Refused(refusal));
                    self.send_on(now, key);
                }
            }
        }
    }

    /// The breaker is open: nobody waits for what may not come.
    fn clear_line(&mut self, now: Timestamp, cable: usize) {
        while let Some(&(_, key)) = self.cables[cable].line.front() {
            self.pass_over(now, key, cable, Refusal::BreakerOpen);
        }
        self.stop_awaiting_list(now, cable);
    }

    fn pass_over(&mut self, now: Timestamp, key: FlightKey, cable: usize, why: Refusal) {
        self.leave_line(now, key);
        let refusal = self.cables[cable].refuse(why);
        self.flights[key].set_back(Cause::Refused(refusal));
        self.send_on(now, key);
    }
}
