//! Shares of an endpoint that knows none.
//!
//! A local engine takes whatever comes and has nothing to hold, but the platform strikes by share
//! everywhere. So the connector keeps shares itself: they are granted at once, bounded in number,
//! and cost nothing at the far side.

use std::collections::BTreeMap;

use connector::{
    Allocate, AllocationId, AllocationInfo, Error, ErrorKind, ModelId, Operation, PoolId, Reply,
};

use super::super::gaps::Serving;

#[derive(Debug)]
pub(super) struct OwnShares {
    most: usize,
    granted: u64,
    held: BTreeMap<AllocationId, Allocate>,
}

impl OwnShares {
    /// At most so many at once.
    pub(super) const fn new(most: usize) -> Self {
        Self { most, granted: 0, held: BTreeMap::new() }
    }

    /// The answer to a question about shares; `None` for questions that are the endpoint's to answer.
    pub(super) fn answer(&mut self, operation: &Operation) -> Option<Result<Reply, Error>> {
        Some(match operation {
            Operation::Allocate(allocate) => self.grant(*allocate),
            Operation::Release { allocation } => match self.held.remove(allocation) {
                Some(_) => Ok(Reply::Released),
                None => Err(not_held(*allocation)),
            },
            Operation::Inspect { allocation } => match self.held.get(allocation) {
                Some(asked) => Ok(Reply::Inspected(info(*allocation, asked))),
                None => Err(not_held(*allocation)),
            },
            Operation::List { pool } => Ok(Reply::Listed(self.in_pool(*pool))),
            Operation::Infer(_) | Operation::Cancel { .. } | Operation::Pools => return None,
        })
    }

    /// The model that a share is for.
    ///
    /// # Errors
    /// `NotFound` for a share that is not held.
    pub(super) fn model(&self, allocation: AllocationId) -> Result<ModelId, Error> {
        self.held.get(&allocation).map(|asked| asked.model).ok_or_else(|| not_held(allocation))
    }

    /// The pool and the model that a share is for, while it is held.
    pub(super) fn serving(&self, allocation: AllocationId) -> Option<Serving> {
        self.held.get(&allocation).map(|asked| (asked.pool, asked.model))
    }

    fn grant(&mut self, allocate: Allocate) -> Result<Reply, Error> {
        if self.held.len() >= self.most {
            let words = format!("{} shares are held already", self.most);
            return Err(Error::new(ErrorKind::CapacityExhausted, words));
        }
        self.granted += 1;
        let allocation = AllocationId(self.granted);
        self.held.insert(allocation, allocate);
        Ok(Reply::Granted { allocation })
    }

    fn in_pool(&self, pool: PoolId) -> Vec<AllocationInfo> {
        let here = self.held.iter().filter(|(_, asked)| asked.pool == pool);
        here.map(|(&allocation, asked)| info(allocation, asked)).collect()
    }
}

fn info(allocation: AllocationId, asked: &Allocate) -> AllocationInfo {
    AllocationInfo {
        allocation,
        pool: asked.pool,
        model: Some(asked.model),
        requirements: Some(asked.requirements),
        running: None,
        usage: None,
    }
}

fn not_held(allocation: AllocationId) -> Error {
    Error::new(ErrorKind::NotFound, format!("share {allocation} is not held here"))
}
