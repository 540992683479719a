//! What gauges say about pools: utilisation from differences of integrals, and maxima.
//!
//! Integrals only grow, so the difference between two gauges is exact for the time between them.
//! The first of the two is the last gauge at or before the end of the warm-up (the start of the
//! run, where every integral is zero, if there is none), the second is the last gauge of all. A
//! driver that takes a gauge at the very end of the warm-up gets figures for exactly the measured
//! time.

use connector::{PoolGauge, PoolId, SetAside, Timestamp};

/// One pool over the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolTrack {
    base: PoolGauge,
    last: PoolGauge,
    /// Slots and cards when there were cards last: their ratio is the pool's sharing ratio.
    slots: u32,
    cards: u32,
    pub(crate) peak_slots_held: u32,
    pub(crate) peak_waiting: u32,
    /// Most of the KV blocks in use, as a share of them; `None` if there never were any.
    pub(crate) peak_kv_use: Option<f64>,
    /// Fewest and most cards of a pool that scales.
    cards_seen: Option<(u32, u32)>,
    pub(crate) seen: bool,
}

/// How the cards of a pool came and went, over the measured time but for `card_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScalingGrowth {
    pub(crate) cards_least: u32,
    pub(crate) cards_most: u32,
    pub(crate) measured_card_ns: u128,
    /// From the start of the run on.
    pub(crate) card_ns: u128,
    pub(crate) scaled_out: u64,
    pub(crate) scaled_in: u64,
}

/// What caches did over the measured time, of one pool or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheGrowth {
    pub(crate) asked: u64,
    pub(crate) found: u64,
    pub(crate) recomputations: u64,
}

/// What changing from one tenant to the next took over the measured time, of one pool or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PagingGrowth {
    /// Card-nanoseconds spent on it, and all there were.
    changing: u128,
    cards: u128,
    pub(crate) bytes: u64,
}

impl PagingGrowth {
    fn absorb(mut self, other: Self) -> Self {
        self.changing += other.changing;
        self.cards += other.cards;
        self.bytes += other.bytes;
        self
    }

    /// `None` if no card was ever in service.
    pub(crate) fn share(&self) -> Option<f64> {
        ratio(self.changing, self.cards)
    }
}

/// Integrals over the measured time, of one pool or several, in card- and slot-nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Integrals {
    busy_cards: u128,
    cards: u128,
    held_slots: u128,
    slots: u128,
}

impl PoolTrack {
    fn gauge(&mut self, warming_up: bool, gauge: &PoolGauge) {
        if warming_up {
            self.base = *gauge;
        } else {
            self.peak_slots_held = self.peak_slots_held.max(gauge.slots_held);
            self.peak_waiting = self.peak_waiting.max(gauge.waiting);
            let in_use = ratio(gauge.kv_blocks_in_use.into(), gauge.kv_blocks.into());
            self.peak_kv_use = match (self.peak_kv_use, in_use) {
                (Some(most), Some(share)) => Some(most.max(share)),
                (most, share) => most.or(share),
            };
        }
        if gauge.scaling.is_some() {
            // What is there at the end of the warm-up is there when the measured time begins.
            let (least, most) = self.cards_seen.filter(|_| !warming_up).unwrap_or((u32::MAX, 0));
            self.cards_seen = Some((least.min(gauge.cards), most.max(gauge.cards)));
        }
        if gauge.cards > 0 {
            (self.slots, self.cards) = (gauge.slots, gauge.cards);
        }
        self.last = *gauge;
        self.seen = true;
    }

    pub(crate) fn preemptions(&self) -> u64 {
        self.last.preemptions.saturating_sub(self.base.preemptions)
    }

    /// From the start of the run on.
    pub(crate) const fn busy_card_ns(&self) -> u128 {
        self.last.busy_card_ns
    }

    /// `None` if its cards are always there.
    pub(crate) fn scaling(&self) -> Option<ScalingGrowth> {
        let (cards_least, cards_most) = self.cards_seen?;
        let (base, last) = (self.base.scaling.unwrap_or_default(), self.last.scaling?);
        Some(ScalingGrowth {
            cards_least,
            cards_most,
            measured_card_ns: self.last.card_ns.saturating_sub(self.base.card_ns),
            card_ns: self.last.card_ns,
            scaled_out: last.scaled_out.saturating_sub(base.scaled_out),
            scaled_in: last.scaled_in.saturating_sub(base.scaled_in),
        })
    }

    fn cache(&self) -> CacheGrowth {
        let (base, last) = (&self.base, &self.last);
        CacheGrowth {
            asked: last.prefix_asked.saturating_sub(base.prefix_asked),
            found: last.prefix_found.saturating_sub(base.prefix_found),
            recomputations: last.recomputations.saturating_sub(base.recomputations),
        }
    }

    fn paging(&self) -> PagingGrowth {
        PagingGrowth {
            changing: self.last.changing_card_ns.saturating_sub(self.base.changing_card_ns),
            cards: self.last.card_ns.saturating_sub(self.base.card_ns),
            bytes: self.last.paged_bytes.saturating_sub(self.base.paged_bytes),
        }
    }

