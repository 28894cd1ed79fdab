use super::*;
use crate::chat::{Draft, SubscribeOptions};
use crate::config::Config;
use crate::http::App;
use crate::protocol::{MessageText, UserName};

fn with_rooms(names: impl IntoIterator<Item = String>) -> App {
    let app = App::new(Config::default()).unwrap();
    for name in names {
        publish(&app, &name);
    }
    app
}

fn publish(app: &App, room: &str) {
    let draft = Draft::new(
        UserName::parse("Alice").unwrap(),
        MessageText::parse("x", 10).unwrap(),
    );
    let room = RoomName::parse(room).unwrap();
    app.hub.publish(&room, draft).unwrap();
}

fn first(limit: usize) -> PageKey {
    PageKey { after: None, limit }
}

/// The rooms of all pages, of which none exceeds the size limit.
fn all_pages(app: &App) -> Vec<String> {
    let (mut key, mut seen) = (first(500), Vec::new());
    loop {
        let page = app.room_list.get(&app.hub, key).unwrap();
        assert!(page.len() <= MAX_PAGE_BYTES + 300, "{}", page.len());
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        let rooms = page["rooms"].as_array().unwrap().iter();
        seen.extend(rooms.map(|room| room["room"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            return seen;
        };
        assert_eq!(Some(next), seen.last().map(String::as_str));
        let after = Some(RoomName::parse(next).unwrap());
        key = PageKey { after, limit: 500 };
    }
}

#[test]
fn a_page_of_the_longest_names_is_bounded_and_all_pages_have_every_room_once() {
    let name = |number: u32| format!("{number:04}{}", "\u{20000}".repeat(60));
    let app = with_rooms((0..300).map(name));
    assert!(all_pages(&app).iter().cloned().eq((0..300).map(name)));
}

#[test]
fn pages_of_the_shortest_lines_have_every_room_once() {
    let app = App::new(Config::default()).unwrap();
    let names: Vec<String> = (100..900).map(|number| number.to_string()).collect();
    let enter = |name: &String| {
        let options = SubscribeOptions::to(RoomName::parse(name).unwrap());
        app.hub.subscribe(options).unwrap()
    };
    let _readers: Vec<_> = names.iter().map(enter).collect();
    assert_eq!(all_pages(&app), names);
    let mut line = app.hub.rooms(None, 1).remove(0);
    line.room = RoomName::parse("a").unwrap();
    assert_eq!(serde_json::to_string(&line).unwrap(), SHORTEST_LINE);
}

#[test]
fn under_a_flood_requests_share_one_page_that_is_renewed_each_second() {
    let app = with_rooms(["a".to_owned()]);
    let (mut cached, start) = (CachedPages::default(), Instant::now());
    cached.insert(first(9), start, encode(&app.hub, &first(9)));
    let made = (0..10_000).filter(|_| cached.fresh(&first(9), start) == Ok(None));
    assert_eq!(made.count(), burst());
    let mut again = || cached.fresh(&first(9), start).unwrap().unwrap();
    assert_eq!(again().as_ptr(), again().as_ptr(), "not copied");
    assert_eq!(cached.fresh(&first(9), start + MAX_AGE), Ok(None));
}

/// The pages that the rate allows at once.
fn burst() -> usize {
    (ENCODE_BURST.as_millis() / ENCODE_INTERVAL.as_millis()) as usize + 1
}

#[test]
fn pages_that_are_not_cached_are_encoded_at_the_rate_or_refused_with_a_wait() {
    let app = with_rooms(["a".to_owned()]);
    let start = Instant::now();
    let miss = |number: usize, now| {
        let after = RoomName::parse(&format!("x{number}")).unwrap();
        let key = PageKey {
            after: Some(after),
            limit: 9,
        };
        app.room_list.get_at(&app.hub, key, now)
    };
    let made = (0..10_000).filter(|number| miss(*number, start).is_ok());
    assert_eq!(made.count(), burst());
    assert_eq!(miss(10_000, start), Err(ENCODE_INTERVAL));
    assert!(miss(0, start).is_ok(), "it is cached");
    assert!(miss(10_000, start + ENCODE_INTERVAL).is_ok());
}

#[test]
fn refreshing_old_pages_overdraws_the_rate_by_no_more_than_the_burst() {
    let app = with_rooms(["a".to_owned()]);
    let (mut cached, start) = (CachedPages::default(), Instant::now());
    let page = encode(&app.hub, &first(1));
    for second in 0..60 {
        let now = start + MAX_AGE * second;
        for limit in 1..=MAX_PAGES {
            if let Ok(None) = cached.fresh(&first(limit), now) {
                cached.insert(first(limit), now, page.clone());
            }
        }
    }
    let last = start + MAX_AGE * 59;
    assert_eq!(cached.fresh(&first(500), last), Err(ENCODE_INTERVAL));
    assert_eq!(cached.fresh(&first(500), last + ENCODE_INTERVAL), Ok(None));
}

#[test]
fn a_renewed_page_with_the_same_content_is_held_once() {
    let app = with_rooms(["a".to_owned()]);
    let now = Instant::now();
    let get = || app.room_list.get_at(&app.hub, first(10), now).unwrap();
    let (before, after) = (get(), get());
    assert_eq!(before.as_ptr(), after.as_ptr());
    publish(&app, "a");
    assert_ne!(get(), before);
}

#[test]
fn the_cache_holds_the_newest_pages_up_to_its_limit() {
    let app = with_rooms(["a".to_owned()]);
    let (mut cached, start) = (CachedPages::default(), Instant::now());
    let page = encode(&app.hub, &first(1));
    for limit in 1..=500 {
        let now = start + ENCODE_INTERVAL * limit as u32;
        cached.insert(first(limit), now, page.clone());
    }
    let mut limits: Vec<usize> = cached.pages.keys().map(|key| key.limit).collect();
    limits.sort_unstable();
    assert!(limits.into_iter().eq(501 - MAX_PAGES..=500), "the newest");
}

#[test]
fn below_the_rate_every_response_is_up_to_date() {
    let app = with_rooms(["a".to_owned()]);
    for messages in 2..20 {
        publish(&app, "a");
        let page = app.room_list.get(&app.hub, first(9)).unwrap();
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(page["rooms"][0]["messages"], messages);
    }
}
