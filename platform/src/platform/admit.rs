use connector::{Money, Timestamp, Usage};

use super::Platform;
use crate::{
    admission::Excess,
    flight::{FlightKey, Phase},
};

impl Platform {
    /// Asks the tenant's quota for what a request may use: its prompt and the longest answer, and
    /// the share of one strike.
    pub(super) fn reserve(&mut self, now: Timestamp, key: FlightKey) -> Result<(), Excess> {
        let spend = self.dearest_strike(key).unwrap_or(Money::ZERO);
        let flight = &mut self.flights[key];
        let request = &flight.request;
        let tokens =
            u64::from(request.prompt_tokens.get()) + u64::from(request.output_tokens.get());
        flight.reservation = self.gate.admit(now, request.tenant, tokens, spend)?;
        Ok(())
    }

    /// Asks the tenant's quota for one strike more, beside those that are over or under way.
    pub(super) fn reserve_strike(&mut self, now: Timestamp, key: FlightKey) -> Result<(), Excess> {
        let Some(strike) = self.dearest_strike(key) else { return Ok(()) };
        let flight = &mut self.flights[key];
        let under_way = match &flight.phase {
            Phase::Striking(strikes) => strikes.count(),
            Phase::Deciding
            | Phase::Waiting { .. }
            | Phase::Classifying(_)
            | Phase::Pausing(_)
            | Phase::Reconciling => 0,
        };
        let strikes = Money::from_nanos(strike.as_nanos() * i128::from(under_way + 1));
        let (tenant, spend) = (flight.request.tenant, flight.cost + strikes);
        self.gate.extend(now, tenant, &mut flight.reservation, spend)
    }

    /// Asks the tenant's quota for something beside the strike that is reserved already, at this cost
    /// at most.
    pub(super) fn reserve_beside(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        cost: Money,
    ) -> Result<(), Excess> {
        let Some(strike) = self.dearest_strike(key) else { return Ok(()) };
        let flight = &mut self.flights[key];
        let (tenant, spend) = (flight.request.tenant, flight.cost + strike + cost);
        self.gate.extend(now, tenant, &mut flight.reservation, spend)
    }

    /// The request is over: what it did not use is free again.
    pub(super) fn settle(&mut self, now: Timestamp, key: FlightKey, usage: Option<Usage>) {
        let flight = &mut self.flights[key];
        let reservation = std::mem::take(&mut flight.reservation);
        let (request, struck) = (&flight.request, flight.attempts > 0);
        let tokens = match usage {
            Some(usage) => u64::from(usage.prompt.get()) + u64::from(usage.output.get()),
            // How far the answer came is not known; the prompt may have been read.
            None if struck => u64::from(request.prompt_tokens.get()),
            None => 0,
        };
        self.gate.settle(now, request.tenant, reservation, tokens, flight.cost);
    }

    /// What a strike can cost at most; `None` where nobody limits it.
    fn dearest_strike(&self, key: FlightKey) -> Option<Money> {
        let flight = &self.flights[key];
        let is_limited = self.gate.limits_spend(flight.request.tenant);
        is_limited.then(|| self.router.dearest(&flight.route).per_hour_over(self.longest_inference))
    }
}
