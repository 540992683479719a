//! Pools that scale: which cards are in service, spare, on their way or away.
//!
//! # Mechanism
//!
//! The rule ([`Autoscaler`]) says how many cards should be in service. A card that is let go closes,
//! drains and goes; nobody loses a share by it. A card that is wanted is, in this order: one that is
//! still draining, a spare one, one on its way, and last one that is away, which comes after the time
//! for provisioning, empty. What is on its way is not told apart: on arrival it goes into service if
//! one is missing there, and is a spare card otherwise.
//!
//! # Edges
//!
//! * A card lost by a fault still counts as one of those wanted: it has no load, and nobody takes its
//!   place unless the load asks for more.
//! * On their way for nothing, the cards that would come last are called off first.
//! * Draining cards are taken back before any other comes, so what is there and on its way never
//!   exceeds `max` and the spare cards.

use std::cmp::Reverse;

use connector::{EventKey, PoolGauge, PoolId, PoolScaling, Timestamp};

use super::{Simulator, StationRef, Wake, capacity::CardRef};
use crate::{
    autoscaler::{Autoscaler, Load, Seen},
    config::{PoolConfig, Target},
    control::Sampler,
    random::{Stream, Streams},
    standing::Cause,
};

/// What part a card plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It takes shares, unless something else keeps it from that.
    Serving,
    /// It is there for when more are needed.
    Spare,
    /// It will be there then.
    Coming(Timestamp, EventKey),
    /// It is not needed: draining, or away.
    Out,
}

/// The cards of a pool that scales. See the module text.
#[derive(Debug)]
pub(super) struct Fleet {
    pool: usize,
    rule: Autoscaler,
    roles: Vec<Role>,
    serving: u32,
    spare: u32,
    coming: u32,
    provisioning: Sampler,
    stream: Stream,
    /// The last look, and the integrals then.
    looked: Timestamp,
    busy_card_ns: u128,
    held_slot_ns: u128,
    /// Shares asked for in vain since then.
    in_vain: u32,
}

impl Fleet {
    /// The fleets of those pools that scale; nobody plays a part yet.
    pub(super) fn all(pools: &[PoolConfig], streams: Streams) -> Vec<Option<Self>> {
        let pools = pools.iter().enumerate();
        pools.map(|(index, pool)| Self::of(index, pool, streams)).collect()
    }

    fn of(index: usize, pool: &PoolConfig, streams: Streams) -> Option<Self> {
        let config = pool.autoscale.as_ref()?;
        Some(Self {
            pool: index,
            rule: Autoscaler::new(config.clone()),
            roles: vec![Role::Out; pool.count as usize],
            serving: 0,
            spare: 0,
            coming: 0,
            provisioning: Sampler::new(config.provisioning),
            stream: streams.stream(&format!("provisioning/{}", pool.name)),
            looked: Timestamp::ZERO,
            busy_card_ns: 0,
            held_slot_ns: 0,
            in_vain: 0,
        })
    }

    fn cast(&mut self, card: usize, role: Role) {
        let was = std::mem::replace(&mut self.roles[card], role);
        if let Some(count) = self.count(was) {
            *count -= 1;
        }
        if let Some(count) = self.count(role) {
            *count += 1;
        }
    }

    fn count(&mut self, role: Role) -> Option<&mut u32> {
        match role {
            Role::Serving => Some(&mut self.serving),
            Role::Spare => Some(&mut self.spare),
            Role::Coming(..) => Some(&mut self.coming),
            Role::Out => None,
        }
    }

    fn wanted(&self) -> u32 {
        self.rule.wanted()
    }

    /// Spare cards that there should be, as far as there are any.
    fn spare_wanted(&self) -> u32 {
        let left = self.roles.len() as u32 - self.wanted();
        self.rule.config().warm.min(left)
    }

    fn gauge(&self) -> PoolScaling {
        PoolScaling {
            wanted: self.wanted(),
            coming: self.coming,
            spare: self.spare,
            scaled_out: self.rule.scaled_out,
            scaled_in: self.rule.scaled_in,
        }
    }

    /// Cards that play this part.
    fn who(&self, part: impl Fn(Role) -> bool) -> impl DoubleEndedIterator<Item = usize> {
        let numbered = self.roles.iter().enumerate();
        numbered.filter(move |(_, role)| part(**role)).map(|(card, _)| card)
    }

