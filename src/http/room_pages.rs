//! The pages of `GET /rooms`: encoded once for many requests.
//!
//! A page costs the hub's lock and an encoding for each of its rooms, and all of
//! it changes with every message. So pages are kept, and made anew at a bounded
//! rate: a server that is asked now and then answers with the present state,
//! under a flood of requests a page is up to a second old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::chat::{Hub, RoomName, RoomSummary};

/// The bytes of a page, so that a client that takes nothing holds no more. A
/// page that would have more ends sooner, after at least one room.
const MAX_PAGE_BYTES: usize = 16 * 1024;
/// A kept page that is older is made anew, whatever the rate.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Pages that are made anew while they are kept: one in this time,
const REFRESH_EVERY: Duration = Duration::from_millis(20);
/// and this much of it at once.
const REFRESH_BURST: Duration = Duration::from_secs(1);
/// Pages that are kept, at most 4 MiB: all pages of twice as many rooms as there
/// may be by default.
const MAX_PAGES: usize = 256;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PageKey {
    /// The room before the first one.
    pub(super) after: Option<RoomName>,
    /// The most rooms.
    pub(super) limit: usize,
}

/// The pages of rooms that were made last.
#[derive(Debug, Default)]
pub(super) struct RoomPages {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<PageKey, (Instant, Bytes)>,
    /// When the rate has paid for all pages made so far.
    paid_at: Option<Instant>,
}

impl RoomPages {
    /// The page as JSON: `{"rooms":[…]}`, with `next` if there are more rooms.
    pub(super) fn get(&self, hub: &Arc<Hub>, key: PageKey) -> Bytes {
        let now = Instant::now();
        if let Some(page) = self.lock().fresh(&key, now) {
            return page;
        }
        let page = encode(hub, &key);
        self.lock().keep(key, now, page.clone());
        page
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The kept page, unless it is to be made anew.
    fn fresh(&mut self, key: &PageKey, now: Instant) -> Option<Bytes> {
        let (made, page) = self.pages.get(key)?;
        let paid_at = self.paid_at.map_or(now, |at| at.max(now));
        let may_refresh = paid_at <= now + REFRESH_BURST;
        if may_refresh || now.duration_since(*made) >= MAX_AGE {
            self.paid_at = Some(paid_at + REFRESH_EVERY);
            return None;
        }
        Some(page.clone())
    }

    fn keep(&mut self, key: PageKey, now: Instant, page: Bytes) {
        if self.pages.len() >= MAX_PAGES && !self.pages.contains_key(&key) {
            self.pages.clear();
        }
        self.pages.insert(key, (now, page));
    }
}

fn encode(hub: &Arc<Hub>, key: &PageKey) -> Bytes {
    // One more than wanted says whether there is a next page.
    let rooms = hub.rooms(key.after.as_ref(), key.limit + 1);
    let mut json = Vec::with_capacity(1024);
    json.extend_from_slice(b"{\"rooms\":[");
    let mut last: Option<&RoomSummary> = None;
    let mut is_whole = true;
    for (index, room) in rooms.iter().enumerate() {
        let line = serde_json::to_vec(room).expect("a summary has a JSON form");
        if index == key.limit || (last.is_some() && json.len() + line.len() > MAX_PAGE_BYTES) {
            is_whole = false;
            break;
        }
        if last.is_some() {
            json.push(b',');
        }
        json.extend_from_slice(&line);
        last = Some(room);
    }
    json.push(b']');
    if let Some(last) = last.filter(|_| !is_whole) {
        // A room's name has no character that JSON escapes.
        json.extend_from_slice(format!(",\"next\":\"{}\"", last.room.as_str()).as_bytes());
    }
    json.push(b'}');
    json.shrink_to_fit();
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Draft, MessageText, UserName};
    use crate::config::Config;
    use crate::http::App;

    fn with_rooms(names: impl IntoIterator<Item = String>) -> App {
        let app = App::new(Config::default()).unwrap();
        for name in names {
            say(&app, &name);
        }
        app
    }

    fn say(app: &App, room: &str) {
        let draft = Draft {
            name: UserName::parse("Alice").unwrap(),
            text: MessageText::parse("x", 10).unwrap(),
            client_id: None,
        };
        let room = RoomName::parse(room).unwrap();
        app.hub.publish(&room, draft).unwrap();
    }

    fn first(limit: usize) -> PageKey {
        PageKey { after: None, limit }
    }

    #[test]
    fn a_page_of_the_longest_names_is_bounded_and_all_pages_have_every_room_once() {
        let name = |number: u32| format!("{number:04}{}", "\u{20000}".repeat(60));
        let app = with_rooms((0..300).map(name));
        let (mut key, mut seen) = (first(500), Vec::new());
        loop {
            let page = app.room_pages.get(&app.hub, key);
            assert!(page.len() <= MAX_PAGE_BYTES + 300, "{}", page.len());
            let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
            let rooms = page["rooms"].as_array().unwrap().iter();
            seen.extend(rooms.map(|room| room["room"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            assert_eq!(Some(next), seen.last().map(String::as_str));
            let after = Some(RoomName::parse(next).unwrap());
            key = PageKey { after, limit: 500 };
        }
        assert!(seen.iter().cloned().eq((0..300).map(name)));
    }

    #[test]
    fn a_flood_of_requests_shares_one_page_and_a_second_later_it_is_made_anew() {
        let app = with_rooms(["a".to_owned()]);
        let (mut kept, start) = (Kept::default(), Instant::now());
        let burst = REFRESH_BURST.as_millis() / REFRESH_EVERY.as_millis();
        kept.keep(first(9), start, encode(&app.hub, &first(9)));
        let made = (0..10_000).filter(|_| kept.fresh(&first(9), start).is_none());
        assert_eq!(made.count() as u128, burst + 1);
        let (one, two) = (
            kept.fresh(&first(9), start).unwrap(),
            kept.fresh(&first(9), start).unwrap(),
        );
        assert_eq!(one.as_ptr(), two.as_ptr(), "not copied");
        assert!(kept.fresh(&first(9), start + MAX_AGE).is_none());
    }

    #[test]
    fn only_so_many_pages_are_kept() {
        let app = with_rooms(["a".to_owned()]);
        for limit in 1..=500 {
            app.room_pages.get(&app.hub, first(limit));
        }
        assert!(app.room_pages.lock().pages.len() <= MAX_PAGES);
    }

    #[test]
    fn a_server_that_is_asked_now_and_then_answers_with_the_present_state() {
        let app = with_rooms(["a".to_owned()]);
        for messages in 2..20 {
            say(&app, "a");
            let page = app.room_pages.get(&app.hub, first(9));
            let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
            assert_eq!(page["rooms"][0]["messages"], messages);
        }
    }
}
