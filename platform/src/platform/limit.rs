use connector::{ErrorKind, Timestamp};

use super::Platform;
use crate::{
    flight::{Ended, FlightKey, Strike},
    lease::LeaseKey,
    limit::Took,
};

impl Platform {
    /// The first token of a strike came: time since its share was granted.
    pub(super) fn tell_first_token(&mut self, now: Timestamp, key: FlightKey, lease: LeaseKey) {
        let flight = &mut self.flights[key];
        let Some(strike) = flight.strike_mut(lease) else {
            return;
        };
        let (place, asked, granted) = (strike.place, strike.asked, granted(strike));
        let choice = self.router.choice(&flight.route, place);
        let Some(limiter) = &mut self.cables[choice.cable.index()].limiter else {
            return;
        };
        let expected = choice.expected_first_token(&flight.request);
        limiter.first_token(now, asked, Took::new(now.since(granted), expected));
    }

    /// Time to the first token of a strike, since its share was granted.
    pub(super) fn first_token_of_strike(&self, key: FlightKey, strike: &Strike) -> Option<Took> {
        self.ejector.as_ref()?;
        let flight = &self.flights[key];
        let choice = self.router.choice(&flight.route, strike.place);
        let time = strike.first_token?.since(granted(strike));
        Some(Took::new(time, choice.expected_first_token(&flight.request)))
    }

    /// A strike has ended. What says nothing about how much the pool can take is left out.
    pub(super) fn tell_ended(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        strike: &Strike,
        ended: Ended,
    ) {
        let choice = self.router.choice(&self.flights[key].route, strike.place);
        let Some(limiter) = &mut self.cables[choice.cable.index()].limiter else {
            return;
        };
        match ended {
            Ended::Answered(output) => {
                let gaps = u64::from(output.get().saturating_sub(1));
                let first = strike.first_token.filter(|_| gaps > 0);
                let each = first.map(|first| now.since(first) / gaps.max(1));
                let took = each.map(|each| Took::new(each, choice.expected_token()));
                limiter.answered(now, strike.asked, took);
            }
            Ended::Failed(
                ErrorKind::CapacityExhausted | ErrorKind::RateLimited { .. } | ErrorKind::Timeout,
            ) => limiter.refused(now, strike.asked),
            Ended::Failed(
                ErrorKind::Unavailable { .. }
                | ErrorKind::Preempted
                | ErrorKind::CreditExhausted
                | ErrorKind::PolicyRefused
                | ErrorKind::Unauthorized
                | ErrorKind::NotFound
                | ErrorKind::Conflict
                | ErrorKind::Invalid
                | ErrorKind::Protocol,
            )
            | Ended::CalledOff => {}
        }
    }
}

fn granted(strike: &Strike) -> Timestamp {
    strike.asked + strike.allocating.unwrap_or_default()
}
