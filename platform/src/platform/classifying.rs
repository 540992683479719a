//! Asks a model for a request's class before the request is routed.
//!
//! A consultation is a strike of its own kind: a share, one short inference, a release, within one
//! time-out for all of it. Whatever goes wrong on the way, the classifier at hand has the word and
//! the request goes on: it is never retried, never stands in line, and a failure is not a failure of
//! the request. What the share cost is the tenant's.
//!
//! A model that gave no usable answer five times in a row is left alone for a minute (a breaker of
//! its own, because too slow for a classification is not too slow for an inference). A drain ends
//! consultations like waiting.

use connector::{
    ClassId, Duration, Error, ErrorKind, EventKey, Money, Operation, Reply, Timestamp,
};

use super::{Platform, answer::expect_reply, books::Work, strike::generated};
use crate::{
    billing::UseKind,
    breaker::{Breaker, Permit, Verdict},
    cable::Cable,
    classify::{Asking, Classification, Classify, Reason, Subject, local},
    config::{BreakerConfig, Candidate, PlatformConfig},
    flight::{Cause, Ended, FlightKey, Phase, Strike},
    interface::Request,
    lease::LeaseKey,
    question::Question,
    timers::{Pause, Wait},
};

/// What was made of the requests of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStatistics {
    /// Requests whose sender named the class.
    pub named: u64,
    /// Requests put into it by their lengths.
    pub by_length: u64,
    /// Requests raised to it by their text.
    pub by_text: u64,
    /// Requests raised to it by the model that was asked.
    pub by_model: u64,
}

/// What became of the questions put to the model that classifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsultationStatistics {
    /// Shares asked for in order to put a question.
    pub asked: u64,
    /// Questions answered with a class.
    pub answered: u64,
    /// Questions answered with anything else, or about a prompt of which only the length is known.
    pub nonsense: u64,
    /// Questions that failed.
    pub failed: u64,
    /// Questions not answered in time.
    pub timeouts: u64,
    /// Questions ended because the caller left or the platform drains.
    pub withdrawn: u64,
    /// Requests that were not asked about: no free place, an open breaker, a model that gave no
    /// usable answer several times in a row, or no quota left.
    pub skipped: u64,
    /// Time that requests spent on it.
    pub waited: Duration,
}

/// A question to the model that classifies, from asking for the share to the answer.
#[derive(Debug)]
pub(crate) struct Consultation {
    /// At no place of the route.
    strike: Strike,
    /// Of the consultations' own breaker.
    trust: Permit,
    timeout: EventKey,
}

/// The classifier at hand, and the model that is asked before it has the word.
#[derive(Debug)]
pub(crate) struct Classifier {
    judge: Box<dyn Classify>,
    classes: usize,
    model: Option<AskedModel>,
    statistics: Vec<ClassStatistics>,
}

#[derive(Debug)]
struct AskedModel {
    at: Candidate,
    cable: usize,
    timeout: Duration,
    /// What one question costs at most.
    cost: Money,
    trust: Breaker,
    statistics: ConsultationStatistics,
}

impl Classifier {
    /// From a checked configuration.
    pub(crate) fn new(config: &PlatformConfig) -> Self {
        let classes = &config.classifier.classes;
        let at_hand = local(&config.classifier);
        let (judge, model) = match &config.classifier.model {
            None => (at_hand, None),
            Some(asked) => {
                let cable = config.cables.iter().position(|cable| cable.pool == asked.pool);
                let cable = cable.expect("a checked configuration has a cable to the pool");
                let model = AskedModel {
                    at: Candidate { model: asked.model, pool: asked.pool },
                    cable,
                    timeout: asked.timeout,
                    cost: config.cables[cable].price_per_slot_hour.per_hour_over(asked.timeout),
                    trust: Breaker::new(BreakerConfig::default()),
                    statistics: ConsultationStatistics::default(),
                };
                let asking = Asking::new(classes, asked.prompt_tokens, at_hand);
                (Box::new(asking) as Box<dyn Classify>, Some(model))
            }
        };
        let statistics = vec![ClassStatistics::default(); classes.len()];
        Self { judge, classes: classes.len(), model, statistics }
    }

    pub(crate) fn classes(&self) -> usize {
        self.classes
    }

    /// What is made of a request at once.
    pub(crate) fn classify(&self, request: &Request) -> Classification {
        self.judge.classify(&Subject::from(request))
    }

