//! How lines differ from when they were last told.

use connector::{Amount, Money};

use super::{
    AccountId, Leg, LineKey, PriceBook, RatedLine, RatingError,
    cells::Reading,
    charge::{self, Form},
    tariff::Slice,
};

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
    #[inline]
    pub fn key(&self) -> LineKey {
        self.line().key
    }

    #[inline]
    fn line(&self) -> &RatedLine {
        self.after.as_ref().or(self.before.as_ref()).expect("something changed")
    }

    /// The legs that book changes of one tenant in one period, which are in order: for each model and
    /// pool what they come to, and against it the whole of it; those of [corrections](Self::legs)
    /// one by one. `None` if a sum does not fit.
    pub fn booking(changes: &[Self]) -> Option<Vec<Leg>> {
        let Some(first) = changes.first() else { return Some(Vec::new()) };
        let tenant = first.key().tenant;
        let mut legs = Vec::with_capacity(1 + changes.len());
        legs.push((AccountId::Unbilled(tenant), Amount::ZERO));
        for change in changes.iter().filter(|change| !change.correction) {
            let &LineKey { model, pool, .. } = &change.line().key;
            let revenue = AccountId::Revenue { tenant, model, pool };
            if legs.last().is_none_or(|&(account, _)| account != revenue) {
                legs.push((revenue, Amount::ZERO));
            }
            let (_, income) = legs.last_mut()?;
            *income = income.checked_sub(change.amount)?;
            let (_, unbilled) = &mut legs[0];
            *unbilled = unbilled.checked_add(change.amount)?;
        }
        legs.extend(changes.iter().filter(|change| change.correction).flat_map(Self::legs));
        legs.retain(|&(_, amount)| amount != Amount::ZERO);
        Some(legs)
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

/// How the lines of one cell changed, in the order of bands.
pub(super) fn differences(
    book: &PriceBook,
    reading: &Reading,
    correction: bool,
    changes: &mut Vec<Change>,
) -> Result<(), RatingError> {
    let Reading { sheet, price, is_lined_up, told, now } = *reading;
    let tariff = charge::tariff(book, price);
    let (old, new) = (tariff.cut(told), tariff.cut(now));
    for number in tariff.bands() {
        let (was, is) = if is_lined_up {
            (old.slice(number), new.slice(number))
        } else {
            (Slice::whole(told.quantity), Slice::whole(now.quantity))
        };
        if was == is {
            continue;
        }
        let form = Form::of(book, sheet, price, is.band);
        // Which unit is first matters only where a fee is due with it.
        if was.quantity == is.quantity && form.fee == Money::ZERO {
            continue;
        }
        let (owed, owes) = (form.amount(was)?, form.amount(is)?);
        let Some(amount) = owes.checked_sub(owed) else { return Err(form.out_of_range()) };
        changes.push(Change {
            before: (was.quantity > 0).then(|| form.line(was, owed)),
            after: (is.quantity > 0).then(|| form.line(is, owes)),
            amount,
            correction,
        });
    }
    Ok(())
}
