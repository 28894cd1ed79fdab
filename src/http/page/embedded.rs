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
    const BUDGET: usize = 56 << 10;

    /// Scripts that are loaded when they are used, by `import()`.
    const LOADED_LATER: [&str; 9] = [
        "later/actions.js",
        "later/ask.js",
        "later/completion.js",
        "later/help.js",
        "later/more_requests.js",
        "later/rights.js",
        "later/ring.js",
        "later/session_link.js",
        "words/more_words.js",
    ];

    /// The texts of each language; `early.js` preloads those of the page's language.
    const WORDS: [&str; 2] = ["words/words_en.js", "words/words_zh.js"];

    #[cfg(feature = "compressed-page")]
    #[test]
    fn a_first_visit_is_within_its_budget() {
        let size = |file: &EmbeddedFile| file.gzip.unwrap_or(file.plain).len();
        let is_counted = |file: &&EmbeddedFile| {
            let is_asset = file.path.ends_with(".js") || file.path.ends_with(".css");
            // A first visit does not load the style of an error page.
            let is_later = file.path == "error.css" || LOADED_LATER.contains(&file.path);
            is_asset && !is_later && !WORDS.contains(&file.path)
        };
        let words = FILES.iter().filter(|file| WORDS.contains(&file.path));
        let most_words = words.map(size).max().unwrap();
        let others: usize = FILES.iter().filter(is_counted).map(size).sum();
        let total = others + most_words + size(&ROOM);
        assert!(total <= BUDGET, "{total} bytes gzipped");
    }

    #[test]
    fn the_page_preloads_all_scripts_of_a_first_visit() {
        let html = std::str::from_utf8(ROOM.plain).unwrap();
        for file in FILES.iter().filter(|file| file.path.ends_with(".js")) {
            // The worker loads its own modules, and the page's modules load it.
            let is_other = file.path == "stream/worker.js" || WORDS.contains(&file.path);
            let named = html.contains(&format!("/{}\"", file.path));
            let is_preloaded = !is_other && !LOADED_LATER.contains(&file.path);
            assert_eq!(named, is_preloaded, "{}", file.path);
        }
    }

    #[test]
    fn no_script_of_a_first_visit_imports_what_is_loaded_later() {
        for file in FILES.iter().filter(|file| file.path.ends_with(".js")) {
            let text = std::str::from_utf8(file.plain).unwrap();
            let imported: Vec<&str> = LOADED_LATER
                .iter()
                .filter(|name| text.contains(&format!("from './{name}'")))
                .copied()
                .collect();
            let is_later = LOADED_LATER.contains(&file.path);
            assert!(is_later || imported.is_empty(), "{}", file.path);
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
