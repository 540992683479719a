//! Where an attack may be met: each exchange of each operation of each dialect.

use adapters::{Dialect, HttpOptions};
use connector::{AllocationId, Duration, ErrorKind, Operation, PoolId};

use super::attacks::Attack;
use crate::{
    gpuaas::{self, only},
    server::{Act, Server, grant, json},
    talk::{self, Talk, allocate, infer},
};

/// An operation, how far its answers are as they should be, and what comes of it if the next is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) dialect: Dialect,
    pub(super) operation: Kind,
    /// Exchanges of the operation that go well before one does not.
    pub(super) going_well: usize,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Allocate,
    /// In a pool that has to be looked up by its name first.
    AllocateByName,
    Infer {
        stream: bool,
    },
    Release,
    Inspect,
    List,
    Pools,
}

/// What an operation ends in by what one of its exchanges ends in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// The same.
    Same,
    /// Nothing that costs was asked for yet, and the error says so.
    Untouched,
    /// It looks again until the time is over.
    Patient,
    /// The same, but a success that means nothing shows that a service is not there.
    Service,
}

impl Outcome {
    pub(super) fn of(self, attack: &Attack) -> ErrorKind {
        match self {
            _ if attack.kind == ErrorKind::Timeout => ErrorKind::Timeout,
            Self::Same => attack.kind,
            Self::Untouched => ErrorKind::Unavailable { reached: false },
            Self::Service if attack.is_nonsense => ErrorKind::Unavailable { reached: true },
            Self::Patient | Self::Service => ErrorKind::Timeout,
        }
    }
}

/// A connector at a place, the server that is attacked from, and the one that knows of shares.
pub(super) struct Scene {
    pub(super) talk: Talk,
    pub(super) attacker: Server,
    /// Where that is another one.
    provider: Option<Server>,
}

impl Place {
    pub(super) const fn at(dialect: Dialect, operation: Kind) -> Self {
        Self { dialect, operation, going_well: 0, outcome: Outcome::Same }
    }

    pub(super) const fn after(self, going_well: usize, outcome: Outcome) -> Self {
        Self { going_well, outcome, ..self }
    }

    /// The operation about to be asked, and that.
    pub(super) fn scene(self, attack: &Attack) -> (Scene, Operation) {
        let by_time = self.outcome.of(attack) == ErrorKind::Timeout;
        let mut scene = self.open(|options| {
            options.api_key = Some("s3cret".into());
            options.limits.answer_bytes = 1 << 16;
            options.limits.line_bytes = 1 << 14;
            let allowed = Duration::from_millis(if by_time { 200 } else { 15_000 });
            let timeouts = &mut options.timeouts;
            // What is asked afterwards has all the time that it needs.
            *match self.operation {
                Kind::Allocate | Kind::AllocateByName => &mut timeouts.allocate,
                Kind::Infer { .. } => &mut timeouts.infer,
                Kind::Release => &mut timeouts.release,
                Kind::Inspect | Kind::List | Kind::Pools => &mut timeouts.inspect,
            } = allowed;
        });
        let share = self.needs_share().then(|| scene.talk.grant());
        let act = attack.act.clone();
        scene.attacker.then(move |_| act.clone());
        let operation = self.operation(share.unwrap_or_default());
        (scene, operation)
    }

    fn needs_share(self) -> bool {
        matches!(self.operation, Kind::Infer { .. } | Kind::Release | Kind::Inspect)
    }

    fn operation(self, share: AllocationId) -> Operation {
        match self.operation {
            Kind::Allocate | Kind::AllocateByName => allocate(),
            Kind::Infer { stream } => infer(share, stream),
            Kind::Release => Operation::Release { allocation: share },
            Kind::Inspect => Operation::Inspect { allocation: share },
            Kind::List => Operation::List { pool: PoolId(0) },
            Kind::Pools => Operation::Pools,
        }
    }

    fn open(self, configure: impl FnOnce(&mut HttpOptions)) -> Scene {
        let runtime = talk::runtime();
        let attacker = Server::start(runtime.handle(), self.script());
        if self.dialect == Dialect::Gpuaas && matches!(self.operation, Kind::Infer { .. }) {
            let (talk, provider) = gpuaas::at_service(runtime, &attacker, configure);
            return Scene { talk, attacker, provider: Some(provider) };
        }
        let mut options = talk::options(&attacker.url);
        if self.dialect == Dialect::Gpuaas {
            let pool = options.names.pools[0].clone();
            options = gpuaas::speaking(options);
            gpuaas::settings(&mut options).look_for = Duration::from_millis(20);
            if self.operation == Kind::AllocateByName {
                options.names.pools[0] = pool;
            }
        }
        options.dialect = self.dialect;
        configure(&mut options);
        Scene { talk: Talk::to(runtime, options), attacker, provider: None }
    }

    /// What goes well: all of a grant where a share is needed, and the beginning of the operation.
    fn script(self) -> Vec<Act> {
        match (self.dialect, self.operation) {
            (Dialect::HarpoonV1 | Dialect::CovenantV1, _) if self.needs_share() => {
                vec![grant("7")]
            }
            (Dialect::Gpuaas, Kind::Release | Kind::Inspect) => gpuaas::granting(1),
            (Dialect::Gpuaas, Kind::Allocate) => {
                gpuaas::granting(1).into_iter().take(self.going_well).collect()
            }
            (Dialect::Gpuaas, Kind::Pools) if self.going_well == 1 => {
                vec![Act::Answer(json(200, r#"[{"id":1,"name":"eu"}]"#))]
            }
            _ => Vec::new(),
        }
    }
}

impl Scene {
    /// From now on the provider does as it should, and holds one share.
    pub(super) fn mend(&self, dialect: Dialect) {
        let mut held = true;
        let provider = self.provider.as_ref().unwrap_or(&self.attacker);
        provider.instead(move |request| {
            let is_release = request.starts_with("DELETE ") || request.contains("/unsubscribe ");
            held &= !is_release;
            match dialect {
                _ if request.contains("/all-pools ") => {
                    Act::Answer(json(200, r#"[{"pool_id":3,"name":"standard"}]"#))
                }
                _ if is_release => Act::Answer(json(200, "{}")),
                Dialect::Gpuaas if held => only(7, "subscribed"),
                Dialect::Gpuaas => gpuaas::none(),
                Dialect::HarpoonV1 | Dialect::CovenantV1 | Dialect::OpenAi => {
                    let row = r#"{"allocation_id":"7","pool_id":"standard"}"#;
                    let rows = if held { row } else { "" };
                    Act::Answer(json(200, &format!(r#"{{"allocations":[{rows}]}}"#)))
                }
            }
        });
    }

    /// Questions for something that costs.
    pub(super) fn asked_for(&self) -> usize {
        let beginnings =
            ["POST /v1/allocate ", "POST /api/v1/allocations ", "POST /api/gpuaas/pool/subscribe "];
        let requests = self.attacker.requests();
        let costs = |request: &&String| beginnings.iter().any(|one| request.starts_with(one));
        requests.iter().filter(costs).count()
    }
}
