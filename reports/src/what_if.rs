//! What runs cost side by side, and by how much each differs from the first.

use std::cmp::Ordering;

use connector::Amount;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    EconomicsReport,
    economics::{left, to_read},
    humanise,
    layout::{ABSENT, Layout, money},
};

/// What a run cost, as far as it told; or how much more than another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spent {
    pub(crate) cost: Option<Told>,
    pub(crate) cost_per_request: Option<f64>,
    pub(crate) cost_per_1m_tokens: Option<f64>,
    pub(crate) waste: Option<Told>,
    pub(crate) waste_share: Option<f64>,
    pub(crate) revenue: Option<Told>,
    pub(crate) margin: Option<Told>,
}

/// Money in JSON: a number with all its decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Told(pub(crate) Amount);

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::Amount(to_read(self.0)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Box::<RawValue>::deserialize(deserializer)?;
        number.get().parse().map(Self).map_err(D::Error::custom)
    }
}

/// What is read of `summary.json`.
#[derive(Deserialize)]
struct Summary {
    economics: Option<Economics>,
}

#[derive(Deserialize)]
struct Economics {
    whole: Costs,
    margins: Option<Margins>,
}

#[derive(Deserialize)]
struct Costs {
    cost: Told,
    cost_per_request: Option<f64>,
    cost_per_1m_tokens: Option<f64>,
    waste: Told,
    waste_share: Option<f64>,
}

#[derive(Deserialize)]
struct Margins {
    whole: Earned,
}

#[derive(Deserialize)]
struct Earned {
    revenue: Told,
    margin: Told,
}

impl Spent {
    /// Of a run at hand.
    pub(crate) fn of(economics: Option<&EconomicsReport>) -> Self {
        let Some(EconomicsReport { unit_costs, margins, .. }) = economics else {
            return Self::default();
        };
        let whole = &unit_costs.whole;
        let earned = margins.as_ref().map(|margins| &margins.whole);
        Self {
            cost: Some(Told(whole.cost)),
            cost_per_request: whole.per_request(),
            cost_per_1m_tokens: whole.per_million_tokens(),
            waste: Some(Told(whole.waste)),
            waste_share: whole.waste_share(),
            revenue: earned.map(|earned| Told(earned.revenue)),
            margin: earned.map(|earned| Told(left(earned))),
        }
    }

    /// Of a run that left this `summary.json`; of a version that told nothing of it, nothing.
    pub(crate) fn read(summary: &str) -> Result<Self, serde_json::Error> {
        let Some(Economics { whole, margins }) =
            serde_json::from_str::<Summary>(summary)?.economics
        else {
            return Ok(Self::default());
        };
        let earned = margins.map(|margins| margins.whole);
        Ok(Self {
            cost: Some(whole.cost),
            cost_per_request: whole.cost_per_request,
            cost_per_1m_tokens: whole.cost_per_1m_tokens,
            waste: Some(whole.waste),
            waste_share: whole.waste_share,
            revenue: earned.as_ref().map(|earned| earned.revenue),
            margin: earned.as_ref().map(|earned| earned.margin),
        })
    }

    /// What this is more than `first`; `None` where either did not tell.
    pub(crate) fn less(&self, first: &Self) -> Self {
        let of_money = |of: fn(&Self) -> Option<Told>| {
            let (Told(mine), Told(other)) = of(self).zip(of(first))?;
            mine.checked_sub(other).map(Told)
        };
        let of_floats = |of: fn(&Self) -> Option<f64>| {
            of(self).zip(of(first)).map(|(mine, other)| mine - other)
        };
        Self {
            cost: of_money(|one| one.cost),
            cost_per_request: of_floats(|one| one.cost_per_request),
            cost_per_1m_tokens: of_floats(|one| one.cost_per_1m_tokens),
            waste: of_money(|one| one.waste),
            waste_share: of_floats(|one| one.waste_share),
            revenue: of_money(|one| one.revenue),
            margin: of_money(|one| one.margin),
        }
    }
}