    /// What a look at this moment sees, of a pool with so many slots on each card.
    fn see(&mut self, now: Timestamp, gauge: &PoolGauge, ready: u32, slots: u32) -> Seen {
        let elapsed = u128::from(now.since(self.looked).as_nanos().max(1));
        let busy = gauge.busy_card_ns - self.busy_card_ns;
        let held = gauge.held_slot_ns - self.held_slot_ns;
        let in_vain = std::mem::take(&mut self.in_vain);
        (self.looked, self.busy_card_ns, self.held_slot_ns) =
            (now, gauge.busy_card_ns, gauge.held_slot_ns);
        let asked = |requests: u32| u128::from(requests) + u128::from(in_vain);
        let whole = 10_000;
        let load = |target: &Target| match *target {
            Target::GpuUtilization(share) => {
                Load { amount: busy * whole, per_card: elapsed * u128::from(share.get()) }
            }
            Target::SlotUtilization(share) => Load {
                amount: (held + u128::from(in_vain) * elapsed) * whole,
                per_card: elapsed * u128::from(slots) * u128::from(share.get()),
            },
            Target::Waiting(each) => Load { amount: asked(gauge.waiting), per_card: each.into() },
            Target::Concurrency(each) => {
                Load { amount: asked(gauge.waiting + gauge.running), per_card: each.into() }
            }
        };
        let loads = self.rule.config().targets.iter().map(load).collect();
        Seen { loads, ready, in_use: held > 0 || gauge.slots_held > 0 || in_vain > 0 }
    }
}

impl Simulator {
    pub(super) fn gauge(&mut self, now: Timestamp, pool: usize) -> PoolGauge {
        let scaling = self.fleets[pool].as_ref().map(Fleet::gauge);
        PoolGauge { scaling, ..self.pools[pool].gauge(now, PoolId(pool as u32)) }
    }

    /// Does something with the fleet of a pool that scales.
    fn with_fleet(&mut self, pool: usize, act: impl FnOnce(&mut Self, &mut Fleet)) {
        if let Some(mut fleet) = self.fleets[pool].take() {
            act(self, &mut fleet);
            self.fleets[pool] = Some(fleet);
        }
    }

    /// Gives every card its part at the start of the run: cards in service first, spare ones after
    /// them, with what is loaded ahead; the rest is away.
    pub(super) fn start_fleet(&mut self, pool: usize) {
        self.with_fleet(pool, |simulator, fleet| {
            let start = Timestamp::ZERO;
            let (serving, spare) = (fleet.wanted() as usize, fleet.spare_wanted() as usize);
            for card in 0..fleet.roles.len() {
                if card < serving {
                    fleet.cast(card, Role::Serving);
                } else if card < serving + spare {
                    fleet.cast(card, Role::Spare);
                    simulator.pools[pool].change_standing(start, card, |of| of.close(Cause::Spare));
                    simulator.preload(start, fleet, card);
                } else {
                    simulator.close_card(start, (pool, card), Cause::Scaling);
                }
            }
            let first_look = start + fleet.rule.config().interval;
            simulator.queue.schedule(first_look, Wake::Look(pool));
        });
    }

    /// Somebody asked in vain for a share of this pool.
    pub(super) fn note_demand(&mut self, now: Timestamp, pool: usize) {
        self.with_fleet(pool, |simulator, fleet| {
            fleet.in_vain = fleet.in_vain.saturating_add(1);
            if fleet.wanted() == 0 {
                fleet.rule.wake(now);
                simulator.deploy(now, fleet);
            }
        });
    }

    /// A look at a pool that scales, and what follows from it.
    #[cold]
    pub(super) fn look_at(&mut self, now: Timestamp, pool: usize) {
        let gauge = self.gauge(now, pool);
        self.with_fleet(pool, |simulator, fleet| {
            let of = &simulator.pools[pool];
            let serving = fleet.who(|role| role == Role::Serving);
            let ready = serving.filter(|&card| of.standing(card).is_open()).count() as u32;
            let seen = fleet.see(now, &gauge, ready, of.config.placeable_slots().max(1));
            fleet.rule.look(now, &seen);
            simulator.deploy(now, fleet);
            let next = now + fleet.rule.config().interval;
            if next > now {
                simulator.queue.schedule(next, Wake::Look(pool));
            }
        });
    }

    /// A card that was on its way is there: in service if one is missing, to spare otherwise.
    #[cold]
    pub(super) fn card_comes(&mut self, now: Timestamp, card: CardRef) {
        self.with_fleet(card.0, |simulator, fleet| {
            let is_missing = fleet.serving < fleet.wanted();
            fleet.cast(card.1, if is_missing { Role::Serving } else { Role::Spare });
            if !is_missing {
                simulator.pools[card.0].change_standing(now, card.1, |of| of.close(Cause::Spare));
            }
            simulator.return_card(now, card, Cause::Scaling);
            if !is_missing {
                simulator.preload(now, fleet, card.1);
            }
        });
    }

