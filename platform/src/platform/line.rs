use connector::{Duration, Timestamp};

use super::Platform;
use crate::{
    cable::{Refusal, Wish},
    flight::{Cause, Flight, FlightKey, Phase},
    line::codel::{Oldest, Standing},
    timers::Pause,
};

impl Platform {
    /// What the line of the present candidate needs to know of a request.
    pub(super) fn wish(&self, now: Timestamp, key: FlightKey) -> Wish {
        let flight = &self.flights[key];
        let choice = self.router.current(&flight.route).expect("a wish is for a candidate");
        let entrant = self.entrant(key, choice);
        Wish {
            number: self.stays,
            patience: self.patience,
            longest_wait: self.longest_wait(now, flight),
            entrant,
            may_push_out: !flight.pushed_out,
        }
    }

    /// Part of the time that is left, and what a first token that is promised leaves.
    fn longest_wait(&self, now: Timestamp, flight: &Flight) -> Option<Duration> {
        let bound = self.admission.wait_bound?;
        let part = flight.deadline().map(|end| end.since(now).scale(bound.as_ratio()));
        let latest = Some(self.latest_start(flight)).filter(|&latest| latest < Timestamp::MAX);
        part.into_iter().chain(latest.map(|latest| latest.since(now))).min()
    }

    pub(super) fn join_line(&mut self, now: Timestamp, key: FlightKey) {
        let wish = self.wish(now, key);
        self.stays += 1;
        let index = self.cable_of(key);
        let cable = &mut self.cables[index];
        let loser = cable.loser(&wish);
        if cable.line.waiting() == 0 {
            cable.pace.begins(now);
        }
        let place = cable.line.join(now, wish.number, &wish.entrant);
        let overfull = cable.is_overfull();
        self.timers.stand_in_line(now, key);
        let flight = &mut self.flights[key];
        let patience =
            flight.patience_ends().map(|end| self.timers.pause(end, Pause::Patience(key)));
        flight.phase = Phase::Waiting { since: now, place, patience, look: None, looks: 0 };
        self.watch_wait(now, key);
        if let Some(loser) = loser.filter(|_| overfull) {
            self.flights[loser].pushed_out = true;
            self.pass_over(now, loser, index, Refusal::PushedOut);
        }
    }

    /// A waiting request is to do something else.
    pub(super) fn leave_line(&mut self, now: Timestamp, key: FlightKey) {
        self.end_wait(now, key, false);
    }

    fn end_wait(&mut self, now: Timestamp, key: FlightKey, served: bool) {
        let index = self.cable_of(key);
        let priority = self.covenants.priority(&self.flights[key].request);
        let flight = &mut self.flights[key];
        let Phase::Waiting { since, place, patience, look, .. } =
            std::mem::replace(&mut flight.phase, Phase::Deciding)
        else {
            unreachable!("only who waits can leave the line");
        };
        flight.queued += now.since(since);
        for timer in [patience, look].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        let flights = &self.flights;
        let stays = |number, key| flights.get(key).is_some_and(|flight| flight.stays(number));
        let cable = &mut self.cables[index];
        if served {
            cable.line.serve(now, place, priority, stays);
            cable.pace.departed(now, cable.line.waiting());
        } else {
            cable.line.leave(now, place, priority, stays);
            if cable.line.waiting() == 0 {
                cable.pace.ends();
            }
        }
        let waits = |since, key| flights.get(key).is_some_and(|flight| flight.waits_since(since));
        self.timers.left_line(flights.len(), waits);
    }

    /// A request has waited too long.
    pub(super) fn waited_too_long(&mut self, now: Timestamp, key: FlightKey) {
        let cable = self.cable_of(key);
        self.pass_over(now, key, cable, Refusal::WaitedTooLong);
    }

    /// The caller does not want to wait any longer, here or anywhere.
    pub(super) fn patience_ended(&mut self, now: Timestamp, key: FlightKey) {
        let flight = self.flights.get(key);
        if flight.is_some_and(|flight| matches!(flight.phase, Phase::Waiting { .. })) {
            let cable = self.cable_of(key);
            self.leave_line(now, key);
            let refusal = self.cables[cable].refuse(Refusal::WaitedTooLong);
            self.give_up(now, key, Cause::Refused(refusal));
        }
    }

    /// Places became free, or the breaker opened: whoever waits strikes or goes elsewhere.
    pub(super) fn tend_line(&mut self, now: Timestamp, cable: usize) {
        if self.cables[cable].breaker.state().refuses() {
            self.clear_line(now, cable, Refusal::BreakerOpen);
            return;
        }
        if self.is_ejected(now, cable) {
            return self.clear_line(now, cable, Refusal::Ejected);
        }
        while self.has_place_for_line(now, cable)
            && let Some(key) = self.cables[cable].line.front(now)
        {
            self.end_wait(now, key, true);
            let permit = if self.is_too_late(now, key) {
                Err(self.cables[cable].refuse(Refusal::NoTime))
            } else {
                self.cables[cable].occupy(now)
            };
            match permit {
                Ok(permit) => self.strike(now, key, permit),
                Err(refusal) => {
                    self.flights[key].set_back(Cause::Refused(refusal));
                    self.send_on(now, key);
                }
            }
        }
    }

    /// Whether a place is free. Whoever has to go from a line that is standing goes before the next
    /// is served; on a way of last resort one of them may take the place.
    fn has_place_for_line(&mut self, now: Timestamp, cable: usize) -> bool {
        if !self.cables[cable].has_place(now) {
            return false;
        }
        let Some(mut codel) = self.cables[cable].codel.take() else {
            return true;
        };
        codel.before_departure(now, &mut LineOf { platform: self, now, cable });
        self.cables[cable].codel = Some(codel);
        self.cables[cable].has_place(now)
    }

    /// The pool is not asked for now: nobody waits for what may not come.
    fn clear_line(&mut self, now: Timestamp, cable: usize, why: Refusal) {
        while let Some(key) = self.cables[cable].line.front(now) {
            self.pass_over(now, key, cable, why);
        }
        self.stop_awaiting_list(now, cable);
    }

    pub(super) fn pass_over(&mut self, now: Timestamp, key: FlightKey, cable: usize, why: Refusal) {
        self.leave_line(now, key);
        let refusal = self.cables[cable].refuse(why);
        self.flights[key].set_back(Cause::Refused(refusal));
        self.send_on(now, key);
    }
}

/// The line of a cable, whose oldest go on to their next candidates.
struct LineOf<'a> {
    platform: &'a mut Platform,
    now: Timestamp,
    cable: usize,
}

impl Standing for LineOf<'_> {
    fn oldest(&self) -> Option<Oldest> {
        Some(self.platform.cables[self.cable].line.oldest()?.1)
    }

    fn drop_oldest(&mut self) {
        if let Some((key, _)) = self.platform.cables[self.cable].line.oldest() {
            let Platform { router, flights, .. } = &mut *self.platform;
            router.leave(self.cable, &mut flights[key].route);
            self.platform.pass_over(self.now, key, self.cable, Refusal::Standing);
        }
    }
}
