//! A connector that says what it is told to, and all that can be said.

use std::{collections::VecDeque, sync::Arc};

use adapters::recording::{Entry, Recorded, Sight};
use connector::{
    Allocate, AllocationId, AllocationInfo, BasisPoints, Connector, Content, Duration, Error,
    ErrorKind, Event, EventKind, Infer, Mebibytes, ModelId, Money, Operation, PoolGauge, PoolId,
    PoolInfo, PoolKind, PoolScaling, Priority, Prompt, ProviderUsage, Reply, Requirements,
    SecurityLevel, ShareUsage, StatementLine, StayEnd, Temperature, TenantId, Tflops, Ticket,
    Timestamp, TokenGaps, Tokens, Usage,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

#[derive(Debug, Default)]
pub(crate) struct Parrot {
    events: VecDeque<Event>,
    sight: Option<Sight>,
}

/// Something that passes between a platform and a far side.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Asked(Timestamp, Operation),
    Told(Timestamp, Event),
    Seen(Timestamp, Sight),
}

const TICKET: Ticket = Ticket(u64::MAX);

impl Said {
    pub(crate) fn say(&self, connector: &mut Recorded<Parrot>) {
        match self {
            Self::Asked(at, operation) => connector.submit(*at, TICKET, operation.clone()),
            Self::Told(at, event) => {
                connector.inner_mut().events.push_back(event.clone());
                assert_eq!(connector.poll(*at).as_ref(), Some(event));
            }
            Self::Seen(at, sight) => {
                connector.inner_mut().sight = Some(sight.clone());
                match sight {
                    Sight::Gauges(_) => connector.gauges(*at, &mut |_| ()),
                    Sight::TokenGaps(_) => connector.token_gaps(*at, &mut |_| ()),
                    Sight::ProviderUsage(_) => connector.provider_usage(*at, &mut |_| ()),
                    Sight::Statement(_) => connector.statement(*at, &mut |_| ()),
                    Sight::StatementOfHeld(_) => connector.statement_of_held(*at, &mut |_| ()),
                }
            }
        }
    }

    pub(crate) fn entry(&self, connector: u32) -> Entry {
        match self.clone() {
            Self::Asked(at, operation) => Entry::Asked { at, connector, ticket: TICKET, operation },
            Self::Told(polled, event) => Entry::Told { polled, connector, event },
            Self::Seen(at, sight) => Entry::Seen { at, connector, sight },
        }
    }
}

impl Connector for Parrot {
    fn submit(&mut self, _: Timestamp, _: Ticket, _: Operation) {}

