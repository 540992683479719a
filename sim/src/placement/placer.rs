//! Choosing among hosts by a rule, and keeping what they promised.

use super::{
    boards::Boards,
    fragmentation::{Census, Mix},
    host::{Ask, Gpus, Host},
    score::{Scale, loosest, score, tightest, with_room},
};
use crate::{config::Placement, random::Stream};

/// Draws that random placement makes before it looks at every host.
const DRAWS: u32 = 16;

/// Hosts, and the rule by which asks come onto them.
#[derive(Debug)]
pub struct Placer {
    rule: Placement,
    hosts: Vec<Host>,
    pub(super) scale: Scale,
    boards: Boards,
    /// When each host changed last; those that never did, in order.
    changed: Vec<u64>,
    changes: u64,
    next_in_turn: u32,
    usual: Usual,
    pub(super) mix: Mix,
    stream: Stream,
}

/// Where it is known from what is usually asked for.
#[derive(Debug)]
enum Usual {
    /// Stated.
    Stated,
    /// What was asked so far, looked at again whenever that has doubled.
    Learned { census: Census, next_look: u64 },
}

impl Placer {
    /// Nothing is promised yet. What is usually asked for is learned from the asks; only
    /// [`Placement::FragmentationDescent`] wants to know.
    ///
    /// # Panics
    /// Without hosts.
    pub fn new(rule: Placement, hosts: Vec<Host>, scale: Scale, stream: Stream) -> Self {
        assert!(!hosts.is_empty(), "there is something to choose from");
        let count = hosts.len() as u32;
        Self {
            rule,
            hosts,
            scale,
            boards: Boards::new(count),
            changed: (0..u64::from(count)).collect(),
            changes: u64::from(count),
            next_in_turn: 0,
            usual: Usual::Learned { census: Census::default(), next_look: 1 },
            mix: Mix::default(),
            stream,
        }
    }

    /// States what is usually asked for, instead of learning it.
    #[must_use]
    pub fn with_usual<'a>(mut self, asks: impl IntoIterator<Item = &'a Ask>) -> Self {
        let mut census = Census::default();
        for ask in asks {
            census.count(ask, &self.scale);
        }
        self.mix = census.mix();
        self.usual = Usual::Stated;
        self
    }

    /// The hosts, by number.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A host with room, or `None`.
    pub fn choose(&mut self, ask: &Ask) -> Option<u32> {
        match self.rule {
            Placement::FragmentationDescent => {
                self.learn(ask);
                self.best(ask)
            }
            Placement::LeastLoaded
            | Placement::FirstFit
            | Placement::BestFit
            | Placement::WorstFit
            | Placement::DotProduct
            | Placement::GpuPacking
            | Placement::GpuClustering => self.best(ask),
            Placement::RoundRobin => {
                let host = self.next_from(self.next_in_turn, ask)?;
                self.next_in_turn = (host + 1) % self.hosts.len() as u32;
                Some(host)
            }
            Placement::Random => self.draw(ask).or_else(|| self.any(ask)),
            Placement::PowerOfTwo => match (self.draw(ask), self.draw(ask)) {
                (Some(a), Some(b)) => Some(if self.load(b) < self.load(a) { b } else { a }),
                (Some(only), None) | (None, Some(only)) => Some(only),
                (None, None) => self.any(ask),
            },
        }
    }

    /// Promises what is asked on this host, which has room; says on which of its GPUs.
    pub fn promise(&mut self, host: u32, ask: &Ask) -> Gpus {
        let gpus = self.choose_gpus(host, ask);
        self.hosts[host as usize].promise(ask, &gpus);
        self.note(host);
        gpus
    }

    /// Takes a promise back.
    pub fn take_back(&mut self, host: u32, ask: &Ask, gpus: &[u32]) {
        self.hosts[host as usize].take_back(ask, gpus);
        self.note(host);
    }

    /// A host goes out of service or comes back.
    pub fn set_in_service(&mut self, host: u32, in_service: bool) {
        self.hosts[host as usize].set_in_service(in_service);
        // It keeps its place among the equally loaded, as nothing was promised or taken back.
        self.boards.note(host);
    }

    fn choose_gpus(&mut self, host: u32, ask: &Ask) -> Gpus {
        let host = &self.hosts[host as usize];
        match self.rule {
            Placement::FragmentationDescent => self.mix.descent(host, ask, &self.scale).1,
            Placement::WorstFit => loosest(host, ask),
            Placement::Random => {
                let mut gpus = with_room(host, ask);
                for place in 0..gpus.len().min(ask.gpus as usize) {
                    let others = (gpus.len() - place) as u64;
                    // A card has one GPU, and pools draw no more than they ever did.
                    let drawn = if others > 1 { self.stream.below(others) as usize } else { 0 };
                    gpus.swap(place, place + drawn);
                }
                gpus.truncate(ask.gpus as usize);
                gpus
            }
            Placement::LeastLoaded
            | Placement::FirstFit
            | Placement::RoundRobin
            | Placement::PowerOfTwo
            | Placement::BestFit
            | Placement::DotProduct
            | Placement::GpuPacking
            | Placement::GpuClustering => tightest(host, ask),
        }
    }

    fn note(&mut self, host: u32) {
        self.changed[host as usize] = self.changes;
        self.changes += 1;
        self.boards.note(host);
    }

    fn best(&mut self, ask: &Ask) -> Option<u32> {
        let (rule, hosts, scale) = (self.rule, &self.hosts, &self.scale);
        let (mix, changed) = (&self.mix, &self.changed);
        let rank = |host: u32| {
            let of = &hosts[host as usize];
            match rule {
                _ if !of.fits(ask) => 0,
                Placement::LeastLoaded => longest_least_loaded(of.load(), changed[host as usize]),
                rule => 1 + u64::from(score(rule, of, ask, scale, mix)),
            }
        };
        self.boards.board(ask, rank).winner()
    }

    fn next_from(&mut self, first: u32, ask: &Ask) -> Option<u32> {
        let hosts = &self.hosts;
        let rank = |host: u32| u64::from(hosts[host as usize].fits(ask));
        self.boards.board(ask, rank).next_from(first)
    }

    fn load(&self, host: u32) -> u32 {
        self.hosts[host as usize].load()
    }

    fn draw(&mut self, ask: &Ask) -> Option<u32> {
        let hosts = &self.hosts;
        let mut draws = (0..DRAWS).map(|_| self.stream.below(hosts.len() as u64) as u32);
        draws.find(|&host| hosts[host as usize].fits(ask))
    }

    /// Any host with room, evenly.
    fn any(&mut self, ask: &Ask) -> Option<u32> {
        let hosts = (0..).zip(&self.hosts);
        let with_room = || hosts.clone().filter(|(_, host)| host.fits(ask)).map(|(host, _)| host);
        match with_room().count() {
            0 => None,
            count => with_room().nth(self.stream.below(count as u64) as usize),
        }
    }

    fn learn(&mut self, ask: &Ask) {
        let Usual::Learned { census, next_look } = &mut self.usual else { return };
        census.count(ask, &self.scale);
        if census.total() >= *next_look {
            *next_look *= 2;
            self.mix = census.mix();
            self.boards.clear();
        }
    }
}

/// A rank that is higher the fewer a host holds, and among equals the longer it is unchanged.
fn longest_least_loaded(load: u32, changed: u64) -> u64 {
    const CHANGES: u32 = 44;
    let few = u64::from((1_u32 << (63 - CHANGES)).saturating_sub(load));
    (few << CHANGES) + ((1 << CHANGES) - 1 - changed)
}
