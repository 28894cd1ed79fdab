//! Tokens inside another program.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode};
use sse_chat::config::{Config, JwksLocation, TokenSettings};
use sse_chat::server::Embedded;
use sse_chat::tokens::{Right, SigningKey, TokenError};

use super::{PEER, publish, read_until, room, subscribe, within};

const SECRET: &str = "a secret of an embedding program, 32 bytes";
const PUBLIC: &str = include_str!("../../src/tokens/test_keys/ed25519.pub.pem");
const PRIVATE: &str = include_str!("../../src/tokens/test_keys/ed25519.pem");

fn token(key: &str, right: &str) -> String {
    let claims = format!(r#"{{"exp":9999999999,"name":"Ada","rooms":{{"{right}":["a"]}}}}"#);
    let key = SigningKey::parse(key.as_bytes()).unwrap();
    key.sign(&claims).unwrap()
}

async fn answer(
    rooms: &Embedded,
    method: &str,
    path: &str,
    token: Option<&str>,
) -> (StatusCode, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = Full::<Bytes>::from(if method == "POST" {
        "message=Hello"
    } else {
        ""
    });
    let response = rooms.answer(request.body(body).unwrap(), PEER).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn with_key() -> Embedded {
    let name = format!("embedding-{}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, SECRET).unwrap();
    let tokens = TokenSettings {
        keys: vec![path],
        ..TokenSettings::default()
    };
    Embedded::start(Config {
        tokens,
        ..Config::default()
    })
    .unwrap()
}

#[tokio::test]
async fn requests_need_a_token_and_calls_of_the_program_need_none() {
    let rooms = with_key();
    let messages = "/rooms/a/messages";
    let (status, problem) = answer(&rooms, "GET", messages, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(problem.contains("token_required"), "{problem}");
    let reader = token(SECRET, "read");
    let (status, _) = answer(&rooms, "POST", messages, Some(&reader)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let writer = token(SECRET, "write");
    let (status, message) = answer(&rooms, "POST", messages, Some(&writer)).await;
    assert_eq!(status, StatusCode::CREATED, "{message}");
    assert!(message.contains(r#""verified":true"#), "{message}");
    // The program is not asked for a token.
    publish(&rooms, "from the program");
    let mut stream = subscribe(&rooms, None);
    read_until(&mut stream, "from the program").await;
    let (_, page) = answer(&rooms, "GET", messages, Some(&reader)).await;
    assert!(page.contains("from the program"), "{page}");
    // It can look at tokens by itself, for a route of its own.
    let verifier = rooms.verifier().unwrap();
    let verified = verifier.verify(&writer, SystemTime::now()).unwrap();
    assert!(verified.rights.allows(Right::Write, &room()));
    assert!(verifier.verify("a.b.c", SystemTime::now()).is_err());
}

#[tokio::test]
async fn a_program_without_keys_has_no_verifier() {
    let rooms = Embedded::start(Config::default()).unwrap();
    assert!(rooms.verifier().is_none());
}

#[tokio::test]
async fn a_program_loads_the_key_set_of_a_url_by_itself() {
    let url = "https://id.example/keys.json";
    let tokens = TokenSettings {
        jwks: Some(url.parse().unwrap()),
        ..TokenSettings::default()
    };
    let rooms = Embedded::start(Config {
        tokens,
        ..Config::default()
    })
    .unwrap();
    let token = token(PRIVATE, "read");
    let verifier = rooms.verifier().unwrap().clone();
    let unknown = verifier.verify(&token, SystemTime::now());
    assert_eq!(unknown.unwrap_err(), TokenError::UnknownKey);
    let set = jwks();
    let loading = tokio::spawn(async move {
        let load = |location: JwksLocation| {
            let set = set.clone();
            async move {
                assert_eq!(location.to_string(), url);
                Ok(set.into_bytes())
            }
        };
        verifier.keep_loading_jwks(load).await;
    });
    // The request waits for the load that is under way.
    let answered = answer(&rooms, "GET", "/rooms/a/messages", Some(&token));
    let (status, page) = within(answered).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    loading.abort();
}

/// The public key as a key set: its 32 bytes are the end of the DER.
fn jwks() -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let lines = PUBLIC.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#)
}
