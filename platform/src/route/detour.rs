//! Ways beyond the router's own candidates, which covenants name.

use connector::{CableId, ModelId, Money};

use super::{BasisPoints, Choice, Route, Router};

impl Route {
    /// From now on any price is right.
    pub(crate) fn lift_limit(&mut self) {
        self.limit = Some(Money::from_nanos(i128::MAX));
    }
}

impl Router {
    /// The way to another model, or to this model on one pool, without those candidates of the
    /// present way that were tried already (one bit each). Prices are limited as on the present way.
    /// `None` if it leads nowhere.
    pub(crate) fn detour(
        &self,
        from: &Route,
        tried: u128,
        model: ModelId,
        only: Option<CableId>,
    ) -> Option<Route> {
        let block = if only.is_some() { self.models } else { 0 };
        let list = self.classes + block + model.index();
        let candidates = self.lists.get(list)?;
        let mut been = 0_u128;
        for (place, choice) in candidates.iter().enumerate() {
            let elsewhere = only.is_some_and(|cable| cable != choice.cable);
            if elsewhere || self.was_at(from, tried, choice) {
                been |= 1 << place;
            }
        }
        let left = candidates.len() > been.count_ones() as usize;
        left.then(|| Route {
            list,
            been,
            first: None,
            current: None,
            limit: self.limit(from),
            detour: true,
        })
    }

    fn was_at(&self, route: &Route, tried: u128, choice: &Choice) -> bool {
        let list = self.lists[route.list].iter().enumerate();
        list.filter(|(place, _)| tried & (1 << place) != 0)
            .any(|(_, other)| other.model == choice.model && other.cable == choice.cable)
    }

    /// Highest price of a candidate behind the first choice of this way.
    fn limit(&self, route: &Route) -> Option<Money> {
        route.limit.or_else(|| {
            let first = &self.lists[route.list][route.first?];
            let ceiling = first.price.as_nanos() * i128::from(self.cost_ceiling.get());
            Some(Money::from_nanos(ceiling / i128::from(BasisPoints::ONE.get())))
        })
    }

    /// Whether a candidate's price is within the limit of this way.
    pub(super) fn is_within_limit(&self, route: &Route, choice: &Choice) -> bool {
        match (route.limit, route.first) {
            (Some(limit), _) => choice.local || choice.price <= limit,
            (None, Some(first)) => self.within_ceiling(choice, &self.lists[route.list][first]),
            (None, None) => true,
        }
    }
}
