/// Places in a list of candidates, one bit each: at most 128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places(u128);

impl Places {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn of_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// One bit each.
    pub(crate) const fn bits(self) -> u128 {
        self.0
    }

    /// The first `count` places.
    pub(crate) const fn up_to(count: usize) -> Self {
        if count >= 128 { Self(u128::MAX) } else { Self((1 << count) - 1) }
    }

    pub(crate) const fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(crate) fn first(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize)
    }

    /// The place of rank `n`, from 0.
    pub(crate) fn nth(self, n: usize) -> Option<usize> {
        let mut rest = self.0;
        for _ in 0..n {
            rest &= rest.wrapping_sub(1);
        }
        Self(rest).first()
    }

    /// The first place from `start` on, or else the first of all.
    pub(crate) fn first_from(self, start: usize) -> Option<usize> {
        let later = self.without(Self::up_to(start));
        later.first().or_else(|| self.first())
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        // In halves, because a processor finds the first bit of 64 at once.
        let (mut rest, mut later, mut base) = (self.0 as u64, (self.0 >> 64) as u64, 0);
        std::iter::from_fn(move || {
            if rest == 0 {
                (rest, later, base) = (later, 0, 64);
                if rest == 0 {
                    return None;
                }
            }
            let place = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            Some(base + place)
        })
    }
}

impl FromIterator<usize> for Places {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut all = Self::NONE;
        places.into_iter().for_each(|place| all.insert(place));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_rank_and_in_a_circle() {
        let places: Places = [1, 64, 127].into_iter().collect();
        assert_eq!(places.iter().collect::<Vec<_>>(), [1, 64, 127]);
        assert_eq!(
            (0..4).map(|n| places.nth(n)).collect::<Vec<_>>(),
            [Some(1), Some(64), Some(127), None]
        );
        assert_eq!(
            [0, 2, 65, 128].map(|start| places.first_from(start)),
            [Some(1), Some(64), Some(127), Some(1)]
        );
        assert_eq!(Places::NONE.first_from(5), None);
        assert_eq!(places.without(Places::up_to(65)).len(), 1);
    }
}
