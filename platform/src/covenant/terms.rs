use connector::{BasisPoints, Duration, Mebibytes, ModelId, Money, PoolId, Tflops, Tokens};

/// How soon an answer must come. `None`: whenever it comes is soon enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// From arrival to the first output token (TTFT), at most.
    pub first_token: Option<Duration>,
    /// Per output token after the first (TPOT), at most, in the mean over one answer.
    pub per_output_token: Option<Duration>,
    /// From arrival to the whole answer, at most.
    pub end_to_end: Option<Duration>,
}

impl Targets {
    /// Whether nothing is promised.
    pub const fn is_empty(&self) -> bool {
        self.first_token.is_none() && self.per_output_token.is_none() && self.end_to_end.is_none()
    }

    /// These targets, and those of `below` where these state nothing.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            first_token: self.first_token.or(below.first_token),
            per_output_token: self.per_output_token.or(below.per_output_token),
            end_to_end: self.end_to_end.or(below.end_to_end),
        }
    }
}

/// The terms of a covenant: what is promised, and what may be given up before it is broken. The
/// default states nothing, promises nothing and gives nothing up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Compute that a share must have. `None`: what the model states.
    pub tflops: Option<Tflops>,
    /// Least memory of a share; a model that needs more still gets more. `None`: what the model
    /// states.
    pub vram_min: Option<Mebibytes>,
    /// Most memory of a share: models that need more do not serve. `None`: any.
    pub vram_max: Option<Mebibytes>,
    /// How soon the answer must come.
    pub targets: Targets,
    /// Whether the targets for the first token and for the whole answer are deadlines, and what
    /// cannot meet them any more is not carried on. `None`: no, they are only judged.
    pub enforce: Option<bool>,
    /// Most that one request may cost at the pools' prices, all strikes together. `None`: any.
    pub cost_ceiling: Option<Money>,
    /// Whether shares may be taken away for a higher priority; if not, preemptible pools do not
    /// serve. `None`: what the model states, and any pool.
    pub preemptible: Option<bool>,
    /// Whether somebody waits for the answer. Once a tier, a tenant or a request says so, it is.
    pub latency_sensitive: bool,
    /// Models and pools to fall back to, in order. Empty: none beyond the router's candidates.
    pub fallbacks: Vec<Fallback>,
    /// How a shorter answer would look.
    pub shortening: Option<Shortening>,
    /// What may be given up, in this order, before the covenant is broken. Empty: the models and
    /// pools to fall back to, then the length of the answer, as far as these terms describe them.
    pub concessions: Vec<Step>,
}

/// Where a request goes when the router's candidates do not serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Another model, wherever it is served.
    Model(ModelId),
    /// The same model on this pool.
    Pool(PoolId),
}

/// An answer shorter than what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortening {
    /// Share of the length asked for, below 100 %.
    pub to: BasisPoints,
    /// But no shorter than this; at least 1.
    pub at_least: Tokens,
}

impl Shortening {
    /// How long the answer becomes.
    pub fn of(self, asked: Tokens) -> Tokens {
        let shorter = self.to.of(u64::from(asked.get())).min(u64::from(asked.get()));
        Tokens::new(shorter as u32).max(self.at_least).min(asked)
    }
}

/// Something that may be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The model or the pool: the list of fallbacks, one after the other.
    Fallback,
    /// The length of the answer.
    ShorterAnswer,
    /// The promise that shares are not taken away.
    Preemptible,
    /// The platform's limit on prices of fallback pools; the covenant's own ceiling stays.
    HigherPrice,
}

impl Step {
    /// What is given up where nothing is stated.
    pub(crate) const DEFAULT: [Self; 2] = [Self::Fallback, Self::ShorterAnswer];
}

impl Terms {
    /// Whether nothing is promised that could be broken.
    pub const fn is_free(&self) -> bool {
        self.targets.is_empty() && self.cost_ceiling.is_none()
    }

    /// These terms, and those of `below` where these state nothing.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let list = |mine: &[Fallback], theirs: &[Fallback]| {
            if mine.is_empty() { theirs.to_vec() } else { mine.to_vec() }
        };
        let steps = if self.concessions.is_empty() { below } else { self };
        Self {
            tflops: self.tflops.or(below.tflops),
            vram_min: self.vram_min.or(below.vram_min),
            vram_max: self.vram_max.or(below.vram_max),
            targets: self.targets.over(below.targets),
            enforce: self.enforce.or(below.enforce),
            cost_ceiling: self.cost_ceiling.or(below.cost_ceiling),
            preemptible: self.preemptible.or(below.preemptible),
            latency_sensitive: self.latency_sensitive || below.latency_sensitive,
            fallbacks: list(&self.fallbacks, &below.fallbacks),
            shortening: self.shortening.or(below.shortening),
            concessions: steps.concessions.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_above_goes_before_what_is_stated_below() {
        let seconds = |n| Some(Duration::from_secs(n));
        let below = Terms {
            targets: Targets {
                first_token: seconds(2),
                end_to_end: seconds(9),
                ..Targets::default()
            },
            preemptible: Some(true),
            fallbacks: vec![Fallback::Model(ModelId(1))],
            concessions: vec![Step::Fallback],
            ..Terms::default()
        };
        let above = Terms {
            targets: Targets { first_token: seconds(1), ..Targets::default() },
            preemptible: Some(false),
            concessions: vec![Step::HigherPrice],
            ..Terms::default()
        };
        let both = above.over(&below);
        assert_eq!((both.targets.first_token, both.targets.end_to_end), (seconds(1), seconds(9)));
        assert_eq!(both.preemptible, Some(false));
        assert_eq!(both.fallbacks, below.fallbacks);
        assert_eq!(both.concessions, above.concessions);
        assert_eq!(Terms::default().over(&below), below);
        assert_eq!(below.over(&Terms::default()), below);
    }

    #[test]
    fn terms_that_only_name_resources_promise_nothing_that_could_be_broken() {
        assert!(Terms { preemptible: Some(false), ..Terms::default() }.is_free());
        assert!(!Terms { cost_ceiling: Some(Money::ZERO), ..Terms::default() }.is_free());
    }
}
