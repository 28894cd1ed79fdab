//! Changes and bans.

use super::*;

#[tokio::test]
async fn an_older_message_can_be_changed_and_its_author_banned() {
    let folder = TestFolder::new();
    let mut server = Server::start(&folder);
    let ids = server.fill(30).await;
    let edited = server.change(ids[11], edit("edited")).await.unwrap();
    assert_eq!(text(edited.entry()), "edited");
    let again = server.change(ids[11], edit("edited")).await.unwrap();
    assert!(matches!(again, Published::Duplicate(_)));
    let thumb = Emoji::parse("👍").unwrap();
    let react = Change::React(thumb, UserName::parse("Bob").unwrap());
    server.change(ids[12], react).await.unwrap();
    server.change(ids[13], Change::Delete).await.unwrap();
    assert_eq!(
        server.change(ids[13], edit("no")).await.unwrap_err(),
        ChangeError::NotFound
    );
    assert_eq!(
        server.change(ids[9], edit("no")).await.unwrap_err(),
        ChangeError::NotFound,
        "it is evicted"
    );
    let until = SystemTime::now() + Duration::from_secs(60);
    let ban = server.hub.ban_with_store(&name("a"), ids[14], until).await;
    ban.unwrap().done().await.unwrap();
    assert!(server.hub.is_banned(&name("a"), &Author::for_test()));
    let lifted = server.hub.lift_ban_with_store(&name("a"), ids[14]).await;
    lifted.unwrap().unwrap().done().await.unwrap();
    let evicted = server.hub.ban_with_store(&name("a"), ids[3], until).await;
    assert_eq!(evicted.unwrap_err(), BanError::NotFound);
    for _ in 0..2 {
        // The three changes took the places of the three oldest entries.
        let all = server.all().await;
        assert_eq!(all.len(), 17);
        assert!(all[0].contains("\"deleted\":true"), "{}", all[0]);
        assert_eq!(all[1..], numbers(15..=30));
        drop(server);
        server = Server::start(&folder);
    }
    let later = server.change(ids[25], edit("later")).await.unwrap();
    // More than memory holds: the changes are in the store only.
    for number in 31..=36 {
        server.say("a", &number.to_string()).await;
    }
    let latest = server.change(ids[25], edit("latest")).await.unwrap();
    assert!(latest.entry().seq() > later.entry().seq());
    assert!(server.all().await.contains(&"latest".to_owned()));
}

#[tokio::test]
async fn nothing_is_left_of_an_older_message_that_was_deleted() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let secret = server.say("a", "a secret 7261").await.id();
    server.fill(10).await;
    server.change(secret, Change::Delete).await.unwrap();
    drop(server);
    for (file, bytes) in folder.files() {
        let found = bytes.windows(4).any(|window| window == b"7261");
        assert!(!found, "{file}");
    }
}

#[tokio::test]
async fn the_change_of_an_evicted_message_can_be_deleted() {
    let folder = TestFolder::new();
    let limits = HubLimits {
        history: 3,
        stored_history: 8,
        ..limits()
    };
    let server = Server::with(&folder, limits);
    let ids = server.fill(3).await;
    server.change(ids[0], edit("edited")).await.unwrap();
    let last = server.fill(6).await[5];
    let texts = || async { server.read(Some(Cursor::Id(ids[2])), last).await.1 };
    assert_eq!(texts().await[0], "edited");
    let deleted = server.change(ids[0], Change::Delete).await.unwrap();
    let deleted = deleted.entry().id();
    let (_, texts) = server.read(Some(Cursor::Id(ids[2])), deleted).await;
    assert!(!texts.contains(&"edited".to_owned()), "{texts:?}");
    assert!(texts[6].contains("\"deleted\":true"), "{texts:?}");
}
