//! The page that is in the binary: its files as the build script made them.

use bytes::Bytes;
use hyper::header::HeaderMap;

use super::encoding::Encoding;
use super::marks::Place;
use super::reply::{Keep, Reply};

/// A file, plain and compressed.
#[derive(Debug)]
pub(super) struct Embedded {
    /// Below `/assets/`.
    path: &'static str,
    content_type: &'static str,
    /// A hash of its name and content.
    tag: &'static str,
    plain: &'static [u8],
    /// Compressed forms are there where they save something.
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page itself, which is asked for anew each time: it names the files' version.
pub(super) fn page(at: Place, request: &HeaderMap) -> Reply {
    let file = match at {
        Place::Home => &HOME,
        Place::Room => &ROOM,
    };
    file.reply(request, Keep::UntilAsked)
}

/// `path` is `NAME` or `VERSION/NAME`. A page of another version of this
/// program gets the files that there are: that is better than none.
pub(super) fn asset(path: &str, request: &HeaderMap) -> Option<Reply> {
    let (version, name) = super::split_version(path);
    let file = FILES.iter().find(|file| file.path == name)?;
    let keep = match version {
        Some(VERSION) => Keep::ForEver,
        _ => Keep::UntilAsked,
    };
    Some(file.reply(request, keep))
}

impl Embedded {
    fn reply(&self, request: &HeaderMap, keep: Keep) -> Reply {
        let form = |encoding| match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Identity => Some(self.plain),
        };
        let encoding = Encoding::chosen(request, |encoding| form(encoding).is_some());
        Reply {
            content_type: self.content_type,
            tag: self.tag.to_owned(),
            encoding,
            varies: self.gzip.is_some() || self.brotli.is_some(),
            keep,
            bytes: Bytes::from_static(form(encoding).unwrap_or(self.plain)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a first visit over a slow line, as docs/page.md promises them.
    const BUDGET: usize = 56 << 10;

    #[test]
    fn the_whole_page_is_small() {
        // A first visit does not ask for the style of an error page.
        let is_counted = |file: &&Embedded| {
            file.path.ends_with(".js") || file.path.ends_with(".css") && file.path != "error.css"
        };
        let size = |file: &Embedded| file.gzip.unwrap_or(file.plain).len();
        let total: usize = FILES.iter().filter(is_counted).map(size).sum::<usize>() + size(&ROOM);
        assert!(total <= BUDGET, "{total} bytes gzipped");
    }

    #[test]
    fn the_page_asks_for_all_of_its_scripts_at_once() {
        let html = std::str::from_utf8(ROOM.plain).unwrap();
        for file in FILES.iter().filter(|file| file.path.ends_with(".js")) {
            // The worker has modules of its own, and is asked for by the page's.
            let named = html.contains(&format!("/{}\"", file.path));
            assert_eq!(named, file.path != "worker.js", "{}", file.path);
        }
    }

    #[test]
    fn no_comment_is_sent() {
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
