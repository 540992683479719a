//! How the models that compute on one card share it: in turns, together, or in slices.
//!
//! # The seam
//!
//! A card tells its [`Sharing`] who has work ([`Sharing::set_ready`]) and wakes it at its
//! [`Sharing::deadline`]; after either it asks what part of the card each has now
//! ([`Sharing::fraction`]) and sets the speed of its engines. Engines compose with that exactly: a step
//! under way keeps what it has done. Those who share are the models on the card, each in a serving
//! process of its own, and the load of other customers; they are numbered in the order of joining.
//!
//! What a *task* is for HostedAI's scheduler is not documented; here it is a serving process, which
//! wants the card as long as it has requests.

mod residency;
mod turns;

use connector::{Tflops, Timestamp};

use self::turns::Working;
pub(crate) use self::turns::{Rights, Turns};
use crate::config::SharingConfig;

/// A card's rule of sharing, and where it stands.
#[derive(Debug)]
pub(crate) enum Sharing {
    Turns(Box<Turns>),
    Spatial(Spatial),
    /// Parts of a card that belong to somebody, out of how many.
    Slices {
        ready: Vec<bool>,
        busy: u32,
        parts: Vec<u32>,
        ratio: u32,
    },
}

/// What a card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Idle,
    Computing,
    /// From one to the next of those who share it.
    Changing,
}

/// All that have work compute at once.
#[derive(Debug)]
pub(crate) struct Spatial {
    interference: f64,
    by_compute: bool,
    ready: Vec<bool>,
    busy: u32,
    /// What somebody counts who asked for none: one share's part of the card.
    usual: Tflops,
    /// Compute that each asked for, and all that are ready together.
    asked: Vec<Tflops>,
    asked_by_ready: Tflops,
}

impl Spatial {
    fn new(interference: f64, by_compute: bool, usual: Tflops) -> Self {
        Self {
            interference,
            by_compute,
            usual,
            ready: Vec::new(),
            busy: 0,
            asked: Vec::new(),
            asked_by_ready: Tflops::ZERO,
        }
    }

    fn set_ready(&mut self, who: usize, is_ready: bool) {
        let was = std::mem::replace(&mut self.ready[who], is_ready);
        if is_ready && !was {
            self.busy += 1;
            self.asked_by_ready += self.asked[who];
        } else if was && !is_ready {
            self.busy -= 1;
            self.asked_by_ready -= self.asked[who];
        }
    }

    fn set_asked(&mut self, who: usize, asked: Tflops) {
        // Who has lost its last share still ends the step that it is in.
        let asked = if asked == Tflops::ZERO { self.usual } else { asked };
        let was = std::mem::replace(&mut self.asked[who], asked);
        if self.ready[who] {
            self.asked_by_ready += asked;
            self.asked_by_ready -= was;
        }
    }

    fn fraction(&self, who: usize) -> f64 {
        let equal = together(self.busy, self.interference);
        let all = self.asked_by_ready.as_gflops();
        if self.by_compute && all > 0 {
            let part = self.asked[who].as_gflops() as f64 / all as f64;
            equal * f64::from(self.busy) * part.min(1.0)
        } else {
            equal
        }
    }
}

/// What each of so many has of a card on which all compute at once.
fn together(busy: u32, interference: f64) -> f64 {
    let others = f64::from(busy.saturating_sub(1));
    1.0 / (f64::from(busy.max(1)) * (1.0 + interference * others))
}

impl Sharing {
    /// Of a card that nobody has joined yet, with so much memory and compute. One that is not shared
    /// belongs to whoever is there.
    pub(crate) fn new(rule: &SharingConfig, ratio: u32, capacity: u64, compute: Tflops) -> Self {
        match *rule {
            SharingConfig::Turns(rule) if ratio > 1 => {
                Self::Turns(Box::new(Turns::new(rule, ratio, capacity)))
            }
            SharingConfig::Turns(_) => Self::Spatial(Spatial::new(0.0, false, Tflops::ZERO)),
            SharingConfig::Spatial { interference, by_compute } => {
                let usual = Tflops::from_gflops(compute.as_gflops() / u64::from(ratio.max(1)));
                Self::Spatial(Spatial::new(interference, by_compute, usual))
            }
            SharingConfig::Slices => {
                Self::Slices { ready: Vec::new(), busy: 0, parts: Vec::new(), ratio }
            }
        }
    }

