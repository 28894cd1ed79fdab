//! The life of one store: a server that crashes again and again, its writers and readers, and
//! what is checked after each start and at the end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::erased::check_erased;
use crate::event_id::Id;
use crate::ledger::Ledger;
use crate::moderator::Moderator;
use crate::notes::Notes;
use crate::pages::Pages;
use crate::proxy::Proxy;
use crate::reader::Reader;
use crate::server::{Server, Setup};
use crate::writer::Writer;

const ROOMS: &[&str] = &["a", "b", "c"];
/// Time limit of the last messages.
const LAST: Duration = Duration::from_secs(45);

/// Dropping it ends its server and clients.
pub(crate) struct Life {
    pub(crate) notes: Notes,
    pub(crate) server: Server,
    folder: PathBuf,
    moderator: String,
    proxy: Proxy,
    writers: JoinSet<Writer>,
    /// They end when they are to stop.
    others: JoinSet<()>,
    readers: JoinSet<()>,
    stop: CancellationToken,
    random: fastrand::Rng,
}

/// The life of a store after its end.
pub(crate) struct Ended {
    pub(crate) notes: Notes,
    /// With which the store can be used again.
    pub(crate) setup: Setup,
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Kill,
    /// It is stopped for a while, and killed then.
    StopAndKill,
    /// It is killed, and again while it starts.
    KillTwice,
    /// It ends gracefully.
    Terminate,
}

impl Fault {
    pub(crate) fn drawn(random: &mut fastrand::Rng) -> Self {
        match random.u8(0..10) {
            0..=5 => Self::Kill,
            6 | 7 => Self::StopAndKill,
            8 => Self::KillTwice,
            _ => Self::Terminate,
        }
    }
}

impl Life {
    /// Starts a server with this setup and an empty folder for files, and all clients.
    pub(crate) async fn begin(setup: Setup, folder: &Path, random: fastrand::Rng) -> Self {
        // Nothing is evicted, so that all must be there.
        let setup = setup.with(&["--history", "1000000"]);
        Self::begin_with(Ledger::default(), setup, folder, random).await
    }

    /// The same with most of its history on the disk only. Memory holds what is repeated with
    /// its client id.
    pub(crate) async fn begin_larger(setup: Setup, folder: &Path, random: fastrand::Rng) -> Self {
        let setup = setup.with(&["--history", "300", "--data-history", "1000000"]);
        Self::begin_with(Ledger::default(), setup, folder, random).await
    }

    /// The same with a short history.
    pub(crate) async fn begin_evicting(setup: Setup, folder: &Path, random: fastrand::Rng) -> Self {
        // Each item may have a change, and replays are in slices.
        let setup = setup.with(&["--history", "60"]);
        Self::begin_with(Ledger::evicting(15), setup, folder, random).await
    }

    async fn begin_with(
        ledger: Ledger,
        setup: Setup,
        folder: &Path,
        mut random: fastrand::Rng,
    ) -> Self {
        let key = folder.join("key");
        std::fs::write(&key, run(&["token", "--new-key"])).unwrap();
        let key = key.to_str().unwrap();
        let setup = setup.with(&["--token-key", key, "--anonymous", "write", "--open-events"]);
        let setup = setup.with(&["--history-bytes", "1GiB", "--history-budget", "2GiB"]);
        let setup = setup.with(&["--grace", "2s"]);
        let server = setup.start().await;
        let proxy = Proxy::start(server.address, random.fork()).await;
        let mut life = Self {
            notes: Notes::new(ledger),
            server,
            folder: folder.to_owned(),
            moderator: token(key, &["--sub", "moderator", "--moderate", "*"]),
            proxy,
            writers: JoinSet::new(),
            others: JoinSet::new(),
            readers: JoinSet::new(),
            stop: CancellationToken::new(),
            random,
        };
        life.add_readers().await;
        life.add_writers(key);
        life.proxy.enable_faults();
        life
    }

    async fn add_readers(&mut self) {
        let (direct, proxied) = (self.server.address, self.proxy.address);
        for (address, name, rooms) in [
            (direct, "reader of all", ROOMS),
            (direct, "reader of a", &["a"][..]),
            (direct, "reader of b", &["b"][..]),
            (proxied, "proxied reader of all", ROOMS),
            (proxied, "proxied reader of a", &["a"][..]),
        ] {
            let reader = Reader::new(address, &self.notes, name, rooms, None);
            self.readers.spawn(reader.follow());
        }
        let all_read = |ledger: &Ledger| ledger.readers().iter().all(|book| book.hellos > 0);
        self.notes.until(all_read).await;
    }

