//! One share: its lines against its lease.

use connector::{Amount, Money, PricingUnit, StatementLine, Timestamp};

use super::{Cause, OutOfRange};
use crate::billing::{LeaseRecord, Origin};

/// What both sides have of one share.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub(super) lines: Vec<StatementLine>,
    /// Mostly one. A share that was given back and found once more has another.
    pub(super) leases: Vec<LeaseRecord>,
}

type Report<'a> = dyn FnMut(Cause, u128, Amount) -> Result<(), OutOfRange> + 'a;

impl Share {
    /// What our leases have without any line: time that somebody paid for, and time in which a share
    /// that was found lay there.
    pub(super) fn known_by_us(&self, report: &mut Report<'_>) -> Result<(), OutOfRange> {
        for lease in &self.leases {
            for (cause, from, until) in [
                (Cause::Matched, lease.booked, lease.given_back),
                (Cause::Ghost, lease.known, lease.booked),
            ] {
                let time = nanos(from, until);
                tell(report, cause, time, worth(lease.price_per_slot_hour, time)?)?;
            }
        }
        Ok(())
    }

    /// Cuts the lines into pieces, and says what each is.
    pub(super) fn settle(
        &mut self,
        coin: Money,
        report: &mut Report<'_>,
    ) -> Result<(), OutOfRange> {
        self.lines.sort_by_key(|line| (line.from, line.until));
        let ours = Ours::of(&self.leases);
        let mut charged_until = Timestamp::ZERO;
        let mut matched = 0;
        for line in &self.lines {
            let news = line.from.max(charged_until.min(line.until));
            let mut pieces = Pieces { line, report, time: 0 };
            pieces.piece(Cause::Overlap, (line.from, news))?;
            match (&ours, line.tenant) {
                // A list may have shown it, and we may have tried to give it back.
                (_, None) => pieces.piece(Cause::Foreign, (news, line.until))?,
                (Some(ours), Some(_)) => matched += pieces.against(ours, news)?,
                (None, Some(_)) => pieces.piece(Cause::Ghost, (news, line.until))?,
            }
            pieces.rounding(coin)?;
            charged_until = charged_until.max(line.until);
        }
        if let Some(ours) = ours {
            let uncharged = ours.booked_ns - matched;
            let worth = worth(ours.price, uncharged)?;
            return tell(report, Cause::Uncharged, uncharged, -worth);
        }
        Ok(())
    }
}

/// Our side: all leases of the share taken together.
#[derive(Clone, Copy, Debug)]
struct Ours {
    before: Cause,
    heard: Timestamp,
    booked: Timestamp,
    given_back: Timestamp,
    price: Money,
    /// Of all leases: a list that is behind may have shown the share again, and work been tried on it.
    booked_ns: u128,
}

impl Ours {
    fn of(leases: &[LeaseRecord]) -> Option<Self> {
        let first = leases.iter().min_by_key(|lease| lease.known)?;
        let before = match first.origin {
            Origin::Granted => Cause::GrantUnderWay,
            Origin::Late => Cause::LateGrant,
            Origin::Found => Cause::Ghost,
        };
        Some(Self {
            before,
            heard: first.known,
            booked: first.booked,
            given_back: first.given_back,
            price: first.price_per_slot_hour,
            booked_ns: leases.iter().map(|lease| nanos(lease.booked, lease.given_back)).sum(),
        })
    }
}

/// A line that is being cut.
struct Pieces<'a, 'b> {
    line: &'a StatementLine,
    report: &'a mut Report<'b>,
    /// What has been cut off so far.
    time: u128,
}

impl Pieces<'_, '_> {
    /// The time of the line from `news` on. Returns how much of it is matched.
    fn against(&mut self, ours: &Ours, news: Timestamp) -> Result<u128, OutOfRange> {
        let until = self.line.until;
        let cut = |at: Timestamp| at.max(news).min(until);
        let (heard, booked, back) = (cut(ours.heard), cut(ours.booked), cut(ours.given_back));
        self.piece(ours.before, (news, heard))?;
        self.piece(Cause::Ghost, (heard, booked))?;
        self.piece(Cause::SlowRelease, (back, until))?;
        let matched = nanos(booked, back);
        self.time += matched;
        let (agreed, theirs) =
            (worth(ours.price, matched)?, worth(self.line.price_per_slot_hour, matched)?);
        tell(self.report, Cause::Matched, matched, agreed)?;
        let dearer = theirs.checked_sub(agreed).ok_or(OutOfRange)?;
        if dearer != Amount::ZERO {
            (self.report)(Cause::PriceChange, matched, dearer)?;
        }
        Ok(matched)
    }

    fn piece(
        &mut self,
        cause: Cause,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<(), OutOfRange> {
        let time = nanos(from, until);
        self.time += time;
        tell(self.report, cause, time, worth(self.line.price_per_slot_hour, time)?)
    }

    /// What the charge is beside the time at its price.
    fn rounding(self, coin: Money) -> Result<(), OutOfRange> {
        let exact = worth(self.line.price_per_slot_hour, self.time)?;
        let charge = Amount::from_money(self.line.charge).ok_or(OutOfRange)?;
        let rest = charge.checked_sub(exact).ok_or(OutOfRange)?;
        let coin = Amount::from_money(coin).ok_or(OutOfRange)?;
        let is_rounding = 2 * rest.grains().unsigned_abs() <= coin.grains().unsigned_abs();
        let cause = if is_rounding { Cause::Rounding } else { Cause::Unknown };
        if rest == Amount::ZERO { Ok(()) } else { (self.report)(cause, 0, rest) }
    }
}

fn tell(
    report: &mut Report<'_>,
    cause: Cause,
    time: u128,
    amount: Amount,
) -> Result<(), OutOfRange> {
    if time == 0 { Ok(()) } else { report(cause, time, amount) }
}

fn nanos(from: Timestamp, until: Timestamp) -> u128 {
    u128::from(until.since(from).as_nanos())
}

fn worth(price: Money, slot_ns: u128) -> Result<Amount, OutOfRange> {
    Amount::product(price, slot_ns, PricingUnit::Hour).ok_or(OutOfRange)
}
