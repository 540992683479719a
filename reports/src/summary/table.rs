mod covenants;
mod rejections;

use std::fmt::Write as _;

use connector::Money;

use super::{
    Amount, FanOutReport, Group, KvCache, Paging, PoolGroup, Requeue, Run, Summary, TenantGroup,
};
use crate::{
    EconomicsReport, Lateness, Style, Traffic, Verdict, humanise,
    layout::{ABSENT, Layout, in_unit, money, number, share, short, time, verdict_word},
    summary::Latency,
};

/// Rows of the table of tenants; the rest is added up in one more.
const TENANTS_SHOWN: usize = 10;

impl Summary {
    /// The report for people: the header line, then tables of at most 100 columns.
    pub fn table(&self, style: Style) -> String {
        let mut text = format!("{}\n\n", self.header);
        if self.header.partial {
            let mark = style.bad("PARTIAL RUN");
            let at = humanise::seconds(self.run.ended_s);
            let why = self.run.stopped.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let _ = writeln!(text, "{mark}: cut off after {at}{why}\n");
        }
        text += &self.facts();
        section(&mut text, style, "latency", Some(self.latencies()));
        section(&mut text, style, "pools", pools(&self.pools));
        section(&mut text, style, "scaling", scaling(&self.pools));
        section(&mut text, style, "models", groups("model", &self.models));
        section(&mut text, style, "classes", groups("class", &self.classes));
        section(&mut text, style, "tenants", tenants(&self.tenants, &self.run));
        if let Some(economics) = &self.economics {
            section(
                &mut text,
                style,
                "unit costs, over the whole run",
                Some(economics.unit_costs()),
            );
            if let Some((title, margins)) = economics.margins() {
                section(&mut text, style, &title, Some(margins));
            }
        }
        section(&mut text, style, "rejections", rejections::rejections(&self.tenants));
        section(&mut text, style, "covenants", covenants::covenants(&self.tenants));
        if !self.objectives.is_empty() {
            let verdicts = objectives(&self.objectives).finish_with_verdicts(style);
            let _ = write!(text, "\n{}\n{verdicts}", style.heading("objectives"));
        }
        text
    }

    fn facts(&self) -> String {
        let mut facts = Layout::of_facts();
        let mut fact = |name: &str, text: String| facts.row(vec![name.to_owned(), text]);
        fact("run", run(&self.run));
        if self.requests.offered == 0 {
            fact("requests", "none finished in the measured time".to_owned());
        } else {
            fact("requests", outcomes(&self.requests));
            fact("", pace(&self.requests, &self.run));
            fact("tokens", tokens(&self.requests));
            fact("cost", cost(&self.requests, &self.run));
        }
        if let Some(told) = self.economics.as_ref().and_then(EconomicsReport::waste) {
            fact("waste", told);
        }
        if let Some(told) = charged(&self.run) {
            fact("charged", told);
        }
        if let Some(Amount(cost)) = self.run.provisioned_cost {
            fact("cards", format!("{} for those provisioned over the whole run", money(cost)));
        }
        if let Some(told) = self.kv_cache.as_ref().and_then(cache) {
            fact("cache", told);
        }
        if let Some(told) = self.paging.as_ref().and_then(paging) {
            fact("sharing", told);
        }
        if let Some(told) = self.requeue.as_ref().map(requeue) {
            fact("set aside", told);
        }
        if let Some(FanOutReport { ended, kept, kept_share, .. }) = self.fan_out {
            let (ended, kept) = (humanise::whole(ended), humanise::whole(kept));
            fact("fan-outs", format!("{kept} of {ended} kept, {}", share(kept_share)));
        }
        if let Some(lag) = &self.generator {
            let dropped = humanise::whole(lag.dropped);
            fact("generator", format!("behind schedule by {}", lateness(lag.schedule)));
            fact("", format!("then sent after {}; {dropped} dropped", lateness(lag.way_out)));
            if lag.limited {
                fact("", "GENERATOR-LIMITED: figures are not the target's".to_owned());
            }
        }
        facts.finish()
    }

