//! The embedded page: its files as the build script encoded them.

use bytes::Bytes;
use hyper::header::HeaderMap;

use super::asset_response::{AssetResponse, Freshness, content_type, split_version};
use super::encoding::Encoding;
use super::template::PagePath;

/// A file with its encodings.
#[derive(Debug)]
pub(super) struct EmbeddedFile {
    /// Below `/assets/`.
    path: &'static str,
    /// A hash of its name and content.
    tag: &'static str,
    plain: &'static [u8],
    /// `None` where compression saves nothing, and without `compressed-page`.
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page itself. Clients revalidate it, since it names the files' version.
pub(super) fn page(at: PagePath, request: &HeaderMap) -> AssetResponse {
    let file = match at {
        PagePath::Home => &HOME,
        PagePath::Room => &ROOM,
    };
    file.response(request, Freshness::Revalidate)
}

/// `path` is `NAME` or `VERSION/NAME`. A page of another version of the program
/// gets the present files, which is better than none.
pub(super) fn asset(path: &str, request: &HeaderMap) -> Option<AssetResponse> {
    let (version, name) = split_version(path);
    let file = FILES.iter().find(|file| file.path == name)?;
    let freshness = match version {
        Some(VERSION) => Freshness::Immutable,
        _ => Freshness::Revalidate,
    };
    Some(file.response(request, freshness))
}

impl EmbeddedFile {
    fn response(&self, request: &HeaderMap, freshness: Freshness) -> AssetResponse {
        let encoded = |encoding| match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Identity => Some(self.plain),
        };
        let encoding = Encoding::choose(request, |encoding| encoded(encoding).is_some());
        AssetResponse {
            content_type: content_type(self.path),
            tag: self.tag.to_owned(),
            encoding,
            varies: self.gzip.is_some() || self.brotli.is_some(),
            freshness,
            bytes: Bytes::from_static(encoded(encoding).unwrap_or(self.plain)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a first visit, as promised in docs/page.md.
    #[cfg(feature = "compressed-page")]
    const BUDGET: usize = 60 << 10;

    /// The scripts and styles of a first visit, with the texts of one language.
    #[cfg(feature = "compressed-page")]
    const FIRST: [&str; 5] = [
        "chat.css",
        "early.js",
        "start.js",
        "chat.js",
        "stream/worker.js",
    ];

    #[cfg(feature = "compressed-page")]
    #[test]
    fn a_first_visit_is_within_its_budget() {
        let size = |file: &EmbeddedFile| file.gzip.unwrap_or(file.plain).len();
        let named = |path: &&str| FILES.iter().find(|file| file.path == *path);
        let words = FILES.iter().filter(|file| file.path.starts_with("words/"));
        let most_words = words.map(size).max().unwrap();
        let others: usize = FIRST.iter().map(|path| size(named(path).unwrap())).sum();
        let total = others + most_words + size(&ROOM);
        assert!(total <= BUDGET, "{total} bytes gzipped");
    }

    #[test]
    fn the_page_names_only_files_that_are_served() {
        let html = std::str::from_utf8(ROOM.plain).unwrap();
        let folder = format!("../assets/{VERSION}/");
        let named: Vec<&str> = html
            .split('"')
            .filter_map(|text| text.strip_prefix(&*folder))
            .collect();
        assert!(named.contains(&"start.js"), "{named:?}");
        for name in named {
            assert!(FILES.iter().any(|file| file.path == name), "{name}");
        }
    }

    #[test]
    fn scripts_are_sent_without_comments() {
        for file in FILES.iter().filter(|file| file.path.ends_with(".js")) {
            let text = std::str::from_utf8(file.plain).unwrap();
            let found = text
                .lines()
                .map(str::trim)
                .find(|line| line.starts_with("//") || line.starts_with('*'));
            assert_eq!(found, None, "{}", file.path);
        }
    }
}
