//! Requests for history: all of a room, and pages of any part of it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::event_id::Id;
use crate::http::{Http, Request};
use crate::ledger::{Violation, Window};
use crate::notes::Notes;
use crate::shown::{Page, Shown};

/// The wait before a request is repeated.
const PAUSE: Duration = Duration::from_millis(5);
/// The most messages of a page.
const MOST: usize = 500;

pub(crate) struct Pages {
    http: Http,
    notes: Notes,
    name: String,
}

impl Pages {
    pub(crate) fn new(address: SocketAddr, notes: &Notes, name: &str) -> Self {
        Self {
            http: Http::new(address),
            notes: notes.clone(),
            name: name.to_owned(),
        }
    }

    /// Reads random pages until it is to stop.
    pub(crate) async fn poll(
        mut self,
        rooms: &'static [&'static str],
        mut random: fastrand::Rng,
        stop: CancellationToken,
    ) {
        while !stop.is_cancelled() {
            let room = random.choice(rooms).unwrap();
            let mut window = Window::default();
            if let Some(known) = self.notes.ledger().known(room) {
                let mut id = || random.choice(known.keys()).cloned();
                (window.after, window.before) = (id(), id());
            }
            match random.u8(0..4) {
                0 => window = Window::default(),
                1 => window.after = None,
                2 => window.before = None,
                _ if window.after >= window.before => continue,
                _ => {}
            }
            let limit = random.usize(1..=100);
            self.page(room, &window, limit).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads all of the room's history, and checks it as a whole.
    pub(crate) async fn all(&mut self, room: &str) -> Vec<Shown> {
        let since = self.notes.ledger().now();
        let (mut all, mut after) = (Vec::<Shown>::new(), "begin-0".parse::<Id>().unwrap());
        if let Some((first, _)) = self
            .notes
            .ledger()
            .known(room)
            .and_then(|all| all.first_key_value())
        {
            after = Id {
                seq: 0,
                ..first.clone()
            };
        }
        loop {
            let window = Window {
                after: Some(after.clone()),
                before: None,
            };
            let page = crate::within(self.page(room, &window, MOST)).await;
            let is_short = page.len() < MOST;
            all.extend(page);
            match all.last() {
                Some(last) if !is_short => after = last.id.clone(),
                _ => break,
            }
        }
        let mut ledger = self.notes.ledger();
        ledger.check_row(&self.name, &all);
        let ids: HashSet<Id> = all.iter().map(|shown| shown.id.clone()).collect();
        let everything = (Bound::Unbounded, Bound::Unbounded);
        ledger.check_there(&self.name, room, everything, &ids, since);
        let numbered: Vec<&Shown> = all.iter().filter(|shown| shown.number.is_some()).collect();
        let first = numbered.first().filter(|_| !ledger.evicts());
        if let Some(first) = first.filter(|first| first.number != Some(1)) {
            let (by, id) = (self.name.clone(), first.id.clone());
            ledger.violate(Violation::Hole { by, id });
        }
        drop(ledger);
        all
    }

    /// Repeats the request for a page until it is answered, and checks the page.
    async fn page(&mut self, room: &str, window: &Window, limit: usize) -> Vec<Shown> {
        let mut target = format!("/rooms/{room}/messages?limit={limit}");
        for (name, id) in [("after", &window.after), ("before", &window.before)] {
            if let Some(id) = id {
                target.push_str(&format!("&{name}={id}"));
            }
        }
        let request = Request::new("GET", target);
        loop {
            let since = self.notes.ledger().now();
            match self.http.ask(&request).await {
                Ok(answer) if answer.status == 200 => {
                    let page: Result<Page, _> = serde_json::from_str(&answer.body);
                    let mut ledger = self.notes.ledger();
                    match page {
                        Ok(page) if page.room == room => {
                            let is_short = page.messages.len() < limit;
                            ledger.page(&self.name, &page, window, since, is_short);
                            return page.messages;
                        }
                        odd => {
                            let (by, what) = (self.name.clone(), format!("{odd:?}"));
                            ledger.violate(Violation::Invalid { by, what });
                            return Vec::new();
                        }
                    }
                }
                Ok(answer) if !matches!(answer.status, 408 | 429 | 503) => {
                    let (by, what) = (self.name.clone(), format!("{answer:?}"));
                    self.notes.ledger().violate(Violation::Refused { by, what });
                    return Vec::new();
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
