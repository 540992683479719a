//! Where the names of bands stand: each begins where its band does, in the first lane in which it
//! meets no other.

/// Lanes that are named; what fits in none of them is counted.
const MOST_LANES: usize = 6;
/// Widest letter that a name is reckoned by, and what is left free after it, in pixels.
const LETTER: f64 = 6.6;
const GAP: f64 = 8.0;

/// A name in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Label {
    /// Which band.
    pub(super) band: usize,
    pub(super) lane: usize,
    pub(super) x: f64,
}

/// Places the names of bands, given as their name, beginning and end in pixels; `right` is where the
/// page ends. Returns how many lanes there are, too.
pub(super) fn place(bands: &[(&str, f64, f64)], right: f64) -> (Vec<Label>, usize) {
    let mut free_from: Vec<f64> = Vec::new();
    let mut labels = Vec::new();
    let mut order: Vec<usize> = (0..bands.len()).collect();
    order.sort_by(|&one, &other| bands[one].1.total_cmp(&bands[other].1));
    for band in order {
        let (name, from, until) = bands[band];
        let width = name.chars().count() as f64 * LETTER;
        let x = (from + 4.0).min(right - width).max(0.0);
        let end = until.max(x + width) + GAP;
        let begin = from.min(x);
        let lane = free_from.iter().position(|&free| free <= begin);
        let lane = lane.unwrap_or_else(|| {
            free_from.push(0.0);
            free_from.len() - 1
        });
        free_from[lane] = end;
        if lane < MOST_LANES {
            labels.push(Label { band, lane, x });
        }
    }
    (labels, free_from.len().min(MOST_LANES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_meet_stand_in_lanes_of_their_own() {
        let bands = [("outage", 100.0, 120.0), ("latency", 110.0, 130.0), ("loss", 300.0, 310.0)];
        let (labels, lanes) = place(&bands, 900.0);
        let lane = |band| labels.iter().find(|label| label.band == band).map(|label| label.lane);
        assert_eq!((lane(0), lane(1), lane(2), lanes), (Some(0), Some(1), Some(0), 2));
    }

    #[test]
    fn a_name_at_the_edge_moves_in() {
        let (labels, _) = place(&[("a long name at the end", 895.0, 900.0)], 900.0);
        assert!(labels[0].x + 22.0 * LETTER <= 900.0);
    }

    #[test]
    fn what_fits_in_no_lane_is_left_out() {
        let bands = [("all at once", 10.0, 500.0); 20];
        let (labels, lanes) = place(&bands, 900.0);
        assert_eq!((labels.len(), lanes), (MOST_LANES, MOST_LANES));
    }
}
