//! Sharing a card by time, in turns.
//!
//! # Mechanism
//!
//! Everybody who has work stands in line. Whoever has the card keeps it for a *quantum*, or until its
//! work is done; then the next one's turn comes, after a change that takes `switch` and the time of
//! paging (see [`super::residency`]). While nobody else wants the card, quanta follow each other
//! without a change. The states, and what leads from one to the other:
//!
//! ```text
//!            work arrives                       everything is there
//!   Free  ------------------->  Changing  ------------------------------>  Running
//!    ^                             ^   a quantum is over, or the work is done   |
//!    |                             +--------------------------------------------+
//!    +--------------------------------------------------------------------------+
//!                       its work is done, and nobody waits
//! ```
//!
//! Who is next, at the end of a quantum or of the work: while nobody who waits has a guarantee or is a
//! VIP, whoever has waited longest; that is round robin. Otherwise whoever would fall behind its part of
//! the time that the card has computed since it last became ready, the one furthest behind first; then
//! VIPs; then whoever has waited longest. Everybody has such a part, guaranteed or not: somebody with
//! a guarantee, however small, who comes and goes quickly would else be first for ever.
//!
//! # Edges
//!
//! * An arrival never takes the card from somebody in the middle of a quantum. While one runs alone,
//!   quanta are counted from when it got the card.
//! * Work that is withdrawn during the change to it lets the change go on.
//! * With [`QuantumBegins::WhenGranted`] a change takes its time off the quantum, but no more than
//!   nine tenths of it: otherwise nobody would get anywhere.
//! * Where those who have work may overlap and fit, they run together and nobody has a turn.
//!
//! Source: hostedai-scheduler notes T1 to T10, P2 to P7, M4; the rules marked there as inferred are
//! settings of [`TurnsConfig`].

use std::collections::VecDeque;

use connector::{Duration, SecurityLevel, Timestamp};

use super::{
    Activity,
    residency::{Moved, Residency},
    together,
};
use crate::config::{HostFull, PagingConfig, QuantumBegins, TurnsConfig};

/// What somebody was promised of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rights {
    /// Part of the time that is guaranteed; 0: what the sharing ratio guarantees to everybody.
    pub(crate) guaranteed: f64,
    pub(crate) vip: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    rights: Rights,
    ready: bool,
    /// Since when it has been ready, or not.
    since: Timestamp,
    /// How long the card had computed by then.
    computed_before: Duration,
    /// Time on the card since then.
    had: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Free,
    Changing { to: usize, until: Timestamp, quantum_from: Timestamp },
    Running { who: usize, quantum_from: Timestamp },
    Together,
}

/// What became of the time since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeSpent {
    pub(crate) computing: Duration,
    pub(crate) changing: Duration,
    pub(crate) free: Duration,
}

/// A card that is shared by time. Members are numbered in the order of joining.
#[derive(Debug)]
pub(crate) struct Turns {
    rule: TurnsConfig,
    /// How many there may be.
    ratio: u32,
    members: Vec<Member>,
    /// Those that are ready and do not have the card, by when they came.
    line: VecDeque<usize>,
    phase: Phase,
    /// When the running quantum ends, if somebody waits for it.
    ends: Option<Timestamp>,
    /// Who had the card last: changing to the same one is no change.
    last: Option<usize>,
    memory: Residency,
    /// Bandwidth of the host's link that others use.
    link_in_use: f64,
    accounted: Timestamp,
    pub(crate) spent: TimeSpent,
    pub(crate) moved: Moved,
}

/// Working sets, in bytes.
pub(crate) type Working<'a> = &'a dyn Fn(usize) -> u64;

impl Turns {
    pub(crate) fn new(rule: TurnsConfig, ratio: u32, capacity: u64) -> Self {
        Self {
            rule,
            ratio,
            members: Vec::new(),
            line: VecDeque::new(),
            phase: Phase::Free,
            ends: None,
            last: None,
            memory: Residency::new(capacity),
            link_in_use: 0.0,
            accounted: Timestamp::ZERO,
            spent: TimeSpent::default(),
            moved: Moved::default(),
        }
    }

    pub(crate) fn join(&mut self) -> usize {
        self.memory.join();
        self.members.push(Member::default());
        self.members.len() - 1
    }

    pub(crate) fn set_rights(&mut self, who: usize, rights: Rights) {
        self.members[who].rights = rights;
    }

    /// Somebody's memory is given back.
    pub(crate) fn forget(&mut self, who: usize) {
        self.memory.forget(who);
    }

    /// Who is killed now because the host's memory does not suffice.
    pub(crate) fn victim(&self) -> Option<usize> {
        let PagingConfig { host_memory, host_full, .. } = self.rule.paging;
        let limit = host_memory.filter(|_| host_full == HostFull::Kill)?;
        self.memory.beyond(limit.as_bytes())
    }