/// A row for each run: its labels, then what it cost, and how that differs from the first.
pub(crate) fn table(labels: &[&str], runs: &[(Vec<String>, Spent)]) -> Option<Layout> {
    let (_, first) = runs.first()?;
    if runs.iter().all(|(_, spent)| spent.cost.is_none()) {
        return None;
    }
    let earns = runs.iter().any(|(_, spent)| spent.margin.is_some());
    let figures = ["per request", "change", "per 1M tokens", "change", "waste", "change"];
    let header = labels.iter().chain(&figures);
    let header: Vec<&str> =
        header.chain(["margin", "change"].iter().filter(|_| earns)).copied().collect();
    let mut table = Layout::new(&header, labels.len());
    for (index, (labels, spent)) in runs.iter().enumerate() {
        let change = (index > 0).then(|| spent.less(first));
        let relative = |change: Option<f64>, of: Option<f64>| {
            let base = of.filter(|base| *base != 0.0)?;
            let change = change?;
            Some(sign(change.partial_cmp(&0.0)) + &humanise::percent(change.abs() / base))
        };
        let absolute = |change: Option<Told>| {
            let Told(change) = change?;
            let size = if change < Amount::ZERO { -change } else { change };
            Some(sign(Some(change.cmp(&Amount::ZERO))) + &money(to_read(size)))
        };
        let number = |value: Option<f64>| value.map(humanise::significant);
        let amount = |value: Option<Told>| value.map(|Told(amount)| money(to_read(amount)));
        let cells = [
            number(spent.cost_per_request),
            relative(change.and_then(|one| one.cost_per_request), first.cost_per_request),
            number(spent.cost_per_1m_tokens),
            relative(change.and_then(|one| one.cost_per_1m_tokens), first.cost_per_1m_tokens),
            amount(spent.waste),
            absolute(change.and_then(|one| one.waste)),
        ];
        let margins = [amount(spent.margin), absolute(change.and_then(|one| one.margin))];
        let cells = cells.into_iter().chain(margins.into_iter().filter(|_| earns));
        let cells = cells.map(|cell| cell.unwrap_or_else(|| ABSENT.to_owned()));
        table.row(labels.iter().cloned().chain(cells).collect());
    }
    Some(table)
}

/// A list of runs.
pub(crate) fn json<T: Serialize>(runs: &[T]) -> String {
    serde_json::to_string_pretty(runs).expect("keys are text and numbers are finite") + "\n"
}

/// Of what compares so to nothing.
fn sign(to_nothing: Option<Ordering>) -> String {
    let sign = match to_nothing {
        Some(Ordering::Less) => "-",
        Some(Ordering::Greater) => "+",
        Some(Ordering::Equal) | None => "",
    };
    sign.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(cost: &str, requests: f64, waste: &str, margin: Option<&str>) -> Spent {
        let told = |text: &str| Told(text.parse().expect("an amount"));
        let cost_of = told(cost).0.as_f64();
        Spent {
            cost: Some(told(cost)),
            cost_per_request: Some(cost_of / requests),
            cost_per_1m_tokens: Some(cost_of),
            waste: Some(told(waste)),
            waste_share: Some(told(waste).0.as_f64() / cost_of),
            revenue: margin.map(|_| told("1.00")),
            margin: margin.map(told),
        }
    }

    fn runs(margins: [Option<&str>; 2]) -> [(Vec<String>, Spent); 4] {
        [
            (vec!["naive".to_owned()], spent("0.80", 1_000.0, "0.20", margins[0])),
            (vec!["tuned".to_owned()], spent("0.60", 1_000.0, "0.05", margins[1])),
            (vec!["same".to_owned()], spent("0.80", 1_000.0, "0.20", margins[0])),
            (vec!["old".to_owned()], Spent::default()),
        ]
    }

    #[test]
    fn runs_are_told_with_how_they_differ_from_the_first() {
        let table = table(&["run"], &runs([Some("0.20"), Some("0.40")])).expect("they cost");
        insta::assert_snapshot!(table.finish(), @"
        run    per request  change  per 1M tokens  change   waste   change  margin   change
        naive      8.00e-4       -          0.800       -  0.2000        -  0.2000        -
        tuned      6.00e-4  -25.0%          0.600  -25.0%  0.0500  -0.1500  0.4000  +0.2000
        same       8.00e-4      0%          0.800      0%  0.2000   0.0000  0.2000   0.0000
        old              -       -              -       -       -        -       -        -
        ");
    }

    #[test]
    fn without_prices_for_tenants_there_is_no_column_of_margins() {
        let table = table(&["run"], &runs([None, None])).expect("they cost").finish();
        assert!(!table.contains("margin"), "{table}");
        assert!(super::table(&["run"], &runs([None, None])[3..]).is_none(), "nobody told");
        assert!(super::table(&["run"], &[]).is_none());
    }

    #[test]
    fn differences_of_money_are_exact() {
        let [(_, first), (_, second), _, (_, silent)] = runs([Some("0.20"), Some("-0.000000001")]);
        let json = serde_json::to_string(&second.less(&first)).expect("JSON");
        assert!(json.contains(r#""waste":-0.15,"#), "{json}");
        assert!(json.contains(r#""margin":-0.200000001"#), "{json}");
        let nothing = serde_json::to_value(silent.less(&first)).expect("JSON");
        assert!(nothing.as_object().expect("an object").values().all(serde_json::Value::is_null));
    }

    #[test]
    fn what_a_file_does_not_tell_is_not_told() {
        assert_eq!(Spent::read("{}").expect("JSON"), Spent::default());
        assert!(Spent::read("{").is_err());
        let costs = r#""cost":0.023,"cost_per_request":null,"cost_per_1m_tokens":2.5,"waste":0.006,"waste_share":0.25"#;
        let file = format!(r#"{{"economics":{{"whole":{{{costs}}}}}}}"#);
        let read = Spent::read(&file).expect("JSON");
        assert_eq!(read.cost, Some(Told("0.023".parse().expect("an amount"))));
        assert_eq!((read.cost_per_request, read.cost_per_1m_tokens), (None, Some(2.5)));
        assert_eq!(read.margin, None);
    }
}
