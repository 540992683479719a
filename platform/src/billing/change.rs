//! How lines differ from when they were last told.

use connector::Amount;

use super::{AccountId, Leg, LineKey, RatedLine, RatingError};

/// How a line changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// As it was told before; `None` if it is new.
    pub before: Option<RatedLine>,
    /// As it is; `None` if there is nothing in it any more.
    pub after: Option<RatedLine>,
    /// `after` less `before`.
    pub amount: Amount,
    /// Whether its period is closed, so that it is booked as a reversal and a new line.
    pub correction: bool,
}

impl Change {
    /// The line that changed.
    ///
    /// # Panics
    /// If there is neither a before nor an after, which no change that is told has.
    pub fn key(&self) -> LineKey {
        self.after.or(self.before).expect("something changed").key
    }

    /// The legs that book it: use that no invoice states yet, and what was earned by it. A
    /// correction reverses the legs of the old line and has those of the new one.
    pub fn legs(&self) -> Vec<Leg> {
        let LineKey { tenant, model, pool, .. } = self.key();
        let legs = |amount: Amount| {
            [
                (AccountId::Unbilled(tenant), amount),
                (AccountId::Revenue { tenant, model, pool }, -amount),
            ]
        };
        if !self.correction {
            return legs(self.amount).to_vec();
        }
        let reversed = self.before.map(|line| legs(-line.amount));
        let restated = self.after.map(|line| legs(line.amount));
        reversed.into_iter().chain(restated).flatten().collect()
    }
}

/// Merges two lists of one group, both in the order in which cells are charged.
pub(super) fn differences(
    before: &[RatedLine],
    after: &[RatedLine],
    correction: bool,
    changes: &mut Vec<Change>,
) -> Result<(), RatingError> {
    let order = |line: &RatedLine| {
        let LineKey { version, model, pool, band, .. } = line.key;
        (version, model, pool, band)
    };
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let (before, after) = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => (old.next(), None),
            (None, Some(_)) => (None, new.next()),
            (Some(was), Some(is)) => match order(was).cmp(&order(is)) {
                std::cmp::Ordering::Less => (old.next(), None),
                std::cmp::Ordering::Greater => (None, new.next()),
                std::cmp::Ordering::Equal => (old.next(), new.next()),
            },
        };
        if before != after {
            changes.push(change(before.copied(), after.copied(), correction)?);
        }
    }
}

fn change(
    before: Option<RatedLine>,
    after: Option<RatedLine>,
    correction: bool,
) -> Result<Change, RatingError> {
    let amount = |line: Option<RatedLine>| line.map_or(Amount::ZERO, |line| line.amount);
    let mut change = Change { before, after, amount: Amount::ZERO, correction };
    change.amount = (amount(after).checked_sub(amount(before)))
        .ok_or_else(|| RatingError::AmountOutOfRange(Box::new(change.key())))?;
    Ok(change)
}
