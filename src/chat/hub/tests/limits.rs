//! The limits on rooms and members.

use super::*;
use crate::chat::RoomLimitReached;

#[test]
fn a_room_over_the_limit_is_refused_without_effect() {
    let hub = Hub::new(limits());
    publish_text(&hub, "a", "x");
    publish_text(&hub, "b", "x");
    let both = options(&["c", "d"], None);
    assert!(matches!(
        hub.subscribe(both),
        Err(SubscribeError::RoomLimit(_))
    ));
    assert_eq!(hub.room_count(), 2, "not even one of both is created");
    publish_text(&hub, "c", "x");
    assert!(matches!(
        hub.publish(&room("d"), draft("x", None)),
        Err(PublishError::RoomLimit(RoomLimitReached))
    ));
    assert!(matches!(
        hub.subscribe(options(&["a", "d"], None)),
        Err(SubscribeError::RoomLimit(_))
    ));
    assert_eq!((hub.readers(), hub.room_count()), (0, 3));
    assert_eq!(publish_text(&hub, "a", "x").seq(), 4);
}

#[test]
fn a_member_over_the_limit_is_refused_and_a_present_name_may_enter_again() {
    let hub = Hub::new(HubLimits {
        max_members: 3,
        ..limits()
    });
    let enter = |rooms: &[&str], name: Option<&str>| hub.subscribe(options(rooms, name));
    let both = enter(&["a", "b"], Some("Ann")).unwrap();
    assert!(matches!(
        enter(&["a", "b"], Some("Bob")),
        Err(SubscribeError::MemberLimit)
    ));
    assert_eq!(members(&hub, "a"), 1, "Bob has entered no room");
    let _again = enter(&["a", "b"], Some("Ann")).unwrap();
    let _one = enter(&["a"], Some("Bob")).unwrap();
    let _nameless = enter(&["a", "b"], None).unwrap();
    drop(both);
    assert_eq!(hub.lock().members(), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_left_frees_a_place() {
    let hub = Hub::new(HubLimits {
        max_members: 1,
        ..limits()
    });
    let enter = |name| hub.subscribe(options(&["a"], Some(name)));
    drop(enter("Ann").unwrap());
    assert!(
        enter("Bob").is_err(),
        "Ann may come back after a page reload"
    );
    tokio::time::advance(Duration::from_secs(6)).await;
    hub.tick();
    assert_eq!(hub.lock().members(), (0, 0));
    assert!(enter("Bob").is_ok());
}
