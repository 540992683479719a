//! One scenario simulated and live, side by side.

use std::{fmt::Write as _, path::Path, process::ExitCode, sync::Arc};

use connector::Duration;

use super::{super::interrupt, Compare, Failure, print};
use crate::{
    cli::{INTERRUPTED, OBJECTIVE_MISSED, note},
    drive::Watch,
    experiment::parity::{self, Distance, Parity, ParityError, agrees},
};

impl Compare {
    pub(super) fn compare_worlds(&self, path: &Path) -> Result<ExitCode, Failure> {
        let scenario = self.replacements.load(path)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let watch = Arc::new(Watch::default());
        interrupt::forward_to(vec![Arc::clone(&watch)]);
        let parity = match parity::compare(&scenario, seed, &watch) {
            Ok(parity) => parity,
            Err(ParityError::Interrupted) => {
                note(&ParityError::Interrupted.to_string());
                return Ok(ExitCode::from(INTERRUPTED));
            }
            Err(ParityError::Run(error)) => return Err(error.into()),
            Err(error @ (ParityError::Billing(_) | ParityError::Mock(_))) => {
                return Err(Failure::failed(error));
            }
        };
        print(&format!("{}\n\n{}", parity.header, told(&parity)))?;
        let holds = parity.holds();
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(OBJECTIVE_MISSED) })
    }
}

fn told(parity: &Parity) -> String {
    let mut text = format!("{:<26}{:>14}{:>14}\n", "", "simulated", "live");
    for count in &parity.counts {
        let differs = if count.simulated == count.live { "" } else { "  DIFFERS" };
        let _ =
            writeln!(text, "{:<26}{:>14}{:>14}{differs}", count.name, count.simulated, count.live);
    }
    for (tenant, simulated, live) in &parity.bills {
        let differs = if simulated == live { "" } else { "  DIFFERS" };
        let (name, simulated, live) =
            (format!("bill of {tenant}"), simulated.to_string(), live.to_string());
        let _ = writeln!(text, "{name:<26}{simulated:>14}{live:>14}{differs}");
    }
    let _ =
        writeln!(text, "\n{:<26}{:>14}{:>14}{:>13}{:>10}", "ms", "simulated", "live", "apart", "%");
    for distance in &parity.latencies {
        text += &latencies(distance);
    }
    if parity.limited {
        text += "\nGENERATOR-LIMITED: the live figures are not the mock's\n";
    }
    let verdict = if parity.holds() { "parity holds" } else { "NO PARITY" };
    let _ = writeln!(text, "\n{verdict}: counts and bills equal, latencies within 3 % or 2 ms");
    text
}

fn latencies(Distance { name, percentiles, kolmogorov_smirnov }: &Distance) -> String {
    let ms = Duration::as_millis_f64;
    let mut text = String::new();
    for &(percent, simulated, live) in percentiles {
        let apart = ms(live) - ms(simulated);
        let share = if simulated.is_zero() { 0.0 } else { 100.0 * apart / ms(simulated) };
        let differs = if agrees(simulated, live) { "" } else { "  DIFFERS" };
        let _ = writeln!(
            text,
            "{:<26}{:>14.3}{:>14.3}{apart:>+13.3}{share:>+10.2}{differs}",
            format!("{name} p{percent}"),
            ms(simulated),
            ms(live),
        );
    }
    let _ = writeln!(text, "{:<26}{kolmogorov_smirnov:>28.3}", format!("{name}, K-S distance"));
    text
}
