//! Real workers: threads, polls and sockets of the kernel.

use std::io::Read as _;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;

use http_body::Body as _;

use super::*;

/// A test that takes this long has failed.
const DEADLINE: Duration = Duration::from_secs(60);

struct Threads {
    app: Arc<App>,
    fanout: Fanout,
    tasks: TaskTracker,
}

impl Threads {
    fn start(workers: usize) -> Self {
        let app = Arc::new(App::new(Config::default()).unwrap());
        Self {
            fanout: Fanout::start(&app, NonZeroUsize::new(workers).unwrap()).unwrap(),
            app,
            tasks: TaskTracker::default(),
        }
    }

    /// A client whose stream a worker writes.
    fn reader(&self) -> TcpStream {
        let (client, socket) = connected();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let peer = std::net::IpAddr::from([127, 0, 0, 1]);
        let connection = self.app.admission.connect(peer, &self.app.config.access);
        self.fanout.add_socket(
            ClientSocket::Clear(socket),
            handoff(&self.app),
            connection.unwrap(),
            &self.tasks,
        );
        client
    }

    fn loads(&self) -> Vec<usize> {
        let mailboxes = self.fanout.mailboxes.iter();
        mailboxes.map(|mailbox| mailbox.load()).collect()
    }

    /// Clients whose streams have begun.
    fn readers(&self, count: usize) -> Vec<TcpStream> {
        let mut clients: Vec<TcpStream> = (0..count).map(|_| self.reader()).collect();
        for client in &mut clients {
            read_to(client, "event: hello\n");
        }
        clients
    }

    /// Waits until the workers have found that all bodies are dropped.
    fn until_no_reader(&self) {
        let begun = Instant::now();
        while self.app.hub.readers() > 0 || self.loads().iter().sum::<usize>() > 0 {
            assert!(begun.elapsed() < DEADLINE, "a reader is left");
            std::thread::yield_now();
        }
    }

    /// Waits until no reader with a socket is left.
    fn until_empty(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime
            .block_on(async { tokio::time::timeout(DEADLINE, self.tasks.wait()).await })
            .expect("every reader is let go");
    }
}

/// Reads until `end` arrives.
fn read_to(client: &mut TcpStream, end: &str) {
    let (mut text, mut bytes) = (String::new(), [0; 1024]);
    while !text.contains(end) {
        let read = client.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
}

#[test]
fn readers_are_spread_evenly() {
    let threads = Threads::start(3);
    let clients = threads.readers(31);
    let mut loads = threads.loads();
    loads.sort_unstable();
    assert_eq!(loads, [10, 10, 11]);
    drop(clients);
    threads.until_empty();
    assert_eq!(threads.loads(), [0, 0, 0]);
}

#[test]
fn readers_may_be_added_from_several_threads() {
    let threads = Threads::start(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut client = threads.reader();
                    read_to(&mut client, "event: hello\n");
                    // Its end is noticed without a write.
                    client.shutdown(Shutdown::Write).unwrap();
                    let mut rest = Vec::new();
                    client.read_to_end(&mut rest).unwrap();
                }
            });
        }
    });
    threads.until_empty();
    assert_eq!(threads.app.hub.readers(), 0);
}

#[test]
fn a_drain_wakes_waiting_workers() {
    let threads = Threads::start(2);
    let mut clients = threads.readers(4);
    threads.app.draining.begin(Duration::ZERO);
    threads.fanout.wake();
    clients
        .iter_mut()
        .for_each(|client| read_to(client, "event: bye\n"));
    threads.until_empty();
}

#[test]
fn a_stop_wakes_waiting_workers() {
    let threads = Threads::start(2);
    let mut clients = threads.readers(4);
    threads.fanout.stop();
    threads.until_empty();
    for client in &mut clients {
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "it is closed");
    }
}

/// Reads a body until `end` arrives or the stream is cut.
fn read_body(body: &mut PipeBody, end: &str) -> Result<(), StreamCut> {
    let mut text = String::new();
    let read = async {
        while !text.contains(end) {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
            let bytes = frame.await.expect("the stream goes on")?;
            text.push_str(std::str::from_utf8(&bytes.into_data().unwrap()).unwrap());
        }
        Ok(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, read).await })
        .expect("it comes or is cut")
}

#[test]
fn a_panic_cuts_the_bodies_of_its_worker_and_later_ones_are_served() {
    let threads = Threads::start(1);
    let take = || threads.fanout.add_body(handoff(&threads.app).stream);
    let mut body = take();
    // The hello is in the pipe before the worker has it.
    publish(&threads.app, "a", "x");
    read_body(&mut body, "event: update\n").unwrap();
    let mailbox = &threads.fanout.mailboxes[0];
    mailbox.panics_next.store(true, Ordering::Relaxed);
    mailbox.waker.notify();
    assert_eq!(read_body(&mut body, "never"), Err(StreamCut));
    let mut next = take();
    publish(&threads.app, "a", "x");
    read_body(&mut next, "event: update\n").unwrap();
    drop((body, next));
    threads.until_no_reader();
}

#[test]
fn a_stopped_fanout_cuts_bodies_that_no_worker_has_taken() {
    let threads = Threads::start(1);
    threads.fanout.stop();
    let stream = handoff(&threads.app).stream;
    let mut body = threads.fanout.add_body(stream);
    assert_eq!(read_body(&mut body, "never"), Err(StreamCut));
    threads.until_no_reader();
}

#[test]
fn a_panic_cuts_only_the_readers_of_its_worker() {
    let threads = Threads::start(2);
    let (mut first, mut second) = (threads.readers(1), threads.readers(1));
    assert_eq!(threads.loads(), [1, 1]);
    let mailbox = &threads.fanout.mailboxes[0];
    mailbox.panics_next.store(true, Ordering::Relaxed);
    mailbox.waker.notify();
    assert_eq!(first[0].read(&mut [0]).unwrap(), 0, "it is closed");
    // The next reader is assigned to the same worker, and is served.
    first = threads.readers(1);
    publish(&threads.app, "a", "x");
    for client in first.iter_mut().chain(&mut second) {
        read_to(client, "event: update\n");
    }
    assert_eq!(threads.loads(), [1, 1]);
    drop((first, second));
    threads.until_empty();
    assert_eq!(threads.app.hub.readers(), 0);
}
