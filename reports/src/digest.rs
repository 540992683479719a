//! The run digest: one number that changes when anything that happened changes.
//!
//! # Mechanism
//!
//! XXH3 (64 bit, seed 0) over a log of fixed-size entries, in the order in which the recorder was
//! told of them. All integers are little-endian. What is absent is zero, and a flag tells it from a
//! zero that was measured.
//!
//! A request, 104 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 1 |
//! | 1 | flags: 1 pool, 2 allocating, 4 first token, 8 reached, 16 retry after |
//! | 2 | outcome: 0 completed, 1 failed, 2 rejected, 3 cancelled |
//! | 3 | kind of failure, from 1 in the order of [`ErrorKind`]'s declaration; else 0 |
//! | 4 | tenant, class, model, pool (4 x 4 bytes) |
//! | 20 | attempts, fallbacks (2 x 2) |
//! | 24 | request, arrived, queued, allocating, first token, finished (6 x 8) |
//! | 72 | prompt tokens, output tokens (2 x 4) |
//! | 80 | retry after (8) |
//! | 88 | cost (16) |
//!
//! After a request that something was promised to, or that gave something up, 16 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 6 |
//! | 1 | 1 kept, 2 renegotiated, 3 broken |
//! | 2 | broken promise, from 1 in the order of [`BreachReason`](connector::BreachReason); else 0 |
//! | 3 | what was given up, one bit each in the order of [`Concession`](connector::Concession) |
//! | 4 | excess in 1/10,000 (4) |
//! | 8 | request (8) |
//!
//! After a request that was hedged, 16 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 7, then three zero bytes |
//! | 4 | hedges (2), two zero bytes |
//! | 8 | request (8) |
//!
//! After a request that was part of a fan-out, 16 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 8, then three zero bytes |
//! | 4 | place among the parts, number of parts (2 x 2) |
//! | 8 | request (8) |
//!
//! A gauge, 192 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 2, then three zero bytes |
//! | 4 | pool, cards, slots, slots held, running, waiting (6 x 4) |
//! | 28 | four zero bytes |
//! | 32 | time, memory and memory promised (MiB), compute and compute promised (GFLOPS) (5 x 8) |
//! | 72 | preemptions (8) |
//! | 80 | integrals: busy cards, cards, slots held (3 x 16) |
//! | 128 | recomputations, prefix blocks asked and found, KV blocks and those in use (5 x 8) |
//! | 168 | integral of cards that were changing (16), bytes paged (8) |
//!
//! After a gauge of a pool where shares were ever set aside, 48 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 4, then three zero bytes |
//! | 4 | pool, shares that wait (2 x 4) |
//! | 12 | four zero bytes |
//! | 16 | time, shares set aside, placed again, tokens lost by it (4 x 8) |
//!
//! After the gauge of a pool whose cards come and go, 48 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 5, then three zero bytes |
//! | 4 | pool, cards wanted, on their way, spare (4 x 4) |
//! | 20 | four zero bytes |
//! | 24 | time, times scaled out, times scaled in (3 x 8) |
//!
//! Gaps between tokens, 40 bytes:
//!
//! | offset | field |
//! | --- | --- |
//! | 0 | 3, then three zero bytes |
//! | 4 | pool, model (2 x 4) |
//! | 12 | four zero bytes |
//! | 16 | time, gap, how many (3 x 8) |
//!
//! # Edges
//!
//! Times are virtual in a simulation, so the digest is the same on any machine; that of a live run
//! only names the run.

use std::fmt;

use connector::{
    CovenantOutcome, Duration, ErrorKind, FanOut, Outcome, PoolGauge, PoolId, PoolScaling,
    RequestId, RequestRecord, SetAside, Timestamp, TokenGaps,
};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Hash of everything that a run reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunDigest(pub u64);

