use connector::{BasisPoints, CableId, Duration, Mebibytes, ModelId, Money, PoolKind, Tokens};

use super::places::Places;
use crate::{config::PlatformConfig, deadlines::WorkTime, interface::Request};

const HOUR_NS: f64 = 3.6e12;

/// A model on the pool at the end of a cable.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) model: ModelId,
    pub(crate) cable: CableId,
    pub(super) kind: PoolKind,
    /// What the model needs.
    pub(super) vram: Mebibytes,
    pub(super) price: Money,
    /// The price again, for ranking only.
    pub(super) weight: f64,
    /// The price of a share for a nanosecond, for predictions only.
    pub(super) rate: f64,
    max_output: Option<Tokens>,
    /// Expected time in nanoseconds per token on an idle card.
    per_prompt_token: f64,
    per_output_token: f64,
}

impl Choice {
    pub(super) fn new(config: &PlatformConfig, model: ModelId, cable: CableId) -> Self {
        let line = &config.cables[cable.index()];
        let pace = line.paces[model.index()];
        let unknown = pace.per_prompt_token.is_zero() && pace.per_output_token.is_zero();
        // Without a stated pace every token counts alike, so that prices and measurements decide.
        let ns = |time: Duration| if unknown { 1.0 } else { time.as_nanos() as f64 };
        Self {
            model,
            cable,
            kind: line.kind,
            vram: config.models[model.index()].requirements.vram,
            price: line.price_per_slot_hour,
            weight: line.price_per_slot_hour.as_f64(),
            rate: line.price_per_slot_hour.as_f64() / HOUR_NS,
            max_output: config.models[model.index()].max_tokens,
            per_prompt_token: ns(pace.per_prompt_token),
            per_output_token: ns(pace.per_output_token),
        }
    }

    pub(crate) const fn price_per_slot_hour(&self) -> Money {
        self.price
    }

    pub(super) fn is_local(&self) -> bool {
        self.kind == PoolKind::Local
    }

    /// The least time that a request takes whose answer is of this length, on an idle card. Where no
    /// pace is stated, next to none.
    pub(crate) fn least_time(&self, request: &Request, output: Tokens) -> WorkTime {
        let output = self.cut(output);
        let first_token = self.prompt_time(request);
        let whole = first_token + f64::from(output.get()) * self.per_output_token;
        WorkTime {
            first_token: Duration::from_nanos(first_token as u64),
            whole: Duration::from_nanos(whole as u64),
        }
    }

    /// Expected time to the first token on an idle card, in nanoseconds.
    pub(crate) fn expected_first_token(&self, request: &Request) -> f64 {
        f64::from(request.prompt_tokens.get()) * self.per_prompt_token + self.per_output_token
    }

    /// Expected time per output token on an idle card, in nanoseconds.
    pub(crate) const fn expected_token(&self) -> f64 {
        self.per_output_token
    }

    /// Expected time on an idle card, in nanoseconds.
    pub(crate) fn expected(&self, request: &Request) -> f64 {
        self.prompt_time(request) + f64::from(self.output(request).get()) * self.per_output_token
    }

    /// Stated time of the prompt on an idle card, in nanoseconds.
    pub(super) fn prompt_time(&self, request: &Request) -> f64 {
        f64::from(request.prompt_tokens.get()) * self.per_prompt_token
    }

    /// Stated time of an output token on an idle card, in nanoseconds.
    pub(super) const fn per_output_token(&self) -> f64 {
        self.per_output_token
    }

    /// How long the answer will be, as far as one can tell.
    pub(super) fn output(&self, request: &Request) -> Tokens {
        self.cut(request.output_tokens)
    }

    /// An answer of this length, cut to the longest that the model gives.
    pub(super) fn cut(&self, output: Tokens) -> Tokens {
        self.max_output.map_or(output, |most| most.min(output))
    }

    fn is_within(&self, ceiling: BasisPoints, first: &Self) -> bool {
        let most = first.price.as_nanos() * i128::from(ceiling.get());
        self.is_local() || self.price.as_nanos() * i128::from(BasisPoints::ONE.get()) <= most
    }
}

/// The candidates of a class, or of a model that a request insists on.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// The list's number, for policies that keep something for each.
    pub(super) number: usize,
    pub(super) choices: Vec<Choice>,
    all: Places,
    local: Places,
    /// By first choice: who is within the cost ceiling behind it.
    within: Vec<Places>,
}

impl List {
    pub(super) fn new(number: usize, choices: Vec<Choice>, ceiling: BasisPoints) -> Self {
        let where_ = |wanted: &dyn Fn(&Choice) -> bool| -> Places {
            (0..choices.len()).filter(|&place| wanted(&choices[place])).collect()
        };
        let within = choices.iter().map(|first| where_(&|choice| choice.is_within(ceiling, first)));
        Self {
            number,
            all: Places::up_to(choices.len()),
            local: where_(&Choice::is_local),
            within: within.collect(),
            choices,
        }
    }

    /// Who is within the ceiling behind this first choice.
    pub(super) fn within(&self, first: usize) -> Places {
        self.within[first]
    }

    /// Who costs no more than this, and local ones.
    pub(super) fn cheaper_than(&self, limit: Money) -> Places {
        let within = |choice: &Choice| choice.is_local() || choice.price <= limit;
        (0..self.choices.len()).filter(|&place| within(&self.choices[place])).collect()
    }

    /// Who may come next: not visited, within the ceiling, and local only if nobody else is left.
    pub(super) fn open(&self, been: Places, within: Option<Places>) -> Places {
        let open = within.unwrap_or(self.all).without(been);
        let hosted = open.without(self.local);
        if hosted.is_empty() { open } else { hosted }
    }

    /// Who was not visited because of the ceiling.
    pub(super) fn above_ceiling(&self, been: Places, within: Places) -> usize {
        self.all.without(been).without(within).len()
    }

    /// The place of the least score, the earliest among equals.
    pub(super) fn least(&self, open: Places, score: impl Fn(&Choice) -> f64) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for place in open.iter() {
            let score = score(&self.choices[place]);
            if best.is_none_or(|(_, least)| score < least) {
                best = Some((place, score));
            }
        }
        best.map(|(place, _)| place)
    }
}
