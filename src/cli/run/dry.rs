//! A live run that is only talked about.

use std::{fmt::Write as _, process::ExitCode};

use connector::{Duration, Money};
use scenarios::Scenario;

use super::{Failure, Run, print, real};
use crate::experiment::ExperimentError;

/// At most so many requests are counted.
const COUNTED: u64 = 10_000_000;
/// Begins another line about the same.
const NEXT: &str = "\n           ";

impl Run {
    /// Says what the run would do. Nothing is sent, not even a greeting: whoever asks may not want the
    /// endpoint to know yet.
    pub(super) fn rehearse(
        &self,
        scenario: &Scenario,
        seed: u64,
        target: &real::Target,
    ) -> Result<ExitCode, Failure> {
        let destinations = real::destinations(scenario, target).map_err(ExperimentError::Live)?;
        let mut text = String::from("Nothing is sent. A run would do this:\n\n");
        for real::Destination { url, dialect, has_key, pools } in destinations {
            let key = if has_key { "with a key" } else { "without a key" };
            let pools = pools.join(", ");
            let _ = writeln!(text, "to         {url}, in {dialect}, {key}: {pools}");
        }
        let _ = writeln!(text, "requests   {}", self.requests(scenario, seed)?);
        let _ = writeln!(text, "in flight  at most {} at once", target.most_in_flight);
        let _ = writeln!(text, "cost       {}", self.cost(scenario, target.most_in_flight));
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn requests(&self, scenario: &Scenario, seed: u64) -> Result<String, Failure> {
        let (mut requests, mut prompt, mut output) = (0_u64, 0_u64, 0_u64);
        let most = self.max_requests.unwrap_or(COUNTED).min(COUNTED);
        let arrivals = scenario.arrivals(seed).map_err(ExperimentError::from)?;
        for request in arrivals.take(most as usize) {
            let request = request.map_err(ExperimentError::from)?;
            requests += 1;
            prompt += u64::from(request.prompt_tokens.get());
            output += u64::from(request.output_tokens.get());
        }
        let mut text = format!("{requests}, of {prompt} prompt and {output} output tokens");
        if let Some(lasts) = scenario.duration {
            let _ = write!(text, ", within {lasts}");
        }
        if !scenario.users(seed).is_empty() {
            text += NEXT;
            text += "and those of users, as fast as they are answered";
        }
        if let Some(most) = self.max_requests {
            let _ = write!(text, "{NEXT}at most {most} (--max-requests)");
        }
        Ok(text)
    }

    /// What shares may cost: as many as there can be at work at once, at the dearest price, all the time.
    fn cost(&self, scenario: &Scenario, most_in_flight: usize) -> String {
        let cables = &scenario.platform.cables;
        let dearest = cables.iter().map(|cable| cable.price_per_slot_hour).max();
        let dearest = dearest.unwrap_or(Money::ZERO);
        let places = cables.iter().map(|cable| cable.max_in_flight.map_or(u64::MAX, u64::from));
        let shares = places.fold(0, u64::saturating_add).min(most_in_flight as u64);
        let over = |time: Duration| {
            dearest.per_slot_hour_over(u128::from(shares) * u128::from(time.as_nanos()))
        };
        let mut text = format!("at most {shares} shares at once, at {dearest} an hour");
        if let Some(lasts) = scenario.duration {
            let _ = write!(text, ": {:.2} in {lasts}", over(lasts));
        }
        let minute = over(Duration::from_secs(60));
        let _ = write!(text, "{NEXT}and {minute:.2} for each minute until the last is given back");
        if let Some(most) = self.max_cost {
            let _ = write!(text, "{NEXT}the run ends at {most} (--max-cost)");
        }
        text
    }
}
