//! The figures of a few runs in three numbers.

use serde::Serialize;

/// The least, the middle and the most of a few figures, in their unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// As many are less as are more; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of `figures`, or `None` if there are none.
    #[must_use]
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let above = sorted.get(middle)?;
        let below = sorted.get((sorted.len() - 1) / 2)?;
        Some(Self {
            min: *sorted.first()?,
            median: f64::midpoint(*below, *above),
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one(&[4.0], Some((4.0, 4.0, 4.0)))]
    #[case::odd(&[9.0, 1.0, 2.0], Some((1.0, 2.0, 9.0)))]
    #[case::even(&[4.0, 1.0, 2.0, 9.0], Some((1.0, 3.0, 9.0)))]
    #[case::none(&[], None)]
    fn the_middle_is_between_the_ends(#[case] figures: &[f64], #[case] expected: Option<(f64, f64, f64)>) {
        let expected = expected.map(|(min, median, max)| Spread { min, median, max });
        assert_eq!(Spread::of(figures), expected);
    }
}
