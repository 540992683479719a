//! Rows of comma-separated traces: Azure's, and our own with names.

use connector::Names;

use super::{
    MAX_TOKENS, Row,
    error::{RowProblem, TraceError},
    lines::Lines,
};
use crate::{document::shorten, near};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Time(Clock),
    Prompt,
    Output,
    Tenant,
    Class,
    Model,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Time(_) => "time",
            Self::Prompt => "prompt tokens",
            Self::Output => "output tokens",
            Self::Tenant => "tenant",
            Self::Class => "class",
            Self::Model => "model",
        }
    }
}

/// How a column tells time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// `2023-11-16 18:15:46.6805900`, no time zone.
    Civil,
    Seconds,
    Milliseconds,
}

const ROLES: [(&str, Role); 10] = [
    ("TIMESTAMP", Role::Time(Clock::Civil)),
    ("ContextTokens", Role::Prompt),
    ("GeneratedTokens", Role::Output),
    ("arrived_s", Role::Time(Clock::Seconds)),
    ("arrived_ms", Role::Time(Clock::Milliseconds)),
    ("prompt_tokens", Role::Prompt),
    ("output_tokens", Role::Output),
    ("tenant", Role::Tenant),
    ("class", Role::Class),
    ("model", Role::Model),
];

/// The columns of one file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    roles: Vec<Option<Role>>,
    time: &'static str,
    prompt: &'static str,
    output: &'static str,
}

impl Columns {
    /// Reads the header: Azure's columns, or ours. Other columns are passed over.
    pub(super) fn of_header(lines: &Lines, azure: bool) -> Result<Self, TraceError> {
        let header: Vec<&str> = Fields(Some(lines.text()?)).collect();
        let (wanted, others) = ROLES.split_at(3);
        let wanted = if azure { wanted } else { others };
        let roles: Vec<Option<Role>> = header
            .iter()
            .map(|name| wanted.iter().find(|(known, _)| known == name).map(|&(_, role)| role))
            .collect();
        check_roles(lines, &header, &roles)?;
        let name_of = |fits: fn(&Role) -> bool, default: &'static str| {
            let found = wanted.iter().find(|(name, role)| fits(role) && header.contains(name));
            found.map(|&(name, _)| name).ok_or_else(|| TraceError::MissingColumn {
                path: lines.path().to_owned(),
                column: default,
                found: near::list(&header),
            })
        };
        let or = |ours, theirs| if azure { theirs } else { ours };
        Ok(Self {
            time: name_of(|role| matches!(role, Role::Time(_)), or("arrived_s", "TIMESTAMP"))?,
            prompt: name_of(|role| *role == Role::Prompt, or("prompt_tokens", "ContextTokens"))?,
            output: name_of(|role| *role == Role::Output, or("output_tokens", "GeneratedTokens"))?,
            roles,
        })
    }

    /// Reads a row; names are looked up in `names`, or passed over without.
    pub(super) fn row(&self, text: &str, names: Option<&Names>) -> Result<Row, RowProblem> {
        let mut row = Row::default();
        let mut found = 0;
        for field in Fields(Some(text)) {
            let role = self.roles.get(found).copied().flatten();
            found += 1;
            match (role, names) {
                (Some(Role::Time(clock)), _) => row.at = time(self.time, clock, field)?,
                (Some(Role::Prompt), _) => row.prompt_tokens = tokens(self.prompt, field)?,
                (Some(Role::Output), _) => row.output_tokens = tokens(self.output, field)?,
                (Some(Role::Tenant), Some(names)) => {
                    row.tenant = lookup("tenant", "tenants", field, &names.tenants)?;
                }
                (Some(Role::Class), Some(names)) => {
                    row.class = lookup("class", "classes", field, &names.classes)?;
                }
                (Some(Role::Model), Some(names)) => {
                    row.model = lookup("model", "models", field, &names.models)?;
                }
                (Some(Role::Tenant | Role::Class | Role::Model), None) | (None, _) => {}
            }
        }
        if found == self.roles.len() {
            Ok(row)
        } else {
            Err(RowProblem::Columns { expected: self.roles.len(), found })
        }
    }
}

/// The last of two columns would win silently.
fn check_roles(lines: &Lines, header: &[&str], roles: &[Option<Role>]) -> Result<(), TraceError> {
    let columns =
        || roles.iter().enumerate().filter_map(|(index, role)| Some((index, (*role)?.name())));
    let named = |index: usize| format!("column {} (`{}`)", index + 1, header[index]);
    for (second, what) in columns() {
        let same = |&(first, other): &(usize, &str)| first < second && other == what;
        if let Some((first, _)) = columns().find(same) {
            return Err(TraceError::TwoColumns {
                path: lines.path().to_owned(),
                first: named(first),
                second: named(second),
                what,
            });
        }
    }
    Ok(())
}

/// The fields of a line; quotes around a field keep its commas, and two quotes inside are not
/// undone, since no name holds one.
pub(crate) struct Fields<'a>(pub(crate) Option<&'a str>);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.take()?;
        let quoted = rest.trim_start().strip_prefix('"').and_then(|inside| {
            let (field, after) = inside.split_once('"')?;
            Some((field, after.trim_start()))
        });
        let (field, after) = match quoted {
            Some((field, "")) => (field, None),
            Some((field, after)) if after.starts_with(',') => (field, Some(&after[1..])),
            Some(_) | None => match rest.split_once(',') {
                Some((field, after)) => (field, Some(after)),
                None => (rest, None),
            },
        };
        self.0 = after;
        Some(field.trim())
    }
}