    fn poll(&mut self, _: Timestamp) -> Option<Event> {
        self.events.pop_front()
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn gauges(&mut self, _: Timestamp, report: &mut dyn FnMut(PoolGauge)) {
        if let Some(Sight::Gauges(rows)) = self.sight.take() {
            rows.into_iter().for_each(report);
        }
    }

    fn token_gaps(&mut self, _: Timestamp, report: &mut dyn FnMut(TokenGaps)) {
        if let Some(Sight::TokenGaps(rows)) = self.sight.take() {
            rows.into_iter().for_each(report);
        }
    }

    fn provider_usage(&mut self, _: Timestamp, report: &mut dyn FnMut(ProviderUsage)) {
        if let Some(Sight::ProviderUsage(rows)) = self.sight.take() {
            rows.into_iter().for_each(report);
        }
    }

    fn statement(&mut self, _: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        if let Some(Sight::Statement(rows)) = self.sight.take() {
            rows.into_iter().for_each(report);
        }
    }

    fn statement_of_held(&mut self, _: Timestamp, report: &mut dyn FnMut(StatementLine)) {
        if let Some(Sight::StatementOfHeld(rows)) = self.sight.take() {
            rows.into_iter().for_each(report);
        }
    }
}

/// Up to thirty things, in order of time.
pub(crate) fn said() -> impl Strategy<Value = Vec<Said>> {
    let one = prop_oneof![
        operation().prop_map(|operation| Said::Asked(Timestamp::ZERO, operation)),
        (event(), any::<u32>()).prop_map(|(kind, before)| {
            let at = Timestamp::from_nanos(u64::from(before));
            Said::Told(Timestamp::ZERO, Event { at, kind })
        }),
        sight().prop_map(|sight| Said::Seen(Timestamp::ZERO, sight)),
    ];
    vec((one, 0_u64..1 << 58), 0..30).prop_map(|all| {
        let mut now = 0;
        let timed = all.into_iter().map(|(mut one, later)| {
            now += later;
            let (Said::Asked(at, _) | Said::Told(at, _) | Said::Seen(at, _)) = &mut one;
            *at = Timestamp::from_nanos(now);
            one
        });
        timed.collect()
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (numbers(), 0_u8..=9, any::<bool>()).prop_map(|(n, rank, yes)| {
            Operation::Allocate(Allocate {
                pool: PoolId(n as u32),
                model: ModelId((n >> 7) as u32),
                requirements: requirements(n),
                overcommit: yes,
                preemptible: !yes,
                priority: Priority::new(rank).unwrap(),
                tenant: TenantId((n >> 9) as u32),
            })
        }),
        infer().prop_map(Operation::Infer),
        any::<u64>().prop_map(|id| Operation::Cancel { inference: Ticket(id) }),
        any::<u64>().prop_map(|id| Operation::Release { allocation: AllocationId(id) }),
        any::<u64>().prop_map(|id| Operation::Inspect { allocation: AllocationId(id) }),
        any::<u32>().prop_map(|id| Operation::List { pool: PoolId(id) }),
        Just(Operation::Pools),
    ]
}

fn infer() -> impl Strategy<Value = Infer> {
    let content = prop_oneof![
        Just(Content::Unknown),
        ".{0,20}".prop_map(|text| Content::Text(text.into())),
        vec(any::<u64>(), 0..5).prop_map(|blocks| Content::Blocks(Arc::from(blocks))),
    ];
    (numbers(), content, 0_u32..=20_000, any::<bool>(), option::of(any::<u64>())).prop_map(
        |(n, content, temperature, stream, progress)| Infer {
            allocation: AllocationId(n),
            prompt: Prompt { tokens: Tokens::new(n as u32), content },
            max_tokens: Tokens::new((n >> 11) as u32),
            temperature: Temperature::new(BasisPoints::new(temperature)).unwrap(),
            stream,
            progress: progress.map(Duration::from_nanos),
        },
    )
}

fn event() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        any::<u64>().prop_map(|id| EventKind::FirstToken { ticket: Ticket(id) }),
        (any::<u64>(), any::<u32>(), text()).prop_map(|(id, tokens, text)| EventKind::Progress {
            ticket: Ticket(id),
            tokens: Tokens::new(tokens),
            text,
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(id, grace)| EventKind::Preempted {
            allocation: AllocationId(id),
            grace: Duration::from_nanos(grace),
        }),
        (any::<u64>(), reply())
            .prop_map(|(id, reply)| EventKind::Completed { ticket: Ticket(id), result: Ok(reply) }),
        (any::<u64>(), error()).prop_map(|(id, error)| EventKind::Completed {
            ticket: Ticket(id),
            result: Err(error),
        }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        any::<u64>().prop_map(|id| Reply::Granted { allocation: AllocationId(id) }),
        (any::<[u32; 3]>(), text()).prop_map(|([prompt, cached, output], text)| {
            let [prompt, cached, output] = [prompt, cached, output].map(Tokens::new);
            Reply::Generated { usage: Usage { prompt, cached, output }, text }
        }),
        Just(Reply::Cancelled),
        Just(Reply::Released),
        info().prop_map(Reply::Inspected),
        vec(info(), 0..4).prop_map(Reply::Listed),
        vec(pool(), 0..4).prop_map(Reply::Pools),
    ]
}

fn info() -> impl Strategy<Value = AllocationInfo> {
    (numbers(), any::<[bool; 4]>()).prop_map(|(n, [model, requires, running, usage])| {
        let used = ShareUsage { tflops: Tflops::from_gflops(n), vram: Mebibytes::new(n >> 3) };
        AllocationInfo {
            allocation: AllocationId(n),
            pool: PoolId(n as u32),
            model: model.then_some(ModelId(7)),
            requirements: requires.then(|| requirements(n)),
            running: running.then_some(n as u32),
            usage: usage.then(|| Box::new([used; 6])),
        }
    })
}

fn pool() -> impl Strategy<Value = PoolInfo> {
    let levels = option::of(select(SecurityLevel::ALL.to_vec()));
    (numbers(), ".{0,9}", select(PoolKind::ALL.to_vec()), any::<i128>(), levels).prop_map(
        |(n, name, kind, price, security_level)| PoolInfo {
            pool: PoolId(n as u32),
            name: name.into(),
            kind,
            free_slots: (n >> 5) as u32,
            card_vram: Mebibytes::new(n),
            price_per_slot_hour: Money::from_nanos(price),
            security_level,
        },
    )
}

fn error() -> impl Strategy<Value = Error> {
    let kind = (select(ErrorKind::ALL.to_vec()), option::of(any::<u64>()));
    (kind, text()).prop_map(|((kind, wait), detail)| {
        let kind = match kind {
            ErrorKind::RateLimited { .. } => {
                ErrorKind::RateLimited { retry_after: wait.map(Duration::from_nanos) }
            }
            other => other,
        };
        Error { kind, detail }
    })
}

fn sight() -> impl Strategy<Value = Sight> {
    prop_oneof![
        vec(gauge(), 1..3).prop_map(Sight::Gauges),
        vec(any::<(u32, u32, u64, u64)>(), 1..3).prop_map(|all| {
            let gaps = all.into_iter().map(|(pool, model, gap, count)| TokenGaps {
                pool: PoolId(pool),
                model: ModelId(model),
                gap: Duration::from_nanos(gap),
                count,
            });
            Sight::TokenGaps(gaps.collect())
        }),
        (any::<[u128; 8]>(), any::<i128>()).prop_map(|(n, cost)| {
            Sight::ProviderUsage(vec![ProviderUsage {
                pool: PoolId(1),
                tenant: TenantId(2),
                slot_ns: n[0],
                mebibyte_ns: n[1],
                flop: n[2],
                cost: Money::from_nanos(cost),
                untold_slot_ns: n[3],
                ghost_slot_ns: n[4],
                releasing_slot_ns: n[5],
                slots_held: 3,
                prompt_tokens: n[6],
                output_tokens: n[7],
            }])
        }),
        (statement(), any::<bool>()).prop_map(|(line, held)| {
            if held { Sight::StatementOfHeld(vec![line]) } else { Sight::Statement(vec![line]) }
        }),
    ]
}

fn statement() -> impl Strategy<Value = StatementLine> {
    let tenant = option::of(any::<u32>());
    (numbers(), tenant, select(StayEnd::ALL.to_vec()), any::<i128>()).prop_map(
        |(n, tenant, ended, charge)| StatementLine {
            allocation: AllocationId(n),
            pool: PoolId(n as u32),
            tenant: tenant.map(TenantId),
            from: Timestamp::from_nanos(n >> 1),
            until: Timestamp::from_nanos(n),
            ended,
            price_per_slot_hour: Money::from_nanos(-charge.saturating_abs()),
            charge: Money::from_nanos(charge),
        },
    )
}

fn gauge() -> impl Strategy<Value = PoolGauge> {
    (numbers(), any::<[u128; 4]>(), any::<bool>()).prop_map(|(n, sums, scales)| PoolGauge {
        pool: PoolId(n as u32),
        cards: 1,
        slots: 2,
        slots_held: 3,
        running: 4,
        waiting: 5,
        vram: Mebibytes::new(n),
        tflops: Tflops::from_gflops(n >> 2),
        busy_card_ns: sums[0],
        card_ns: sums[1],
        held_slot_ns: sums[2],
        changing_card_ns: sums[3],
        preemptions: n,
        paged_bytes: n >> 4,
        scaling: scales.then_some(PoolScaling {
            wanted: 6,
            scaled_out: n,
            ..PoolScaling::default()
        }),
        ..PoolGauge::default()
    })
}

fn requirements(n: u64) -> Requirements {
    Requirements { tflops: Tflops::from_gflops(n), vram: Mebibytes::new(n >> 1) }
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0_u64..100]
}

fn text() -> impl Strategy<Value = Option<Box<str>>> {
    option::of(".{0,30}".prop_map(Box::from))
}
