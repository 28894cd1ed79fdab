//! The pages of `GET /rooms`: encoded once for many requests.
//!
//! A page costs the hub's lock and an encoding per room, and changes with every
//! message. So pages are cached, and encoded at a bounded rate. Below the rate
//! each response has the present state. Under a flood of requests a cached page is
//! up to a second old, and a request for another page is refused until the rate
//! has paid for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::chat::{Hub, RoomSummary};
use crate::protocol::{RoomName, RoomPage};

/// The most bytes of a page: a client that does not read holds it. A longer page
/// is cut before the room that exceeds this, but has at least one room.
const MAX_PAGE_BYTES: usize = 8 * 1024;
/// The shortest room; it bounds the number of rooms of a page.
const SHORTEST_LINE: &str = r#"{"room":"a","members":0,"messages":0,"newest":null}"#;
const MAX_ROOMS: usize = MAX_PAGE_BYTES / SHORTEST_LINE.len();
/// A cached page that is older is encoded again, even beyond the rate: at most
/// `MAX_PAGES` a second.
const MAX_AGE: Duration = Duration::from_secs(1);
/// The rate is one page per this time: 200 a second, four times the default limit
/// of one address. A page takes a fraction of a millisecond.
const MAKE_EVERY: Duration = Duration::from_millis(5);
/// The burst is the pages of this time: 200 and one more.
const MAKE_BURST: Duration = Duration::from_secs(1);
/// The most cached pages, at most 2 MiB: all pages of the default limit of rooms.
const MAX_PAGES: usize = 256;

/// Identifies a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PageKey {
    /// The room before the first one.
    pub(super) after: Option<RoomName>,
    /// The most rooms.
    pub(super) limit: usize,
}

/// The latest pages.
#[derive(Debug, Default)]
pub(super) struct RoomPages {
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    pages: HashMap<PageKey, (Instant, Bytes)>,
    /// The time at which the rate has paid for all pages so far.
    paid_at: Option<Instant>,
}

impl RoomPages {
    /// The page as JSON: `{"rooms":[…]}`, with `next` if there are more rooms.
    ///
    /// # Errors
    ///
    /// The time until the rate allows a page, if this one is not cached.
    pub(super) fn get(&self, hub: &Arc<Hub>, key: PageKey) -> Result<Bytes, Duration> {
        self.get_at(hub, key, Instant::now())
    }

    fn get_at(&self, hub: &Arc<Hub>, key: PageKey, now: Instant) -> Result<Bytes, Duration> {
        if let Some(page) = self.lock().fresh(&key, now)? {
            return Ok(page);
        }
        let page = encode(hub, &key);
        Ok(self.lock().store(key, now, page))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// The cached page, or `None` if the page is to be encoded now; the rate has
    /// paid for it then.
    ///
    /// # Errors
    ///
    /// The time until the rate allows a page, if this one is not cached.
    fn fresh(&mut self, key: &PageKey, now: Instant) -> Result<Option<Bytes>, Duration> {
        let paid_at = self.paid_at.map_or(now, |at| at.max(now));
        let wait = paid_at.saturating_duration_since(now + MAKE_BURST);
        if !wait.is_zero() {
            let (made, page) = self.pages.get(key).ok_or(wait)?;
            if now.duration_since(*made) < MAX_AGE {
                return Ok(Some(page.clone()));
            }
        }
        // Capped, since pages that are too old are encoded beyond the rate.
        self.paid_at = Some((paid_at + MAKE_EVERY).min(now + MAKE_BURST + MAKE_EVERY));
        Ok(None)
    }

    /// Caches a page and returns it. If the cached page is equal, its bytes are
    /// returned, so that clients that do not read hold one copy.
    fn store(&mut self, key: PageKey, now: Instant, page: Bytes) -> Bytes {
        if let Some((made, cached)) = self.pages.get_mut(&key)
            && *cached == page
        {
            *made = now;
            return cached.clone();
        }
        if self.pages.len() >= MAX_PAGES && !self.pages.contains_key(&key) {
            let oldest = self.pages.iter().min_by_key(|(_, (made, _))| *made);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.pages.remove(&oldest);
            }
        }
        self.pages.insert(key, (now, page.clone()));
        page
    }
}

