//! What leads browsers to https: the redirect of requests in clear
//! (`--redirect-http`), and `Strict-Transport-Security` (`--hsts`, RFC 6797).

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::body::Body;
use super::guard::{InvalidHost, host_of};

/// The port that URLs of https leave out.
const HTTPS_PORT: u16 = 443;

/// The value of `Strict-Transport-Security`. Subdomains are not included: this
/// server is only at its own name.
pub(super) fn strict_transport_security(time: Duration) -> HeaderValue {
    let value = format!("max-age={}", time.as_secs());
    HeaderValue::from_str(&value).expect("digits are ASCII")
}

/// Redirects a request to the same host, path and query at the https listener. The
/// method stays, and so does a request's body.
///
/// # Errors
///
/// The request names no host (HTTP/1.0), so there is no URL to redirect to.
pub(super) fn redirect(
    request: &Request<()>,
    https_port: u16,
) -> Result<Response<Body>, InvalidHost> {
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let host = host.and_then(host_of).ok_or(InvalidHost(
        "the Host header is missing, so there is no https address to redirect to",
    ))?;
    let mut location = format!("https://{}", host.host());
    if https_port != HTTPS_PORT {
        location.push_str(&format!(":{https_port}"));
    }
    let target = request.uri().path_and_query();
    // `*`, of OPTIONS, has no path.
    let target = target.map(|target| target.as_str());
    let target = target.filter(|target| target.starts_with('/'));
    location.extend(utf8_percent_encode(target.unwrap_or("/"), CONTROLS));
    let location = HeaderValue::from_str(&location).expect("percent-encoded, so ASCII");
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    // A browser would keep it for ever, also if the flag is taken back.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(target: &str, host: Option<&str>, port: u16) -> Option<String> {
        let mut request = Request::builder().uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let response = redirect(&request.body(()).unwrap(), port).ok()?;
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        let location = response.headers()[LOCATION].to_str().unwrap();
        Some(location.to_owned())
    }

    #[test]
    fn a_redirect_keeps_host_path_and_query() {
        for (target, host, port, redirected) in [
            ("/", "chat.example", 443, "https://chat.example/"),
            (
                "/r/a%20b?x=1&y=%0A",
                "chat.example:80",
                443,
                "https://chat.example/r/a%20b?x=1&y=%0A",
            ),
            ("/a", "[::1]:8080", 8443, "https://[::1]:8443/a"),
            ("/a", "192.0.2.1", 8443, "https://192.0.2.1:8443/a"),
            (
                "http://chat.example/a?b",
                "chat.example",
                443,
                "https://chat.example/a?b",
            ),
            // Stays at this host.
            (
                "//evil.example/",
                "chat.example",
                443,
                "https://chat.example//evil.example/",
            ),
            ("*", "chat.example", 443, "https://chat.example/"),
        ] {
            assert_eq!(
                location(target, Some(host), port).as_deref(),
                Some(redirected)
            );
        }
        assert_eq!(location("/", None, 443), None);
    }

    #[test]
    fn the_time_of_hsts_is_in_seconds() {
        let year = Duration::from_secs(365 * 86_400);
        assert_eq!(strict_transport_security(year), "max-age=31536000");
        assert_eq!(strict_transport_security(Duration::ZERO), "max-age=0");
    }
}
