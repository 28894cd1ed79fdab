//! What a browser requests together with the page, by `Link` headers (RFC 8288):
//! the newest messages, and the texts in the reader's language. Both are requested
//! together with the page's scripts, which ask for them otherwise later. The HTML
//! stays the same for all rooms and readers.

use hyper::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue, LINK, VARY};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::http::language::Language;
use crate::protocol::RoomName;

/// All but the unreserved characters of RFC 3986, section 2.3.
pub(super) const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The messages that the page shows first, as in assets/state/first_page.js.
const FIRST_MESSAGES: usize = 10;

/// Adds the links. `root` is the relative path to the server's root, so that they
/// work behind a proxy that strips a prefix. `room` is `None` where its messages
/// are not for everybody: a request that is refused is of no use.
pub(super) fn add_links(
    response: &mut HeaderMap,
    root: &str,
    version: &str,
    room: Option<&RoomName>,
    request: &HeaderMap,
) {
    let words = match Language::preferred(request) {
        Language::English => "words_en",
        Language::Chinese => "words_zh",
    };
    let mut links = format!("<{root}assets/{version}/words/{words}.js>; rel=modulepreload");
    if let Some(room) = room {
        let name = percent_encode(room.as_str().as_bytes(), IN_A_PATH);
        let messages = format!("{root}rooms/{name}/messages?limit={FIRST_MESSAGES}");
        links = format!("<{messages}>; rel=preload; as=fetch; crossorigin, {links}");
    }
    let links = HeaderValue::from_str(&links).expect("percent-encoded, so ASCII");
    response.insert(LINK, links);
    response.append(VARY, HeaderValue::from(ACCEPT_LANGUAGE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(room: Option<&str>, language: &'static str) -> String {
        let room = room.map(|name| RoomName::parse(name).unwrap());
        let request = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(language))]);
        let mut response = HeaderMap::new();
        add_links(&mut response, "../", "live", room.as_ref(), &request);
        assert_eq!(response[VARY], "accept-language");
        response[LINK].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_links_are_relative_and_encoded() {
        assert_eq!(
            links(Some("页_1.a-b"), "de, zh-TW;q=0.8, en;q=0.5"),
            "<../rooms/%E9%A1%B5_1.a-b/messages?limit=10>; rel=preload; as=fetch; crossorigin, \
             <../assets/live/words/words_zh.js>; rel=modulepreload"
        );
    }

    #[test]
    fn messages_that_are_not_for_everybody_are_left_out() {
        assert_eq!(
            links(None, "fr"),
            "<../assets/live/words/words_en.js>; rel=modulepreload"
        );
    }
}