    fn set_aside(&self) -> SetAside {
        let (base, last) = (&self.base.set_aside, &self.last.set_aside);
        SetAside {
            waiting: last.waiting,
            requeued: last.requeued.saturating_sub(base.requeued),
            resumed: last.resumed.saturating_sub(base.resumed),
            recomputed_tokens: last.recomputed_tokens.saturating_sub(base.recomputed_tokens),
        }
    }

    pub(crate) fn integrals(&self) -> Integrals {
        let card_ns = self.last.card_ns.saturating_sub(self.base.card_ns);
        Integrals {
            busy_cards: self.last.busy_card_ns.saturating_sub(self.base.busy_card_ns),
            cards: card_ns,
            held_slots: self.last.held_slot_ns.saturating_sub(self.base.held_slot_ns),
            slots: card_ns * u128::from(self.slots) / u128::from(self.cards.max(1)),
        }
    }
}

impl Integrals {
    fn absorb(mut self, other: Self) -> Self {
        self.busy_cards += other.busy_cards;
        self.cards += other.cards;
        self.held_slots += other.held_slots;
        self.slots += other.slots;
        self
    }

    /// `None` if no card was ever in service.
    pub(crate) fn gpu_utilization(&self) -> Option<f64> {
        ratio(self.busy_cards, self.cards)
    }

    /// `None` if no slot was ever on offer.
    pub(crate) fn slot_utilization(&self) -> Option<f64> {
        ratio(self.held_slots, self.slots)
    }
}

impl CacheGrowth {
    fn absorb(mut self, other: Self) -> Self {
        self.asked += other.asked;
        self.found += other.found;
        self.recomputations += other.recomputations;
        self
    }
}

/// `None` instead of a division by zero.
pub(crate) fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// All pools over the measured time.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    tracks: Vec<PoolTrack>,
    warm_up_ends: Timestamp,
}

impl Pools {
    pub(crate) fn new(pools: usize, warm_up_ends: Timestamp) -> Self {
        Self { tracks: vec![PoolTrack::default(); pools], warm_up_ends }
    }

    /// # Panics
    /// On a pool that has no name.
    pub(crate) fn gauge(&mut self, at: Timestamp, gauge: &PoolGauge) {
        assert!(gauge.pool.index() < self.tracks.len(), "pool {} has no name", gauge.pool);
        self.tracks[gauge.pool.index()].gauge(at <= self.warm_up_ends, gauge);
    }

    pub(crate) fn of(&self, pool: PoolId) -> Option<&PoolTrack> {
        self.tracks.get(pool.index()).filter(|track| track.seen)
    }

    /// Of all together from the start of the run on; `None` if nobody looked.
    pub(crate) fn busy_card_ns(&self) -> Option<u128> {
        let seen = self.tracks.iter().filter(|track| track.seen);
        seen.map(PoolTrack::busy_card_ns).reduce(|sum, of_pool| sum + of_pool)
    }

    /// Of one pool, or of all together; `None` if nobody looked.
    pub(crate) fn cache(&self, pool: Option<PoolId>) -> Option<CacheGrowth> {
        match pool {
            Some(pool) => self.of(pool).map(PoolTrack::cache),
            None => self
                .tracks
                .iter()
                .filter(|track| track.seen)
                .map(PoolTrack::cache)
                .reduce(CacheGrowth::absorb),
        }
    }

    /// Of one pool, or of all together; `None` if nobody looked.
    pub(crate) fn paging(&self, pool: Option<PoolId>) -> Option<PagingGrowth> {
        let tracks = self.tracks.iter().enumerate();
        let meant = |index: usize| pool.is_none_or(|pool| pool.index() == index);
        tracks
            .filter(|(index, track)| track.seen && meant(*index))
            .map(|(_, track)| track.paging())
            .reduce(PagingGrowth::absorb)
    }

    /// Of one pool, or of all together.
    pub(crate) fn set_aside(&self, pool: Option<PoolId>) -> SetAside {
        let tracks = self.tracks.iter().enumerate();
        let meant = tracks.filter(|(index, _)| pool.is_none_or(|pool| pool.index() == *index));
        meant.map(|(_, track)| track.set_aside()).fold(SetAside::default(), |sum, of| SetAside {
            waiting: sum.waiting + of.waiting,
            requeued: sum.requeued + of.requeued,
            resumed: sum.resumed + of.resumed,
            recomputed_tokens: sum.recomputed_tokens + of.recomputed_tokens,
        })
    }

    /// Of one pool, or of all together.
    pub(crate) fn integrals(&self, pool: Option<PoolId>) -> Integrals {
        match pool {
            Some(pool) => self.of(pool).map(PoolTrack::integrals).unwrap_or_default(),
            None => self
                .tracks
                .iter()
                .map(PoolTrack::integrals)
                .fold(Integrals::default(), Integrals::absorb),
        }
    }
}

#[cfg(test)]
mod tests;
