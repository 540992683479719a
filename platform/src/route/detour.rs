//! Ways beyond the router's own candidates, which covenants name.

use connector::{BasisPoints, CableId, ModelId, Money};

use super::{Route, Router, choice::Choice, places::Places};

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
        let number = self.classes + block + model.index();
        let list = self.lists.get(number)?;
        let closed = |choice: &Choice| {
            only.is_some_and(|cable| cable != choice.cable) || self.was_at(from, tried, choice)
        };
        let places = 0..list.choices.len();
        let been: Places = places.filter(|&place| closed(&list.choices[place])).collect();
        let limit = self.limit(from).map(|price| (price, list.cheaper_than(price)));
        let leads_somewhere = !list.open(been, limit.map(|(_, within)| within)).is_empty();
        leads_somewhere.then_some(Route {
            list: number,
            been,
            first: None,
            current: None,
            limit,
            detour: true,
        })
    }

    fn was_at(&self, route: &Route, tried: u128, choice: &Choice) -> bool {
        let list = &self.lists[route.list];
        Places::of_bits(tried).iter().any(|place| {
            let other = &list.choices[place];
            other.model == choice.model && other.cable == choice.cable
        })
    }

    /// Highest price of a candidate behind the first choice of this way.
    fn limit(&self, route: &Route) -> Option<Money> {
        route.limit.map(|(price, _)| price).or_else(|| {
            let first = &self.lists[route.list].choices[route.first?];
            let ceiling = first.price.as_nanos() * i128::from(self.cost_ceiling.get());
            Some(Money::from_nanos(ceiling / i128::from(BasisPoints::ONE.get())))
        })
    }

    /// From now on any price is right on this way.
    pub(crate) fn lift_limit(&self, route: &mut Route) {
        let any = Money::from_nanos(i128::MAX);
        route.limit = Some((any, self.lists[route.list].cheaper_than(any)));
    }
}
