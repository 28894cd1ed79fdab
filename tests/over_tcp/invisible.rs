//! Invisible characters in names and messages.

use serde_json::json;

use super::support::TestServer;
use super::witness::Witness;

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_name_with_a_needless_invisible_character_is_refused_here_and_on_a_stream() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for name in [
        "\u{3164}",
        "\u{115F}\u{1160}",
        "\u{2800}",
        "\u{FFFC}",
        "Ali\u{AD}ce",
        "Ali\u{34F}ce",
        "Ali\u{200C}ce",
        "Ali\u{200D}ce",
        "Alice\u{FE0F}",
        "Alice1\u{FE0F}",
        "Alice\u{E0101}",
        "Alice\u{E0041}\u{E007F}",
        "Ali\u{2064}ce",
        "Ali\u{2800}ce",
        "می\u{200C}",
        "👩\u{200D}",
    ] {
        let body = json!({"name": name, "message": "hi"});
        let answer = server.post("lobby", &body).await;
        answer.assert_problem(400, "invalid_name");
        for path in ["/rooms/lobby/events?name=", "/sse.php?name="] {
            let stream = server.get(&format!("{path}{}", percent(name))).await;
            stream.assert_problem(400, "invalid_name");
        }
        witness.saw_nothing(name).await;
    }
    assert_eq!(server.get("/rooms/lobby/members").await.json()["count"], 0);
}

#[tokio::test]
async fn a_name_keeps_the_invisible_characters_that_its_script_or_an_emoji_needs() {
    let server = TestServer::start();
    for name in [
        "نرگس\u{200C}خاتون",
        "क्\u{200D}ष",
        "ශ්\u{200D}රී",
        "র\u{200D}\u{09CD}যাব",
        "👨\u{200D}👩\u{200D}👧\u{200D}👦",
        "👩🏽\u{200D}💻",
        "🏳\u{FE0F}\u{200D}🌈",
        "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
        "🇫🇷",
        "1\u{FE0F}\u{20E3}",
        "葛\u{E0100}城",
        "ᠰᠠᠷ\u{180E}ᠠ",
    ] {
        let body = json!({"name": name, "message": "hi"});
        let answer = server.post("lobby", &body).await;
        assert_eq!(answer.status, 201, "{name:?}: {answer:?}");
        assert_eq!(answer.json()["name"], name);
        let path = format!("/rooms/lobby/events?name={}", percent(name));
        server.events(&path).await.expect("hello").await;
    }
}

#[tokio::test]
async fn a_message_without_visible_characters_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for text in [
        "\u{3164}",
        "\u{2800}\n\u{2800}",
        "\u{200B}\u{FEFF}",
        "\u{AD}",
        "\u{FE0F}",
        "\u{202E}",
        "\u{E0041}\u{E007F}",
        "\u{7F}\u{85}",
        "\u{FFFC}",
    ] {
        let body = json!({"name": "Alice", "message": text});
        let answer = server.post("lobby", &body).await;
        answer.assert_problem(400, "invalid_message");
        witness.saw_nothing(text).await;
    }
    // One visible character is enough, and none is removed.
    for text in ["\u{200B}.", "a\u{AD}b", "\u{3164}\u{3164}x", "\u{202E}abc"] {
        assert_eq!(server.publish("lobby", text).await["message"], text);
    }
}
