//! Asking a live connector and waiting for what it says.

use std::time::{Duration, Instant};

use adapters::{HttpConnector, HttpOptions};
use connector::{
    Allocate, AllocationId, Connector, Error, Event, EventKind, Infer, Mebibytes, ModelId, Names,
    Operation, PoolId, Priority, Prompt, Reply, Requirements, Temperature, TenantId, Tflops,
    Ticket, Timestamp, Tokens,
};
use tokio::runtime::{Builder, Runtime};

use crate::server::{Act, Server};

/// Longest wait for anything: far above what any case needs, so that a slow machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Talk {
    pub(crate) connector: HttpConnector,
    pub(crate) runtime: Runtime,
    started: Instant,
    tickets: u64,
    /// Everything heard besides answers to [`ask`](Self::ask).
    pub(crate) heard: Vec<EventKind>,
}

impl Talk {
    /// A connector to a server with this script.
    pub(crate) fn with(script: impl IntoIterator<Item = Act>) -> (Self, Server) {
        Self::configured(script, |_| ())
    }

    /// The same, with other options than the default.
    pub(crate) fn configured(
        script: impl IntoIterator<Item = Act>,
        configure: impl FnOnce(&mut HttpOptions),
    ) -> (Self, Server) {
        let runtime = runtime();
        let server = Server::start(runtime.handle(), script);
        let mut options = options(&server.url);
        configure(&mut options);
        (Self::to(runtime, options), server)
    }

    pub(crate) fn to(runtime: Runtime, options: HttpOptions) -> Self {
        let started = Instant::now();
        let clock = move || Timestamp::ZERO + started.elapsed().into();
        let connector = HttpConnector::new(options, runtime.handle().clone(), clock);
        let connector = connector.expect("the options are in order");
        Self { connector, runtime, started, tickets: 0, heard: Vec::new() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.started.elapsed().into()
    }

    pub(crate) fn submit(&mut self, operation: Operation) -> Ticket {
        self.tickets += 1;
        let (now, ticket) = (self.now(), Ticket(self.tickets));
        self.connector.submit(now, ticket, operation);
        ticket
    }

    /// The next event.
    pub(crate) fn wait(&mut self) -> Event {
        loop {
            let now = self.now();
            if let Some(event) = self.connector.poll(now) {
                return event;
            }
            let woken = self.connector.woken();
            let woken = async { tokio::time::timeout(PATIENCE, woken).await };
            self.runtime.block_on(woken).expect("something happens");
        }
    }

    /// The answer to a ticket.
    pub(crate) fn answer(&mut self, ticket: Ticket) -> Result<Reply, Error> {
        loop {
            match self.wait().kind {
                EventKind::Completed { ticket: answered, result } if answered == ticket => {
                    return result;
                }
                other => self.heard.push(other),
            }
        }
    }

    pub(crate) fn ask(&mut self, operation: Operation) -> Result<Reply, Error> {
        let ticket = self.submit(operation);
        self.answer(ticket)
    }

    pub(crate) fn grant(&mut self) -> AllocationId {
        match self.ask(allocate()) {
            Ok(Reply::Granted { allocation }) => allocation,
            other => panic!("expected a grant, got {other:?}"),
        }
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}

pub(crate) fn options(url: &str) -> HttpOptions {
    let names = Names {
        pools: vec!["standard".into(), "premium".into()],
        models: vec!["gemma-270m".into()],
        tenants: vec!["acme".into()],
        classes: Vec::new(),
    };
    HttpOptions::new(url, names)
}

pub(crate) fn allocate() -> Operation {
    Operation::Allocate(Allocate {
        pool: PoolId(0),
        model: ModelId(0),
        requirements: Requirements { tflops: Tflops::new(5), vram: Mebibytes::new(2048) },
        overcommit: true,
        preemptible: true,
        priority: Priority::new(3).expect("3 is a rank"),
        tenant: TenantId(0),
    })
}

pub(crate) fn infer(allocation: AllocationId, stream: bool) -> Operation {
    Operation::Infer(Infer {
        allocation,
        prompt: Prompt::of_length(Tokens::new(4)),
        max_tokens: Tokens::new(2),
        temperature: Temperature::default(),
        stream,
        progress: None,
    })
}