    fn add_writers(&mut self, key: &str) {
        let (direct, proxied) = (self.server.address, self.proxy.address);
        for (address, name) in [
            (direct, "Ada"),
            (direct, "Bob"),
            (direct, "Cyd"),
            (direct, "Dan"),
            (proxied, "Eve"),
            (proxied, "Fay"),
        ] {
            let writer = self.writer(address, name);
            self.writers.spawn(writer.write(self.stop.clone()));
        }
        // A ban needs its message, which must not be evicted.
        let count = if self.notes.ledger().evicts() { 0 } else { 6 };
        let authors =
            (0..count).map(|n| token(key, &["--sub", &format!("author-{n}"), "--write", "*"]));
        let authors = authors.collect();
        let moderator = Moderator::new(self.writer(direct, "Mod"), &self.moderator, authors);
        self.others.spawn(moderator.moderate(self.stop.clone()));
        for (address, name) in [(direct, "pages"), (proxied, "proxied pages")] {
            let pages = Pages::new(address, &self.notes, name);
            let random = self.random.fork();
            self.others
                .spawn(pages.poll(ROOMS, random, self.stop.clone()));
        }
    }

    fn writer(&mut self, address: SocketAddr, name: &str) -> Writer {
        let random = self.random.fork();
        Writer::new(address, &self.notes, name, &self.moderator, ROOMS, random)
    }

    /// Adds a reader that goes on from an entry of the past.
    pub(crate) fn add_late_reader(&mut self) {
        let room = self.random.choice(ROOMS).unwrap();
        let begins: Option<Id> = {
            let ledger = self.notes.ledger();
            let known = ledger.known(room).map(|known| known.keys());
            known.and_then(|ids| self.random.choice(ids).cloned())
        };
        let name = format!("late reader from {begins:?}");
        let reader = Reader::new(self.server.address, &self.notes, &name, ROOMS, begins);
        self.readers.spawn(reader.follow());
    }

    /// Ends the server like this after some writes, and starts it again.
    pub(crate) async fn crash(&mut self, fault: Fault) {
        self.notes.until_answered(self.random.u64(10..300)).await;
        self.server.assert_runs().await;
        match fault {
            Fault::Kill => self.server.kill().await,
            Fault::StopAndKill => {
                let time = Duration::from_millis(self.random.u64(1..60));
                self.server.stop_and_kill(time).await;
            }
            Fault::KillTwice => {
                self.server.kill().await;
                let time = Duration::from_millis(self.random.u64(0..40));
                self.server.start_and_kill(time).await;
            }
            Fault::Terminate => self.server.terminate().await,
        }
        self.server.start_again().await;
    }

    /// Checks all of history.
    pub(crate) async fn check(&self) {
        check_at(self.server.address, &self.notes).await;
    }

    /// Ends the faults, waits until all that is pending is done and read, and checks all.
    pub(crate) async fn finish(mut self) -> Ended {
        self.proxy.disable_faults();
        self.stop.cancel();
        while let Some(ended) = crate::within(self.writers.join_next()).await {
            ended.unwrap();
        }
        while let Some(ended) = crate::within(self.others.join_next()).await {
            ended.unwrap();
        }
        let mut last = Vec::new();
        let mut writer = self.writer(self.server.address, "Last");
        for room in ROOMS {
            last.extend(crate::within(writer.publish(room, None)).await);
        }
        let have_all = |ledger: &Ledger| {
            let mut books = ledger.readers().iter();
            books.all(|book| last.iter().all(|no| ledger.has_got(book, *no)))
        };
        // What is missing then is named below.
        let _ = tokio::time::timeout(LAST, self.notes.until(have_all)).await;
        while let Some(ended) = self.readers.try_join_next() {
            ended.unwrap();
        }
        self.check().await;
        self.notes.ledger().finish();
        self.server.terminate().await;
        check_erased(&self.folder, &self.notes);
        Ended {
            notes: self.notes,
            setup: self.server.setup().clone(),
        }
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let ledger = self.notes.ledger();
        let violations = ledger.violations();
        let first: Vec<_> = violations.iter().take(20).collect();
        let count = violations.len();
        assert!(violations.is_empty(), "{count} violations: {first:#?}");
    }

    /// Checks all of history at another server with its store.
    pub(crate) async fn check_at(&self, address: SocketAddr) {
        check_at(address, &self.notes).await;
    }
}

async fn check_at(address: SocketAddr, notes: &Notes) {
    let mut pages = Pages::new(address, notes, "all of history");
    for room in ROOMS {
        pages.all(room).await;
    }
}

fn token(key: &str, rights: &[&str]) -> String {
    let made = run(&[&["token", "--key", key, "--for", "12h"], rights].concat());
    made.trim().to_owned()
}

/// The standard output of a command of the program.
fn run(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sse-chat"))
        .args(args)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
