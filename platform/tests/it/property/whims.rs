//! How the far end behaves: drawn anew for every operation, by its number, so that a world with fewer
//! moves still behaves alike.

use connector::{CableId, Duration, Error, ErrorKind, Reply};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::setting::ms;

/// How badly it behaves. All but the seed are chances in a thousand.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    pub(super) seed: u64,
    /// An answer is an error.
    pub(super) fails: u32,
    /// ... although it was done.
    pub(super) acts: u32,
    /// It never comes.
    pub(super) lost: u32,
    /// It comes twice.
    pub(super) doubled: u32,
    /// It takes up to seven minutes.
    pub(super) late: u32,
    /// It is to another question.
    pub(super) nonsense: u32,
    /// It seems to come from another cable.
    pub(super) mislabelled: u32,
    /// A share is taken away while it works.
    pub(super) preempts: u32,
    /// A share is never released, whatever is asked.
    pub(super) cursed: u32,
    /// A list shows a share that is gone, or not ours.
    pub(super) ghosts: u32,
}

pub(super) fn manners() -> impl Strategy<Value = Manners> {
    let answers = (0_u32..500, 0_u32..250, 0_u32..40, 0_u32..100, 0_u32..50, 0_u32..50);
    let rest = (0_u32..100, 0_u32..150, 0_u32..20, 0_u32..400);
    (any::<u64>(), answers, rest).prop_map(|(seed, answers, rest)| {
        let (fails, acts, lost, doubled, late, nonsense) = answers;
        let (mislabelled, preempts, cursed, ghosts) = rest;
        Manners {
            seed,
            fails,
            acts,
            lost,
            doubled,
            late,
            nonsense,
            mislabelled,
            preempts,
            cursed,
            ghosts,
        }
    })
}

/// What it does with one operation.
pub(super) struct Whim {
    pub(super) random: Xoshiro256PlusPlus,
    pub(super) after: Duration,
    pub(super) says: Says,
    /// Whether it acts when it answers, and not at once.
    pub(super) acts_late: bool,
    pub(super) lost: bool,
    pub(super) doubled: bool,
    pub(super) answers_as: CableId,
}

#[derive(Clone, Copy)]
pub(super) enum Says {
    Yes,
    No(ErrorKind),
    DoneBut(ErrorKind),
    Nonsense,
}

impl Says {
    pub(super) fn over(self, reply: Reply) -> Result<Reply, Error> {
        match self {
            Self::Yes => Ok(reply),
            Self::No(kind) | Self::DoneBut(kind) => Err(kind.into()),
            Self::Nonsense => Ok(Reply::Cancelled),
        }
    }
}

impl Whim {
    pub(super) fn new(manners: &Manners, place: u64, cable: CableId, may_be_lost: bool) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(manners.seed ^ place);
        let longest = if chance(&mut random, manners.late) { 420_000 } else { 1_500 };
        let after = ms(random.random_range(0..longest));
        let says = if chance(&mut random, manners.fails) {
            Says::No(any_error(&mut random))
        } else if chance(&mut random, manners.acts) {
            Says::DoneBut(ambiguous(&mut random))
        } else if chance(&mut random, manners.nonsense) {
            Says::Nonsense
        } else {
            Says::Yes
        };
        let lost = may_be_lost && chance(&mut random, manners.lost);
        let mislabelled = chance(&mut random, manners.mislabelled);
        let answers_as = if mislabelled { CableId(random.random_range(0..3)) } else { cable };
        Self {
            after,
            says,
            acts_late: random.random(),
            lost,
            doubled: chance(&mut random, manners.doubled),
            answers_as,
            random,
        }
    }
}

pub(super) fn chance(random: &mut Xoshiro256PlusPlus, thousandths: u32) -> bool {
    random.random_range(0..1_000) < thousandths
}

fn any_error(random: &mut Xoshiro256PlusPlus) -> ErrorKind {
    match ErrorKind::ALL[random.random_range(0..ErrorKind::ALL.len())] {
        ErrorKind::RateLimited { .. } => {
            let asked = ms(random.random_range(0..20_000));
            ErrorKind::RateLimited { retry_after: random.random::<bool>().then_some(asked) }
        }
        kind => kind,
    }
}

fn ambiguous(random: &mut Xoshiro256PlusPlus) -> ErrorKind {
    let kinds = [ErrorKind::Timeout, ErrorKind::Protocol, ErrorKind::Unavailable { reached: true }];
    kinds[random.random_range(0..kinds.len())]
}
