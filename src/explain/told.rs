//! An explanation in words: names instead of numbers.

use std::fmt;

use connector::{BasisPoints, Duration, Names};
use platform::{Candidacy, Explanation, Fallback, Step, Targets, Terms};
use serde_json::{Value, json};

/// An explanation with names instead of numbers.
#[derive(Debug)]
pub struct Told<'a> {
    explanation: &'a Explanation,
    names: &'a Names,
}

impl<'a> Told<'a> {
    /// An explanation of a run with these names.
    pub const fn new(explanation: &'a Explanation, names: &'a Names) -> Self {
        Self { explanation, names }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let told = self.explanation;
        json!({
            "request": told.request.0,
            "at_s": told.at.as_secs_f64(),
            "tenant": self.names.tenants[told.tenant.index()],
            "prompt_tokens": told.prompt_tokens.get(),
            "output_tokens": told.output_tokens.get(),
            "class": self.names.classes[told.class.index()],
            "score": told.score.as_ratio(),
            "reason": told.reason.to_string(),
            "rule": told.rule,
            "quantile": told.quantile.map(BasisPoints::as_ratio),
            "covenant": self.covenant(&told.terms),
            "candidates": told.candidates.iter().map(|one| self.candidate(one)).collect::<Vec<_>>(),
        })
    }

    fn covenant(&self, terms: &Terms) -> Value {
        let millis = |time: Option<Duration>| time.map(Duration::as_millis_f64);
        let Targets { first_token, per_output_token, end_to_end } = terms.targets;
        json!({
            "targets_ms": {
                "first_token": millis(first_token),
                "per_output_token": millis(per_output_token),
                "end_to_end": millis(end_to_end),
            },
            "enforced": terms.enforce.unwrap_or(false),
            "cost_ceiling": terms.cost_ceiling.map(|money| money.to_string()),
            "tflops": terms.tflops.map(|compute| compute.to_string()),
            "min_vram": terms.vram_min.map(|memory| memory.to_string()),
            "max_vram": terms.vram_max.map(|memory| memory.to_string()),
            "preemptible": terms.preemptible,
            "latency_sensitive": terms.latency_sensitive,
            "fallback": self.fallbacks(terms),
            "gives_up": given_up(terms),
        })
    }

    fn fallbacks(&self, terms: &Terms) -> Vec<&str> {
        let name = |fallback: &Fallback| match *fallback {
            Fallback::Model(model) => self.names.models[model.index()].as_str(),
            Fallback::Pool(pool) => self.names.pools[pool.index()].as_str(),
        };
        terms.fallbacks.iter().map(name).collect()
    }

    fn candidate(&self, one: &Candidacy) -> Value {
        json!({
            "rank": one.rank,
            "model": self.names.models[one.model.index()],
            "pool": self.names.pools[one.pool.index()],
            "price_per_slot_hour": one.price_per_slot_hour.to_string(),
            "cost": one.cost.to_string(),
            "first_token_ms": one.first_token.as_millis_f64(),
            "per_output_token_ms": one.per_output_token.as_millis_f64(),
            "end_to_end_ms": one.end_to_end.as_millis_f64(),
            "measured": one.measured,
            "breach": one.breach.map(BasisPoints::as_ratio),
            "objection": one.objection.map(platform::Objection::name),
            "in_flight": one.in_flight,
            "queued": one.queued,
            "places": one.places,
            "breaker": one.breaker.name(),
            "standing": one.standing.name(),
        })
    }

    /// What is promised and asked for, in one line.
    fn promises(&self) -> String {
        let terms = &self.explanation.terms;
        let named =
            |what: &str, value: Option<String>| value.map(|value| format!("{what} {value}"));
        let time = |time: Option<Duration>| time.map(|time| time.to_string());
        let flag = |is: bool, words: &str| is.then(|| words.to_owned());
        let all = [
            named("first token", time(terms.targets.first_token)),
            named("per output token", time(terms.targets.per_output_token)),
            named("end to end", time(terms.targets.end_to_end)),
            flag(terms.enforce == Some(true), "enforced"),
            named("cost at most", terms.cost_ceiling.map(|money| money.to_string())),
            named("compute", terms.tflops.map(|compute| compute.to_string())),
            named("memory at least", terms.vram_min.map(|memory| memory.to_string())),
            named("memory at most", terms.vram_max.map(|memory| memory.to_string())),
            flag(terms.preemptible == Some(false), "not preemptible"),
            flag(terms.latency_sensitive, "latency-sensitive"),
        ];
        or_nothing(&all.into_iter().flatten().collect::<Vec<_>>())
    }

