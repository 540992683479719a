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

use connector::Timestamp;

use self::turns::Working;
pub(crate) use self::turns::{Rights, Turns};
use crate::config::SharingConfig;

/// A card's rule of sharing, and where it stands.
#[derive(Debug)]
pub(crate) enum Sharing {
    Turns(Box<Turns>),
    Spatial {
        interference: f64,
        ready: Vec<bool>,
        busy: u32,
    },
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

/// What each of so many has of a card on which all compute at once.
fn together(busy: u32, interference: f64) -> f64 {
    let others = f64::from(busy.saturating_sub(1));
    1.0 / (f64::from(busy.max(1)) * (1.0 + interference * others))
}

impl Sharing {
    /// Of a card that nobody has joined yet, with so much memory. One that is not shared belongs to
    /// whoever is there.
    pub(crate) fn new(rule: &SharingConfig, ratio: u32, capacity: u64) -> Self {
        match *rule {
            SharingConfig::Turns(rule) if ratio > 1 => {
                Self::Turns(Box::new(Turns::new(rule, ratio, capacity)))
            }
            SharingConfig::Turns(_) => {
                Self::Spatial { interference: 0.0, ready: Vec::new(), busy: 0 }
            }
            SharingConfig::Spatial { interference } => {
                Self::Spatial { interference, ready: Vec::new(), busy: 0 }
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
            Self::Spatial { ready, .. } => {
                ready.push(false);
                ready.len() - 1
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
            Self::Spatial { ready, busy, .. } | Self::Slices { ready, busy, .. } => {
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
            Self::Spatial { .. } | Self::Slices { .. } => None,
        }
    }

    /// What part of the card somebody has now, if it has work.
    pub(crate) fn fraction(&self, who: usize) -> f64 {
        match self {
            Self::Turns(turns) => turns.fraction(who),
            Self::Spatial { interference, busy, .. } => together(*busy, *interference),
            // Who has lost its last share still ends the step that it is in.
            Self::Slices { parts, ratio, .. } => f64::from(parts[who].max(1)) / f64::from(*ratio),
        }
    }

    /// What the card does.
    pub(crate) fn activity(&self) -> Activity {
        match self {
            Self::Turns(turns) => turns.activity(),
            Self::Spatial { busy: 0, .. } | Self::Slices { busy: 0, .. } => Activity::Idle,
            Self::Spatial { .. } | Self::Slices { .. } => Activity::Computing,
        }
    }

    /// Somebody holds so many shares of the card.
    pub(crate) fn set_parts(&mut self, who: usize, shares: u32) {
        if let Self::Slices { parts, .. } = self {
            parts[who] = shares;
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
        let mut sharing = Sharing::new(&SharingConfig::Spatial { interference: 0.1 }, 4, 100);
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
    fn a_slice_is_as_large_alone_as_in_company() {
        let mut sharing = Sharing::new(&SharingConfig::Slices, 4, 100);
        let (one, other) = (sharing.join(), sharing.join());
        sharing.set_parts(one, 1);
        sharing.set_parts(other, 2);
        sharing.set_ready(Timestamp::ZERO, one, true, &|_| 0);
        assert!((sharing.fraction(one) - 0.25).abs() < 1e-12);
        sharing.set_ready(Timestamp::ZERO, other, true, &|_| 0);
        assert!((sharing.fraction(one) - 0.25).abs() < 1e-12);
        assert!((sharing.fraction(other) - 0.5).abs() < 1e-12);
    }
}
