//! A promise while its request waits in line.
//!
//! # Problem
//!
//! A line is joined because it is short enough, and then it stands. A request that waits until even a
//! place at once would come too late could have been served in time by a smaller model, or with a
//! shorter answer, which its covenant had agreed to.
//!
//! # Mechanism
//!
//! On joining a line the last moment is noted at which a place would be of use: the target less the
//! predicted time of the work (the rule's quantile, or else what an idle card needs). If the
//! request still waits then and the prediction holds, a way out is looked for, in this order: another
//! candidate of its route, then what may be given up, in the order of the covenant. A way out is a
//! candidate that takes the request at once, or whose line is short enough by its measured pace, and
//! that is predicted to keep the targets; a shorter answer may also be waited for where the request
//! stands. Only if there is one the place in line is given up, because a late answer is better than
//! none.
//!
//! Where the covenant is enforced, the line is left in any case when not even an idle card would
//! be in time, or after half of the time to the end.
//!
//! # Edges
//!
//! Nobody looks at a line: each stay has one timer of its own, which goes off [`LOOKS_MAX`] times to
//! find a way out, each time for at most as many candidates and offers as there can be, and twice
//! more for deadlines. Requests that are promised no time, or have nothing to give up, have none.

use connector::{Concession, Concessions, Duration, Timestamp, Tokens};

use super::Platform;
use crate::{
    cable::Refusal,
    covenant::{Objection, Offer, Progress},
    deadlines::Deadlines,
    flight::{Flight, FlightKey, Phase},
    line::Entrant,
    route::{Choice, Route, Scene},
    timers::Pause,
};

/// Times that a way out of one line is looked for.
const LOOKS_MAX: u8 = 4;

/// How a request that waits may be served in time after all, with so many of its covenant's offers
/// looked at.
#[derive(Clone, Copy, Debug)]
enum WayOut {
    Elsewhere { offers: usize },
    ShorterAnswer { offers: usize, output: Tokens },
}

impl Platform {
    /// A request has joined a line, or stays there: it is looked at when that may be too long.
    pub(super) fn watch_wait(&mut self, now: Timestamp, key: FlightKey) {
        let flight = &self.flights[key];
        if self.covenants.is_plain(&flight.request) {
            return;
        }
        let Phase::Waiting { since, looks, .. } = flight.phase else {
            return;
        };
        let may_find_out = looks < LOOKS_MAX && self.is_hurried(flight);
        let hopeless = if may_find_out { self.hopeless_after(now, flight) } else { Timestamp::MAX };
        let at = hopeless.min(self.latest_start(flight)).min(half(flight, since));
        if at < Timestamp::MAX {
            let timer = self.timers.pause(at.max(now), Pause::Promise(key));
            if let Phase::Waiting { look, .. } = &mut self.flights[key].phase {
                *look = Some(timer);
            }
        }
    }

    /// Waiting has become too long for a promise, as far as one could tell.
    pub(super) fn look_at_wait(&mut self, now: Timestamp, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(key) else {
            return;
        };
        let Phase::Waiting { since, look, looks, .. } = &mut flight.phase else {
            return;
        };
        *look = None;
        *looks = looks.saturating_add(1);
        let (since, looks) = (*since, *looks);
        let flight = &self.flights[key];
        if looks <= LOOKS_MAX && self.is_hurried(flight) && now >= self.hopeless_after(now, flight)
        {
            match self.way_out(now, key) {
                Some(WayOut::Elsewhere { offers }) => return self.leave_for(now, key, offers),
                Some(WayOut::ShorterAnswer { offers, output }) => {
                    self.cut_short(key, offers, output);
                }
                None => {
                    if let Phase::Waiting { looks, .. } = &mut self.flights[key].phase {
                        *looks = LOOKS_MAX;
                    }
                }
            }
        }
        let (flight, cable) = (&self.flights[key], self.cable_of(key));
        if now >= self.latest_start(flight) {
            self.pass_over(now, key, cable, Refusal::NoTime);
        } else if now >= half(flight, since) {
            self.pass_over(now, key, cable, Refusal::WaitedTooLong);
        } else {
            self.watch_wait(now, key);
        }
    }

    /// Whether a request is predicted to be served in time by this candidate after so long a wait.
    pub(super) fn keeps_times(
        &self,
        now: Timestamp,
        flight: &Flight,
        choice: &Choice,
        wait: Duration,
    ) -> bool {
        self.admits(now + wait, flight, choice, flight.answer_length(), now)
    }

    fn admits(
        &self,
        begins: Timestamp,
        flight: &Flight,
        choice: &Choice,
        output: Tokens,
        now: Timestamp,
    ) -> bool {
        let work = self.router.work_time(&self.scene(now, flight), choice, output);
        self.promised(flight).admit(begins, work)
    }

    /// The last moment at which a place where the request waits would be in time, as predicted.
    fn hopeless_after(&self, now: Timestamp, flight: &Flight) -> Timestamp {
        let choice = self.router.current(&flight.route).expect("who waits is at a candidate");
        let work = self.router.work_time(&self.scene(now, flight), choice, flight.answer_length());
        self.promised(flight).latest_start(work)
    }

    /// What is promised, enforced or not.
    fn promised(&self, flight: &Flight) -> Deadlines {
        let targets = self.covenants.of(&flight.request).targets();
        let promised = Deadlines::of(flight.request.arrived, targets);
        if flight.has_begun() { promised.once_begun() } else { promised }
    }

