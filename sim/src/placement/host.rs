//! What can be asked for, and what has it: the one picture of a pool's card and of a cluster's node.

use smallvec::{SmallVec, smallvec};

/// Divisible resources besides GPUs that a host has: VRAM and compute of a card, CPU and memory of a
/// node.
pub const RESOURCES: usize = 2;

/// GPUs of one host, by number.
pub type Gpus = SmallVec<[u32; 8]>;

/// A set of at most 64 GPU models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Models(u64);

impl Models {
    /// How many models can be told apart.
    pub const MOST: u32 = u64::BITS;
    /// Every model, and hosts without a GPU too.
    pub const ANY: Self = Self(u64::MAX);
    /// None: the model of a host without a GPU.
    pub const NONE: Self = Self(0);

    /// The set that holds only this model.
    ///
    /// # Panics
    /// If the index is not below [`Models::MOST`].
    pub const fn only(index: u32) -> Self {
        Self(1 << index)
    }

    /// Both sets in one.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What is asked of a host: the share of a card, or a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// Of each divisible resource, in the unit of the hosts.
    pub resources: [u64; RESOURCES],
    /// Different GPUs; 0 for none.
    pub gpus: u32,
    /// Parts of each of these GPUs; all of them for whole ones.
    pub parts: u32,
    /// GPU models that would do.
    pub models: Models,
    /// How many times its size a host may promise of each divisible resource, at least 1.
    pub overcommit: u64,
    /// What clustering keeps together.
    pub kind: u32,
}

impl Ask {
    /// Parts of all its GPUs together.
    pub fn all_parts(&self) -> u64 {
        u64::from(self.gpus) * u64::from(self.parts)
    }
}

/// A card of a pool or a node of a cluster: what it has and what of it is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    capacity: [u64; RESOURCES],
    promised: [u64; RESOURCES],
    /// What it may promise at most, whatever overcommit an ask accepts.
    most: [u64; RESOURCES],
    /// Parts of each GPU that are not promised.
    free: Gpus,
    parts_per_gpu: u32,
    model: Models,
    /// How many asks for GPUs of each kind it holds; few kinds share a host.
    held: SmallVec<[(u32, u32); 4]>,
    held_without_gpu: u32,
    in_service: bool,
}

impl Host {
    /// An empty host with these resources and GPUs of one model, each in this many parts.
    pub fn new(capacity: [u64; RESOURCES], gpus: u32, parts_per_gpu: u32, model: Models) -> Self {
        Self {
            capacity,
            promised: [0; RESOURCES],
            most: [u64::MAX; RESOURCES],
            free: smallvec![parts_per_gpu; gpus as usize],
            parts_per_gpu,
            model,
            held: SmallVec::new(),
            held_without_gpu: 0,
            in_service: true,
        }
    }

    /// With a bound on what it may promise of each divisible resource.
    #[must_use]
    pub fn with_most(self, most: [u64; RESOURCES]) -> Self {
        Self { most, ..self }
    }

    /// Whether anything may be put on it.
    pub fn is_in_service(&self) -> bool {
        self.in_service
    }

    pub(super) fn set_in_service(&mut self, in_service: bool) {
        self.in_service = in_service;
    }

    /// What it has of each divisible resource.
    pub fn capacity(&self) -> [u64; RESOURCES] {
        self.capacity
    }

    /// Parts of each GPU that are not promised.
    pub fn free_parts(&self) -> &[u32] {
        &self.free
    }

    /// Parts of all GPUs that are not promised.
    pub fn all_free_parts(&self) -> u64 {
        self.free.iter().copied().map(u64::from).sum()
    }

    /// Parts of all GPUs.
    pub fn all_parts(&self) -> u64 {
        self.free.len() as u64 * u64::from(self.parts_per_gpu)
    }

    pub(super) fn parts_per_gpu(&self) -> u32 {
        self.parts_per_gpu
    }

    /// GPUs of which nothing is promised.
    pub(super) fn idle_gpus(&self) -> usize {
        self.free.iter().filter(|&&free| free == self.parts_per_gpu).count()
    }

    /// What an ask that accepts this overcommit may still have of a divisible resource.
    pub(super) fn left(&self, resource: usize, overcommit: u64) -> u64 {
        let limit = self.capacity[resource].saturating_mul(overcommit).min(self.most[resource]);
        limit.saturating_sub(self.promised[resource])
    }

    /// How many asks it holds.
    pub(crate) fn load(&self) -> u32 {
        self.held_without_gpu + self.held.iter().map(|(_, count)| count).sum::<u32>()
    }

    /// Kinds of asks for GPUs that it holds, and how many of each.
    pub(super) fn held(&self) -> &[(u32, u32)] {
        &self.held
    }

    /// Whether there is room.
    pub fn fits(&self, ask: &Ask) -> bool {
        let with_room = self.free.iter().filter(|&&free| free >= ask.parts).count();
        self.in_service
            && self.allows(ask)
            && self.has_resources(ask)
            && (ask.gpus == 0 || with_room >= ask.gpus as usize)
    }

