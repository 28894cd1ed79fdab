//! The answers to `http-01` challenges of ACME (RFC 8555, section 8.3), which a client
//! such as certbot puts into a folder (`--acme-webroot`). So a certificate is renewed
//! while this server has port 80. Hosts and redirects are not looked at: the files
//! are public, and the authority asks in clear.

use std::io;
use std::path::{Path, PathBuf};

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response};

use super::body::Body;
use super::problem::Problem;
use crate::config::{BadSetting, TlsSettings};

/// Where an authority asks, and where the files are in the folder.
const CHALLENGES: &str = ".well-known/acme-challenge/";
/// Bytes of an answer; one has a token, a period and 43 characters.
const MAX_ANSWER: u64 = 4096;

/// Checks that the folder is there, when the server starts.
pub(super) fn check(settings: &TlsSettings) -> Result<(), BadSetting> {
    let Some(folder) = &settings.acme_webroot else {
        return Ok(());
    };
    let why = match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => format!("{} is not a folder", folder.display()),
        Err(error) => format!("can't read the folder: {error}"),
    };
    Err(BadSetting {
        flag: "--acme-webroot",
        why: why.into(),
    })
}

/// The file that a request asks for; `None` for all other requests.
pub(super) fn file(settings: &TlsSettings, request: &Request<()>) -> Option<PathBuf> {
    let folder = settings.acme_webroot.as_deref()?;
    let token = request.uri().path().strip_prefix('/')?;
    let token = token.strip_prefix(CHALLENGES)?;
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    (is_read && is_token(token)).then(|| folder.join(CHALLENGES).join(token))
}

/// Base64url, so nothing that leads out of the folder.
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(is_plain)
}

pub(super) async fn answer(file: PathBuf) -> Result<Response<Body>, Problem> {
    match read(&file).await {
        Ok(text) => {
            let mut response = Response::new(Body::Whole(text.into()));
            let kind = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            Ok(response)
        }
        Err(error) => {
            let file = file.display().to_string();
            tracing::info!(file, %error, "no answer to a challenge of ACME");
            Err(Problem::not_found())
        }
    }
}

async fn read(file: &Path) -> io::Result<Vec<u8>> {
    let found = tokio::fs::metadata(file).await?;
    // To open a named pipe would wait for its writer.
    match found.is_file() && found.len() <= MAX_ANSWER {
        true => tokio::fs::read(file).await,
        false => Err(io::Error::other("not a file of at most 4 KiB")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_are_looked_up() {
        let settings = TlsSettings {
            acme_webroot: Some("/srv/acme".into()),
            ..TlsSettings::default()
        };
        let of = |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).body(());
            file(&settings, &request.unwrap())
        };
        let found = of(Method::GET, "/.well-known/acme-challenge/aB9-_");
        let expected = PathBuf::from("/srv/acme/.well-known/acme-challenge/aB9-_");
        assert_eq!(found, Some(expected));
        for path in [
            "/",
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/..",
            "/.well-known/acme-challenge/a/b",
            "/.well-known/acme-challenge/%2e%2e%2fa",
            "/.well-known/acme-challenge",
            "/well-known/acme-challenge/a",
        ] {
            assert_eq!(of(Method::GET, path), None, "{path}");
        }
        assert_eq!(of(Method::POST, "/.well-known/acme-challenge/a"), None);
        let request = Request::builder().uri("/.well-known/acme-challenge/a");
        let off = file(&TlsSettings::default(), &request.body(()).unwrap());
        assert_eq!(off, None);
    }
}