    /// Whether a model is to be asked about a request first.
    fn asks_about(&self, request: &Request) -> bool {
        self.model.is_some()
            && self.classes > 1
            && request.class.is_none()
            && request.model.is_none()
    }

    fn count(&mut self, class: ClassId, reason: &Reason) {
        let statistics = &mut self.statistics[class.index()];
        match reason {
            Reason::Named => statistics.named += 1,
            Reason::Lengths => statistics.by_length += 1,
            Reason::Text(_) => statistics.by_text += 1,
            Reason::Model => statistics.by_model += 1,
        }
    }

    fn asked(&mut self) -> &mut AskedModel {
        self.model.as_mut().expect("a consultation is with the model that is asked")
    }
}

impl Platform {
    /// What was made of the requests so far, by class, in the order of [`ClassId`]. Requests whose
    /// class is still being asked for are not in it.
    pub fn class_statistics(&self) -> &[ClassStatistics] {
        &self.classifier.statistics
    }

    /// What became of the questions put to the model that classifies; `None` if none is configured.
    pub fn consultations(&self) -> Option<ConsultationStatistics> {
        self.classifier.model.as_ref().map(|model| model.statistics)
    }

    /// What would be made of a request without asking a model.
    pub fn classify(&self, request: &Request) -> Classification {
        self.classifier.classify(request)
    }

    /// Sends a new request on its way, once its class is known.
    pub(super) fn set_out(&mut self, now: Timestamp, key: FlightKey, guess: Classification) {
        if self.classifier.asks_about(&self.flights[key].request) && self.consult(now, key) {
            return;
        }
        self.classified(now, key, guess);
    }

    fn classified(&mut self, now: Timestamp, key: FlightKey, found: Classification) {
        self.classifier.count(found.class, &found.reason);
        let flight = &mut self.flights[key];
        if flight.class != found.class {
            flight.class = found.class;
            flight.route = self.router.route(found.class, flight.request.model);
            // Another class may have dearer candidates than the quota was asked for.
            if let Err(excess) = self.reserve_strike(now, key) {
                return self.give_up(now, key, Cause::OverQuota(excess));
            }
        }
        self.send_on(now, key);
    }

    /// Asks for a share to put the question on. False if nobody is to be asked now.
    fn consult(&mut self, now: Timestamp, key: FlightKey) -> bool {
        let cost = self.classifier.asked().cost;
        let within_quota = self.reserve_beside(now, key, cost).is_ok();
        let model = self.classifier.asked();
        let Some((permit, trust)) =
            within_quota.then(|| admitted(now, model, &mut self.cables)).flatten()
        else {
            model.statistics.skipped += 1;
            return false;
        };
        model.statistics.asked += 1;
        let (cable, at, timeout) = (model.cable, model.at, model.timeout);
        self.cables[cable].statistics.consultations += 1;
        let allocate = self.covenants.allocate(&self.flights[key].request, at.model, at.pool);
        let id = self.books.next();
        let (lease, warm) = self.obtain_share(now, key, cable, allocate, id);
        let timeout = self.timers.pause(now + timeout, Pause::Classify(key));
        let strike = Strike::new(id, 0, lease, permit, now);
        let consultation = Consultation { strike, trust, timeout };
        self.flights[key].phase = Phase::Classifying(Box::new(consultation));
        if warm.is_some() {
            self.ask_for_class(now, key, lease);
        }
        true
    }

    /// Whether a request's class is being asked for.
    pub(super) fn is_consulting(&self, key: FlightKey) -> bool {
        let flight = self.flights.get(key);
        flight.is_some_and(|flight| matches!(flight.phase, Phase::Classifying(_)))
    }

    /// The share is granted: puts the question.
    #[cold]
    pub(super) fn ask_for_class(&mut self, now: Timestamp, key: FlightKey, lease: LeaseKey) {
        let share = self.leases[lease].allocation().expect("it was just granted");
        let subject = Subject::from(&self.flights[key].request);
        let infer = self.classifier.judge.question(&subject, share);
        let infer = infer.expect("a consultation has a question");
        let cable = self.classifier.asked().cable;
        let question = self.ask(cable, Question::Infer(lease), Operation::Infer(infer));
        self.timers.await_answer(Wait::Inference, now, question);
        let held = self.leases[lease].held_mut().expect("it was just granted");
        held.inference = Some(question);
    }

