//! Quantities whose wire form is a JSON number with a fraction.

use connector::{BasisPoints, Temperature, Tflops};

/// Highest compute rate that can be asked for, in TFLOPS.
const MAX_TFLOPS: f64 = 1e6;

/// A compute rate as the wire carries it: TFLOPS with up to three decimals.
pub fn tflops_to_wire(rate: Tflops) -> f64 {
    rate.as_gflops() as f64 / 1_000.0
}

/// The compute rate of a JSON number in TFLOPS, to the nearest GFLOPS; `None` when negative, not a
/// number, or above 10^6.
pub fn tflops_from_wire(tflops: f64) -> Option<Tflops> {
    (0.0..=MAX_TFLOPS)
        .contains(&tflops)
        .then(|| Tflops::from_gflops((tflops * 1_000.0).round() as u64))
}

/// The temperature of a JSON number; `None` outside 0.00 to 2.00.
pub fn temperature_from_wire(value: f64) -> Option<Temperature> {
    if !(0.0..=2.0).contains(&value) {
        return None;
    }
    Temperature::new(BasisPoints::new((value * 10_000.0).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compute_rates_survive_the_wire() {
        for rate in [Tflops::ZERO, Tflops::from_gflops(1), Tflops::new(30), Tflops::new(1_000_000)]
        {
            assert_eq!(tflops_from_wire(tflops_to_wire(rate)), Some(rate));
        }
    }

    #[test]
    fn numbers_out_of_range_are_no_quantities() {
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e6 + 1.0] {
            assert_eq!(tflops_from_wire(value), None, "{value}");
        }
        for value in [-0.1, 2.1, f64::NAN] {
            assert_eq!(temperature_from_wire(value), None, "{value}");
        }
        assert_eq!(temperature_from_wire(0.7), Some(Temperature::default()));
    }
}