    fn latencies(&self) -> Layout {
        let mut table = Layout::new(&["", "count", "mean", "p50", "p90", "p95", "p99", "max"], 1);
        let Self { latency, .. } = self;
        for (name, of) in [
            ("allocation", Some(latency.allocation_latency)),
            ("time to first token", Some(latency.ttft)),
            ("time per output token", Some(latency.tpot)),
            ("inter-token latency", latency.inter_token),
            ("end to end", Some(latency.end_to_end)),
            ("queueing", Some(latency.queueing)),
            ("fan-out", self.fan_out.map(|fan_out| fan_out.latency)),
        ] {
            let Some(of) = of else { continue };
            let Latency { count, mean_s, p50_s, p90_s, p95_s, p99_s, max_s, .. } = of;
            let mut row = vec![name.to_owned(), humanise::whole(count)];
            row.extend([mean_s, p50_s, p90_s, p95_s, p99_s, max_s].map(time));
            table.row(row);
        }
        table
    }
}

fn section(text: &mut String, style: Style, title: &str, table: Option<Layout>) {
    if let Some(table) = table {
        let _ = write!(text, "\n{}\n{}", style.heading(title), table.finish());
    }
}

fn lateness(Lateness { mean, p99, max }: Lateness) -> String {
    let [mean, p99, max] = [mean, p99, max].map(humanise::duration);
    format!("{mean} in the mean, {p99} at p99, {max} at most")
}

fn run(run: &Run) -> String {
    let mut text = format!(
        "{}, measured {}",
        humanise::seconds(run.ended_s),
        humanise::seconds(run.measured_s)
    );
    if run.warm_up_s > 0.0 {
        let _ = write!(
            text,
            "; warm-up {}, requests left out: {}",
            humanise::seconds(run.warm_up_s),
            humanise::whole(run.warm_up_requests),
        );
    }
    if run.unfinished_requests > 0 {
        let _ = write!(
            text,
            "; {} still in flight at the end",
            humanise::whole(run.unfinished_requests)
        );
    }
    text
}

fn outcomes(requests: &Traffic) -> String {
    let kinds: Vec<String> = requests
        .failed_by_kind
        .0
        .iter()
        .map(|(name, times)| format!("{name} {}", humanise::whole(*times)))
        .collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    format!(
        "{} offered: {} completed, {} failed{kinds}, {} rejected, {} cancelled",
        humanise::whole(requests.offered),
        humanise::whole(requests.completed),
        humanise::whole(requests.failed),
        humanise::whole(requests.rejected),
        humanise::whole(requests.cancelled),
    )
}

fn pace(requests: &Traffic, run: &Run) -> String {
    let hedged = match requests.hedged {
        0 => String::new(),
        some => format!(", {} hedged", humanise::whole(some)),
    };
    format!(
        "error rate {}, {} completed per second, peak in flight {}, {} retried, {} fell back{hedged}",
        share(requests.error_rate),
        rate(requests.completed_per_s),
        number(run.peak_in_flight),
        humanise::whole(requests.retried),
        humanise::whole(requests.fell_back),
    )
}

fn tokens(requests: &Traffic) -> String {
    format!(
        "{} prompt, {} output, {} output per second",
        humanise::whole(requests.prompt_tokens),
        humanise::whole(requests.output_tokens),
        rate(requests.output_tokens_per_s),
    )
}

fn cost(requests: &Traffic, run: &Run) -> String {
    let per_thousand =
        requests.cost_per_1k_output_tokens.map_or_else(|| ABSENT.to_owned(), humanise::significant);
    let mut text = format!("{}, {per_thousand} per 1k output tokens", money(requests.cost.0));
    if let Some(metered) = run.metered_cost {
        let _ = write!(text, "; metered over the whole run {}", money(metered.0));
    }
    if let Some(idle) = run.idle_cost {
        let _ = write!(text, ", and {} for leases that lay warm", money(idle.0));
    }
    text
}