    /// So much memory of somebody has come onto the card from elsewhere.
    pub(crate) fn come_onto_card(&mut self, who: usize, now: Timestamp, bytes: u64) {
        self.memory.use_card(who, now, bytes);
    }

    /// Others use so much of the host's link, in bytes per second.
    pub(crate) fn set_link_in_use(&mut self, bandwidth: f64) {
        self.link_in_use = bandwidth;
    }

    /// What part of the card somebody has now.
    pub(crate) fn fraction(&self, who: usize) -> f64 {
        match self.phase {
            Phase::Running { who: runs, .. } if runs == who => 1.0,
            Phase::Together if self.members[who].ready => {
                let busy = self.members.iter().filter(|member| member.ready).count();
                together(busy as u32, self.rule.overlap.unwrap_or(0.0))
            }
            Phase::Free | Phase::Changing { .. } | Phase::Running { .. } | Phase::Together => 0.0,
        }
    }

    /// What the card does.
    pub(crate) fn activity(&self) -> Activity {
        match self.phase {
            Phase::Free => Activity::Idle,
            Phase::Changing { .. } => Activity::Changing,
            Phase::Running { .. } | Phase::Together => Activity::Computing,
        }
    }

    /// When to call [`Turns::tick`] next.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Changing { until, .. } => Some(until),
            Phase::Running { .. } => self.ends,
            Phase::Free | Phase::Together => None,
        }
    }

    /// Somebody has work from now on, or has none any more.
    pub(crate) fn set_ready(
        &mut self,
        now: Timestamp,
        who: usize,
        ready: bool,
        working: Working<'_>,
    ) {
        self.account(now);
        let member = &mut self.members[who];
        if member.ready == ready {
            return;
        }
        let rested = now.since(member.since);
        let computed_before = self.spent.computing;
        *member = Member { ready, since: now, computed_before, had: Duration::ZERO, ..*member };
        if ready {
            if self.rule.paging.idle_after.is_some_and(|after| rested >= after) {
                self.memory.page_out(who);
            }
            self.line.push_back(who);
        } else {
            self.line.retain(|waits| *waits != who);
        }
        self.settle(now, who, working);
    }

    /// Lets happen what is due by now.
    pub(crate) fn tick(&mut self, now: Timestamp, working: Working<'_>) {
        self.account(now);
        match self.phase {
            Phase::Changing { to, until, quantum_from } if until <= now => {
                self.phase = Phase::Running { who: to, quantum_from };
                if self.may_overlap(working) {
                    self.overlap(now, working);
                } else if self.members[to].ready {
                    self.note_end(now);
                } else {
                    self.hand_over(now, working);
                }
            }
            Phase::Running { who, .. } if self.ends.is_some_and(|ends| ends <= now) => {
                self.line.push_back(who);
                self.hand_over(now, working);
            }
            Phase::Free | Phase::Changing { .. } | Phase::Running { .. } | Phase::Together => {}
        }
    }

    /// Counts the time up to now.
    pub(crate) fn account(&mut self, now: Timestamp) {
        debug_assert!(now >= self.accounted, "time does not go back");
        let elapsed = now.since(self.accounted);
        self.accounted = now;
        match self.phase {
            Phase::Free => self.spent.free += elapsed,
            Phase::Changing { .. } => self.spent.changing += elapsed,
            Phase::Running { who, .. } => {
                self.spent.computing += elapsed;
                self.members[who].had += elapsed;
            }
            Phase::Together => {
                self.spent.computing += elapsed;
                let busy = self.members.iter().filter(|member| member.ready).count().max(1);
                for member in self.members.iter_mut().filter(|member| member.ready) {
                    member.had += elapsed / busy as u64;
                }
            }
        }
    }

    /// What follows from somebody having become ready or not.
    fn settle(&mut self, now: Timestamp, who: usize, working: Working<'_>) {
        match self.phase {
            Phase::Changing { .. } => {}
            _ if self.may_overlap(working) => self.overlap(now, working),
            Phase::Free | Phase::Together => self.hand_over(now, working),
            Phase::Running { who: runs, .. } if runs == who => self.hand_over(now, working),
            Phase::Running { .. } => self.note_end(now),
        }
    }

    fn may_overlap(&self, working: Working<'_>) -> bool {
        let rule = &self.rule;
        rule.overlap.is_some()
            && rule.isolation == SecurityLevel::Low
            && self.ready().next().is_some()
            && self.memory.fit(self.ready().map(working))
    }

    fn ready(&self) -> impl Iterator<Item = usize> {
        (0..self.members.len()).filter(|&who| self.members[who].ready)
    }

    /// All that are ready run together, once everything of theirs is on the card. They stay in line,
    /// for when they no longer fit.
    fn overlap(&mut self, now: Timestamp, working: Working<'_>) {
        self.ends = None;
        if let Phase::Running { who, .. } = self.phase
            && self.members[who].ready
        {
            self.line.push_front(who);
        }
        let mut moved = Moved::default();
        for &who in &self.line {
            let more = self.memory.bring_in(who, now, working(who), false);
            moved.out += more.out;
            moved.into += more.into;
        }
        let takes = self.page(moved);
        self.phase = match self.line.front() {
            Some(&first) if !takes.is_zero() => {
                self.line.pop_front();
                Phase::Changing { to: first, until: now + takes, quantum_from: now + takes }
            }
            _ => Phase::Together,
        };
    }

    /// How long it takes to move this.
    fn page(&mut self, moved: Moved) -> Duration {
        self.moved.out += moved.out;
        self.moved.into += moved.into;
        paging_time(&self.rule.paging, moved, self.link_in_use)
    }

    /// The running quantum ends where somebody waits for it.
    fn note_end(&mut self, now: Timestamp) {
        let Phase::Running { quantum_from, .. } = self.phase else { return };
        if self.line.is_empty() {
            self.ends = None;
        } else if self.ends.is_none() {
            let quantum = self.rule.quantum.as_nanos().max(1);
            let passed = now.since(quantum_from).as_nanos();
            let quanta = passed.div_ceil(quantum).max(1);
            self.ends = Some(quantum_from + Duration::from_nanos(quanta * quantum));
        }
    }

    /// The next one's turn, if there is one.
    fn hand_over(&mut self, now: Timestamp, working: Working<'_>) {
        self.ends = None;
        if let Phase::Running { who, .. } = self.phase {
            self.memory.use_card(who, now, working(who));
        }
        let Some(next) = self.next() else {
            self.phase = Phase::Free;
            return;
        };
        self.line.retain(|waits| *waits != next);
        let strict = self.rule.isolation == SecurityLevel::High;
        let moved = self.memory.bring_in(next, now, working(next), strict);
        let change = self.last.is_some_and(|last| last != next);
        let switch = if change { self.rule.switch } else { Duration::ZERO };
        let takes = switch + self.page(moved);
        self.last = Some(next);
        if takes.is_zero() {
            self.phase = Phase::Running { who: next, quantum_from: now };
            self.note_end(now);
        } else {
            let until = now + takes;
            let quantum_from = match self.rule.quantum_begins {
                QuantumBegins::WhenReady => until,
                QuantumBegins::WhenGranted => {
                    let most = Duration::from_nanos(self.rule.quantum.as_nanos() / 10 * 9);
                    until - takes.min(most)
                }
            };
            self.phase = Phase::Changing { to: next, until, quantum_from };
        }
    }

    /// Whose turn is next.
    fn next(&self) -> Option<usize> {
        let rights = |who: usize| self.members[who].rights;
        let vip = self.line.iter().copied().find(|&who| rights(who).vip);
        let all_alike = self.line.iter().all(|&who| rights(who) == Rights::default());
        let behind = self.line.iter().copied().filter_map(|who| {
            let member = &self.members[who];
            let floor = if all_alike { return None } else { self.floor(who) };
            let computed = self.spent.computing.saturating_sub(member.computed_before);
            let by_then = (computed + self.rule.quantum).as_nanos() as f64;
            let lacks = floor * by_then - member.had.as_nanos() as f64;
            (lacks > 0.5).then_some((who, lacks, member.rights.vip))
        });
        let furthest = behind.reduce(|a, b| if (b.1, b.2) > (a.1, a.2) { b } else { a });
        furthest.map(|(who, ..)| who).or(vip).or_else(|| self.line.front().copied())
    }

    /// The part of the time below which a member must not fall: what it was guaranteed, or its part
    /// of what nobody was.
    fn floor(&self, who: usize) -> f64 {
        let guaranteed = self.members[who].rights.guaranteed;
        if guaranteed > 0.0 {
            return guaranteed;
        }
        let with = self.members.iter().map(|member| member.rights.guaranteed).filter(|g| *g > 0.0);
        let without = f64::from(self.ratio) - with.clone().count() as f64;
        (1.0 - with.sum::<f64>()).max(0.0) / without.max(1.0)
    }
}

/// M4: one after the other, or at the same time; beside what else uses the link.
fn paging_time(paging: &PagingConfig, moved: Moved, in_use: f64) -> Duration {
    let free = (paging.bandwidth - in_use).max(paging.bandwidth / 2.0);
    let bytes = if paging.overlapped {
        moved.out.max(moved.into) as f64
    } else {
        moved.out as f64 + moved.into as f64
    };
    Duration::from_secs_f64(bytes / free)
}

#[cfg(test)]
mod tests;
