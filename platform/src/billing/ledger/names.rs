//! Which tenant, model or pool a number in the journal is.
//!
//! Elsewhere such a number is an index into tables of one configuration. A journal outlives
//! configurations, so a durable ledger has numbers of its own: it books which name has which, and
//! whoever posts translates. A ledger that was told no names of a kind takes its numbers as they
//! are, as a simulation does.

use std::collections::BTreeMap;

use crate::billing::AccountId;

use super::{LedgerError, account_bytes};

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedKind {
    /// A tenant.
    Tenant = 0,
    /// A model.
    Model = 1,
    /// A pool.
    Pool = 2,
}

impl NamedKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tenant, Self::Model, Self::Pool];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Model => "model",
            Self::Pool => "pool",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    of: [Vec<String>; NamedKind::ALL.len()],
    numbers: BTreeMap<(NamedKind, String), u32>,
}

impl Names {
    /// Longest name in bytes.
    pub(super) const LONGEST: usize = 256;

    pub(super) fn all(&self, kind: NamedKind) -> &[String] {
        &self.of[kind as usize]
    }

    pub(super) fn find(&self, kind: NamedKind, name: &str) -> Option<u32> {
        self.numbers.get(&(kind, name.to_owned())).copied()
    }

    pub(super) fn add(&mut self, kind: NamedKind, name: &str) -> Result<(), LedgerError> {
        if !(1..=Self::LONGEST).contains(&name.len()) {
            return Err(LedgerError::Name { length: name.len() });
        }
        let named = &mut self.of[kind as usize];
        self.numbers.insert((kind, name.to_owned()), named.len() as u32);
        named.push(name.to_owned());
        Ok(())
    }

    /// Whether all numbers of an account have names, where there are any.
    pub(super) fn check(&self, account: AccountId) -> Result<(), LedgerError> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        for (kind, number) in account_bytes::numbers(account).into_iter().flatten() {
            let named = self.all(kind).len();
            if named > 0 && number as usize >= named {
                return Err(LedgerError::Nameless { kind, number });
            }
        }
        Ok(())
    }
}
