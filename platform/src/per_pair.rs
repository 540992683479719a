use std::ops::{Index, IndexMut};

use connector::{CableId, ModelId};

/// A value for every model on every cable.
#[derive(Clone, Debug)]
pub(crate) struct PerPair<T> {
    models: usize,
    values: Vec<T>,
}

impl<T: Clone> PerPair<T> {
    /// The same value for all.
    pub(crate) fn new(cables: usize, models: usize, value: T) -> Self {
        Self { models, values: vec![value; cables * models] }
    }
}

impl<T> PerPair<T> {
    fn place(&self, (cable, model): (CableId, ModelId)) -> usize {
        cable.index() * self.models + model.index()
    }
}

impl<T> Index<(CableId, ModelId)> for PerPair<T> {
    type Output = T;

    fn index(&self, pair: (CableId, ModelId)) -> &T {
        &self.values[self.place(pair)]
    }
}

impl<T> IndexMut<(CableId, ModelId)> for PerPair<T> {
    fn index_mut(&mut self, pair: (CableId, ModelId)) -> &mut T {
        let place = self.place(pair);
        &mut self.values[place]
    }
}