/// The provider's book beside the platform's, and for how long shares were held that the platform
/// did not meter.
fn charged(run: &Run) -> Option<String> {
    let charged = run.charged?;
    let mut text = format!("{} by the provider over the whole run", money(charged.cost.0));
    if let Some(Amount(beyond)) = run.charged_beyond_metered {
        let word = if beyond < Money::ZERO { "less" } else { "more" };
        let amount = Money::from_nanos(beyond.as_nanos().abs());
        let _ = write!(text, ", {} {word} than metered", money(amount));
    }
    let time = |ns: u128| humanise::seconds(ns as f64 / 1e9);
    let otherwise = run.charged_otherwise_slot_ns.unwrap_or_default();
    let parts: Vec<String> = [
        (charged.untold_slot_ns, "before grants were told"),
        (charged.ghost_slot_ns, "as ghosts"),
        (charged.releasing_slot_ns, "in releases"),
        (otherwise.max(0).unsigned_abs(), "until releases got through"),
    ]
    .into_iter()
    .filter(|(ns, _)| *ns > 0)
    .map(|(ns, what)| format!("{} {what}", time(ns)))
    .collect();
    if !parts.is_empty() {
        let _ = write!(text, "; of {} held: {}", time(charged.slot_ns), parts.join(", "));
    }
    if otherwise < 0 {
        let _ = write!(text, "; {} metered but not charged", time(otherwise.unsigned_abs()));
    }
    if charged.slots_held > 0 {
        let _ = write!(text, "; {} shares still held", humanise::whole(charged.slots_held));
    }
    Some(text)
}

