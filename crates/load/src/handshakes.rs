//! Mode `handshakes`: threads that open connections, complete a handshake, send one
//! request over HTTP/1.1, and open the next when the server has closed it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use crate::response::{Response, ResponsePart};
use crate::shared::{Shared, StreamError};
use crate::socket::{LoadSocket, Received};
use crate::tally::Tally;

/// The longest wait for an event: timeouts are checked this often.
const TURN: Duration = Duration::from_millis(10);
/// Room for a TLS record and more.
const BUFFER_BYTES: usize = 32 * 1024;
/// The wait after a failure.
const RETRY_AFTER_NS: u64 = 100_000_000;

/// When connections are opened, on the run's clock. Those that are answered from
/// `measured_from_ns` on count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandshakeTimes {
    pub(crate) measured_from_ns: u64,
    pub(crate) until_ns: u64,
}

/// Starts a thread with `concurrency` connections at a time.
pub(crate) fn start(
    shared: &Arc<Shared>,
    times: HandshakeTimes,
    concurrency: usize,
) -> io::Result<JoinHandle<io::Result<Tally>>> {
    let handshakes = Handshakes {
        request: shared.requests.probe(),
        shared: Arc::clone(shared),
        times,
        poll: Poll::new()?,
        slots: (0..concurrency)
            .map(|_| Slot::Free { from_ns: 0 })
            .collect(),
        buffer: vec![0; BUFFER_BYTES],
        tally: Tally::default(),
    };
    std::thread::Builder::new()
        .name("bench-connect".to_owned())
        .spawn(move || handshakes.run())
}

/// A thread's connections. The index of one is its token.
struct Handshakes {
    shared: Arc<Shared>,
    times: HandshakeTimes,
    poll: Poll,
    slots: Vec<Slot>,
    request: Vec<u8>,
    buffer: Vec<u8>,
    tally: Tally,
}

enum Slot {
    /// A connection may be opened from this time on.
    Free {
        from_ns: u64,
    },
    Busy(Box<Attempt>),
}

