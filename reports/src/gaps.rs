//! Times between tokens, kept apart by pool and model: the engines that make tokens do not tell
//! tenants and classes apart.

use connector::{Names, Scope, TokenGaps};

use crate::distribution::Merged;

/// The gaps of the measured time.
#[derive(Clone, Debug)]
pub(crate) struct Gaps {
    /// By pool, then by model; `None` where no token followed another.
    kept: Vec<Option<Merged>>,
    pools: usize,
    models: usize,
}

impl Gaps {
    pub(crate) fn new(names: &Names) -> Self {
        let (pools, models) = (names.pools.len(), names.models.len());
        Self { kept: vec![None; pools * models], pools, models }
    }

    /// # Panics
    /// On an id that has no name.
    pub(crate) fn record(&mut self, gaps: &TokenGaps) {
        let (pool, model) = (gaps.pool.index(), gaps.model.index());
        assert!(pool < self.pools, "pool {pool} has no name");
        assert!(model < self.models, "model {model} has no name");
        let kept = &mut self.kept[pool * self.models + model];
        let ns = gaps.gap.as_nanos();
        kept.get_or_insert_with(|| Merged::new(ns)).record_n(ns, gaps.count);
    }

    /// The distribution within a scope; `None` for no gaps, and for a scope that they cannot be told
    /// apart by.
    pub(crate) fn merged(&self, scope: &Scope) -> Option<Merged> {
        if scope.tenant.is_some() || scope.class.is_some() {
            return None;
        }
        let within = self.kept.iter().enumerate().filter_map(|(place, kept)| {
            let (pool, model) = (place / self.models, place % self.models);
            let wanted = scope.pool.is_none_or(|only| only.index() == pool)
                && scope.model.is_none_or(|only| only.index() == model);
            kept.as_ref().filter(|_| wanted)
        });
        within.fold(None, |sum: Option<Merged>, part| match sum {
            None => Some(part.clone()),
            Some(mut sum) => {
                sum.absorb_merged(part);
                Some(sum)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use connector::{ClassId, Duration, ModelId, PoolId, Statistic, TenantId};

    use super::*;
    use crate::sample::names;

    fn gaps() -> Gaps {
        let mut gaps = Gaps::new(&names());
        for (pool, model, ms, count) in [(0, 0, 10, 97), (0, 1, 20, 2), (1, 1, 40, 1)] {
            gaps.record(&TokenGaps {
                pool: PoolId(pool),
                model: ModelId(model),
                gap: Duration::from_millis(ms),
                count,
            });
        }
        gaps
    }

    fn found(scope: &Scope) -> Option<(u64, Option<f64>)> {
        let merged = gaps().merged(scope)?;
        Some((merged.count(), merged.value_s(Statistic::Max)))
    }

    #[test]
    fn a_scope_adds_up_its_pools_and_models() {
        let (east, second) = (Some(PoolId(0)), Some(ModelId(1)));
        for (scope, expected) in [
            (Scope::default(), (100, Some(0.04))),
            (Scope { pool: east, ..Scope::default() }, (99, Some(0.02))),
            (Scope { model: second, ..Scope::default() }, (3, Some(0.04))),
            (Scope { pool: east, model: second, ..Scope::default() }, (2, Some(0.02))),
        ] {
            assert_eq!(found(&scope), Some(expected), "{scope:?}");
        }
        let all = gaps().merged(&Scope::default()).expect("there are some");
        assert_eq!(all.value_s(Statistic::Mean), Some((97.0 * 10.0 + 2.0 * 20.0 + 40.0) / 1e5));
        let p98 = all.value_s(Statistic::Percentile(98_000)).expect("there are some");
        assert!((0.02..=0.020_02).contains(&p98), "{p98}");
    }

    #[test]
    fn nothing_is_known_of_tenants_and_classes() {
        let tenant = Scope { tenant: Some(TenantId(0)), ..Scope::default() };
        let class = Scope { class: Some(ClassId(0)), ..Scope::default() };
        assert_eq!((found(&tenant), found(&class)), (None, None));
    }

    #[test]
    fn where_no_token_followed_another_there_is_no_distribution() {
        let west = Scope { pool: Some(PoolId(1)), model: Some(ModelId(0)), ..Scope::default() };
        assert_eq!(found(&west), None);
        assert!(Gaps::new(&Names::default()).merged(&Scope::default()).is_none());
    }
}
