//! Gets a document of any web server, such as a set of keys. It needs no sse-chat
//! there.

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{Method, StatusCode, Uri};

use super::connector::Connector;
use super::error::{Error, root_cause};
use super::options::ClientOptions;
use super::request;
use super::response::FullResponse;
use super::url::ServerUrl;

/// Gets what is at an `http` or `https` URL, at most `most` bytes. It follows no
/// redirects, sends no credentials, and has no timeout but that of connecting.
///
/// # Errors
///
/// [`Error::Unreachable`] also if the URL is malformed; [`Error::NotSseChat`] for
/// a response that is too long or has another status than 200 and no error.
pub async fn fetch(url: &str, most: usize) -> Result<Bytes, Error> {
    let (server, path) =
        parse(url).ok_or_else(|| Error::Unreachable("can't reach it: not a URL".to_owned()))?;
    let connector = Connector::new(&server, &ClientOptions::default())?;
    let request = request::request(&server, Method::GET, &path)?;
    let response = connector.send(request).await?;
    if response.status() != StatusCode::OK {
        let response = FullResponse::read(&server, response).await?;
        return Err(response.into_error("which is not 200"));
    }
    match Limited::new(response.into_body(), most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::NotSseChat(format!(
            "{server} answered over {most} bytes"
        ))),
        Err(error) => {
            let cause = root_cause(&*error);
            Err(Error::Cut(format!("{server} cut the connection: {cause}")))
        }
    }
}

/// The server, and the path with its query.
fn parse(url: &str) -> Option<(ServerUrl, String)> {
    let uri: Uri = url.parse().ok()?;
    let server = format!("{}://{}", uri.scheme()?, uri.authority()?);
    let path = uri.path_and_query()?.as_str();
    Some((server.parse().ok()?, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_server_and_a_path_with_its_query() {
        let parsed = |url| parse(url).map(|(server, path)| (server.to_string(), path));
        let split = |server: &str, path: &str| Some((server.to_owned(), path.to_owned()));
        assert_eq!(
            parsed("https://id.example/a/keys.json?v=2"),
            split("https://id.example", "/a/keys.json?v=2")
        );
        assert_eq!(parsed("http://[::1]:9"), split("http://[::1]:9", "/"));
        for url in [
            "",
            "id.example",
            "/keys",
            "ftp://id.example/",
            "https://a@b/",
            "http://a b/",
        ] {
            assert_eq!(parsed(url), None, "{url}");
        }
    }
}