    /// One more; returns its number.
    pub(crate) fn join(&mut self) -> usize {
        match self {
            Self::Turns(turns) => turns.join(),
            Self::Spatial(spatial) => {
                spatial.ready.push(false);
                spatial.asked.push(spatial.usual);
                spatial.ready.len() - 1
            }
            Self::Slices { ready, parts, .. } => {
                ready.push(false);
                parts.push(0);
                ready.len() - 1
            }
        }
    }

    /// Somebody has work from now on, or has none any more. `working` tells working sets in bytes.
    pub(crate) fn set_ready(
        &mut self,
        now: Timestamp,
        who: usize,
        is_ready: bool,
        working: Working<'_>,
    ) {
        match self {
            Self::Turns(turns) => turns.set_ready(now, who, is_ready, working),
            Self::Spatial(spatial) => spatial.set_ready(who, is_ready),
            Self::Slices { ready, busy, .. } => {
                let was = std::mem::replace(&mut ready[who], is_ready);
                *busy += u32::from(is_ready && !was);
                *busy -= u32::from(was && !is_ready);
            }
        }
    }

    /// Lets happen what is due by now.
    pub(crate) fn tick(&mut self, now: Timestamp, working: Working<'_>) {
        if let Self::Turns(turns) = self {
            turns.tick(now, working);
        }
    }