    /// Brings the cards in line with what is wanted.
    fn deploy(&mut self, now: Timestamp, fleet: &mut Fleet) {
        if fleet.serving < fleet.wanted() {
            self.take_in(now, fleet);
        } else if fleet.serving > fleet.wanted() {
            self.let_go(now, fleet);
        }
        if fleet.spare > fleet.spare_wanted() {
            self.let_spare_go(now, fleet);
        }
        let missing = fleet.wanted().saturating_sub(fleet.serving)
            + fleet.spare_wanted().saturating_sub(fleet.spare);
        if fleet.coming < missing {
            self.send_for(now, fleet, missing - fleet.coming);
        } else if fleet.coming > missing {
            self.call_off(fleet, fleet.coming - missing);
        }
    }

    /// Cards that drain and spare ones go into service, as far as cards are missing there.
    fn take_in(&mut self, now: Timestamp, fleet: &mut Fleet) {
        let of = &self.pools[fleet.pool];
        let missing = (fleet.wanted() - fleet.serving) as usize;
        let ready_to_open = |card: usize, cause: Cause| {
            let standing = of.standing(card);
            (standing.is_there() && standing.is_closed_only_for(cause)).then_some((card, cause))
        };
        let draining = fleet.who(|role| role == Role::Out);
        let draining = draining.filter_map(|card| ready_to_open(card, Cause::Scaling));
        let spare = fleet.who(|role| role == Role::Spare);
        let spare = spare.filter_map(|card| ready_to_open(card, Cause::Spare));
        for (card, cause) in draining.chain(spare).take(missing).collect::<Vec<_>>() {
            fleet.cast(card, Role::Serving);
            self.return_card(now, (fleet.pool, card), cause);
        }
    }

    /// The cards with the fewest shares leave service, the last ones among equals; those that are out
    /// of order before all others.
    fn let_go(&mut self, now: Timestamp, fleet: &mut Fleet) {
        let of = &self.pools[fleet.pool];
        let surplus = (fleet.serving - fleet.wanted()) as usize;
        let rank = |card: usize| (of.standing(card).is_open(), of.held_on(card), Reverse(card));
        let mut serving: Vec<_> = fleet.who(|role| role == Role::Serving).map(rank).collect();
        serving.sort_unstable();
        for (_, _, Reverse(card)) in serving.into_iter().take(surplus) {
            fleet.cast(card, Role::Out);
            self.close_card(now, (fleet.pool, card), Cause::Scaling);
        }
    }

    fn let_spare_go(&mut self, now: Timestamp, fleet: &mut Fleet) {
        let surplus = (fleet.spare - fleet.spare_wanted()) as usize;
        let spare = fleet.who(|role| role == Role::Spare).rev();
        for card in spare.take(surplus).collect::<Vec<_>>() {
            fleet.cast(card, Role::Out);
            self.close_card(now, (fleet.pool, card), Cause::Scaling);
            self.pools[fleet.pool].change_standing(now, card, |of| of.lift(Cause::Spare));
        }
    }

    /// So many more cards set out, the first ones that can.
    fn send_for(&mut self, now: Timestamp, fleet: &mut Fleet, cards: u32) {
        let of = &self.pools[fleet.pool];
        let may_come = |card: &usize| {
            let standing = of.standing(*card);
            !standing.is_there() && standing.is_closed_only_for(Cause::Scaling)
        };
        let away = fleet.who(|role| role == Role::Out).filter(may_come);
        for card in away.take(cards as usize).collect::<Vec<_>>() {
            let due = now + fleet.provisioning.draw(&mut fleet.stream);
            let key = self.queue.schedule(due, Wake::CardComes((fleet.pool, card)));
            fleet.cast(card, Role::Coming(due, key));
        }
    }

    /// So many cards need not come.
    fn call_off(&mut self, fleet: &mut Fleet, cards: u32) {
        let numbered = fleet.roles.iter().enumerate();
        let coming = numbered.filter_map(|(card, role)| match role {
            Role::Coming(due, key) => Some((Reverse((*due, card)), *key)),
            Role::Serving | Role::Spare | Role::Out => None,
        });
        let mut coming: Vec<_> = coming.collect();
        coming.sort_unstable_by_key(|(last_first, _)| *last_first);
        for (Reverse((_, card)), key) in coming.into_iter().take(cards as usize) {
            self.queue.cancel(key);
            fleet.cast(card, Role::Out);
        }
    }

    /// Weights set out for a spare card. At the start of the run they are there already.
    fn preload(&mut self, now: Timestamp, fleet: &Fleet, card: usize) {
        for &model in &fleet.rule.config().preload {
            let of = &mut self.pools[fleet.pool];
            let station = of.cards[card].station(model, &of.servers[model.index()]);
            let at = StationRef { pool: fleet.pool, card, station };
            match of.cards[card].want_weights(station, now, of.config.vram()) {
                Some(_) if now == Timestamp::ZERO => self.weights_arrive(now, at),
                Some(bytes) => self.load_weights(now, at, bytes),
                None => {}
            }
        }
    }
}
