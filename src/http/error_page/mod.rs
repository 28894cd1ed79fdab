//! Refusals for browsers: a small page without script where the request prefers
//! HTML, else the problem details of `problem`.

mod texts;

use bytes::Bytes;
use hyper::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, VARY,
};
use hyper::{Request, Response};

use super::app::App;
use super::body::Body;
use super::language::Language;
use super::page::POLICY;
use super::problem::Problem;
use super::quality::{Preference, preferences};
use crate::protocol::ProblemCode;

/// Deeper paths get links from the server's root, so that a path of many slashes
/// does not make the page many times as long.
const MAX_STEPS: usize = 8;

/// Answers a refused request in the format that it prefers.
pub(super) fn answer(app: &App, request: &Request<()>, problem: Problem) -> Response<Body> {
    let headers = request.headers();
    let (mut response, varies) = match prefers_html(headers) {
        true => {
            let language = Language::preferred(headers);
            let root = root_from(request.uri().path());
            let html = page(&problem, language, &root, app.default_room.as_str());
            (page_response(&problem, html), "accept, accept-language")
        }
        false => (problem.into_response(), "accept"),
    };
    let vary = HeaderValue::from_static(varies);
    response.headers_mut().append(VARY, vary);
    response
}

fn page_response(problem: &Problem, html: String) -> Response<Body> {
    let mut response = problem.respond("text/html; charset=utf-8", Bytes::from(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether the request prefers HTML to JSON (RFC 9110, section 12.5.1). Browsers
/// do when they open an address; `*/*` alone, from programs and `fetch`, prefers
/// neither.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accepted: Vec<Preference<'_>> = preferences(headers, ACCEPT).collect();
    let weight = |subtype: &str, r#type: &str| {
        let exact = format!("{type}/{subtype}");
        let ranges = [&exact, &format!("{type}/*"), "*/*"];
        // The most specific range counts, wherever it stands.
        let found = ranges.iter().find_map(|range| {
            let is_it = |item: &&Preference<'_>| item.name.eq_ignore_ascii_case(range);
            accepted.iter().find(is_it)
        });
        found.map_or(0.0, |item| item.weight)
    };
    let json = weight("problem+json", "application").max(weight("json", "application"));
    weight("html", "text") > json
}

/// The relative path from `path` to the server's root, which works behind a proxy
/// that strips a prefix.
fn root_from(path: &str) -> String {
    match path.matches('/').count().saturating_sub(1) {
        0 => "./".to_owned(),
        steps if steps <= MAX_STEPS => "../".repeat(steps),
        _ => "/".to_owned(),
    }
}

fn page(problem: &Problem, language: Language, root: &str, default_room: &str) -> String {
    let code = problem.code();
    let (title, text) = language.refusal(code);
    let mut links = String::new();
    if let Some(seconds) = problem.retry_after_seconds() {
        // An empty reference is the address of this page.
        links.push_str(&link("", &language.try_again(seconds)));
    }
    // On a host or origin that is not allowed, the room is refused as well.
    if !matches!(code, ProblemCode::CrossOrigin | ProblemCode::InvalidHost) {
        links.push_str(&link(root, &language.go_to(default_room)));
    }
    // The detail may contain client input, so it is filled in last: nothing in it
    // is replaced.
    include_str!("page.html")
        .replace("{{language}}", language.tag())
        .replace("{{title}}", title)
        .replace("{{text}}", text)
        .replace("{{root}}", root)
        .replace("{{status}}", &code.status().to_string())
        .replace("{{code}}", code.as_str())
        .replace("{{links}}", &links)
        .replace("{{detail}}", &escaped(problem.detail()))
}

fn link(to: &str, text: &str) -> String {
    format!("  <p><a href=\"{to}\">{}</a></p>\n", escaped(text))
}

/// Escapes text for HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn html_is_for_requests_that_prefer_it() {
        for (accept, html) in [
            // Chromium, Firefox and Safari, for an address that is opened.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                true,
            ),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("text/html", true),
            ("TEXT/HTML", true),
            ("text/html;charset=utf-8", true),
            ("text/*", true),
            ("*/*;q=0.1, text/html;q=0.2", true),
            ("text/html, application/json;q=0.9", true),
            ("*/*, application/*;q=0.5", true),
            ("*/*", false),
            ("", false),
            ("text/event-stream", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("application/problem+json, text/html;q=0.9", false),
            ("text/html;q=0.5, application/json", false),
            ("text/html;q=0.5, */*", false),
            ("text/html;q=0, */*;q=0", false),
            ("text/html;q=0", false),
            ("text/html;q=2", false),
            ("text/html;q=NaN", false),
            ("text/css,*/*;q=0.1", false),
            ("image/avif,image/webp,*/*;q=0.8", false),
            (";;,,=", false),
        ] {
            assert_eq!(prefers_html(&with("accept", accept)), html, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn the_root_is_reached_from_every_depth() {
        for (path, root) in [
            ("/", "./"),
            ("/x", "./"),
            ("/r/", "../"),
            ("/r/x", "../"),
            ("/rooms/a/b", "../../"),
            ("*", "./"),
            (&"/".repeat(9), "../../../../../../../../"),
            (&"/".repeat(10_000), "/"),
        ] {
            assert_eq!(root_from(path), root, "{path}");
        }
    }

    #[test]
    fn client_input_is_escaped() {
        let detail = "<script>alert('x')</script> & \"{{links}}\" {{root}}";
        let problem = Problem::new(ProblemCode::InvalidJson, detail);
        let html = page(&problem, Language::English, "./", "a&b");
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; "));
        assert!(html.contains("{{links}}&quot; {{root}}"), "{html}");
        assert!(html.contains("a&amp;b"), "{html}");
    }

    #[test]
    fn a_page_says_when_to_try_again() {
        let html = page(&Problem::draining(), Language::English, "./", "lobby");
        assert!(
            html.contains("<a href=\"\">Try again in 5 seconds</a>"),
            "{html}"
        );
        let html = page(&Problem::not_found(), Language::English, "./", "lobby");
        assert!(!html.contains("Try again"), "{html}");
    }

    #[test]
    fn every_code_has_texts_and_no_placeholder_is_left() {
        for code in ProblemCode::ALL {
            for language in [Language::English, Language::Chinese] {
                let html = page(&Problem::new(code, "why"), language, "../", "lobby");
                assert!(!html.contains("{{"), "{html}");
                assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())));
                assert!(html.contains(code.as_str()), "{html}");
            }
        }
    }
}