impl RunDigest {
    /// The digest of several runs in this order (replications). A single run keeps its own digest.
    #[must_use]
    pub fn combine(digests: &[Self]) -> Self {
        if let [only] = digests {
            return *only;
        }
        let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.0.to_le_bytes()).collect();
        Self(xxh3_64(&bytes))
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for RunDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The running hash.
#[derive(Default)]
pub struct Digest(Xxh3Default);

impl Digest {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A request finished.
    pub fn record(&mut self, record: &RequestRecord) {
        let (outcome, mut failure) = outcome_bytes(record.outcome);
        failure.kind += record.rejection.map_or(0, |rejection| rejection as u8 + 1);
        let flags = flag(1, record.pool.is_some())
            | flag(2, record.allocating.is_some())
            | flag(4, record.first_token.is_some())
            | failure.flags;
        let mut entry = Entry::<104>::begin([1, flags, outcome, failure.kind]);
        entry.put(record.tenant.0.to_le_bytes());
        entry.put(record.class.0.to_le_bytes());
        entry.put(record.model.0.to_le_bytes());
        entry.put(record.pool.map_or(0, |pool| pool.0).to_le_bytes());
        entry.put(record.attempts.to_le_bytes());
        entry.put(record.fallbacks.to_le_bytes());
        entry.put(record.request.0.to_le_bytes());
        entry.put(record.arrived.as_nanos().to_le_bytes());
        entry.put(record.queued.as_nanos().to_le_bytes());
        entry.put(record.allocating.map_or(0, Duration::as_nanos).to_le_bytes());
        entry.put(record.first_token.map_or(0, Timestamp::as_nanos).to_le_bytes());
        entry.put(record.finished.as_nanos().to_le_bytes());
        entry.put(record.prompt_tokens.get().to_le_bytes());
        entry.put(record.output_tokens.get().to_le_bytes());
        entry.put(failure.retry_after_ns.to_le_bytes());
        entry.put(record.cost.as_nanos().to_le_bytes());
        self.0.update(entry.finished());
        if record.covenant != CovenantOutcome::Free {
            self.covenant(record.request, record.covenant);
        }
        if record.hedges > 0 {
            self.hedges(record);
        }
        if let Some(fan_out) = record.fan_out {
            self.fan_out(record.request, fan_out);
        }
    }

    fn fan_out(&mut self, request: RequestId, fan_out: FanOut) {
        let mut entry = Entry::<16>::begin([8, 0, 0, 0]);
        entry.put(fan_out.part.to_le_bytes());
        entry.put(fan_out.parts.get().to_le_bytes());
        entry.put(request.0.to_le_bytes());
        self.0.update(entry.finished());
    }

    fn hedges(&mut self, record: &RequestRecord) {
        let mut entry = Entry::<16>::begin([7, 0, 0, 0]);
        entry.put(record.hedges.to_le_bytes());
        entry.put([0; 2]);
        entry.put(record.request.0.to_le_bytes());
        self.0.update(entry.finished());
    }

    fn covenant(&mut self, request: RequestId, outcome: CovenantOutcome) {
        let (kind, reason, excess) = match outcome {
            CovenantOutcome::Free => (0, 0, 0),
            CovenantOutcome::Kept => (1, 0, 0),
            CovenantOutcome::Renegotiated(_) => (2, 0, 0),
            CovenantOutcome::Broken(breach) => (3, breach.reason as u8 + 1, breach.excess.get()),
        };
        let given_up = outcome.concessions().bits();
        let mut entry = Entry::<16>::begin([6, kind, reason, given_up]);
        entry.put(excess.to_le_bytes());
        entry.put(request.0.to_le_bytes());
        self.0.update(entry.finished());
    }

    /// A pool was looked at.
    pub fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        let mut entry = Entry::<192>::begin([2, 0, 0, 0]);
        entry.put(gauge.pool.0.to_le_bytes());
        entry.put(gauge.cards.to_le_bytes());
        entry.put(gauge.slots.to_le_bytes());
        entry.put(gauge.slots_held.to_le_bytes());
        entry.put(gauge.running.to_le_bytes());
        entry.put(gauge.waiting.to_le_bytes());
        entry.put([0; 4]);
        entry.put(at.as_nanos().to_le_bytes());
        entry.put(gauge.vram.get().to_le_bytes());
        entry.put(gauge.vram_promised.get().to_le_bytes());
        entry.put(gauge.tflops.as_gflops().to_le_bytes());
        entry.put(gauge.tflops_promised.as_gflops().to_le_bytes());
        entry.put(gauge.preemptions.to_le_bytes());
        entry.put(gauge.busy_card_ns.to_le_bytes());
        entry.put(gauge.card_ns.to_le_bytes());
        entry.put(gauge.held_slot_ns.to_le_bytes());
        entry.put(gauge.recomputations.to_le_bytes());
        entry.put(gauge.prefix_asked.to_le_bytes());
        entry.put(gauge.prefix_found.to_le_bytes());
        entry.put(gauge.kv_blocks.to_le_bytes());
        entry.put(gauge.kv_blocks_in_use.to_le_bytes());
        entry.put(gauge.changing_card_ns.to_le_bytes());
        entry.put(gauge.paged_bytes.to_le_bytes());
        self.0.update(entry.finished());
        if gauge.set_aside != SetAside::default() {
            self.set_aside(at, gauge.pool, &gauge.set_aside);
        }
        if let Some(scaling) = &gauge.scaling {
            self.scaling(at, gauge.pool, scaling);
        }
    }

