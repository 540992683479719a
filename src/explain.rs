//! Why a request of a scenario goes where it goes: the run up to its arrival, and then the router's
//! reasons. The request is one of the scenario's traffic, or one that nobody sends.

mod told;

use std::{cell::Cell, rc::Rc, sync::Arc};

use connector::{ClassId, RequestId, TenantId, Timestamp};
use platform::{Explanation, Platform, PlatformConfig, Request};
use scenarios::{Scenario, TrafficError};
use sim::Simulator;

pub use self::told::Told;
use crate::{
    drive::{Lines, Observer, Sampling, Session, Watch, virtual_time},
    experiment::ExperimentError,
};

/// Which request of the traffic is to be explained: the first that is all of this.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Of this number, in order of arrival from 0.
    pub request: Option<RequestId>,
    /// Arriving at this instant or later.
    pub at: Timestamp,
    /// Of this class.
    pub class: Option<ClassId>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
}

/// Simulates the scenario with this seed until the request arrives. `None` if none does.
///
/// # Errors
/// See [`ExperimentError`].
pub fn explain(
    scenario: &Scenario,
    seed: u64,
    wanted: Wanted,
) -> Result<Option<Explanation>, ExperimentError> {
    search(scenario, seed, scenario.arrivals(seed)?, Target::Traffic(wanted))
}

/// Simulates the scenario with this seed until the request would arrive, after all that arrives by
/// then. Its number is the next one.
///
/// # Errors
/// See [`ExperimentError`].
pub fn explain_hypothetical(
    scenario: &Scenario,
    seed: u64,
    request: Request,
) -> Result<Option<Explanation>, ExperimentError> {
    let number = Rc::new(Cell::new(None));
    let arrivals = followed_by(scenario.arrivals(seed)?, request, Rc::clone(&number));
    search(scenario, seed, arrivals, Target::Hypothetical(number))
}

fn search(
    scenario: &Scenario,
    seed: u64,
    arrivals: impl Iterator<Item = Result<Request, TrafficError>>,
    target: Target,
) -> Result<Option<Explanation>, ExperimentError> {
    let simulator = Simulator::new(scenario.provider.clone(), seed)?;
    let mut lines = Lines::single(simulator);
    let config = PlatformConfig { seed, ..scenario.platform.clone() };
    let platform = Platform::new(config)?;
    let every = connector::Duration::from_secs(3_600);
    let sampling = Sampling::new(every, Timestamp::ZERO);
    let watch = Arc::new(Watch::default());
    let observer = Until { target, found: None, watch: Arc::clone(&watch) };
    let mut session = Session::new(arrivals, platform, observer, sampling)?;
    virtual_time::run(&mut session, &mut lines, &watch, Timestamp::ZERO)?;
    let (_, _, observer) = session.into_parts();
    Ok(observer.found)
}

/// The traffic up to a request that is added to it, which is the last. Its number is told.
fn followed_by(
    mut arrivals: impl Iterator<Item = Result<Request, TrafficError>>,
    request: Request,
    number: Rc<Cell<Option<RequestId>>>,
) -> impl Iterator<Item = Result<Request, TrafficError>> {
    let mut last = Some(request);
    let mut arrived = 0;
    std::iter::from_fn(move || {
        let at = last.as_ref()?.arrived;
        match arrivals.next() {
            Some(Ok(request)) if request.arrived <= at => {
                arrived += 1;
                Some(Ok(request))
            }
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(_)) | None => {
                number.set(Some(RequestId(arrived)));
                Some(Ok(Request { id: RequestId(arrived), ..last.take()? }))
            }
        }
    })
}

#[derive(Debug)]
enum Target {
    Traffic(Wanted),
    /// The request of this number, once it is known.
    Hypothetical(Rc<Cell<Option<RequestId>>>),
}

/// Looks for the request, and ends the run when it has come.
#[derive(Debug)]
struct Until {
    target: Target,
    found: Option<Explanation>,
    watch: Arc<Watch>,
}

impl Target {
    fn is(&self, platform: &Platform, request: &Request) -> bool {
        match self {
            Self::Traffic(wanted) => wanted.is(platform, request),
            Self::Hypothetical(number) => number.get() == Some(request.id),
        }
    }
}

impl Wanted {
    fn is(&self, platform: &Platform, request: &Request) -> bool {
        let Self { request: number, at, class, tenant } = *self;
        let its_class = || request.class.unwrap_or_else(|| platform.classify(request).class);
        number.is_none_or(|number| number == request.id)
            && request.arrived >= at
            && tenant.is_none_or(|tenant| tenant == request.tenant)
            && class.is_none_or(|class| class == its_class())
    }
}

impl Observer for Until {
    fn arriving(&mut self, now: Timestamp, platform: &Platform, request: &Request) {
        if self.found.is_none() && self.target.is(platform, request) {
            self.found = Some(platform.explain(now, request));
            self.watch.interrupt();
        }
    }
}
