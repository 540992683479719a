//! What a share used lately, as HostedAI's list of subscriptions tells it.

use crate::{Duration, Mebibytes, Tflops};

/// A stretch of time up to now: HostedAI's `metric_window` (hostedai-api, section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageWindow {
    /// The last five minutes.
    Last5Minutes,
    /// The last quarter of an hour.
    Last15Minutes,
    /// The last hour.
    LastHour,
    /// The last 24 hours.
    LastDay,
    /// The last seven days.
    LastWeek,
    /// Since the share was granted.
    AllTime,
}

impl UsageWindow {
    /// All of them, the shortest first; `window as usize` is a window's place.
    pub const ALL: [Self; 6] = [
        Self::Last5Minutes,
        Self::Last15Minutes,
        Self::LastHour,
        Self::LastDay,
        Self::LastWeek,
        Self::AllTime,
    ];

    /// Its name on HostedAI's wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last5Minutes => "last_5m",
            Self::Last15Minutes => "last_15m",
            Self::LastHour => "last_1h",
            Self::LastDay => "last_24h",
            Self::LastWeek => "last_7d",
            Self::AllTime => "all_time",
        }
    }

    /// How long it is; `None`: without end.
    pub const fn length(self) -> Option<Duration> {
        const MINUTE: u64 = 60;
        Some(Duration::from_secs(match self {
            Self::Last5Minutes => 5 * MINUTE,
            Self::Last15Minutes => 15 * MINUTE,
            Self::LastHour => 60 * MINUTE,
            Self::LastDay => 24 * 60 * MINUTE,
            Self::LastWeek => 7 * 24 * 60 * MINUTE,
            Self::AllTime => return None,
        }))
    }
}

/// What a share used over a window, on average; of the time that it was held, if that is shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareUsage {
    /// Compute.
    pub tflops: Tflops,
    /// Device memory, on the card or paged out.
    pub vram: Mebibytes,
}

/// What a share used over each window of [`UsageWindow::ALL`].
pub type ShareUsages = [ShareUsage; UsageWindow::ALL.len()];
