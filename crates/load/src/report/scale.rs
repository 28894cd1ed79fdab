//! The scale of a plot's axis, and its ticks.
//!
//! Values are mapped to positions here, so that linear and logarithmic axes have the
//! same type.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// An axis and its ticks, in positions.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    log: bool,
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Scale {
    /// From 0 to a little more than the largest value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let max = values.filter(|it| it.is_finite()).fold(0.0, f64::max);
        let max = if max > 0.0 { max } else { 1.0 };
        Self::linear(0.0, max, 5.0)
    }

    /// The range of the values, at least one wide.
    pub(super) fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let values = values.filter(|it| it.is_finite());
        let min = values.clone().fold(f64::INFINITY, f64::min);
        let max = values.fold(f64::NEG_INFINITY, f64::max);
        match max - min {
            width if width.is_nan() || width < 0.0 => Self::linear(0.0, 1.0, 5.0),
            width if width < 1.0 => Self::linear(min - 0.5, max + 0.5, 2.0),
            _ => Self::linear(min, max, 10.0),
        }
    }

    /// Logarithmic if the largest value is more than 20 times the smallest, else
    /// linear from 0. Values are not negative.
    pub(super) fn fitting(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.clone().filter(|it| it.is_finite() && *it > 0.0);
        let min = positive.clone().fold(f64::INFINITY, f64::min);
        let max = positive.fold(0.0, f64::max);
        match max / min > 20.0 {
            true => Self::logarithmic(min, max),
            false => Self::from_zero(values),
        }
    }

    /// The number of nines of a percentile, from 0 to at least 99 %.
    pub(super) fn nines(values: impl Iterator<Item = f64>) -> Self {
        let end = values
            .filter(|it| it.is_finite())
            .fold(2.0, f64::max)
            .min(12.0);
        let whole = (1..=end.floor() as u32).map(f64::from);
        Self {
            log: false,
            range: 0.0..end * 1.02,
            ticks: [0.0, 2_f64.log10()].into_iter().chain(whole).collect(),
        }
    }

    fn linear(from: f64, to: f64, parts: f64) -> Self {
        let rough = (to - from) / parts;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|it| it * power);
        let step = steps.into_iter().find(|it| *it >= rough * 0.999);
        let step = step.unwrap_or(power);
        let first = (from / step).ceil() as i64;
        let last = (to / step).floor() as i64;
        let margin = (to - from) * 0.05;
        Self {
            log: false,
            range: from..to + margin,
            ticks: (first..=last).map(|at| at as f64 * step).collect(),
        }
    }

    fn logarithmic(min: f64, max: f64) -> Self {
        let (first, last) = (min.log10().floor() as i32, max.log10().ceil() as i32);
        // Up to three powers of ten leave room for ticks between them.
        let digits: &[f64] = match last - first {
            ..=3 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let powers = (first..=last).map(|power| 10_f64.powi(power));
        let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
        let (low, high) = (min.log10() - 0.1, max.log10() + 0.1);
        let inside = ticks.map(f64::log10).filter(|at| (low..high).contains(at));
        Self {
            log: true,
            range: low..high,
            ticks: inside.collect(),
        }
    }

    /// The position of a value; none for one that is not finite.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        match self.log {
            false => value.is_finite().then_some(value),
            // Zero has no logarithm: it is drawn at the lower end.
            true if value <= 0.0 => Some(self.range.start),
            true => Some(value.log10()).filter(|at| at.is_finite()),
        }
    }

    /// The value at a position.
    pub(super) fn value(&self, position: f64) -> f64 {
        match self.log {
            true => 10_f64.powf(position),
            false => position,
        }
    }
}

/// The axis maps positions, not values.
impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, position: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (position - self.range.start) / (self.range.end - self.range.start);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.ticks.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The name of a number of nines: `90` for 1, `99.9` for 3.
pub(super) fn percentile(nines: f64) -> String {
    let decimals = (nines.ceil() as usize).saturating_sub(2);
    let percent = 100.0 - 100.0 * 10_f64.powf(-nines);
    format!("{percent:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(scale: &Scale) -> Vec<f64> {
        let values = scale.ticks.iter().map(|at| scale.value(*at));
        values.map(|it| (it * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = Scale::from_zero([3.0, 47.0].into_iter());
        assert_eq!(ticks(&linear), [0.0, 10.0, 20.0, 30.0, 40.0]);
        let wide = Scale::fitting([0.3, 9.0].into_iter());
        assert_eq!(ticks(&wide), [0.5, 1.0, 2.0, 5.0, 10.0]);
        let wider = Scale::fitting([0.001, 1_000.0].into_iter());
        assert_eq!(ticks(&wider).len(), 7);
        let near = Scale::fitting([2.0, 9.0].into_iter());
        assert_eq!(ticks(&near), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let around = Scale::around([-2.0, 28.0].into_iter());
        assert_eq!(ticks(&around), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]);
    }

    #[test]
    fn an_axis_has_a_width_also_for_one_value_and_for_none() {
        let strange = [f64::NAN, f64::INFINITY, 0.0];
        for values in [&[][..], &[0.0], &[5.0], &strange, &[1e12], &[1e-9]] {
            let values = || values.iter().copied();
            let scales = [
                Scale::from_zero(values()),
                Scale::around(values()),
                Scale::fitting(values()),
                Scale::nines(values()),
            ];
            for scale in scales {
                let range = scale.range();
                assert!(range.end > range.start, "{range:?}");
                assert!(range.start.is_finite() && range.end.is_finite());
                assert!((1..=14).contains(&scale.ticks.len()), "{scale:?}");
            }
        }
    }

    #[test]
    fn values_without_a_logarithm_have_a_position_or_none() {
        let scale = Scale::fitting([0.0, 0.1, 100.0].into_iter());
        assert_eq!(scale.position(0.0), Some(scale.range().start));
        assert_eq!(scale.position(10.0), Some(1.0));
        assert_eq!(scale.position(f64::NAN), None);
    }

    #[test]
    fn percentiles_have_as_many_digits_as_they_need() {
        let names = [0.0, 2_f64.log10(), 1.0, 2.0, 3.0, 4.0, 5.0].map(percentile);
        assert_eq!(names, ["0", "50", "90", "99", "99.9", "99.99", "99.999"]);
    }
}
