//! The languages of the chat page, and which one a request prefers.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap};

use super::quality::{Preference, preferences};

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The value of HTML's `lang`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The language that a request prefers; English by default.
    pub(super) fn preferred(headers: &HeaderMap) -> Self {
        let weight = |language: &str| {
            let is_it = |item: &Preference<'_>| {
                let primary = item.name.split('-').next().unwrap_or_default();
                primary.eq_ignore_ascii_case(language)
            };
            let accepted = preferences(headers, ACCEPT_LANGUAGE).filter(is_it);
            accepted.map(|item| item.weight).fold(0.0, f32::max)
        };
        match weight("zh") > weight("en") {
            true => Self::Chinese,
            false => Self::English,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn accepting(languages: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_str(languages).unwrap())])
    }

    #[test]
    fn the_language_is_the_preferred_one() {
        use Language::{Chinese, English};
        for (accept, language_of_it) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("zh-Hans", Chinese),
            ("en-US,en;q=0.9,zh;q=0.8", English),
            ("fr, zh;q=0.5", Chinese),
            ("fr", English),
            ("zh;q=0", English),
            ("*", English),
            ("", English),
        ] {
            assert_eq!(
                Language::preferred(&accepting(accept)),
                language_of_it,
                "{accept}"
            );
        }
    }
}
