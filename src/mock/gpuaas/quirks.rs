use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What clients of HostedAI met on its wire, by name. The number is that of the list of pathologies in
/// `docs/live/gpuaas.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuaasQuirk {
    /// 1: the answer to a subscription comes later than anybody waits.
    SlowSubscribe,
    /// 2: a subscription is answered with 200 and nothing.
    EmptySubscribe,
    /// 3: a new row shows only later.
    LaggingList,
    /// 5: an unsubscription takes long, and is confirmed at once.
    SlowUnsubscribe,
    /// 6: after a row is gone, a subscription is still refused for a while.
    ConflictAfterGone,
    /// 7: a subscription has several pods, the first of which does not work.
    ManyPods,
    /// 12: the pod and its login come later than the row.
    LatePods,
    /// 13: lists show the rows of other teams.
    ForeignRows,
    /// 14: rows do not say whose they are.
    UntaggedRows,
    /// 15: ids are text.
    TextIds,
    /// 16: other names of fields, and another shape of every list.
    Aliases,
    /// 19: successes are plain text.
    PlainText,
    /// 20: a team without a policy, said with 500.
    PolicyFails,
    /// 20: the same, said with 200.
    PolicySucceeds,
    /// 21: a further region whose pools take long to be listed.
    SlowRegion,
    /// 22: the first unsubscription of every share does nothing.
    SilentUnsubscribe,
    /// 25: every session has expired.
    ExpiredSession,
    /// 26: every third list of a team stops in the middle of its body.
    StallingBody,
    /// 28: a subscription that succeeded is answered with 500 and words about 409.
    MisleadingText,
    /// 32: metrics and bills fail.
    FailingBooks,
    /// 33: every third list of a team fails, by turns with 500 and with nothing.
    FailingList,
    /// 34: the team is unknown here.
    WrongCluster,
    /// 35: the price is zero, and so are the hours.
    ZeroCost,
    /// 38: fields that nobody knows, at every level.
    UnknownFields,
    /// 39: amounts are text.
    TextAmounts,
    /// 40: bills fail with 200.
    BillFails,
}

impl GpuaasQuirk {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::SlowSubscribe,
        Self::EmptySubscribe,
        Self::LaggingList,
        Self::SlowUnsubscribe,
        Self::ConflictAfterGone,
        Self::ManyPods,
        Self::LatePods,
        Self::ForeignRows,
        Self::UntaggedRows,
        Self::TextIds,
        Self::Aliases,
        Self::PlainText,
        Self::PolicyFails,
        Self::PolicySucceeds,
        Self::SlowRegion,
        Self::SilentUnsubscribe,
        Self::ExpiredSession,
        Self::StallingBody,
        Self::MisleadingText,
        Self::FailingBooks,
        Self::FailingList,
        Self::WrongCluster,
        Self::ZeroCost,
        Self::UnknownFields,
        Self::TextAmounts,
        Self::BillFails,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowSubscribe => "slow_subscribe",
            Self::EmptySubscribe => "empty_subscribe",
            Self::LaggingList => "lagging_list",
            Self::SlowUnsubscribe => "slow_unsubscribe",
            Self::ConflictAfterGone => "conflict_after_gone",
            Self::ManyPods => "many_pods",
            Self::LatePods => "late_pods",
            Self::ForeignRows => "foreign_rows",
            Self::UntaggedRows => "untagged_rows",
            Self::TextIds => "text_ids",
            Self::Aliases => "aliases",
            Self::PlainText => "plain_text",
            Self::PolicyFails => "policy_fails",
            Self::PolicySucceeds => "policy_succeeds",
            Self::SlowRegion => "slow_region",
            Self::SilentUnsubscribe => "silent_unsubscribe",
            Self::ExpiredSession => "expired_session",
            Self::StallingBody => "stalling_body",
            Self::MisleadingText => "misleading_text",
            Self::FailingBooks => "failing_books",
            Self::FailingList => "failing_list",
            Self::WrongCluster => "wrong_cluster",
            Self::ZeroCost => "zero_cost",
            Self::UnknownFields => "unknown_fields",
            Self::TextAmounts => "text_amounts",
            Self::BillFails => "bill_fails",
        }
    }

    /// The quirk of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name)
    }
}

/// Which of them are on. Copies share what they say, so that they can be switched from outside while the
/// mock runs. None is on by default.
#[derive(Clone, Debug, Default)]
pub struct GpuaasQuirks(Arc<AtomicU64>);

impl GpuaasQuirks {
    /// Those.
    pub fn of(quirks: impl IntoIterator<Item = GpuaasQuirk>) -> Self {
        let on = Self::default();
        quirks.into_iter().for_each(|quirk| on.set(quirk, true));
        on
    }

    /// Switches one on or off.
    pub fn set(&self, quirk: GpuaasQuirk, on: bool) {
        let bit = 1 << quirk as u64;
        if on {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Whether it is on.
    pub fn has(&self, quirk: GpuaasQuirk) -> bool {
        self.0.load(Ordering::Relaxed) & (1 << quirk as u64) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_has_a_name_and_a_switch_of_its_own() {
        for quirk in GpuaasQuirk::ALL {
            assert_eq!(GpuaasQuirk::from_name(quirk.name()), Some(quirk));
            let on = GpuaasQuirks::of([quirk]);
            let copy = on.clone();
            assert_eq!(GpuaasQuirk::ALL.into_iter().filter(|one| copy.has(*one)).count(), 1);
            on.set(quirk, false);
            assert!(!copy.has(quirk));
        }
    }
}
