//! An upgrade without a gap: a service manager holds the socket, the server is terminated under
//! load and another one started on the same folder. It prints the seconds that this takes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::crashes::new_folder;
use crate::event_id::Id;
use crate::http::{Http, Request};
use crate::server::{Listener, Setup};
use crate::shown::Shown;
use crate::transport::TestSocket;
use crate::wire::{Event, Item, Pace, Wire};
use crate::within;

const READERS: usize = 1000;
const PUBLISHERS: usize = 50;
/// The messages of all publishers: before, and in all.
const BEFORE: u64 = 50;
const ALL: u64 = 250;
/// The time of a graceful shutdown.
const GRACE: &str = "2s";
/// The interval of messages.
const INTERVAL: Duration = Duration::from_millis(25);
/// The wait before a request is repeated.
const PAUSE: Duration = Duration::from_millis(10);

/// What publishers and readers share.
struct Talk {
    address: SocketAddr,
    /// Messages that may be published.
    allowed: Semaphore,
    /// The answered messages by number: their ids and texts.
    answered: Mutex<BTreeMap<u64, (Id, String)>>,
    /// When each was answered.
    times: Mutex<Vec<Instant>>,
    /// What each reader has.
    progress: watch::Sender<Vec<Progress>>,
}

/// How far a reader is.
#[derive(Debug, Clone)]
struct Progress {
    hellos: usize,
    byes: usize,
    cursor: Option<Id>,
    /// The messages that it got.
    got: Vec<(Id, String)>,
    last_hello: Instant,
}

