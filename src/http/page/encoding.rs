//! Which form of a file a client takes: `Accept-Encoding` (RFC 9110, section
//! 12.5.3).

use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use crate::http::quality::{Wish, wishes};

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// All of them, the best first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// As `Content-Encoding` names it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// The best form that the client takes of those there are. Identity, where
    /// it takes none: a browser that can't be pleased is better off with a page
    /// than with a 406.
    pub(super) fn chosen(headers: &HeaderMap, is_there: impl Fn(Self) -> bool) -> Self {
        let wishes: Vec<Wish<'_>> = wishes(headers, ACCEPT_ENCODING)
            .filter(|options| !options.has_parameters)
            .collect();
        let weight = |encoding: Self| {
            let of = |name: &str| {
                let found = wishes
                    .iter()
                    .find(|options| options.name.eq_ignore_ascii_case(name));
                found.map(|options| options.weight)
            };
            // What is not named is not taken, but for identity, which is last.
            let unnamed = if encoding == Self::Identity {
                f32::MIN_POSITIVE
            } else {
                0.0
            };
            of(encoding.as_str()).or_else(|| of("*")).unwrap_or(unnamed)
        };
        let mut best = Self::Identity;
        let mut best_weight = 0.0;
        for encoding in Self::ALL.into_iter().filter(|&encoding| is_there(encoding)) {
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
    fn the_best_form_that_a_client_takes_is_chosen() {
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
            assert_eq!(Encoding::chosen(&headers, |_| true), chosen, "{accepted}");
        }
        assert_eq!(Encoding::chosen(&HeaderMap::new(), |_| true), Identity);
    }

    #[test]
    fn a_form_that_is_not_there_is_not_chosen() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let there = |missing| Encoding::chosen(&headers, |encoding| encoding != missing);
        assert_eq!(there(Encoding::Brotli), Encoding::Gzip);
        assert_eq!(there(Encoding::Gzip), Encoding::Brotli);
    }
}