    fn set_aside(&mut self, at: Timestamp, pool: PoolId, set_aside: &SetAside) {
        let mut entry = Entry::<48>::begin([4, 0, 0, 0]);
        entry.put(pool.0.to_le_bytes());
        entry.put(set_aside.waiting.to_le_bytes());
        entry.put([0; 4]);
        entry.put(at.as_nanos().to_le_bytes());
        entry.put(set_aside.requeued.to_le_bytes());
        entry.put(set_aside.resumed.to_le_bytes());
        entry.put(set_aside.recomputed_tokens.to_le_bytes());
        self.0.update(entry.finished());
    }

    fn scaling(&mut self, at: Timestamp, pool: PoolId, scaling: &PoolScaling) {
        let mut entry = Entry::<48>::begin([5, 0, 0, 0]);
        entry.put(pool.0.to_le_bytes());
        entry.put(scaling.wanted.to_le_bytes());
        entry.put(scaling.coming.to_le_bytes());
        entry.put(scaling.spare.to_le_bytes());
        entry.put([0; 4]);
        entry.put(at.as_nanos().to_le_bytes());
        entry.put(scaling.scaled_out.to_le_bytes());
        entry.put(scaling.scaled_in.to_le_bytes());
        self.0.update(entry.finished());
    }

    /// Gaps between tokens were handed out.
    pub fn token_gaps(&mut self, at: Timestamp, gaps: &TokenGaps) {
        let mut entry = Entry::<40>::begin([3, 0, 0, 0]);
        entry.put(gaps.pool.0.to_le_bytes());
        entry.put(gaps.model.0.to_le_bytes());
        entry.put([0; 4]);
        entry.put(at.as_nanos().to_le_bytes());
        entry.put(gaps.gap.as_nanos().to_le_bytes());
        entry.put(gaps.count.to_le_bytes());
        self.0.update(entry.finished());
    }

    /// The hash of all that happened so far.
    pub fn digest(&self) -> RunDigest {
        RunDigest(self.0.digest())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digest").field(&self.digest()).finish()
    }
}

/// One entry of the log, filled from the front.
struct Entry<const SIZE: usize> {
    bytes: [u8; SIZE],
    filled: usize,
}

impl<const SIZE: usize> Entry<SIZE> {
    fn begin(head: [u8; 4]) -> Self {
        let mut entry = Self { bytes: [0; SIZE], filled: 0 };
        entry.put(head);
        entry
    }

    #[inline]
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        self.bytes[self.filled..self.filled + N].copy_from_slice(&field);
        self.filled += N;
    }

    fn finished(&self) -> &[u8; SIZE] {
        debug_assert_eq!(self.filled, SIZE, "an entry has a fixed layout");
        &self.bytes
    }
}

#[derive(Default)]
struct Failure {
    kind: u8,
    flags: u8,
    retry_after_ns: u64,
}

fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

fn outcome_bytes(outcome: Outcome) -> (u8, Failure) {
    match outcome {
        Outcome::Completed => (0, Failure::default()),
        Outcome::Failed(kind) => (1, failure_bytes(kind)),
        Outcome::Rejected => (2, Failure::default()),
        Outcome::Cancelled => (3, Failure::default()),
    }
}

fn failure_bytes(kind: ErrorKind) -> Failure {
    let plain = |kind| Failure { kind, ..Failure::default() };
    match kind {
        ErrorKind::Timeout => plain(1),
        ErrorKind::Unavailable { reached } => Failure { flags: flag(8, reached), ..plain(2) },
        ErrorKind::RateLimited { retry_after } => Failure {
            flags: flag(16, retry_after.is_some()),
            retry_after_ns: retry_after.map_or(0, Duration::as_nanos),
            ..plain(3)
        },
        ErrorKind::CapacityExhausted => plain(4),
        ErrorKind::Preempted => plain(5),
        ErrorKind::PolicyRefused => plain(6),
        ErrorKind::Unauthorized => plain(7),
        ErrorKind::NotFound => plain(8),
        ErrorKind::Conflict => plain(9),
        ErrorKind::Invalid => plain(10),
        ErrorKind::Protocol => plain(11),
        ErrorKind::CreditExhausted => plain(12),
    }
}

#[cfg(test)]
mod tests;