    /// What may be given up, in order, in one line.
    fn concessions(&self) -> String {
        let terms = &self.explanation.terms;
        let words = given_up(terms).into_iter().map(|what| {
            if what == FALLBACK {
                format!("{what} ({})", self.fallbacks(terms).join(", "))
            } else {
                what.to_owned()
            }
        });
        or_nothing(&words.collect::<Vec<_>>())
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, one: &Candidacy) -> fmt::Result {
        let at = format!(
            "{}@{}",
            self.names.models[one.model.index()],
            self.names.pools[one.pool.index()]
        );
        let dash = || "-".to_owned();
        let rank = one.rank.map_or_else(dash, |rank| rank.to_string());
        let places = one.places.map_or_else(dash, |places| places.to_string());
        let price = format!("{:.4}", one.price_per_slot_hour);
        let cost = format!("{:.6}", one.cost);
        let keeps = match one.breach {
            None => dash(),
            Some(BasisPoints::ZERO) => "yes".to_owned(),
            Some(breach) => format!("{breach} over"),
        };
        writeln!(
            f,
            "{rank:>4} {at:<32}{:<17}{:<13}{keeps:<14}{price:>9}{cost:>12}{:>10.0}{:>9.1}{:>10.0}{:>5}/{places:<5}{:>5}  {:<9} {}",
            one.standing.name(),
            one.objection.map_or("-", platform::Objection::name),
            one.first_token.as_millis_f64(),
            one.per_output_token.as_millis_f64(),
            one.end_to_end.as_millis_f64(),
            one.in_flight,
            one.queued,
            one.breaker.name(),
            if one.measured { "measured" } else { "stated" },
        )
    }
}

const FALLBACK: &str = "fallback";

/// Names of what these terms give up, as in scenarios: steps that have nothing to give are left out.
fn given_up(terms: &Terms) -> Vec<&'static str> {
    let unless_stated = [Step::Fallback, Step::ShorterAnswer];
    let steps = if terms.concessions.is_empty() { &unless_stated[..] } else { &terms.concessions };
    let name = |step: &Step| match step {
        Step::Fallback => (!terms.fallbacks.is_empty()).then_some(FALLBACK),
        Step::ShorterAnswer => terms.shortening.map(|_| "shorter_answer"),
        Step::Preemptible => Some("preemptible"),
        Step::HigherPrice => Some("higher_price"),
    };
    steps.iter().filter_map(name).collect()
}

fn or_nothing(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// The request, its class and its covenant, and a table of the candidates.
impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.explanation;
        writeln!(
            f,
            "request {} of tenant {}, {} and {} tokens, at {:.3} s",
            told.request,
            self.names.tenants[told.tenant.index()],
            told.prompt_tokens,
            told.output_tokens,
            told.at.as_secs_f64()
        )?;
        let class = &self.names.classes[told.class.index()];
        writeln!(f, "class:    {class}, score {}: {}", told.score, told.reason)?;
        writeln!(f, "promised: {}", self.promises())?;
        writeln!(f, "gives up: {}", self.concessions())?;
        let rule = told.rule;
        match told.quantile {
            Some(quantile) => {
                writeln!(
                    f,
                    "rule:     {rule}, times are {quantile} quantiles of what was measured\n"
                )?;
            }
            None => writeln!(f, "rule:     {rule}\n")?,
        }
        writeln!(
            f,
            "{:>4} {:<32}{:<17}{:<13}{:<14}{:>9}{:>12}{:>10}{:>9}{:>10}{:>11}{:>5}  {:<9} times",
            "rank",
            "candidate",
            "standing",
            "objection",
            "keeps",
            "price/h",
            "cost",
            "ttft ms",
            "tpot ms",
            "total ms",
            "in flight",
            "line",
            "breaker",
        )?;
        told.candidates.iter().try_for_each(|one| self.row(f, one))
    }
}