    /// The question was answered, or failed.
    #[cold]
    pub(super) fn class_answered(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        result: Result<Reply, Error>,
    ) {
        let (usage, text) = match expect_reply(result, generated) {
            Ok(answer) => answer,
            Err(error) => return self.consultation_failed(now, key, error.kind),
        };
        let subject = Subject::from(&self.flights[key].request);
        let found = self.classifier.judge.answered(&subject, text.as_deref().unwrap_or_default());
        let is_silent = text.is_none();
        let statistics = &mut self.classifier.asked().statistics;
        // A provider that makes no text (the simulated one) is not to blame for saying nothing.
        let trust = match found {
            Ok(_) => Verdict::Success,
            Err(_) if is_silent => Verdict::Ignored,
            Err(_) => Verdict::Failure,
        };
        match found {
            Ok(_) => statistics.answered += 1,
            Err(_) => statistics.nonsense += 1,
        }
        let ended = Ended::Answered(usage.output);
        let cable = self.end_consultation(now, key, ended, trust, UseKind::Delivered);
        let found = found.unwrap_or_else(|_| self.classifier.classify(&self.flights[key].request));
        self.go_on(now, key, cable, found);
    }

    /// The share was not granted, or the inference failed.
    #[cold]
    pub(super) fn consultation_failed(&mut self, now: Timestamp, key: FlightKey, kind: ErrorKind) {
        self.classifier.asked().statistics.failed += 1;
        self.fall_back(now, key, Ended::Failed(kind));
    }

    /// The time for all of it is over.
    pub(super) fn consultation_timed_out(&mut self, now: Timestamp, key: FlightKey) {
        if self.is_consulting(key) {
            self.classifier.asked().statistics.timeouts += 1;
            self.fall_back(now, key, Ended::CalledOff);
        }
    }

    fn fall_back(&mut self, now: Timestamp, key: FlightKey, ended: Ended) {
        let is_lost = matches!(ended, Ended::Failed(ErrorKind::Preempted));
        let kind = if is_lost { UseKind::Preempted } else { UseKind::Retried };
        let cable = self.end_consultation(now, key, ended, Verdict::Failure, kind);
        let found = self.classifier.classify(&self.flights[key].request);
        self.go_on(now, key, cable, found);
    }

    fn go_on(&mut self, now: Timestamp, key: FlightKey, cable: usize, found: Classification) {
        self.tend_line(now, cable);
        self.classified(now, key, found);
    }

    /// The caller left, or the platform drains. Returns the cable on which a place became free.
    pub(super) fn withdraw_consultation(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        kind: UseKind,
    ) -> usize {
        self.classifier.asked().statistics.withdrawn += 1;
        self.end_consultation(now, key, Ended::CalledOff, Verdict::Ignored, kind)
    }

    /// Lets go of the share and the place. The caller tends the line afterwards.
    fn end_consultation(
        &mut self,
        now: Timestamp,
        key: FlightKey,
        ended: Ended,
        trust: Verdict,
        kind: UseKind,
    ) -> usize {
        let flight = &mut self.flights[key];
        let phase = std::mem::replace(&mut flight.phase, Phase::Deciding);
        let Phase::Classifying(consultation) = phase else {
            unreachable!("only a consultation can end");
        };
        self.timers.cancel(consultation.timeout);
        let did_well = matches!(ended, Ended::Answered(_));
        let strike = &consultation.strike;
        let stretch = self.let_go(now, strike.lease, did_well, kind);
        self.flights[key].cost += stretch.map_or(Money::ZERO, |stretch| stretch.cost);
        let model = self.classifier.asked();
        let at = (model.at.model, model.cable);
        self.meter_strike(now, key, at, (strike, stretch), Work::of_our_own(kind));
        let model = self.classifier.asked();
        model.statistics.waited += now.since(consultation.strike.asked);
        let _ = model.trust.record(now, consultation.trust, trust);
        let cable = model.cable;
        self.cables[cable].vacate();
        self.judge(now, cable, consultation.strike, ended, None);
        cable
    }
}

/// The right to ask now: the model gave usable answers lately, and its cable has a place at once.
fn admitted(
    now: Timestamp,
    model: &mut AskedModel,
    cables: &mut [Cable],
) -> Option<(Permit, Permit)> {
    if !model.trust.admits(now) {
        return None;
    }
    let permit = cables[model.cable].admit(now)?;
    Some((permit, model.trust.acquire(now).expect("it admits")))
}
