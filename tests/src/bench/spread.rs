//! The median of repeated measurements, and how far they lie apart.

use std::fmt::{Display, Formatter, Result};

/// How far measurements on a quiet machine lie apart, as a share of their median.
const QUIET: f64 = 0.25;

/// The median, the lowest and the highest of some measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Spread {
    /// Returns the spread of these values, or zeros if there are none. Of an even number of values
    /// the higher one in the middle is the median.
    pub fn from_values(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self { median: at(values.len() / 2), lowest: at(0), highest: at(values.len().saturating_sub(1)) }
    }

    /// Returns whether the values differ by more than a quarter of their median. On a machine that does
    /// nothing else they differ by less.
    pub fn is_noisy(self) -> bool {
        self.highest - self.lowest > self.median * QUIET
    }
}

/// `1234 (1100-1300)`, with as many decimals as the format says.
impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let decimals = f.precision().unwrap_or(0);
        let Self { median, lowest, highest } = self;
        let text = format!("{median:.decimals$} ({lowest:.decimals$}-{highest:.decimals$})");
        write!(f, "{text:>width$}", width = f.width().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn spread_has_median_and_extremes() {
        let spread = Spread::from_values([3.0, 1.0, 2.0]);
        assert_eq!(spread, Spread { median: 2.0, lowest: 1.0, highest: 3.0 });
        assert_eq!(format!("{spread:>15.1}"), "  2.0 (1.0-3.0)");
        assert_eq!(Spread::from_values([]), Spread::default());
    }

    #[test]
    fn only_values_that_lie_far_apart_are_noisy() {
        assert!(Spread::from_values([90.0, 100.0, 120.0]).is_noisy());
        assert!(!Spread::from_values([90.0, 100.0, 110.0]).is_noisy());
    }
}