    /// Whether its GPUs are of a model that would do.
    pub(super) fn allows(&self, ask: &Ask) -> bool {
        ask.models == Models::ANY || ask.models.0 & self.model.0 != 0
    }

    /// Whether enough is left of its divisible resources.
    pub(super) fn has_resources(&self, ask: &Ask) -> bool {
        (0..RESOURCES).all(|one| ask.resources[one] <= self.left(one, ask.overcommit))
    }

    /// Whether there will be room once `gone` has left these GPUs.
    pub fn would_fit(&self, ask: &Ask, gone: &Ask, gpus: &[u32]) -> bool {
        let mut then = self.clone();
        then.take_back(gone, gpus);
        then.fits(ask)
    }

    /// Promises what is asked, on these GPUs.
    ///
    /// # Panics
    /// If a GPU has no room.
    pub(super) fn promise(&mut self, ask: &Ask, gpus: &[u32]) {
        for (promised, asked) in self.promised.iter_mut().zip(ask.resources) {
            *promised += asked;
        }
        for &gpu in gpus {
            let free = &mut self.free[gpu as usize];
            *free = free.checked_sub(ask.parts).expect("the chosen GPU has room");
        }
        match self.held.iter_mut().find(|(kind, _)| *kind == ask.kind) {
            _ if ask.gpus == 0 => self.held_without_gpu += 1,
            Some((_, count)) => *count += 1,
            None => self.held.push((ask.kind, 1)),
        }
    }

    /// Takes a promise back.
    ///
    /// # Panics
    /// If it was not made.
    pub(super) fn take_back(&mut self, ask: &Ask, gpus: &[u32]) {
        for (promised, asked) in self.promised.iter_mut().zip(ask.resources) {
            *promised = promised.checked_sub(asked).expect("what was promised is held");
        }
        for &gpu in gpus {
            self.free[gpu as usize] += ask.parts;
            assert!(self.free[gpu as usize] <= self.parts_per_gpu, "a GPU is given back once");
        }
        if ask.gpus == 0 {
            self.held_without_gpu -= 1;
            return;
        }
        let at = self.held.iter().position(|&(kind, _)| kind == ask.kind);
        let at = at.expect("what was promised is held");
        self.held[at].1 -= 1;
        if self.held[at].1 == 0 {
            self.held.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(cpu: u64, gpus: u32, parts: u32) -> Ask {
        let kind = gpus;
        Ask { resources: [cpu, 0], gpus, parts, models: Models::ANY, overcommit: 1, kind }
    }

    #[test]
    fn whole_gpus_do_not_fit_into_what_is_left_of_several() {
        let mut host = Host::new([8, 0], 2, 1000, Models::only(0));
        host.promise(&pod(1, 1, 300), &[1]);
        assert!(host.fits(&pod(1, 1, 1000)));
        assert!(!host.fits(&pod(1, 2, 1000)));
        assert!(host.fits(&pod(1, 2, 700)));
        assert!(!host.fits(&pod(8, 1, 300)), "one CPU is promised");
        host.take_back(&pod(1, 1, 300), &[1]);
        assert_eq!(host, Host::new([8, 0], 2, 1000, Models::only(0)));
    }

    #[test]
    fn a_wanted_model_is_found_only_where_it_is() {
        let only_t4 = Ask { models: Models::only(3), ..pod(0, 1, 500) };
        assert!(Host::new([0, 0], 1, 1000, Models::only(3)).fits(&only_t4));
        assert!(!Host::new([0, 0], 1, 1000, Models::only(2)).fits(&only_t4));
        let either = Ask { models: Models::only(2).or(Models::only(3)), ..only_t4 };
        assert!(Host::new([0, 0], 1, 1000, Models::only(2)).fits(&either));
        assert!(!Host::new([0, 0], 0, 1000, Models::NONE).fits(&Ask { gpus: 0, ..only_t4 }));
        assert!(Host::new([1, 0], 0, 1000, Models::NONE).fits(&pod(1, 0, 0)));
    }

    #[test]
    fn overcommit_stretches_resources_but_no_gpu() {
        let mut card = Host::new([24, 10], 1, 2, Models::NONE);
        let twice = Ask { resources: [24, 5], overcommit: 2, ..pod(0, 1, 1) };
        card.promise(&twice, &[0]);
        assert!(card.fits(&twice));
        assert!(!card.fits(&Ask { overcommit: 1, ..twice }));
        assert!(card.would_fit(&Ask { overcommit: 1, ..twice }, &twice, &[0]));
        card.promise(&twice, &[0]);
        assert!(!card.fits(&Ask { resources: [0, 0], ..twice }), "both slots are held");
    }

    #[test]
    fn what_needs_no_gpu_is_no_neighbour_on_them() {
        let mut host = Host::new([8, 0], 2, 1000, Models::only(0));
        host.promise(&pod(1, 1, 300), &[0]);
        host.promise(&pod(1, 0, 0), &[]);
        host.promise(&pod(1, 0, 0), &[]);
        assert_eq!((host.load(), host.held()), (3, [(1, 1)].as_slice()));
        host.take_back(&pod(1, 1, 300), &[0]);
        assert_eq!((host.load(), host.held().len()), (2, 0));
    }
}
