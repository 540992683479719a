//! Values on a rectangular grid, interpolated linearly on every axis.

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Nothing was measured.
    #[error("{table}: there are no measurements")]
    Empty {
        /// Which table.
        table: &'static str,
    },
    /// The points are not all combinations of the values on their axes.
    #[error("{table}: {found} measurements where the axes have {expected} combinations")]
    Holes {
        /// Which table.
        table: &'static str,
        /// Different points.
        found: usize,
        /// Points of the full grid.
        expected: usize,
    },
    /// A value that is no time.
    #[error("{table}: {value} is not a time in nanoseconds")]
    NotATime {
        /// Which table.
        table: &'static str,
        /// The value.
        value: f64,
    },
}

/// Values at all combinations of the knots of `N` axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid<const N: usize> {
    /// Ascending, at least one each.
    axes: [Vec<u32>; N],
    /// The last axis varies fastest.
    values: Vec<f64>,
}

/// The piece of the last axis that a point lies on. On it the value is affine, and never below 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// The knot that it begins at.
    pub(super) from: u32,
    /// The value there.
    pub(super) value: f64,
    /// Per unit of the axis.
    pub(super) slope: f64,
    /// The knot that it ends before; `None`: never.
    pub(super) until: Option<u32>,
}

/// Between which knots a value lies: the lower one, and the part of the way to the next, which is
/// above 1 beyond the last.
#[derive(Clone, Copy, Debug, Default)]
struct Between {
    lower: usize,
    part: f64,
}

impl<const N: usize> Grid<N> {
    pub(super) fn new(
        table: &'static str,
        mut points: Vec<([u32; N], f64)>,
    ) -> Result<Self, TableError> {
        if let Some(&(_, value)) = points.iter().find(|(_, ns)| !(ns.is_finite() && *ns >= 0.0)) {
            return Err(TableError::NotATime { table, value });
        }
        points.sort_by_key(|(at, _)| *at);
        points.dedup_by_key(|(at, _)| *at);
        let axes: [Vec<u32>; N] = std::array::from_fn(|axis| {
            let mut knots: Vec<u32> = points.iter().map(|(at, _)| at[axis]).collect();
            knots.sort_unstable();
            knots.dedup();
            knots
        });
        let (found, expected) = (points.len(), axes.iter().map(Vec::len).product());
        match found {
            0 => Err(TableError::Empty { table }),
            _ if found != expected => Err(TableError::Holes { table, found, expected }),
            _ => Ok(Self { axes, values: points.into_iter().map(|(_, ns)| ns).collect() }),
        }
    }

    /// The value at a point: the nearest knot's below the first, continued above the last.
    pub(super) fn value(&self, at: [f64; N]) -> f64 {
        self.corner_sum(&std::array::from_fn(|axis| self.between(axis, at[axis])))
    }

    /// The piece of the last axis that a point lies on. Beyond the last knot the value does not fall.
    pub(super) fn along_last(&self, at: [f64; N]) -> Piece {
        let knots = &self.axes[N - 1];
        let value = |knot: u32| {
            let mut at = at;
            at[N - 1] = f64::from(knot);
            self.value(at).max(0.0)
        };
        let slope = |low: u32, high: u32| (value(high) - value(low)) / f64::from(high - low);
        let next = knots.partition_point(|&knot| f64::from(knot) <= at[N - 1]);
        match *knots.as_slice() {
            [first, ..] if next == 0 => {
                Piece { from: 0, value: value(first), slope: 0.0, until: Some(first) }
            }
            [.., low, last] if next == knots.len() => Piece {
                from: last,
                value: value(last),
                slope: slope(low, last).max(0.0),
                until: None,
            },
            _ if next == knots.len() => Piece {
                from: knots[next - 1],
                value: value(knots[next - 1]),
                slope: 0.0,
                until: None,
            },
            _ => {
                let (low, high) = (knots[next - 1], knots[next]);
                Piece { from: low, value: value(low), slope: slope(low, high), until: Some(high) }
            }
        }
    }

    fn between(&self, axis: usize, value: f64) -> Between {
        let knots = &self.axes[axis];
        let next = knots.partition_point(|&knot| f64::from(knot) <= value).min(knots.len() - 1);
        if next == 0 {
            return Between::default();
        }
        let (low, high) = (f64::from(knots[next - 1]), f64::from(knots[next]));
        Between { lower: next - 1, part: (value - low) / (high - low) }
    }

    /// The corners of the cell, each weighted by how near it is.
    fn corner_sum(&self, cell: &[Between; N]) -> f64 {
        let corners = (0..1_usize << N).map(|corner| {
            let (mut index, mut weight) = (0, 1.0);
            for (axis, between) in cell.iter().enumerate() {
                let upper = corner >> axis & 1;
                weight *= if upper == 1 { between.part } else { 1.0 - between.part };
                index = index * self.axes[axis].len()
                    + (between.lower + upper).min(self.axes[axis].len() - 1);
            }
            if weight == 0.0 { 0.0 } else { weight * self.values[index] }
        });
        corners.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid<2> {
        let points =
            [1, 4, 8].into_iter().flat_map(|x| [10, 20].map(|y| ([x, y], f64::from(x * y))));
        Grid::new("a grid", points.collect()).expect("no holes")
    }

    #[test]
    fn what_is_bilinear_is_met_everywhere_within_and_above() {
        for (x, y) in [(1.0, 10.0), (2.5, 13.0), (8.0, 20.0), (6.0, 35.0), (20.0, 12.0)] {
            let found = grid().value([x, y]);
            assert!((found - x * y).abs() < 1e-9, "{x}, {y}: {found}");
        }
    }

    #[test]
    fn below_the_first_knot_the_nearest_counts() {
        assert!((grid().value([0.0, 3.0]) - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_piece_is_between_two_knots_or_beyond_them() {
        let piece = |y: f64| grid().along_last([4.0, y]);
        let within = Piece { from: 10, value: 40.0, slope: 4.0, until: Some(20) };
        assert_eq!((piece(10.0), piece(19.9)), (within, within));
        assert_eq!(piece(20.0), Piece { from: 20, value: 80.0, slope: 4.0, until: None });
        assert_eq!(piece(5.0), Piece { from: 0, value: 40.0, slope: 0.0, until: Some(10) });
    }

    #[test]
    fn what_falls_does_not_go_on_falling() {
        let grid = Grid::new("a grid", vec![([1], 5.0), ([3], 1.0)]).expect("no holes");
        assert_eq!(grid.along_last([9.0]), Piece { from: 3, value: 1.0, slope: 0.0, until: None });
    }

    #[test]
    fn holes_are_counted() {
        let points = vec![([1, 1], 1.0), ([1, 2], 1.0), ([2, 1], 1.0)];
        let error = Grid::new("a grid", points).expect_err("one is missing").to_string();
        assert_eq!(error, "a grid: 3 measurements where the axes have 4 combinations");
    }
}
