use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// The text is not a currency's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: expected an ISO 4217 code such as `USD`")]
pub struct CurrencyError(pub Box<str>);

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");

    /// The one of this code; `None` if it is no code.
    pub(super) fn from_letters(code: [u8; 3]) -> Option<Self> {
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Decimals of its smallest coin: ISO 4217's minor unit, 2 for most.
    pub const fn decimals(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

/// As one number: every line of a ledger looks an account up by it.
impl Hash for Currency {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c] = self.0;
        state.write_u32(u32::from_le_bytes([a, b, c, 0]));
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;
    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let letters = text.as_bytes().try_into().ok();
        (letters.and_then(Self::from_letters))
            .ok_or_else(|| CurrencyError(text.chars().take(20).collect::<String>().into()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_and_print_and_know_their_coins() {
        for (code, decimals) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!((currency.to_string().as_str(), currency.decimals()), (code, decimals));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "usd", "US", "DOLLAR", "U5D", "€"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
        let told = "usd".parse::<Currency>().unwrap_err().to_string();
        assert_eq!(told, "`usd` is not a currency: expected an ISO 4217 code such as `USD`");
    }
}