    fn scene<'a>(&'a self, now: Timestamp, flight: &'a Flight) -> Scene<'a> {
        let request = &flight.request;
        Scene { now, request, cables: &self.cables, covenant: self.covenants.of(request) }
    }

    /// The first thing that helps.
    fn way_out(&self, now: Timestamp, key: FlightKey) -> Option<WayOut> {
        let flight = &self.flights[key];
        let offers = flight.negotiation.as_ref().map_or(0, |negotiation| negotiation.offers);
        let given_up = flight.given_up();
        if self.any_keeps(now, key, &flight.route, self.router.open(&flight.route), given_up) {
            return Some(WayOut::Elsewhere { offers });
        }
        let covenant = self.covenants.of(&flight.request);
        let made = (offers..).map_while(|number| Some((number, covenant.offer(number)?)));
        made.into_iter().find_map(|(number, offer)| self.opens(now, key, number, offer))
    }

    /// What an offer opens to a request that waits, if that helps.
    fn opens(&self, now: Timestamp, key: FlightKey, number: usize, offer: Offer) -> Option<WayOut> {
        let flight = &self.flights[key];
        let (route, given_up) = (&flight.route, flight.given_up());
        let helps = match offer {
            Offer::Fallback(to) => self.detour(flight, to).is_some_and(|(route, _)| {
                self.any_keeps(now, key, &route, self.router.open(&route), given_up)
            }),
            Offer::ShorterAnswer(shortening) => {
                let output = shortening.of(flight.request.output_tokens);
                let choice = self.router.current(route)?;
                let helps = output < flight.answer_length()
                    && self.admits(now, flight, choice, output, now);
                return helps.then_some(WayOut::ShorterAnswer { offers: number + 1, output });
            }
            Offer::Preemptible => {
                let aside = flight.negotiation.as_ref()?.aside(Objection::Preemptible);
                let given_up = given_up.with(Concession::Preemptible);
                self.any_keeps(now, key, route, aside, given_up)
            }
            Offer::HigherPrice => {
                self.any_keeps(now, key, route, self.router.beyond_ceiling(route), given_up)
            }
        };
        helps.then_some(WayOut::Elsewhere { offers: number })
    }

    /// Whether one of these candidates, one bit each, would serve the request in time.
    fn any_keeps(
        &self,
        now: Timestamp,
        key: FlightKey,
        route: &Route,
        places: u128,
        given_up: Concessions,
    ) -> bool {
        let flight = &self.flights[key];
        let progress = Progress { given_up, hurried: true, ..self.progress(now, flight) };
        (0..self.router.candidates(route)).filter(|&place| places >> place & 1 == 1).any(|place| {
            let choice = self.router.choice(route, place);
            let (request, index) = (&flight.request, choice.cable.index());
            let objection = self.covenants.objection(request, choice.model, index, &progress);
            let wait = self.wait_before(now, key, choice);
            objection.is_none()
                && !self.is_ejected(now, index)
                && !self.is_in_doubt(now, key, index)
                && wait.is_some_and(|wait| self.keeps_times(now, flight, choice, wait))
        })
    }

    /// How long the request would wait there; `None` if it is not let in or that is not known.
    fn wait_before(&self, now: Timestamp, key: FlightKey, choice: &Choice) -> Option<Duration> {
        let cable = &self.cables[choice.cable.index()];
        if cable.admits(now) {
            return Some(Duration::ZERO);
        }
        if !cable.breaker.admits(now) || !cable.has_room_in_line() {
            return None;
        }
        cable.pace.wait(now, cable.line.ahead(&self.entrant(key, choice))?)
    }

    /// The request leaves its line for the way that was found.
    fn leave_for(&mut self, now: Timestamp, key: FlightKey, offers: usize) {
        let cable = self.cable_of(key);
        self.leave_line(now, key);
        self.cables[cable].statistics.left_for_promise += 1;
        let _ = self.put_aside(key, Objection::TooSlow);
        self.flights[key].negotiation.get_or_insert_default().offers = offers;
        self.send_on(now, key);
    }

    /// The request stays where it is, for a shorter answer.
    fn cut_short(&mut self, key: FlightKey, offers: usize, output: Tokens) {
        let negotiation = self.flights[key].negotiation.get_or_insert_default();
        negotiation.offers = offers;
        negotiation.output = Some(output);
        negotiation.given_up = negotiation.given_up.with(Concession::ShorterAnswer);
    }

    /// A request as its line sees it.
    pub(super) fn entrant(&self, key: FlightKey, choice: &Choice) -> Entrant<FlightKey> {
        let request = &self.flights[key].request;
        Entrant {
            key,
            tenant: request.tenant,
            priority: self.covenants.priority(request),
            work: choice.expected(request) as u64,
        }
    }
}

/// Nobody waits in one line for longer than half of the time that is promised to the end: whoever
/// waited longer would leave too little for the work.
fn half(flight: &Flight, since: Timestamp) -> Timestamp {
    let Deadlines { end, promised, .. } = flight.deadlines;
    if promised && end < Timestamp::MAX {
        since + end.since(flight.request.arrived) / 2
    } else {
        Timestamp::MAX
    }
}
