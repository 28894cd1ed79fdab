//! Quantities formatted for people: three significant digits, a fitting unit, and
//! thousands separators.

use std::time::Duration;

/// A whole number: `15,000,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three significant digits: `0.125`, `12.5`, `125`, `12,500`.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    match value.abs() {
        0.0 => "0".to_owned(),
        // A number that rounds up to a power of ten has one decimal fewer: 9.996 is
        // 10.0.
        size if size < 0.000_999_5 => format!("{value:.1e}"),
        size if size < 0.9995 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(value.abs().round() as u64))
        }
    }
}

/// The same without trailing zeros: `0.1`, `5`, for ticks of an axis.
pub(crate) fn round_number(value: f64) -> String {
    let text = number(value);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A length of time: `800 µs`, `18.4 ms`, `1.62 s`.
pub(crate) fn time(time: Duration) -> String {
    seconds(time.as_secs_f64())
}

/// The same of seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    // 999.6 µs is not 1,000 µs but 1.00 ms.
    match seconds {
        0.0 => "0 s".to_owned(),
        short if short < 0.000_999_5 => format!("{} µs", number(short * 1e6)),
        short if short < 0.9995 => format!("{} ms", number(short * 1e3)),
        long => format!("{} s", number(long)),
    }
}

/// A number of bytes: `512 B`, `13.1 KiB`, `149 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value.abs() >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{} B", value.round()),
        _ => format!("{} {}", number(value), UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(15_000_000), "15,000,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn numbers_have_three_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_012, "1.2e-5"),
            (0.1254, "0.125"),
            (0.9996, "1.00"),
            (9.996, "10.0"),
            (12.54, "12.5"),
            (99.96, "100"),
            (-12.54, "-12.5"),
            (-2500.0, "-2,500"),
            (12_499.6, "12,500"),
            (f64::NAN, "?"),
            (f64::INFINITY, "?"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn round_numbers_have_no_trailing_zeros() {
        for (value, text) in [
            (0.1, "0.1"),
            (5.0, "5"),
            (20.0, "20"),
            (500_000.0, "500,000"),
        ] {
            assert_eq!(round_number(value), text);
        }
    }

    #[test]
    fn times_have_a_fitting_unit() {
        for (nanoseconds, text) in [
            (0, "0 s"),
            (1_000, "1.00 µs"),
            (800_000, "800 µs"),
            (999_600, "1.00 ms"),
            (18_400_000, "18.4 ms"),
            (999_700_000, "1.00 s"),
            (120_000_000_000, "120 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanoseconds)), text);
        }
    }

    #[test]
    fn bytes_have_a_fitting_unit() {
        for (value, text) in [
            (0.0, "0 B"),
            (512.4, "512 B"),
            (1023.6, "1.00 KiB"),
            (13_414.0, "13.1 KiB"),
            (-13_414.0, "-13.1 KiB"),
            (156_237_824.0, "149 MiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }
}