fn encode(hub: &Arc<Hub>, key: &PageKey) -> Bytes {
    // One more than the limit tells whether there is a next page.
    let rooms = hub.rooms(key.after.as_ref(), key.limit.min(MAX_ROOMS) + 1);
    let mut json = Vec::with_capacity(1024);
    json.extend_from_slice(RoomPage::<&RoomName>::around(None).0.as_bytes());
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
    let next = last.filter(|_| !is_whole).map(|last| &last.room);
    json.extend_from_slice(RoomPage::around(next).1.as_bytes());
    json.shrink_to_fit();
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Draft, SubscribeOptions};
    use crate::config::Config;
    use crate::http::App;
    use crate::protocol::Backlog;
    use crate::protocol::{MessageText, UserName};

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

    /// The rooms of all pages. No page is larger than it may be.
    fn all_pages(app: &App) -> Vec<String> {
        let (mut key, mut seen) = (first(500), Vec::new());
        loop {
            let page = app.room_pages.get(&app.hub, key).unwrap();
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
            let options = SubscribeOptions {
                rooms: RoomName::parse(name).unwrap().into(),
                cursor: None,
                backlog: Backlog::Last(0),
                name: None,
                presence: false,
            };
            app.hub.subscribe(options).unwrap()
        };
        let _readers: Vec<_> = names.iter().map(enter).collect();
        assert_eq!(all_pages(&app), names);
        let mut line = app.hub.rooms(None, 1).remove(0);
        line.room = RoomName::parse("a").unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), SHORTEST_LINE);
    }

    #[test]
    fn a_flood_of_requests_shares_a_page_for_one_second() {
        let app = with_rooms(["a".to_owned()]);
        let (mut cache, start) = (Cache::default(), Instant::now());
        cache.store(first(9), start, encode(&app.hub, &first(9)));
        let made = (0..10_000).filter(|_| cache.fresh(&first(9), start) == Ok(None));
        assert_eq!(made.count(), burst());
        let mut again = || cache.fresh(&first(9), start).unwrap().unwrap();
        assert_eq!(again().as_ptr(), again().as_ptr(), "not copied");
        assert_eq!(cache.fresh(&first(9), start + MAX_AGE), Ok(None));
    }

    /// The number of pages of the burst.
    fn burst() -> usize {
        (MAKE_BURST.as_millis() / MAKE_EVERY.as_millis()) as usize + 1
    }

    #[test]
    fn pages_that_are_not_cached_are_encoded_at_the_rate() {
        let app = with_rooms(["a".to_owned()]);
        let start = Instant::now();
        let miss = |number: usize, now| {
            let after = RoomName::parse(&format!("x{number}")).unwrap();
            let key = PageKey {
                after: Some(after),
                limit: 9,
            };
            app.room_pages.get_at(&app.hub, key, now)
        };
        let made = (0..10_000).filter(|number| miss(*number, start).is_ok());
        assert_eq!(made.count(), burst());
        assert_eq!(miss(10_000, start), Err(MAKE_EVERY));
        assert!(miss(0, start).is_ok(), "it is cached");
        assert!(miss(10_000, start + MAKE_EVERY).is_ok());
    }

    #[test]
    fn pages_that_are_too_old_use_at_most_the_burst() {
        let app = with_rooms(["a".to_owned()]);
        let (mut cache, start) = (Cache::default(), Instant::now());
        let page = encode(&app.hub, &first(1));
        for second in 0..60 {
            let now = start + MAX_AGE * second;
            for limit in 1..=MAX_PAGES {
                if let Ok(None) = cache.fresh(&first(limit), now) {
                    cache.store(first(limit), now, page.clone());
                }
            }
        }
        let last = start + MAX_AGE * 59;
        assert_eq!(cache.fresh(&first(500), last), Err(MAKE_EVERY));
        assert_eq!(cache.fresh(&first(500), last + MAKE_EVERY), Ok(None));
    }

    #[test]
    fn equal_pages_share_their_bytes() {
        let app = with_rooms(["a".to_owned()]);
        let now = Instant::now();
        let get = || app.room_pages.get_at(&app.hub, first(10), now).unwrap();
        let (before, after) = (get(), get());
        assert_eq!(before.as_ptr(), after.as_ptr());
        say(&app, "a");
        assert_ne!(get(), before);
    }

    #[test]
    fn the_number_of_cached_pages_is_bounded() {
        let app = with_rooms(["a".to_owned()]);
        let (mut cache, start) = (Cache::default(), Instant::now());
        let page = encode(&app.hub, &first(1));
        for limit in 1..=500 {
            let now = start + MAKE_EVERY * limit as u32;
            cache.store(first(limit), now, page.clone());
        }
        let mut limits: Vec<usize> = cache.pages.keys().map(|key| key.limit).collect();
        limits.sort_unstable();
        assert!(limits.into_iter().eq(501 - MAX_PAGES..=500), "the newest");
    }

    #[test]
    fn below_the_rate_pages_have_the_present_state() {
        let app = with_rooms(["a".to_owned()]);
        for messages in 2..20 {
            say(&app, "a");
            let page = app.room_pages.get(&app.hub, first(9)).unwrap();
            let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
            assert_eq!(page["rooms"][0]["messages"], messages);
        }
    }
}
