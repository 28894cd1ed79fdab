//! The time for which a certificate is valid: two fields of its DER (RFC 5280, section
//! 4.1). Everything else in a certificate is left to the verifier.

use std::time::{Duration, SystemTime};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which certificates of version 1 lack.
const VERSION: u8 = 0xa0;

/// The time in which a certificate is valid. What is earlier than 1970 is 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateValidity {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl CertificateValidity {
    /// The validity of a certificate in DER. `None` if it is malformed.
    #[must_use]
    pub fn of_der(certificate: &[u8]) -> Option<Self> {
        let mut outer = Der(certificate).take(SEQUENCE)?;
        let mut inner = outer.take(SEQUENCE)?;
        if inner.0.first() == Some(&VERSION) {
            inner.take(VERSION)?;
        }
        inner.take(INTEGER)?;
        // The algorithm and the issuer.
        inner.take(SEQUENCE)?;
        inner.take(SEQUENCE)?;
        let mut validity = inner.take(SEQUENCE)?;
        Some(Self {
            not_before: point(validity.time()?),
            not_after: point(validity.time()?),
        })
    }
}

/// A time that is given in seconds since 1970.
fn point(seconds: i64) -> SystemTime {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Values one after another.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<Self> {
        let (found, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if *first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(*first & 0x7f))?;
            // Three bytes are 16 MiB.
            if bytes.len() > 3 {
                return None;
            }
            length = bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        (*found == tag).then_some(Self(content))
    }

    fn time(&mut self) -> Option<i64> {
        match *self.0.first()? {
            // Two digits of a year are 1950 to 2049.
            UTC_TIME => {
                let text = self.take(UTC_TIME)?.0;
                let year = number(text.get(..2)?)?;
                let century = if year < 50 { 2000 } else { 1900 };
                seconds(century + year, text.get(2..)?)
            }
            _ => {
                let text = self.take(GENERALIZED_TIME)?.0;
                seconds(number(text.get(..4)?)?, text.get(4..)?)
            }
        }
    }
}

/// The seconds since 1970 of a year, and `MMDDhhmmssZ` in it.
fn seconds(year: i64, rest: &[u8]) -> Option<i64> {
    let digits = rest.strip_suffix(b"Z").filter(|rest| rest.len() == 10)?;
    let part = |index: usize| number(&digits[2 * index..2 * index + 2]);
    let (month, day) = (part(0)?, part(1)?);
    let clock = part(2)? * 3600 + part(3)? * 60 + part(4)?;
    (1..=12)
        .contains(&month)
        .then(|| days(year, month, day) * 86_400 + clock)
}

/// The days from 1970-01-01 to a date of the Gregorian calendar. A year is counted
/// from March, so that a leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // March 1st of the year 0 is 719,468 days before 1970.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    digits
        .iter()
        .try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value with its tag and length.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        match length < 0x80 {
            true => [&[tag, length], content].concat(),
            false => [&[tag, 0x81, length], content].concat(),
        }
    }

    fn certificate(version: &[u8], times: &[u8]) -> Vec<u8> {
        let head = [
            version,
            &der(INTEGER, &[1]),
            &der(SEQUENCE, &[0; 7]),
            &der(SEQUENCE, &[0; 130]),
        ];
        let inner = [&*head.concat(), &der(SEQUENCE, times)].concat();
        der(SEQUENCE, &der(SEQUENCE, &inner))
    }

    #[test]
    fn both_times_are_read_in_both_forms() {
        let utc = der(UTC_TIME, b"700101000000Z");
        let generalized = der(GENERALIZED_TIME, b"20500101000000Z");
        let times = [utc, generalized].concat();
        let expected = Some(CertificateValidity {
            not_before: SystemTime::UNIX_EPOCH,
            not_after: point(2_524_608_000),
        });
        let version = der(VERSION, &der(INTEGER, &[2]));
        assert_eq!(
            CertificateValidity::of_der(&certificate(&version, &times)),
            expected
        );
        assert_eq!(
            CertificateValidity::of_der(&certificate(&[], &times)),
            expected
        );
    }

    #[test]
    fn dates_are_counted_with_leap_days() {
        for (text, expected) in [
            (&b"700101000000Z"[..], 0),
            (b"000229120000Z", 951_825_600),
            (b"240301000000Z", 1_709_251_200),
            (b"491231235959Z", 2_524_607_999),
            (b"500101000000Z", -631_152_000),
        ] {
            assert_eq!(Der(&der(UTC_TIME, text)).time(), Some(expected));
        }
    }

    #[test]
    fn whatever_is_cut_off_is_no_certificate() {
        let times = der(UTC_TIME, b"260101000000Z").repeat(2);
        let whole = certificate(&[], &times);
        assert!(CertificateValidity::of_der(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(CertificateValidity::of_der(&whole[..length]), None);
        }
        for text in [
            &b"261301000000Z"[..],
            b"2601010000Z",
            b"26010100000xZ",
            b"260101000000+0100",
        ] {
            let times = der(UTC_TIME, text).repeat(2);
            assert_eq!(CertificateValidity::of_der(&certificate(&[], &times)), None);
        }
    }
}
