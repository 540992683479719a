//! Prompts that begin alike go where their prefix is cached, but never to an overloaded pool.
//!
//! # Mechanism
//!
//! The first blocks of a prompt make a key. Every candidate is given a score from key and candidate
//! (rendezvous hashing: Thaler and Ravishankar 1998), and the largest score wins. When a candidate
//! comes or goes, only its own keys move.
//!
//! A candidate whose load would be above `load_factor` times its part of all requests under way is
//! left out (consistent hashing with bounded loads: Mirrokni, Thorup and Zadimoghaddam 2016), so that
//! one popular prefix does not drown its pool while others idle; the overflow of a key always goes to
//! the same next candidate. Parts are in proportion to places.
//!
//! # Edges
//!
//! Of a prompt with fewer blocks all of them count. Words are cut into blocks of
//! [`BYTES_PER_BLOCK`]. Prompts of which only the length is known go to the least loaded candidate.

use connector::{BasisPoints, Content};

use super::{Scene, choice::List, places::Places};
use crate::config::PrefixConfig;

/// A block of a text; short, because hashing is on the way of every request.
pub(super) const BYTES_PER_BLOCK: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    config: PrefixConfig,
}

impl Affine {
    pub(super) const fn new(config: PrefixConfig) -> Self {
        Self { config }
    }

    pub(super) fn pick(self, scene: &Scene<'_>, list: &List, open: Places) -> Option<usize> {
        let Some(key) = self.key(&scene.request.content) else {
            return least_loaded(scene, list, open);
        };
        let bound = Bound::new(scene, list, open, self.config.load_factor);
        let mut best: Option<(usize, u64)> = None;
        for place in open.iter() {
            let choice = &list.choices[place];
            if !bound.admits(scene, list, place) {
                continue;
            }
            let candidate = u64::from(choice.model.0) << 32 | u64::from(choice.cable.0);
            let score = mixed(key ^ mixed(candidate));
            if best.is_none_or(|(_, most)| score > most) {
                best = Some((place, score));
            }
        }
        best.map(|(place, _)| place).or_else(|| least_loaded(scene, list, open))
    }

    /// What the beginning of a prompt comes to.
    fn key(self, content: &Content) -> Option<u64> {
        let blocks = self.config.blocks as usize;
        match content {
            Content::Unknown => None,
            Content::Blocks(ids) => {
                Some(ids.iter().take(blocks).fold(0, |key, &id| mixed(key ^ id)))
            }
            Content::Text(text) => {
                let bytes = text.as_bytes();
                let read = bytes.len().min(blocks * BYTES_PER_BLOCK);
                Some(bytes[..read].chunks(8).fold(0, |key, word| mixed(key ^ number(word))))
            }
        }
    }
}

/// How much a candidate may have to do.
struct Bound {
    /// Requests per place.
    per_place: f64,
}

impl Bound {
    fn new(scene: &Scene<'_>, list: &List, open: Places, factor: BasisPoints) -> Self {
        let (mut requests, mut places) = (1, 0);
        for place in open.iter() {
            let load = scene.load(list.choices[place].cable);
            requests += load.outstanding();
            places += u64::from(load.size());
        }
        Self { per_place: requests as f64 * factor.as_ratio() / places as f64 }
    }

    fn admits(&self, scene: &Scene<'_>, list: &List, place: usize) -> bool {
        let load = scene.load(list.choices[place].cable);
        (load.outstanding() as f64) < (self.per_place * f64::from(load.size())).ceil()
    }
}

pub(super) fn least_loaded(scene: &Scene<'_>, list: &List, open: Places) -> Option<usize> {
    list.least(open, |choice| scene.load(choice.cable).relative())
}

fn number(word: &[u8]) -> u64 {
    word.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A number whose every bit depends on every bit of the one given (the finaliser of `SplitMix64`).
const fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}
