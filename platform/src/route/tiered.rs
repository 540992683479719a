//! The plain rule: whoever waits for an answer gets a card alone, small models go where it is cheap
//! although shares may be taken away, everything else is standard.

use connector::{Mebibytes, PoolKind};

use super::{Scene, choice::List, places::Places};

/// A model that needs less is small.
const SMALL_BELOW: Mebibytes = Mebibytes::from_gib(8);

/// The cheapest of the wanted kind, or else the cheapest of all.
pub(super) fn pick(scene: &Scene<'_>, list: &List, open: Places) -> Option<usize> {
    let wanted: Places = open.iter().filter(|&place| is_wanted(scene, list, place)).collect();
    let among = if wanted.is_empty() { open } else { wanted };
    list.least(among, |choice| choice.weight * choice.expected(scene.request))
}

fn is_wanted(scene: &Scene<'_>, list: &List, place: usize) -> bool {
    let choice = &list.choices[place];
    let covenant = scene.covenant;
    let may_be_taken = covenant.preemptible() != Some(false);
    let wanted = if covenant.is_latency_sensitive() {
        PoolKind::Dedicated
    } else if choice.vram < SMALL_BELOW && may_be_taken {
        PoolKind::Preemptible
    } else {
        PoolKind::Standard
    };
    choice.kind == wanted
}
