//! Tokens that are cut, forged, too long or nonsense: each is refused, and nothing
//! of it comes back.

use serde_json::json;

use super::{SECRET, bearer, get_as, now, server, sign, sign_with_header, token, writer};
use crate::support::Response;

const MESSAGES: &str = "/rooms/lobby/messages";

/// A valid token of exactly this many bytes.
fn of_length(bytes: usize) -> String {
    let with = |padding: usize| {
        let rooms = json!({"read": ["*"]});
        token(json!({"rooms": rooms, "exp": 9_999_999_999_u64, "padding": "x".repeat(padding)}))
    };
    let (low, high) = (bytes * 3 / 4 - 200, bytes * 3 / 4);
    let found = (low..high).map(with).find(|token| token.len() == bytes);
    found.unwrap()
}

fn with_claims(claims: &str) -> String {
    sign(SECRET, &format!(r#"{{"rooms":{{"read":["*"]}},{claims}}}"#))
}

fn bad_tokens() -> Vec<(&'static str, String)> {
    let good = writer();
    let [header, claims, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let exp = now() + 3600;
    let later = format!("\"exp\":{exp}");
    let by_header = |header: &str| {
        let claims = format!(r#"{{"rooms":{{"read":["*"]}},{later}}}"#);
        sign_with_header(header, &claims)
    };
    let all: Vec<_> = (0..900).map(|room| format!("\"r{room}\"")).collect();
    vec![
        ("empty", String::new()),
        ("a space in it", format!("{header} {claims}.{signature}")),
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{good}.x")),
        ("no signature", format!("{header}.{claims}.")),
        ("cut by a byte", good[..good.len() - 1].to_owned()),
        ("not base64", format!("{header}.!!!!.{signature}")),
        ("base64 with padding", format!("{good}=")),
        (
            "base64 that is not for URLs",
            good.replace('-', "+").replace('_', "/") + "+",
        ),
        (
            "signature of other claims",
            format!(
                "{header}.{claims}.{}",
                writer_of_other().rsplit('.').next().unwrap()
            ),
        ),
        ("one byte more than allowed", of_length(8193)),
        ("alg none", by_header(r#"{"alg":"none"}"#)),
        (
            "alg none without signature",
            format!("eyJhbGciOiJub25lIn0.{claims}."),
        ),
        ("alg of another key", by_header(r#"{"alg":"RS256"}"#)),
        ("alg in lower case", by_header(r#"{"alg":"hs256"}"#)),
        ("alg twice", by_header(r#"{"alg":"HS256","alg":"HS256"}"#)),
        ("crit", by_header(r#"{"alg":"HS256","crit":["exp"]}"#)),
        ("b64", by_header(r#"{"alg":"HS256","b64":false}"#)),
        (
            "crit and b64",
            by_header(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#),
        ),
        ("kid is a number", by_header(r#"{"alg":"HS256","kid":7}"#)),
        (
            "typ of another purpose",
            by_header(r#"{"alg":"HS256","typ":"secevent+jwt"}"#),
        ),
        ("header is a list", by_header("[]")),
        ("claim twice", with_claims(&format!("{later},{later}"))),
        (
            "right twice",
            sign(
                SECRET,
                &format!(r#"{{{later},"rooms":{{"read":[],"read":["*"]}}}}"#),
            ),
        ),
        ("no exp", with_claims("\"sub\":\"7\"")),
        (
            "exp is a string",
            with_claims(&format!("\"exp\":\"{exp}\"")),
        ),
        ("exp is null", with_claims("\"exp\":null")),
        ("exp is 1e300", with_claims("\"exp\":1e300")),
        ("exp is 1e400", with_claims("\"exp\":1e400")),
        (
            "exp in milliseconds",
            with_claims(&format!("\"exp\":{exp}000")),
        ),
        ("exp is negative", with_claims("\"exp\":-1")),
        (
            "nbf is a string",
            with_claims(&format!("{later},\"nbf\":\"0\"")),
        ),
        (
            "sub is empty",
            with_claims(&format!("{later},\"sub\":\"\"")),
        ),
        (
            "sub is too long",
            with_claims(&format!("{later},\"sub\":\"{}\"", "x".repeat(257))),
        ),
        (
            "name is invalid",
            with_claims(&format!("{later},\"name\":\"a\\u202eb\"")),
        ),
        (
            "rooms is a list",
            sign(SECRET, &format!(r#"{{{later},"rooms":["*"]}}"#)),
        ),
        (
            "a right is a string",
            sign(SECRET, &format!(r#"{{{later},"rooms":{{"read":"*"}}}}"#)),
        ),
        (
            "an invalid room among 900",
            sign(
                SECRET,
                &format!(
                    r#"{{{later},"rooms":{{"read":[{},"a/b"]}}}}"#,
                    all.join(",")
                ),
            ),
        ),
        (
            "claims with a byte order mark",
            sign(SECRET, &format!("\u{feff}{{{later}}}")),
        ),
        ("claims that are cut", sign(SECRET, &format!("{{{later}"))),
        (
            "claims that are deep",
            sign(SECRET, &format!(r#"{{{later},"x":{}"#, "[".repeat(4000))),
        ),
    ]
}

fn writer_of_other() -> String {
    super::with_rooms(&json!({"write": ["other"]}))
}

/// A refusal that has nothing of what was sent.
#[track_caller]
fn assert_quiet(what: &str, token: &str, answer: &Response) {
    let sent: Vec<_> = token.split('.').filter(|part| part.len() > 8).collect();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let headers = format!("{:?}", answer.headers);
    for part in sent {
        assert!(
            !text.contains(part) && !headers.contains(part),
            "{what}: {text}"
        );
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_in_the_header_in_the_cookie_and_for_a_session() {
    let server = server();
    for (what, bad) in bad_tokens() {
        let bearer = bearer(&bad);
        let header = [("authorization", &*bearer)];
        let answer = server.request("GET", MESSAGES, &header, "").await;
        assert_eq!(answer.json()["code"], "token_invalid", "{what}");
        answer.assert_problem(401, "token_invalid");
        assert_quiet(what, &bad, &answer);
        let session = server.request("POST", "/session", &header, "").await;
        session.assert_problem(401, "token_invalid");
        assert!(session.header("set-cookie").is_none(), "{what}");
        assert_quiet(what, &bad, &session);
        let ticket = server.request("POST", "/tickets", &header, "").await;
        ticket.assert_problem(401, "token_invalid");
        let cookie = format!("sse_chat_token={bad}");
        let answer = server
            .request("GET", MESSAGES, &[("cookie", &cookie)], "")
            .await;
        answer.assert_problem(401, "token_invalid");
        assert_quiet(what, &bad, &answer);
    }
}

#[tokio::test]
async fn a_token_may_have_eight_kibibytes_and_a_million_rooms_do_not_fit() {
    let server = server();
    assert_eq!(
        get_as(&server, MESSAGES, &of_length(8192)).await.status,
        200
    );
    let rooms: Vec<_> = (0..1_000).map(|room| room.to_string()).collect();
    let many = super::with_rooms(&json!({"read": rooms, "write": ["lobby"]}));
    assert!(many.len() < 8192, "{}", many.len());
    assert_eq!(
        get_as(&server, "/rooms/999/messages", &many).await.status,
        200
    );
    assert_eq!(
        get_as(&server, "/rooms/1000/messages", &many).await.status,
        403
    );
    let rooms: Vec<_> = (0..100_000).map(|room| room.to_string()).collect();
    let most = super::with_rooms(&json!({"read": rooms}));
    let request =
        format!("GET {MESSAGES} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {most}\r\n\r\n");
    let answer = Response::parse(&server.raw(request.as_bytes()).await);
    answer.assert_problem(431, "headers_too_large");
    assert_eq!(get_as(&server, MESSAGES, &writer()).await.status, 200);
}

#[tokio::test]
async fn a_token_is_no_part_of_a_url() {
    let server = server();
    let good = writer();
    for path in [
        format!("{MESSAGES}?token={good}"),
        format!("{MESSAGES}?access_token={good}"),
        format!("{MESSAGES}?authorization=Bearer%20{good}"),
    ] {
        let answer = server.get(&path).await;
        answer.assert_problem(401, "token_required");
        assert_quiet(&path, &good, &answer);
    }
    // Nor of a form, nor of JSON.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("name=Ada&message=hi&access_token={good}");
    let answer = server.request("POST", MESSAGES, &form, &body).await;
    answer.assert_problem(401, "token_required");
    // A token is no ticket.
    let answer = server
        .get(&format!("/rooms/lobby/events?ticket={good}"))
        .await;
    answer.assert_problem(401, "token_invalid");
    assert_quiet("ticket", &good, &answer);
}

#[tokio::test]
async fn the_first_credential_that_is_present_decides() {
    let server = server();
    let (good, bad) = (writer(), "a.b.c");
    let (good_bearer, bad_bearer) = (bearer(&good), bearer(bad));
    let (good_cookie, bad_cookie) = (
        format!("x=1; sse_chat_token={good}; y=2"),
        format!("sse_chat_token={bad}"),
    );
    let authorization = |value| ("authorization", value);
    for (fields, code) in [
        (
            &[authorization(&*good_bearer), ("cookie", &*bad_cookie)][..],
            None,
        ),
        (
            &[authorization(&*bad_bearer), ("cookie", &*good_cookie)],
            Some("token_invalid"),
        ),
        (
            &[authorization("Bearer"), ("cookie", &*good_cookie)],
            Some("token_invalid"),
        ),
        (
            &[authorization("Bearer "), ("cookie", &*good_cookie)],
            Some("token_invalid"),
        ),
        (
            &[authorization("Basic YTpi"), ("cookie", &*good_cookie)],
            None,
        ),
        (&[authorization("Basic YTpi")], Some("token_required")),
        (&[authorization(&*good)], Some("token_required")),
        (
            &[authorization(&*good_bearer), authorization(&*good_bearer)],
            Some("token_invalid"),
        ),
        (
            &[authorization("Basic YTpi"), authorization(&*good_bearer)],
            Some("token_invalid"),
        ),
        (&[("cookie", &*good_cookie), ("cookie", "z=3")], None),
        (&[("cookie", "z=3"), ("cookie", &*good_cookie)], None),
        (
            &[("cookie", &*bad_cookie), ("cookie", &*good_cookie)],
            Some("token_invalid"),
        ),
        (&[("cookie", "sse_chat_token=")], Some("token_invalid")),
        (&[("cookie", "sse_chat_token")], Some("token_required")),
        (&[("cookie", "SSE_CHAT_TOKEN=x")], Some("token_required")),
        (&[("authorization", "bEaReR x.y.z")], Some("token_invalid")),
    ] {
        let answer = server.request("GET", MESSAGES, fields, "").await;
        match code {
            None => assert_eq!(answer.status, 200, "{fields:?}"),
            Some(code) => assert_eq!(answer.json()["code"], code, "{fields:?}"),
        }
    }
    let cased = good_bearer.replace("Bearer ", "bEaReR   ");
    let answer = server
        .request("GET", MESSAGES, &[("authorization", &cased)], "")
        .await;
    assert_eq!(answer.status, 200);
    let request = [
        format!(
            "GET {MESSAGES} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer "
        )
        .into_bytes(),
        vec![0xFF, 0xFE],
        b"\r\n\r\n".to_vec(),
    ];
    let answer = Response::parse(&server.raw(&request.concat()).await);
    answer.assert_problem(401, "token_invalid");
}
