//! One error taxonomy for everything a provider can do to us.
//!
//! The kinds are few because only three questions matter to the platform, and each is a method of
//! [`ErrorKind`]: may the same call be tried again, may the provider have acted on it, and does it
//! speak against the provider's health.

use std::fmt;

use crate::Duration;

/// What went wrong, as far as a decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No answer within the time allowed. The provider may have acted.
    Timeout,
    /// The provider could not be reached or failed inside (5xx, connection lost).
    Unavailable {
        /// Whether the question had left before the failure, so that the provider may have acted.
        /// A refused connection is `false`; a connection lost while waiting is `true`.
        reached: bool,
    },
    /// Too many calls; nothing was done.
    RateLimited {
        /// How long the provider asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The pool has no room for the requirements; nothing was done. A full pool is not a sick one.
    CapacityExhausted,
    /// The allocation was taken away for somebody of a higher class.
    Preempted,
    /// The provider's rules forbid it (no access to the pool, quota spent).
    PolicyRefused,
    /// The account that pays has nothing left: everybody is refused until somebody pays.
    CreditExhausted,
    /// Credentials missing, wrong or expired.
    Unauthorized,
    /// The allocation, pool or model is unknown to the provider.
    NotFound,
    /// The call contradicts the present state (already released, already subscribed).
    Conflict,
    /// The call itself is malformed or out of range.
    Invalid,
    /// The answer could not be understood. The provider may have acted.
    Protocol,
}

impl ErrorKind {
    /// Every kind once, with representative payloads; for tests and tables of documentation.
    pub const ALL: [Self; 13] = [
        Self::Timeout,
        Self::Unavailable { reached: false },
        Self::Unavailable { reached: true },
        Self::RateLimited { retry_after: None },
        Self::CapacityExhausted,
        Self::Preempted,
        Self::PolicyRefused,
        Self::Unauthorized,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Protocol,
        Self::CreditExhausted,
    ];

    /// Whether the same call may succeed if tried again on the same pool after a pause: network
    /// time-outs, 5xx and rate limits.
    ///
    /// A full pool and a preemption are not retried in place; the next candidate is tried.
    pub const fn retryable(self) -> bool {
        match self {
            Self::Timeout | Self::Unavailable { .. } | Self::RateLimited { .. } => true,
            Self::CapacityExhausted
            | Self::Preempted
            | Self::PolicyRefused
            | Self::CreditExhausted
            | Self::Unauthorized
            | Self::NotFound
            | Self::Conflict
            | Self::Invalid
            | Self::Protocol => false,
        }
    }

    /// Whether the provider may have acted although the call failed. An ambiguous allocation may be
    /// held and charged; it is reconciled before anything is asked again.
    pub const fn ambiguous(self) -> bool {
        match self {
            Self::Timeout | Self::Protocol => true,
            Self::Unavailable { reached } => reached,
            Self::RateLimited { .. }
            | Self::CapacityExhausted
            | Self::Preempted
            | Self::PolicyRefused
            | Self::CreditExhausted
            | Self::Unauthorized
            | Self::NotFound
            | Self::Conflict
            | Self::Invalid => false,
        }
    }

    /// Whether the failure speaks against the provider's health and counts for the breaker.
    ///
    /// Refusals by rule (full, policy, credentials, bad call) are correct answers of a healthy
    /// provider, and a rate limit is honoured by waiting.
    pub const fn counts_against_breaker(self) -> bool {
        match self {
            Self::Timeout | Self::Unavailable { .. } | Self::Protocol => true,
            Self::RateLimited { .. }
            | Self::CapacityExhausted
            | Self::Preempted
            | Self::PolicyRefused
            | Self::CreditExhausted
            | Self::Unauthorized
            | Self::NotFound
            | Self::Conflict
            | Self::Invalid => false,
        }
    }

    /// How long the provider asks to wait, if it says so.
    pub const fn retry_after(self) -> Option<Duration> {
        if let Self::RateLimited { retry_after } = self { retry_after } else { None }
    }

    /// Of a provider that was unavailable: whether the question had left before the failure.
    pub const fn reached(self) -> Option<bool> {
        if let Self::Unavailable { reached } = self { Some(reached) } else { None }
    }

    /// Stable name for tables, files and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable { .. } => "unavailable",
            Self::RateLimited { .. } => "rate_limited",
            Self::CapacityExhausted => "capacity_exhausted",
            Self::Preempted => "preempted",
            Self::PolicyRefused => "policy_refused",
            Self::CreditExhausted => "credit_exhausted",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed operation: its kind, and what the provider said where it said anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", detail.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct Error {
    /// What decisions are made from.
    pub kind: ErrorKind,
    /// The provider's own words, bounded by the adapter, for people only.
    pub detail: Option<Box<str>>,
}

impl Error {
    /// An error with the provider's own words.
    pub fn new(kind: ErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self { kind, detail: Some(detail.into()) }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, detail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_by_rule_neither_counts_against_the_breaker_nor_is_ambiguous() {
        for kind in [
            ErrorKind::CapacityExhausted,
            ErrorKind::PolicyRefused,
            ErrorKind::CreditExhausted,
            ErrorKind::Unauthorized,
            ErrorKind::NotFound,
            ErrorKind::Conflict,
            ErrorKind::Invalid,
        ] {
            assert!(!kind.counts_against_breaker(), "{kind}");
            assert!(!kind.ambiguous(), "{kind}");
            assert!(!kind.retryable(), "{kind}");
        }
    }

    #[test]
    fn a_connection_refused_is_retryable_but_not_ambiguous() {
        let refused = ErrorKind::Unavailable { reached: false };
        assert!(refused.retryable() && !refused.ambiguous());
        assert!(ErrorKind::Unavailable { reached: true }.ambiguous());
    }

    #[test]
    fn the_message_names_the_kind_and_the_providers_words() {
        assert_eq!(Error::from(ErrorKind::Timeout).to_string(), "timeout");
        let full = Error::new(ErrorKind::CapacityExhausted, "pool h100 is full");
        assert_eq!(full.to_string(), "capacity_exhausted: pool h100 is full");
    }
}
