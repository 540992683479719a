//! What is in the accounts, kept up with every entry.

use connector::Amount;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::billing::{AccountId, Currency};

use super::{Hold, LedgerError, Line, MOST_ACCOUNTS};

/// What is in one account. All four are sums of what was booked and never negative; what is pending
/// is not part of what is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Debits that were posted.
    pub debits: Amount,
    /// Credits that were posted.
    pub credits: Amount,
    /// Debits that open reservations may come to.
    pub pending_debits: Amount,
    /// Credits that open reservations may come to.
    pub pending_credits: Amount,
}

impl Balance {
    /// Debits less credits, posted.
    ///
    /// # Panics
    ///
    /// If a field is negative; no ledger's is.
    pub fn net(&self) -> Amount {
        self.debits.checked_sub(self.credits).expect("two sums that are not negative")
    }
}

type Account = (AccountId, Currency);

/// Where an account is among the [`Balances`].
type Place = usize;

#[derive(Clone, Debug, Default)]
pub(super) struct Balances {
    /// Never iterated.
    places: HashMap<Account, u32, FxBuildHasher>,
    /// In order of first mention.
    accounts: Vec<(Account, Balance)>,
    /// Where the lines of the present entry go; kept for its memory only.
    touched: Vec<Place>,
}

impl Balances {
    pub(super) fn get(&self, account: AccountId, currency: Currency) -> Balance {
        let place = self.places.get(&(account, currency));
        place.map_or_else(Balance::default, |&place| self.accounts[place as usize].1)
    }

    /// Accounts that were ever booked to or held against, in the order of their kind and ids.
    pub(super) fn all(&self) -> Vec<(AccountId, Currency, Balance)> {
        let used = self.accounts.iter().filter(|(_, balance)| *balance != Balance::default());
        let mut all: Vec<_> =
            used.map(|&((account, currency), balance)| (account, currency, balance)).collect();
        all.sort_by_key(|&(account, currency, _)| (account, currency));
        all
    }

    /// Books all lines or none.
    pub(super) fn book(&mut self, lines: &[Line]) -> Result<(), LedgerError> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.clear();
        let booked = self.book_at(lines, &mut touched);
        self.touched = touched;
        booked
    }

    fn book_at(&mut self, lines: &[Line], touched: &mut Vec<Place>) -> Result<(), LedgerError> {
        for line in lines {
            touched.push(self.place((line.account, line.currency))?);
        }
        for (done, (line, &place)) in lines.iter().zip(&*touched).enumerate() {
            let side = self.side(place, line.amount);
            let Some(sum) = added(*side, line.amount) else {
                for (line, &place) in lines[..done].iter().zip(&*touched) {
                    let side = self.side(place, line.amount);
                    *side = without(*side, line.amount).expect("it was just added");
                }
                return Err(LedgerError::Overflow { account: line.account });
            };
            *side = sum;
        }
        Ok(())
    }

    pub(super) fn hold(&mut self, hold: &Hold) -> Result<(), LedgerError> {
        let debit = self.place((hold.account, hold.currency))?;
        let credit = self.place((AccountId::Reservations, hold.currency))?;
        let overflow = |account| LedgerError::Overflow { account };
        let debits = self.accounts[debit].1.pending_debits.checked_add(hold.amount);
        let credits = self.accounts[credit].1.pending_credits.checked_add(hold.amount);
        let debits = debits.ok_or_else(|| overflow(hold.account))?;
        let credits = credits.ok_or_else(|| overflow(AccountId::Reservations))?;
        self.accounts[debit].1.pending_debits = debits;
        self.accounts[credit].1.pending_credits = credits;
        Ok(())
    }

    pub(super) fn release(&mut self, hold: &Hold) {
        const HELD: &str = "it was held before";
        let debit = self.place((hold.account, hold.currency)).expect(HELD);
        let credit = self.place((AccountId::Reservations, hold.currency)).expect(HELD);
        let debits = &mut self.accounts[debit].1.pending_debits;
        *debits = debits.checked_sub(hold.amount).expect(HELD);
        let credits = &mut self.accounts[credit].1.pending_credits;
        *credits = credits.checked_sub(hold.amount).expect(HELD);
    }

    fn place(&mut self, account: Account) -> Result<Place, LedgerError> {
        if let Some(&place) = self.places.get(&account) {
            return Ok(place as usize);
        }
        let place = self.accounts.len();
        if place == MOST_ACCOUNTS {
            return Err(LedgerError::Accounts);
        }
        self.places.insert(account, place as u32);
        self.accounts.push((account, Balance::default()));
        Ok(place)
    }

    fn side(&mut self, place: Place, amount: Amount) -> &mut Amount {
        let balance = &mut self.accounts[place].1;
        if amount < Amount::ZERO { &mut balance.credits } else { &mut balance.debits }
    }
}

/// A side after an amount was added to it, whatever the amount's sign.
fn added(side: Amount, amount: Amount) -> Option<Amount> {
    if amount < Amount::ZERO { side.checked_sub(amount) } else { side.checked_add(amount) }
}

/// A side before an amount was added to it.
fn without(side: Amount, amount: Amount) -> Option<Amount> {
    if amount < Amount::ZERO { side.checked_add(amount) } else { side.checked_sub(amount) }
}
