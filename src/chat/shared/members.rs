//! Members of rooms at all servers. Each server leases a place in Redis, and says which
//! names join and leave its rooms; all read what the others say. A server whose lease is
//! over is a new one, with another name: its members are listed anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sse_chat_redis::{self as redis, Lease, PresenceItem};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;

use super::client::SharedClient;
use crate::chat::hub::Hub;
use crate::chat::member_outbox::MemberChange;
use crate::chat::remote_snapshot::{RemoteSnapshot, SnapshotProgress};
use crate::protocol::{RoomName, UserName};

/// How long a server that is gone keeps its members.
const LEASE: Duration = Duration::from_secs(15);
/// How often the lease is renewed. A lease that is over is ended by the renewal of another
/// one: with both, members of a server that is gone leave within 20 s.
const RENEWAL: Duration = Duration::from_secs(3);
/// The pause after a call without an answer.
const PAUSE: Duration = Duration::from_millis(500);
/// Most changes of one call.
const MAX_CHANGES: usize = 200;
/// Most rooms of which members are read before other work is looked at.
const MAX_ROOMS: usize = 50;
/// Most reads that wait to be taken. Beyond it members are read anew.
const MAX_WAITING: usize = 1_024;

/// What was read of members at other servers.
#[derive(Debug)]
pub(super) struct MemberNews {
    /// The number of the newest change.
    number: u64,
    changes: Vec<PresenceItem>,
}

/// The end of the reader.
#[derive(Debug)]
pub(super) struct MemberNewsSender {
    news: mpsc::Sender<MemberNews>,
    missed: Arc<Notify>,
}

impl MemberNewsSender {
    pub(super) fn send(&self, number: u64, follows: bool, changes: Vec<PresenceItem>) {
        if !follows {
            self.missed.notify_one();
        }
        if self.news.try_send(MemberNews { number, changes }).is_err() {
            self.missed.notify_one();
        }
    }

    /// Changes may have been missed.
    pub(super) fn missed(&self) {
        self.missed.notify_one();
    }
}

/// Exchanges members with the other servers.
#[derive(Debug)]
pub(crate) struct MemberExchange {
    hub: Arc<Hub>,
    client: Arc<SharedClient>,
    news: mpsc::Receiver<MemberNews>,
    missed: Arc<Notify>,
    /// There is something to say, or a room to be read.
    due: Arc<Notify>,
    /// The present name of this server.
    node: String,
    /// All names that it had. What others say of them is known.
    own: HashSet<String>,
    is_leased: bool,
    /// Changes that were taken and not said yet.
    unsaid: Vec<MemberChange>,
}

impl MemberExchange {
    pub(super) fn new(hub: &Arc<Hub>, client: &Arc<SharedClient>) -> (Self, MemberNewsSender) {
        let (sender, news) = mpsc::channel(MAX_WAITING);
        let missed = Arc::<Notify>::default();
        let sender = MemberNewsSender {
            news: sender,
            missed: Arc::clone(&missed),
        };
        let exchange = Self {
            hub: Arc::clone(hub),
            client: Arc::clone(client),
            news,
            missed,
            due: hub.share_members(),
            node: String::new(),
            own: HashSet::new(),
            is_leased: false,
            unsaid: Vec::new(),
        };
        (exchange, sender)
    }