fn lookup(
    column: &'static str,
    plural: &str,
    name: &str,
    known: &[String],
) -> Result<Option<u32>, RowProblem> {
    if name.is_empty() {
        return Ok(None);
    }
    let index = known.iter().position(|candidate| candidate == name);
    index.map(|index| Some(index as u32)).ok_or_else(|| RowProblem::UnknownName {
        column,
        name: shorten(name),
        help: near::help(name, plural, known.iter().map(String::as_str)),
    })
}

/// A number of tokens; `12.0` is what some tools write for 12.
pub(super) fn tokens(column: &'static str, text: &str) -> Result<u32, RowProblem> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    match digits.parse::<i64>() {
        Ok(tokens @ 0..) if tokens <= i64::from(MAX_TOKENS) => Ok(tokens as u32),
        Ok(_) => Err(RowProblem::OutOfRange {
            column,
            text: shorten(text),
            range: "between 0 and 4194304",
        }),
        Err(_) => Err(RowProblem::NotANumber {
            column,
            text: shorten(text),
            expected: "a whole number of tokens",
        }),
    }
}

/// Nanoseconds since an origin that all rows of a file share.
fn time(column: &'static str, clock: Clock, text: &str) -> Result<u64, RowProblem> {
    match clock {
        Clock::Seconds => decimal(column, text, 9),
        Clock::Milliseconds => decimal(column, text, 6),
        Clock::Civil => civil(column, text),
    }
}

/// Nanoseconds since 1970 of a date and time without a time zone.
pub(crate) fn civil(column: &'static str, text: &str) -> Result<u64, RowProblem> {
    let read = || {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        let instant = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
        u64::try_from(instant.as_nanosecond()).ok()
    };
    read().ok_or_else(|| RowProblem::NotANumber {
        column,
        text: shorten(text),
        expected: "a date and time after 1970, such as 2023-11-16 18:15:46.6805900",
    })
}

/// A decimal number in steps of 10^-`decimals`, digit by digit: a float would move rows whose times
/// are seconds since 1970.
pub(crate) fn decimal(
    column: &'static str,
    text: &str,
    decimals: usize,
) -> Result<u64, RowProblem> {
    const MOST: u64 = 10_000_000_000 * 1_000_000_000;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(not_decimal(column, text, decimals));
    }
    let kept = &fraction[..fraction.len().min(decimals)];
    let unit = 10u64.pow((decimals - kept.len()) as u32);
    let steps = |part: &str, unit: u64| -> Option<u64> {
        if part.is_empty() { Some(0) } else { part.parse::<u64>().ok()?.checked_mul(unit) }
    };
    steps(whole, 10u64.pow(decimals as u32))
        .and_then(|high| high.checked_add(steps(kept, unit)?))
        .filter(|&ns| ns <= MOST && !(negative && ns > 0))
        .ok_or_else(|| beyond_time(column, text))
}

/// A number with an exponent is one too, and may be refused for its size.
fn not_decimal(column: &'static str, text: &str, decimals: usize) -> RowProblem {
    let most = libm::exp10(19.0 - decimals as f64);
    let expected = match text.parse::<f64>() {
        Ok(value) if value.is_finite() && !(0.0..=most).contains(&value) => {
            return beyond_time(column, text);
        }
        Ok(value) if value.is_finite() => "a number written without an exponent",
        Ok(_) | Err(_) => "a finite number",
    };
    RowProblem::NotANumber { column, text: shorten(text), expected }
}

fn beyond_time(column: &'static str, text: &str) -> RowProblem {
    RowProblem::OutOfRange { column, text: shorten(text), range: "between 0 and 10^10 s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, ns) in [
            ("0", 0),
            ("1.5", 1_500_000_000),
            ("1700000000.123456789", 1_700_000_000_123_456_789),
            ("0.0000000019", 1),
            ("-0", 0),
        ] {
            assert_eq!(decimal("arrived_s", text, 9), Ok(ns), "{text}");
        }
        assert_eq!(decimal("arrived_ms", "12.25", 6), Ok(12_250_000));
    }

    #[test]
    fn what_is_no_finite_number_of_seconds_is_refused_by_name() {
        for (text, message) in [
            ("NaN", "arrived_s: `NaN` is not a finite number"),
            ("inf", "arrived_s: `inf` is not a finite number"),
            ("", "arrived_s: `` is not a finite number"),
            ("1e3", "arrived_s: `1e3` is not a number written without an exponent"),
            ("9e18", "arrived_s: `9e18` is out of range: it must be between 0 and 10^10 s"),
            ("-1.5", "arrived_s: `-1.5` is out of range: it must be between 0 and 10^10 s"),
            (
                "99999999999999",
                "arrived_s: `99999999999999` is out of range: it must be between 0 and 10^10 s",
            ),
        ] {
            assert_eq!(decimal("arrived_s", text, 9).expect_err(text).to_string(), message);
        }
    }

    #[test]
    fn quotes_keep_the_commas_of_a_field() {
        let fields = |line| Fields(Some(line)).collect::<Vec<_>>();
        assert_eq!(fields("1, 2 ,\"a, b\",x"), ["1", "2", "a, b", "x"]);
        assert_eq!(fields("a,,"), ["a", "", ""]);
        assert_eq!(fields("\"a\"b,c"), ["\"a\"b", "c"]);
    }
}
