//! The assertions for every refusal.

use super::support::Response;
use super::witness::assert_nosniff;

#[track_caller]
pub(crate) fn assert_refused(response: &Response, status: u16, code: &str) {
    response.assert_problem(status, code);
    assert_nosniff(response);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(
        response.json()["title"].as_str(),
        in_words(status),
        "the title is the status in words"
    );
    let retry_after = response.header("retry-after").map(str::parse::<u32>);
    match status {
        503 => assert!(matches!(retry_after, Some(Ok(1..)))),
        _ => assert_eq!(retry_after, None),
    }
    assert_eq!(response.header("allow").is_some(), status == 405);
}

fn in_words(status: u16) -> Option<&'static str> {
    hyper::StatusCode::from_u16(status)
        .unwrap()
        .canonical_reason()
}
