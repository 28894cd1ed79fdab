//! The choice of a file's encoding by `Accept-Encoding` (RFC 9110, section 12.5.3).

use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use crate::http::quality::{Preference, preferences};

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// All encodings, the best first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// The name in `Content-Encoding`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// The best available encoding that the client accepts. Identity if it accepts
    /// none: a page serves a browser better than a 406.
    pub(super) fn choose(headers: &HeaderMap, is_available: impl Fn(Self) -> bool) -> Self {
        let accepted: Vec<Preference<'_>> = preferences(headers, ACCEPT_ENCODING)
            .filter(|item| !item.has_parameters)
            .collect();
        let weight = |encoding: Self| {
            let of = |name: &str| {
                let found = accepted
                    .iter()
                    .find(|item| item.name.eq_ignore_ascii_case(name));
                found.map(|item| item.weight)
            };
            // An encoding that is not listed is not accepted, except identity, last.
            let unnamed = if encoding == Self::Identity {
                f32::MIN_POSITIVE
            } else {
                0.0
            };
            of(encoding.as_str()).or_else(|| of("*")).unwrap_or(unnamed)
        };
        let mut best = Self::Identity;
        let mut best_weight = 0.0;
        for encoding in Self::ALL
            .into_iter()
            .filter(|&encoding| is_available(encoding))
        {
            if weight(encoding) > best_weight {
                (best, best_weight) = (encoding, weight(encoding));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_best_accepted_encoding_is_chosen() {
        use Encoding::{Brotli, Gzip, Identity};
        for (accepted, chosen) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip, deflate", Gzip),
            ("GZIP", Gzip),
            ("br;q=0.5, gzip;q=0.8", Gzip),
            ("br;q=0.5,gzip;q=0.5", Brotli),
            ("br;q=0, gzip", Gzip),
            ("*", Brotli),
            ("br;q=0, *;q=0.1", Gzip),
            ("gzip;q=0", Identity),
            ("*;q=0", Identity),
            ("identity", Identity),
            ("identity;q=0, gzip;q=0.001", Gzip),
            ("identity, gzip;q=0.5", Identity),
            ("br;q=2", Identity),
            ("br;q=NaN", Identity),
            ("gzip;x=1", Identity),
            ("zstd", Identity),
            ("", Identity),
            (";;,,=", Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(Encoding::choose(&headers, |_| true), chosen, "{accepted}");
        }
        assert_eq!(Encoding::choose(&HeaderMap::new(), |_| true), Identity);
    }

    #[test]
    fn an_encoding_that_is_not_available_is_not_chosen() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let there = |missing| Encoding::choose(&headers, |encoding| encoding != missing);
        assert_eq!(there(Encoding::Brotli), Encoding::Gzip);
        assert_eq!(there(Encoding::Gzip), Encoding::Brotli);
    }
}