    /// When to call [`Sharing::tick`] next.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Turns(turns) => turns.deadline(),
            Self::Spatial(_) | Self::Slices { .. } => None,
        }
    }

    /// What part of the card somebody has now, if it has work.
    pub(crate) fn fraction(&self, who: usize) -> f64 {
        match self {
            Self::Turns(turns) => turns.fraction(who),
            Self::Spatial(spatial) => spatial.fraction(who),
            // Who has lost its last share still ends the step that it is in.
            Self::Slices { parts, ratio, .. } => f64::from(parts[who].max(1)) / f64::from(*ratio),
        }
    }

    /// What the card does.
    pub(crate) fn activity(&self) -> Activity {
        match self {
            Self::Turns(turns) => turns.activity(),
            Self::Spatial(Spatial { busy: 0, .. }) | Self::Slices { busy: 0, .. } => Activity::Idle,
            Self::Spatial(_) | Self::Slices { .. } => Activity::Computing,
        }
    }

    /// Somebody holds so many shares of the card, which asked for this compute.
    pub(crate) fn set_shares(&mut self, who: usize, shares: u32, asked: Tflops) {
        match self {
            Self::Turns(_) => {}
            Self::Spatial(spatial) => spatial.set_asked(who, asked),
            Self::Slices { parts, .. } => parts[who] = shares,
        }
    }

    /// Whether parts of the card depend on who holds how many shares.
    pub(crate) fn goes_by_shares(&self) -> bool {
        match self {
            Self::Turns(_) => false,
            Self::Spatial(spatial) => spatial.by_compute,
            Self::Slices { .. } => true,
        }
    }

    /// What somebody was promised.
    pub(crate) fn set_rights(&mut self, who: usize, rights: Rights) {
        if let Self::Turns(turns) = self {
            turns.set_rights(who, rights);
        }
    }

    /// Somebody's memory is given back.
    pub(crate) fn forget(&mut self, who: usize) {
        if let Self::Turns(turns) = self {
            turns.forget(who);
        }
    }

    /// So much memory of somebody has come onto the card from elsewhere.
    pub(crate) fn come_onto_card(&mut self, who: usize, now: Timestamp, bytes: u64) {
        if let Self::Turns(turns) = self {
            turns.come_onto_card(who, now, bytes);
        }
    }

    /// Who is killed now because the host's memory does not suffice.
    pub(crate) fn victim(&self) -> Option<usize> {
        let Self::Turns(turns) = self else { return None };
        turns.victim()
    }

    /// Others use so much of the host's link, in bytes per second.
    pub(crate) fn set_link_in_use(&mut self, bandwidth: f64) {
        if let Self::Turns(turns) = self {
            turns.set_link_in_use(bandwidth);
        }
    }

    /// Bytes paged out and in so far.
    pub(crate) fn paged_bytes(&self) -> u64 {
        let Self::Turns(turns) = self else { return 0 };
        turns.moved.out + turns.moved.into
    }

    /// What became of the time of a card that is shared in turns, up to now.
    #[cfg(test)]
    pub(crate) fn spent(&mut self, now: Timestamp) -> Option<turns::TimeSpent> {
        let Self::Turns(turns) = self else { return None };
        turns.account(now);
        Some(turns.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_compute_at_once_have_equal_parts_and_interfere() {
        let mut sharing = Sharing::new(
            &SharingConfig::Spatial { interference: 0.1, by_compute: false },
            4,
            100,
            Tflops::ZERO,
        );
        let members: Vec<usize> = (0..3).map(|_| sharing.join()).collect();
        for (count, &who) in members.iter().enumerate() {
            sharing.set_ready(Timestamp::ZERO, who, true, &|_| 0);
            let busy = count as f64 + 1.0;
            let part = 1.0 / (busy * (1.0 + 0.1 * (busy - 1.0)));
            assert!((sharing.fraction(0) - part).abs() < 1e-12);
        }
        sharing.set_ready(Timestamp::ZERO, 1, false, &|_| 0);
        sharing.set_ready(Timestamp::ZERO, 2, false, &|_| 0);
        assert!((sharing.fraction(0) - 1.0).abs() < 1e-12);
        assert_eq!(sharing.activity(), Activity::Computing);
    }

    #[test]
    fn by_compute_parts_are_in_proportion_to_what_was_asked_for() {
        let rule = SharingConfig::Spatial { interference: 0.0, by_compute: true };
        let mut sharing = Sharing::new(&rule, 4, 100, Tflops::new(80));
        let [large, small, unsaid] = [60, 20, 0].map(|asked| {
            let who = sharing.join();
            sharing.set_shares(who, 1, Tflops::new(asked));
            sharing.set_ready(Timestamp::ZERO, who, true, &|_| 0);
            who
        });
        let percent = |sharing: &Sharing| {
            [large, small, unsaid].map(|who| (100.0 * sharing.fraction(who)).round() as u32)
        };
        assert_eq!(percent(&sharing), [60, 20, 20], "who asked for none counts as a share");
        sharing.set_ready(Timestamp::ZERO, large, false, &|_| 0);
        assert_eq!(percent(&sharing)[1..], [50, 50]);
        sharing.set_shares(small, 3, Tflops::new(60));
        assert_eq!(percent(&sharing)[1..], [75, 25]);
    }

    #[test]
    fn a_slice_is_as_large_alone_as_in_company() {
        let mut sharing = Sharing::new(&SharingConfig::Slices, 4, 100, Tflops::ZERO);
        let (one, other) = (sharing.join(), sharing.join());
        sharing.set_shares(one, 1, Tflops::ZERO);
        sharing.set_shares(other, 2, Tflops::ZERO);
        sharing.set_ready(Timestamp::ZERO, one, true, &|_| 0);
        assert!((sharing.fraction(one) - 0.25).abs() < 1e-12);
        sharing.set_ready(Timestamp::ZERO, other, true, &|_| 0);
        assert!((sharing.fraction(one) - 0.25).abs() < 1e-12);
        assert!((sharing.fraction(other) - 0.5).abs() < 1e-12);
    }
}