    /// Exchanges members; never returns.
    pub(crate) async fn run(mut self) {
        let mut renewals = tokio::time::interval(RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.begin_anew();
        loop {
            tokio::select! {
                // What was read before is known before what is due.
                biased;
                Some(news) = self.news.recv() => self.learn(news).await,
                () = self.missed.notified() => self.hub.read_all_rooms(),
                _ = renewals.tick() => self.renew().await,
                () = self.due.notified(), if self.is_leased => {
                    if self.exchange().await.is_err() {
                        // What was not said is still due.
                        self.due.notify_one();
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// Another name, without a lease yet.
    fn begin_anew(&mut self) {
        let letters = std::iter::repeat_with(fastrand::alphanumeric);
        self.node = letters.take(12).collect();
        self.own.insert(self.node.clone());
        self.is_leased = false;
        self.unsaid.clear();
        self.hub.list_all_members();
    }

    /// Renews the lease. Without an answer the next time is soon enough.
    async fn renew(&mut self) {
        let is_new = !self.is_leased;
        let renewed = self.client.log.renew_lease(&self.node, LEASE, is_new).await;
        match renewed {
            Ok(Lease::Held) if is_new => {
                self.is_leased = true;
                self.due.notify_one();
            }
            Ok(Lease::Over) => self.begin_anew(),
            Ok(Lease::Held) | Err(_) => {}
        }
    }

    /// Says what is due, and reads the members of rooms that are new here.
    async fn exchange(&mut self) -> Result<(), redis::CallError> {
        loop {
            let mut has_more = true;
            if self.unsaid.is_empty() {
                let taken = self.hub.take_member_changes(MAX_CHANGES);
                (self.unsaid, has_more) = (taken.changes, taken.has_more);
            }
            if !self.unsaid.is_empty() && self.say().await? == Lease::Over {
                self.begin_anew();
                self.renew().await;
                return Ok(());
            }
            self.unsaid.clear();
            if !has_more {
                break;
            }
        }
        loop {
            let rooms = self.hub.take_unread_rooms(MAX_ROOMS);
            if rooms.is_empty() {
                return Ok(());
            }
            for room in rooms {
                let read = self.read(&room).await;
                if !matches!(read, Ok(true)) {
                    // What was read before has to be known first.
                    self.hub.read_all_rooms();
                    tokio::time::sleep(PAUSE).await;
                    return read.map(drop);
                }
            }
        }
    }

    /// Says the changes that were taken.
    async fn say(&self) -> Result<Lease, redis::CallError> {
        let changes = self.unsaid.iter();
        let changes: Vec<redis::MemberChange<'_>> = changes
            .map(|change| redis::MemberChange {
                room: change.room.as_str(),
                name: change.name.as_str(),
                joins: change.joins,
            })
            .collect();
        self.client.log.change_members(&self.node, &changes).await
    }

    /// Reads the members of a room at other servers. Returns whether they are as new as what
    /// is known.
    async fn read(&self, room: &RoomName) -> Result<bool, redis::CallError> {
        let members = self.client.log.members_of(room.as_str()).await?;
        let others = members.nodes.iter();
        let others = others.filter(|(node, _)| !self.own.contains(node));
        let others = others.map(|(node, names)| {
            let names = names.iter().filter_map(|name| UserName::parse(name).ok());
            (node.as_str(), names.collect())
        });
        let mut snapshot = RemoteSnapshot::new(room.clone(), members.as_of, others);
        loop {
            match self.hub.set_remote(&mut snapshot) {
                SnapshotProgress::More => tokio::task::yield_now().await,
                SnapshotProgress::Outdated => return Ok(false),
                SnapshotProgress::Done | SnapshotProgress::NoRoom => return Ok(true),
            }
        }
    }

    /// Learns what was read.
    async fn learn(&mut self, news: MemberNews) {
        let first = (news.number + 1).saturating_sub(news.changes.len() as u64);
        for (number, change) in (first..).zip(news.changes) {
            match change {
                PresenceItem::Changed { node, room, names } if !self.own.contains(&node) => {
                    let Ok(room) = RoomName::parse(&room) else {
                        continue;
                    };
                    let names = names.into_iter();
                    let names: Vec<(UserName, bool)> = names
                        .filter_map(|(name, joins)| Some((UserName::parse(&name).ok()?, joins)))
                        .collect();
                    self.hub.remote_changed(number, &node, &room, &names);
                }
                PresenceItem::Left { node } if !self.own.contains(&node) => {
                    while self.hub.remote_left(number, &node) {
                        tokio::task::yield_now().await;
                    }
                }
                PresenceItem::Changed { .. } | PresenceItem::Left { .. } => {}
            }
        }
    }
}
