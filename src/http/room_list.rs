//! `GET /rooms`: the list of rooms, in pages from a cache.
//!
//! Encoding a page takes the hub's lock, and every message changes it. So pages
//! are cached, and encoded at a bounded rate: below that rate every response is
//! up to date. Above it a cached page is up to a second old, and a request for a
//! page that is not cached is refused until the rate allows one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{Response, StatusCode};

use super::body::{Body, json};
use super::input::{Pairs, limit};
use super::permission::Identity;
use super::problem::Problem;
use crate::chat::{Hub, RoomSummary};
use crate::protocol::{ProblemCode, RoomName, RoomPage};
use crate::tokens::Right;

/// The most bytes of a page, since a slow client holds it in memory. A page is
/// cut before the room that exceeds this, but has at least one room.
const MAX_PAGE_BYTES: usize = 8 * 1024;
/// The shortest line of a room, which bounds the rooms of a page.
const SHORTEST_LINE: &str = r#"{"room":"a","members":0,"messages":0,"newest":null}"#;
const MAX_ROOMS: usize = MAX_PAGE_BYTES / SHORTEST_LINE.len();
/// An older page is encoded anew whatever the rate: at most [`MAX_PAGES`] per
/// second.
const MAX_AGE: Duration = Duration::from_secs(1);
/// The rate is one page per this time: 200 per second, four times what one
/// address may request by default. A page takes a fraction of a millisecond.
const ENCODE_INTERVAL: Duration = Duration::from_millis(5);
/// The burst of the rate: 200 pages, and one more.
const ENCODE_BURST: Duration = Duration::from_secs(1);
/// The most cached pages, at most 2 MiB: all pages of as many rooms as there may
/// be by default.
const MAX_PAGES: usize = 256;
const DEFAULT_LIMIT: usize = 100;
/// How many rooms are looked at under one lock for a token that may read only some.
const SLICE: usize = 256;

/// The query of a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PageKey {
    /// The room before the first one on the page.
    after: Option<RoomName>,
    /// The most rooms.
    limit: usize,
}

/// The pages of rooms that were encoded last.
#[derive(Debug, Default)]
pub(super) struct RoomListCache {
    cached: Mutex<CachedPages>,
}

#[derive(Debug, Default)]
struct CachedPages {
    pages: HashMap<PageKey, (Instant, Bytes)>,
    /// The time from which the rate covers all pages encoded so far.
    paid_at: Option<Instant>,
}

impl RoomListCache {
    /// Answers a request by its query, with the rooms that the sender may read.
    pub(super) fn respond(
        &self,
        hub: &Arc<Hub>,
        identity: &Identity,
        query: &Pairs<'_>,
    ) -> Result<Response<Body>, Problem> {
        identity.permit_list()?;
        let after = query.one("after")?.map(RoomName::parse).transpose();
        let after = after
            .map_err(|_| Problem::new(ProblemCode::InvalidQuery, "after is the name of a room"))?;
        let key = PageKey {
            after,
            limit: limit(query)?.unwrap_or(DEFAULT_LIMIT),
        };
        if !identity.reads_all() {
            let charged = self.lock().charge(Instant::now());
            charged.map_err(Problem::too_many_pages)?;
            let may_read = |room: &RoomSummary| identity.has(Right::Read, &room.room);
            return Ok(json(StatusCode::OK, encode_some(hub, &key, may_read)));
        }
        let page = self.get(hub, key).map_err(Problem::too_many_pages)?;
        Ok(json(StatusCode::OK, page))
    }

    /// The page as JSON: `{"rooms":[…]}`, with `next` if there are more rooms.
    ///
    /// # Errors
    ///
    /// The time to wait, if the page is not cached and the rate is used up.
    fn get(&self, hub: &Arc<Hub>, key: PageKey) -> Result<Bytes, Duration> {
        self.get_at(hub, key, Instant::now())
    }

    fn get_at(&self, hub: &Arc<Hub>, key: PageKey, now: Instant) -> Result<Bytes, Duration> {
        if let Some(page) = self.lock().fresh(&key, now)? {
            return Ok(page);
        }
        let page = encode(hub, &key);
        Ok(self.lock().insert(key, now, page))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CachedPages> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedPages {
    /// The cached page, or `None` if the caller is to encode the page, which this
    /// has charged to the rate.
    ///
    /// # Errors
    ///
    /// The time to wait, if the page is not cached and the rate is used up.
    fn fresh(&mut self, key: &PageKey, now: Instant) -> Result<Option<Bytes>, Duration> {
        if let Err(wait) = self.wait(now) {
            let (made, page) = self.pages.get(key).ok_or(wait)?;
            if now.duration_since(*made) < MAX_AGE {
                return Ok(Some(page.clone()));
            }
        }
        self.pay(now);
        Ok(None)
    }

    /// Charges a page that is never cached to the rate.
    ///
    /// # Errors
    ///
    /// The time to wait, if the rate is used up.
    fn charge(&mut self, now: Instant) -> Result<(), Duration> {
        self.wait(now)?;
        self.pay(now);
        Ok(())
    }

    fn wait(&self, now: Instant) -> Result<(), Duration> {
        let paid_at = self.paid_at.map_or(now, |at| at.max(now));
        let wait = paid_at.saturating_duration_since(now + ENCODE_BURST);
        match wait.is_zero() {
            true => Ok(()),
            false => Err(wait),
        }
    }

    /// Capped, since refreshing old pages exceeds the rate.
    fn pay(&mut self, now: Instant) {
        let paid_at = self.paid_at.map_or(now, |at| at.max(now));
        self.paid_at = Some((paid_at + ENCODE_INTERVAL).min(now + ENCODE_BURST + ENCODE_INTERVAL));
    }

    /// Caches a page and returns it, or the cached bytes if they are equal, so
    /// that slow clients share one copy.
    fn insert(&mut self, key: PageKey, now: Instant, page: Bytes) -> Bytes {
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
    // One more than the limit shows whether there is a next page.
    let rooms = hub.rooms(key.after.as_ref(), key.limit.min(MAX_ROOMS) + 1);
    encode_rooms(&rooms, key)
}

/// A page of the rooms that `may_read` accepts. It looks at all rooms, in slices,
/// so that the hub's lock is free in between.
fn encode_some(hub: &Arc<Hub>, key: &PageKey, may_read: impl Fn(&RoomSummary) -> bool) -> Bytes {
    let wanted = key.limit.min(MAX_ROOMS) + 1;
    let (mut rooms, mut after) = (Vec::new(), key.after.clone());
    while rooms.len() < wanted {
        let slice = hub.rooms(after.as_ref(), SLICE);
        let Some(last) = slice.last() else {
            break;
        };
        after = Some(last.room.clone());
        rooms.extend(slice.into_iter().filter(&may_read));
    }
    rooms.truncate(wanted);
    encode_rooms(&rooms, key)
}

fn encode_rooms(rooms: &[RoomSummary], key: &PageKey) -> Bytes {
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
mod tests;