/// A connection from its start to its end.
struct Attempt {
    socket: LoadSocket,
    since_ns: u64,
    step: AttemptStep,
    response: Response,
    /// The server has closed its side: no event announces the end again.
    ends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AttemptStep {
    Connecting,
    Connected,
    Requested,
    /// The server has answered, and has yet to close.
    Answered,
}

impl Handshakes {
    fn run(mut self) -> io::Result<Tally> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now_ns = self.shared.now_ns();
            if now_ns >= self.times.until_ns || self.shared.stop.load(Relaxed) {
                return Ok(self.tally);
            }
            for index in 0..self.slots.len() {
                self.turn(index, now_ns);
            }
            match self.poll.poll(&mut events, Some(TURN)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                let index = event.token().0;
                match self.advance(index, event) {
                    Ok(false) => {}
                    Ok(true) => self.slots[index] = Slot::Free { from_ns: 0 },
                    Err(error) => self.fail(index, error),
                }
            }
        }
    }

    /// Opens a connection in a free slot, and closes one that takes too long.
    fn turn(&mut self, index: usize, now_ns: u64) {
        let timeout = self.shared.plan.timeout;
        match &self.slots[index] {
            Slot::Free { from_ns } if *from_ns <= now_ns => {
                if let Err(error) = self.open(index, now_ns) {
                    self.fail(index, unreachable(format_args!("can't connect: {error}")));
                }
            }
            Slot::Busy(attempt) if now_ns - attempt.since_ns > timeout.as_nanos() as u64 => {
                match attempt.step {
                    // It is the client that closes an idle connection of some servers.
                    AttemptStep::Answered => self.slots[index] = Slot::Free { from_ns: 0 },
                    _ => self.fail(
                        index,
                        unreachable(format_args!("no answer within {timeout:?}")),
                    ),
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, index: usize, since_ns: u64) -> io::Result<()> {
        let source = self.shared.plan.source(index);
        let mut socket = self.shared.address.connect(source, false)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(socket.tcp(), Token(index), interests)?;
        self.slots[index] = Slot::Busy(Box::new(Attempt {
            socket,
            since_ns,
            step: AttemptStep::Connecting,
            response: Response::new(),
            ends: false,
        }));
        Ok(())
    }

    /// Does what an event allows. Returns whether the connection is over.
    fn advance(&mut self, index: usize, event: &Event) -> Result<bool, StreamError> {
        let Some(Slot::Busy(attempt)) = self.slots.get_mut(index) else {
            return Ok(false);
        };
        attempt.ends |= event.is_read_closed();
        if event.is_writable() {
            let connected = attempt.connect(&self.shared, &mut self.tally);
            connected.map_err(|error| unreachable(format_args!("can't connect: {error}")))?;
        }
        loop {
            let sent = attempt.send(&self.request, &self.shared, &mut self.tally);
            sent.map_err(unreachable)?;
            if attempt.step == AttemptStep::Connecting {
                return Ok(false);
            }
            let received = attempt.read(&mut self.buffer)?;
            if received.is_answer {
                let now_ns = self.shared.now_ns();
                if now_ns >= self.times.measured_from_ns {
                    self.shared.counters.opened.fetch_add(1, Relaxed);
                    self.tally.answered.record_ns(now_ns - attempt.since_ns);
                }
            }
            match received.state {
                Received::Bytes { emptied, .. } if emptied && !attempt.ends => {
                    // The handshake may have ended with these bytes.
                    let sent = attempt.send(&self.request, &self.shared, &mut self.tally);
                    sent.map_err(unreachable)?;
                    return Ok(false);
                }
                Received::Bytes { .. } => {}
                Received::Nothing => return Ok(false),
                Received::End if attempt.step == AttemptStep::Answered => return Ok(true),
                Received::End => return Err(unreachable("the server closed the connection")),
                // The server may cut what it has answered.
                Received::Broken(_) if attempt.step == AttemptStep::Answered => return Ok(true),
                Received::Broken(error) => return Err(unreachable(error)),
            }
        }
    }

    fn fail(&mut self, index: usize, error: StreamError) {
        let from_ns = self.shared.now_ns() + RETRY_AFTER_NS;
        self.slots[index] = Slot::Free { from_ns };
        self.shared.fail(error);
    }
}

/// The result of one read of an attempt.
struct ReadResult {
    state: Received,
    /// The response became complete.
    is_answer: bool,
}

impl Attempt {
    /// Starts the handshake once TCP is established.
    fn connect(&mut self, shared: &Shared, tally: &mut Tally) -> io::Result<()> {
        if self.step != AttemptStep::Connecting {
            return self.socket.flush();
        }
        if self.socket.is_connected()? {
            self.step = AttemptStep::Connected;
            tally.tcp.record_ns(shared.now_ns() - self.since_ns);
            self.socket.start()?;
        }
        Ok(())
    }

    /// Sends the request after the handshake.
    fn send(&mut self, request: &[u8], shared: &Shared, tally: &mut Tally) -> io::Result<()> {
        if self.step != AttemptStep::Connected || !self.socket.is_ready() {
            return Ok(());
        }
        if self.socket.is_tls() {
            tally.tls.record_ns(shared.now_ns() - self.since_ns);
        }
        self.step = AttemptStep::Requested;
        self.socket.write(request)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<ReadResult, StreamError> {
        let limit = buffer.len();
        let response = &mut self.response;
        let mut is_answer = false;
        let was_answered = self.step == AttemptStep::Answered;
        let state = self.socket.read(buffer, limit, |mut piece| {
            while !is_answer && !was_answered {
                match response.next(&mut piece).map_err(unreachable)? {
                    ResponsePart::Head(head) if head.status >= 400 => {
                        let why = format!("the server answered {}", head.status);
                        return Err(StreamError::Refused(why));
                    }
                    ResponsePart::Head(_) | ResponsePart::Body(_) => {}
                    ResponsePart::End => is_answer = true,
                    ResponsePart::Wait => break,
                }
            }
            Ok(())
        })?;
        if matches!(state, Received::End) && !was_answered {
            is_answer |= self.response.ends_with_its_connection();
        }
        if is_answer {
            self.step = AttemptStep::Answered;
        }
        Ok(ReadResult { state, is_answer })
    }
}

fn unreachable(why: impl std::fmt::Display) -> StreamError {
    StreamError::Unreachable(why.to_string())
}