/// What of the prompts was found, and who had to be recomputed; `None` if neither happened.
fn cache(cache: &KvCache) -> Option<String> {
    let found = cache.hit_rate.map(|rate| {
        let asked = humanise::whole(cache.prompt_blocks_asked);
        format!("{} of {asked} prompt blocks found", humanise::percent(rate))
    });
    let recomputed = (cache.recomputations > 0)
        .then(|| format!("{} sequences recomputed", humanise::whole(cache.recomputations)));
    let told: Vec<String> = found.into_iter().chain(recomputed).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What changing took; `None` if it took nothing.
fn paging(paging: &Paging) -> Option<String> {
    let share = paging.changing_share.filter(|share| *share > 0.0)?;
    let gib = paging.paged_bytes as f64 / 1_073_741_824.0;
    Some(format!(
        "{} of the cards' time spent changing tenants; {} GiB moved",
        humanise::percent(share),
        humanise::significant(gib)
    ))
}

/// What became of shares that were taken away but not lost.
fn requeue(requeue: &Requeue) -> String {
    let mut text = format!(
        "{} shares taken away; {} placed again",
        humanise::whole(requeue.requeued),
        humanise::whole(requeue.resumed)
    );
    if requeue.recomputed_tokens > 0 {
        let tokens = humanise::whole(requeue.recomputed_tokens);
        let _ = write!(text, "; {tokens} tokens to compute again");
    }
    text
}

fn rate(per_second: Option<f64>) -> String {
    per_second.map_or_else(|| ABSENT.to_owned(), humanise::significant)
}

fn pools(pools: &[PoolGroup]) -> Option<Layout> {
    if pools.is_empty() {
        return None;
    }
    let mut table = Layout::new(
        &[
            "pool",
            "kind",
            "completed",
            "alloc p95",
            "TTFT p95",
            "GPU",
            "slots",
            "preempted",
            "cost",
        ],
        2,
    );
    for pool in pools {
        let Group { name, requests, latency } = &pool.group;
        table.row(vec![
            short(name),
            pool.kind.unwrap_or(ABSENT).to_owned(),
            humanise::whole(requests.completed),
            time(latency.allocation_latency.p95_s),
            time(latency.ttft.p95_s),
            share(pool.gpu_utilization),
            share(pool.slot_utilization),
            number(pool.preemptions),
            money(requests.cost.0),
        ]);
    }
    Some(table)
}

/// Pools whose cards come and go.
fn scaling(pools: &[PoolGroup]) -> Option<Layout> {
    let titles = ["pool", "cards least", "mean", "most", "out", "in", "cards' cost"];
    let mut table = Layout::new(&titles, 1);
    let scaled = pools.iter().filter_map(|pool| Some((pool, pool.scaling.as_ref()?)));
    for (pool, scaling) in scaled.clone() {
        table.row(vec![
            short(&pool.group.name),
            humanise::whole(scaling.cards_least.into()),
            rate(scaling.cards_mean),
            humanise::whole(scaling.cards_most.into()),
            humanise::whole(scaling.scaled_out),
            humanise::whole(scaling.scaled_in),
            scaling.provisioned_cost.map_or_else(|| ABSENT.to_owned(), |Amount(cost)| money(cost)),
        ]);
    }
    scaled.count().gt(&0).then_some(table)
}

fn groups(what: &str, groups: &[Group]) -> Option<Layout> {
    if groups.is_empty() {
        return None;
    }
    let mut table = Layout::new(&headings(what), 1);
    for group in groups {
        table.row(group_row(group));
    }
    Some(table)
}

fn headings(what: &str) -> [&str; 8] {
    [what, "offered", "completed", "errors", "TTFT p95", "TPOT p95", "end p95", "cost"]
}

fn group_row(group: &Group) -> Vec<String> {
    let Group { name, requests, latency } = group;
    vec![
        short(name),
        humanise::whole(requests.offered),
        humanise::whole(requests.completed),
        share(requests.error_rate),
        time(latency.ttft.p95_s),
        time(latency.tpot.p95_s),
        time(latency.end_to_end.p95_s),
        money(requests.cost.0),
    ]
}

/// The tenants with most requests, and one row for all others: percentiles cannot be added up, so
/// that row has none.
fn tenants(tenants: &[TenantGroup], run: &Run) -> Option<Layout> {
    let mut ranked: Vec<&Group> = tenants
        .iter()
        .map(|tenant| &tenant.group)
        .filter(|group| group.requests.offered > 0)
        .collect();
    if ranked.is_empty() && run.folded_tenants == 0 {
        return None;
    }
    // The sort is stable: among equals, the scenario's order stands.
    ranked.sort_by_key(|group| std::cmp::Reverse(group.requests.offered));
    let mut table = Layout::new(&headings("tenant"), 1);
    let (shown, rest) = ranked.split_at(ranked.len().min(TENANTS_SHOWN));
    for group in shown {
        table.row(group_row(group));
    }
    if !rest.is_empty() {
        table.row(rest_row(rest));
    }
    if run.folded_tenants > 0 {
        let name = format!("({} more, folded)", run.folded_tenants);
        let mut row = vec![name, humanise::whole(run.folded_requests)];
        row.resize(headings("").len(), ABSENT.to_owned());
        table.row(row);
    }
    Some(table)
}

fn rest_row(rest: &[&Group]) -> Vec<String> {
    let sum = |of: fn(&Traffic) -> u64| rest.iter().map(|group| of(&group.requests)).sum::<u64>();
    let (offered, completed) =
        (sum(|requests| requests.offered), sum(|requests| requests.completed));
    let cost: connector::Money = rest.iter().map(|group| group.requests.cost.0).sum();
    vec![
        format!("({} others)", rest.len()),
        humanise::whole(offered),
        humanise::whole(completed),
        share(Some((offered - completed) as f64 / offered as f64)),
        ABSENT.to_owned(),
        ABSENT.to_owned(),
        ABSENT.to_owned(),
        money(cost),
    ]
}

fn objectives(verdicts: &[Verdict]) -> Layout {
    let mut table = Layout::new(&["objective", "measured", "verdict"], 1);
    for Verdict { objective, measured, met } in verdicts {
        let unit = objective.metric.unit();
        let measured = measured.map_or_else(|| "no data".to_owned(), |value| in_unit(value, unit));
        table.row(vec![objective.text.clone(), measured, verdict_word(*met).to_owned()]);
    }
    table
}
