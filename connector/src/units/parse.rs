//! Text to quantity: a decimal number, optional blanks, a unit.
//!
//! The number is read digit by digit into an integer of the quantity's resolution. Going through a
//! float would round prices and accept `NaN`.

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number followed by a unit.
    #[error("`{text}` is not a {name}: expected something like `{example}`")]
    Malformed {
        /// What was read.
        text: Box<str>,
        /// The quantity's human name.
        name: &'static str,
        /// A text that would do.
        example: &'static str,
    },
    /// A number whose unit is missing or unknown.
    #[error("`{text}` has no unit of {name}: expected one of {expected}")]
    UnknownUnit {
        /// What was read.
        text: Box<str>,
        /// The quantity's human name.
        name: &'static str,
        /// The units that are known.
        expected: &'static str,
    },
    /// A quantity outside its range.
    #[error("`{text}` is out of range for a {name}: it must be {range}")]
    OutOfRange {
        /// What was read.
        text: Box<str>,
        /// The quantity's human name.
        name: &'static str,
        /// The range, in words.
        range: &'static str,
    },
}

/// One quantity's way of being written.
pub(super) struct Notation {
    /// Human name, as in "is not a {name}".
    pub(super) name: &'static str,
    /// A valid text.
    pub(super) example: &'static str,
    /// The units in words; empty for a bare number.
    pub(super) expected: &'static str,
    /// The range in words.
    pub(super) range: &'static str,
    /// Unit text (lower case) and how many steps of the resolution one unit is.
    pub(super) units: &'static [(&'static str, u64)],
    /// Largest number of steps.
    pub(super) max: u128,
}

impl Notation {
    /// Reads `text` as a whole number of steps; a fraction finer than one step is out of range.
    pub(super) fn parse(&self, text: &str) -> Result<u128, UnitError> {
        let trimmed = text.trim();
        if trimmed.starts_with('-') {
            return Err(self.out_of_range(text));
        }
        let end = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
            .unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim().to_ascii_lowercase());
        let (digits, decimals) = decimal(number).ok_or_else(|| self.malformed(text))?;
        let scale = self
            .units
            .iter()
            .find(|(known, _)| *known == unit)
            .map(|(_, scale)| u128::from(*scale))
            .ok_or_else(|| self.unknown_unit(text))?;
        let steps = digits
            .checked_mul(scale)
            .filter(|scaled| scaled.is_multiple_of(10u128.pow(decimals)))
            .map(|scaled| scaled / 10u128.pow(decimals));
        steps.filter(|&n| n <= self.max).ok_or_else(|| self.out_of_range(text))
    }

    /// The text is not a number and a unit.
    pub(super) fn malformed(&self, text: &str) -> UnitError {
        UnitError::Malformed { text: shorten(text), name: self.name, example: self.example }
    }

    /// The unit is missing or unknown, or there should be none.
    pub(super) fn unknown_unit(&self, text: &str) -> UnitError {
        if self.expected.is_empty() {
            return self.malformed(text);
        }
        UnitError::UnknownUnit { text: shorten(text), name: self.name, expected: self.expected }
    }

    /// The value is outside the range.
    pub(super) fn out_of_range(&self, text: &str) -> UnitError {
        UnitError::OutOfRange { text: shorten(text), name: self.name, range: self.range }
    }
}

/// Hostile input can be long; a message quotes its beginning only.
fn shorten(text: &str) -> Box<str> {
    const LIMIT: usize = 60;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

/// `12.50` as (1250, 2): all digits as one integer, and how many of them are decimals.
fn decimal(number: &str) -> Option<(u128, u32)> {
    const LONGEST: usize = 30;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits: String = whole.chars().chain(fraction.chars()).filter(|&c| c != '_').collect();
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain || digits.len() > LONGEST || fraction.contains('_') {
        return None;
    }
    Some((digits.parse().ok()?, fraction.len() as u32))
}