/// Publishes a message per permit, each until it is answered.
async fn publish(talk: Arc<Talk>, name: String) {
    let mut http = Http::new(talk.address);
    for n in 0_u64.. {
        talk.allowed.acquire().await.unwrap().forget();
        let text = format!("{name}-{n}");
        let body = serde_json::json!({ "name": name, "message": text, "client_id": text });
        let request = Request::new("POST", "/rooms/a/messages");
        let request = request.with_body("application/json", body.to_string());
        let shown = loop {
            match http.ask(&request).await {
                Ok(answer) if matches!(answer.status, 200 | 201) => {
                    break Shown::parse(&answer.body).unwrap();
                }
                Ok(answer) if answer.status != 503 => panic!("{answer:?}"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        };
        let number = shown.number.unwrap();
        let before = talk
            .answered
            .lock()
            .unwrap()
            .insert(number, (shown.id, text));
        assert_eq!(before, None, "two messages with the number {number}");
        talk.times.lock().unwrap().push(Instant::now());
    }
}

/// Reads and reconnects as a browser does.
async fn follow(talk: Arc<Talk>, reader: usize) {
    loop {
        let mut retry = PAUSE;
        let _ = read(&talk, reader, &mut retry).await;
        tokio::time::sleep(retry).await;
    }
}

async fn read(talk: &Talk, reader: usize, retry: &mut Duration) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(talk.address).await?;
    let cursor = talk.progress.borrow()[reader].cursor.clone();
    let cursor = cursor.map(|id| format!("Last-Event-ID: {id}\r\n"));
    let cursor = cursor.unwrap_or_default();
    let request = format!("GET /rooms/a/events HTTP/1.1\r\nHost: localhost\r\n{cursor}\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut wire = Wire::new(TestSocket::Clear(socket), Pace::Free);
    wire.silence = crate::DEADLINE;
    let head = wire.head().await?;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    loop {
        match wire.next().await? {
            Item::Event(event) => {
                talk.progress.send_modify(|all| all[reader].take(&event));
            }
            Item::Retry(time) => *retry = time,
            Item::End => return Ok(()),
        }
    }
}

impl Progress {
    fn new() -> Self {
        Self {
            hellos: 0,
            byes: 0,
            cursor: None,
            got: Vec::new(),
            last_hello: Instant::now(),
        }
    }

    fn take(&mut self, event: &Event) {
        let id: Option<Id> = event.id.as_deref().map(|id| id.parse().unwrap());
        match (&*event.kind, id) {
            ("hello", Some(id)) => {
                assert!(self.cursor.as_ref().is_none_or(|cursor| *cursor == id));
                self.hellos += 1;
                self.last_hello = Instant::now();
                self.cursor = Some(id);
            }
            ("update", Some(id)) => {
                let shown = Shown::parse(&event.data).unwrap();
                assert_eq!(shown.number, Some(self.got.len() as u64 + 1));
                assert!(self.cursor.as_ref().is_some_and(|cursor| *cursor < id));
                self.got
                    .push((id.clone(), shown.text().unwrap().to_owned()));
                self.cursor = Some(id);
            }
            ("bye", None) => self.byes += 1,
            ("ping", None) => {}
            _ => panic!("{event:?}"),
        }
    }
}

impl Talk {
    async fn until_all(&self, is: impl Fn(&Progress) -> bool) {
        let mut progress = self.progress.subscribe();
        let all = progress.wait_for(|all| all.iter().all(&is));
        drop(within(all).await.unwrap());
    }

    async fn allow(&self, messages: u64) {
        let mut interval = tokio::time::interval(INTERVAL);
        for _ in 0..messages {
            interval.tick().await;
            self.allowed.add_permits(1);
        }
    }

    /// The longest time between two answers.
    fn longest_pause(&self) -> Duration {
        let times = self.times.lock().unwrap();
        let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
        pauses.max().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_load_loses_nothing_and_every_reader_resumes() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let folder = new_folder("upgrade");
    let listener = Listener::new();
    let setup = Setup::on(&folder.join("data"))
        .on_socket(&listener)
        .with(&["--max-streams-per-address", "10000", "--retry", "2s..5s"])
        .with(&["--max-connections-per-address", "10000"])
        .with(&["--ping", "15s", "--history", "100000"])
        // Streams end over this time, and nothing is published meanwhile.
        .with(&["--grace", GRACE]);
    let mut server = setup.start().await;
    let talk = Arc::new(Talk {
        address: server.address,
        allowed: Semaphore::new(0),
        answered: Mutex::default(),
        times: Mutex::default(),
        progress: watch::Sender::new(vec![Progress::new(); READERS]),
    });
    let mut clients = JoinSet::new();
    for reader in 0..READERS {
        clients.spawn(follow(Arc::clone(&talk), reader));
    }
    talk.until_all(|reader| reader.hellos == 1).await;
    for n in 0..PUBLISHERS {
        clients.spawn(publish(Arc::clone(&talk), format!("publisher-{n}")));
    }
    talk.allow(BEFORE).await;
    let rest = tokio::spawn({
        let talk = Arc::clone(&talk);
        async move { talk.allow(ALL - BEFORE).await }
    });
    let began = Instant::now();
    server.terminate().await;
    let ended = began.elapsed();
    server.start_again().await;
    let started = began.elapsed();
    within(rest).await.unwrap();
    talk.until_all(|reader| reader.got.len() as u64 >= ALL)
        .await;
    assert!(clients.try_join_next().is_none(), "a client has failed");
    drop(clients);
    let answered = talk.answered.lock().unwrap();
    let numbers: Vec<u64> = answered.keys().copied().collect();
    assert_eq!(numbers, (1..=ALL).collect::<Vec<_>>());
    let all: Vec<_> = answered.values().cloned().collect();
    let mut last_hello = began;
    for reader in &*talk.progress.borrow() {
        assert_eq!((reader.hellos, reader.byes), (2, 1));
        assert_eq!(reader.got, all);
        last_hello = last_hello.max(reader.last_hello);
    }
    println!(
        "{READERS} readers, {PUBLISHERS} publishers, --grace {GRACE}: ended after {:.2} s, listening after {:.2} s, \
         all readers back after {:.2} s, longest time between two answers {:.2} s",
        ended.as_secs_f64(),
        started.as_secs_f64(),
        (last_hello - began).as_secs_f64(),
        talk.longest_pause().as_secs_f64()
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
