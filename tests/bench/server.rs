//! A small server of the protocol with a configurable fault: one thread per
//! connection, all state behind one lock.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::called::DEADLINE;

/// The server's fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cheat {
    /// No fault.
    None,
    /// The first subscriber misses every `every`-th message.
    Lose { every: u64, how: Lost },
    /// Every n-th message is delivered twice.
    Double(u64),
    /// Every n-th message is delivered after the next one.
    Swap(u64),
    /// Every delivery is delayed by this time.
    Delay(Duration),
    /// Every n-th publish is answered with 429.
    Refuse(u64),
    /// The first subscriber's stream is cut once, after `after` messages.
    Cut { after: u64, resume: bool },
    /// After `after` messages the server pauses for `time`.
    Stall { after: u64, time: Duration },
    /// Deliveries wait until `in_flight` of all `messages` are in flight. A load that
    /// sends more at one time raises [`CheatingServer::most_held`].
    Hold { in_flight: usize, messages: usize },
    /// The answer to a message has no length and ends with the connection.
    Close,
    /// Every message is accepted but not answered.
    Hang,
    /// Another protocol, which requires a key.
    Foreign,
}

/// How a loss appears to the subscriber.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lost {
    /// As a hole in the room's numbers.
    Openly,
    /// Not at all: later messages are renumbered.
    Renumbered,
    /// As a gap event.
    Announced,
}

/// A server with a fault. Its threads end with the test's process.
pub(crate) struct CheatingServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    cheat: Cheat,
    room: Mutex<Room>,
    changed: Condvar,
}

#[derive(Default)]
struct Room {
    requests: u64,
    messages: Vec<String>,
    subscribers: Vec<Subscriber>,
    was_cut: bool,
    accepted: u64,
    /// Messages that were accepted and not delivered, now and at most.
    held: usize,
    most_held: usize,
    /// Closed connections that had published.
    closed: u64,
}

struct Subscriber {
    stream: TcpStream,
    /// The number of messages that it did not get and that renumbering hides.
    hidden: u64,
}

impl CheatingServer {
    pub(crate) fn start(cheat: Cheat) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            cheat,
            room: Mutex::default(),
            changed: Condvar::new(),
        });
        let server = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::clone(&state),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        if let Cheat::Hold {
            in_flight,
            messages,
        } = cheat
        {
            let state = Arc::clone(&server.state);
            std::thread::spawn(move || state.release(in_flight, messages));
        }
        server
    }

    /// The number of publishes that were answered with 201.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.room.lock().unwrap().accepted
    }

    /// The maximum number of messages in flight at one time.
    pub(crate) fn most_held(&self) -> usize {
        self.state.room.lock().unwrap().most_held
    }

    /// Waits for `count` published messages.
    pub(crate) fn wait_for_messages(&self, count: usize) {
        self.wait_while(|room| room.messages.len() < count);
    }

    /// Waits until the benchmark has closed a connection that published.
    pub(crate) fn wait_for_publishers_to_close(&self) {
        self.wait_while(|room| room.closed == 0);
    }

    fn wait_while(&self, waits: impl Fn(&Room) -> bool) {
        let room = self.state.room.lock().unwrap();
        let changed = &self.state.changed;
        let waited = changed.wait_timeout_while(room, DEADLINE, |room| waits(room));
        assert!(!waited.unwrap().1.timed_out(), "nothing changed");
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut bytes = Vec::new();
        let mut published = false;
        while let Some((head, body)) = read_request(&mut stream, &mut bytes) {
            if self.cheat == Cheat::Foreign && !head.contains("\r\nX-Key: 1\r\n") {
                let _ = stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
            } else if head.starts_with("GET ") {
                return self.subscribe(stream, &head);
            } else {
                published = true;
                let status = self.publish(&body);
                if self.cheat == Cheat::Hang {
                    continue;
                }
                if self.cheat == Cheat::Close {
                    let answer = format!("HTTP/1.1 {status} X\r\n\r\n{{}}");
                    let _ = stream.write_all(answer.as_bytes());
                    break;
                }
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\n{{}}");
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
        // The benchmark also opens a connection without a request to probe the server.
        self.room.lock().unwrap().closed += u64::from(published);
        self.changed.notify_all();
    }

    /// Delivers the oldest message each time that `in_flight` messages are held.
    fn release(&self, in_flight: usize, messages: usize) {
        for delivered in 0..messages {
            let full = in_flight.min(messages - delivered);
            let room = self.room.lock().unwrap();
            let waits = |room: &mut Room| room.held < full;
            let waited = self.changed.wait_timeout_while(room, DEADLINE, waits);
            let (mut room, _) = waited.unwrap();
            room.held -= 1;
            self.deliver(&mut room, delivered as u64 + 1);
        }
    }

    fn subscribe(&self, mut stream: TcpStream, head: &str) {
        let mut room = self.room.lock().unwrap();
        let head_lines = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head_lines.as_bytes()).unwrap();
        if self.cheat != Cheat::Foreign {
            write_chunk(&mut stream, "event: hello\nid: e-0\ndata: {}\n\n");
        }
        let last = field(head, "last-event-id").and_then(|id| id.strip_prefix("e-"));
        let last = last.and_then(|seq| seq.parse::<usize>().ok());
        if let (Some(last), Cheat::Cut { resume: true, .. }) = (last, self.cheat) {
            for at in last..room.messages.len() {
                let message = room.messages[at].clone();
                write_chunk(&mut stream, &update(at as u64 + 1, at as u64 + 1, &message));
            }
        }
        room.subscribers.push(Subscriber { stream, hidden: 0 });
    }

    fn publish(&self, body: &str) -> u16 {
        let mut room = self.room.lock().unwrap();
        room.requests += 1;
        if let Cheat::Refuse(every) = self.cheat
            && room.requests.is_multiple_of(every)
        {
            return 429;
        }
        let message = match serde_json::from_str::<Value>(body) {
            Ok(json) => json["message"].as_str().unwrap().to_owned(),
            Err(_) => body.to_owned(),
        };
        room.messages.push(message);
        if let Cheat::Stall { after, time } = self.cheat
            && room.messages.len() as u64 == after
        {
            // The pause that the test measures. The lock is held, so that all wait.
            std::thread::sleep(time);
        }
        if let Cheat::Delay(time) = self.cheat {
            std::thread::sleep(time);
        }
        match self.cheat {
            Cheat::Hold { .. } => {
                room.held += 1;
                room.most_held = room.most_held.max(room.held);
            }
            _ => {
                let seq = room.messages.len() as u64;
                self.deliver(&mut room, seq);
            }
        }
        room.accepted += 1;
        self.changed.notify_all();
        201
    }

    fn deliver(&self, room: &mut Room, seq: u64) {
        if let Cheat::Cut { after, .. } = self.cheat
            && seq == after
            && !std::mem::replace(&mut room.was_cut, true)
        {
            let first = room.subscribers.remove(0);
            let _ = first.stream.shutdown(std::net::Shutdown::Both);
        }
        let message = |seq: u64| &room.messages[seq as usize - 1];
        for (index, subscriber) in room.subscribers.iter_mut().enumerate() {
            match self.cheat {
                Cheat::Lose { every, how } if index == 0 && seq.is_multiple_of(every) => {
                    subscriber.lose(how, seq);
                }
                Cheat::Double(every) if seq.is_multiple_of(every) => {
                    subscriber.send(seq, message(seq));
                    subscriber.send(seq, message(seq));
                }
                Cheat::Swap(every) if seq.is_multiple_of(every) => {}
                Cheat::Swap(every) if seq > 1 && (seq - 1).is_multiple_of(every) => {
                    subscriber.send(seq, message(seq));
                    subscriber.send(seq - 1, message(seq - 1));
                }
                Cheat::Foreign => {
                    write_chunk(
                        &mut subscriber.stream,
                        &format!("data: {}\n\n", message(seq)),
                    );
                }
                _ => subscriber.send(seq, message(seq)),
            }
        }
    }
}

impl Subscriber {
    fn send(&mut self, seq: u64, message: &str) {
        write_chunk(&mut self.stream, &update(seq, seq - self.hidden, message));
    }

    fn lose(&mut self, how: Lost, seq: u64) {
        match how {
            Lost::Openly => {}
            Lost::Renumbered => self.hidden += 1,
            Lost::Announced => {
                let next = seq + 1;
                let gap = format!(
                    "event: gap\nid: e-{seq}\ndata: {{\"room\":\"bench-0\",\"reason\":\"lagged\",\"lost\":1,\"next\":{next}}}\n\n"
                );
                write_chunk(&mut self.stream, &gap);
            }
        }
    }
}

fn update(seq: u64, number: u64, message: &str) -> String {
    format!(
        "id: e-{seq}\nevent: update\ndata: {{\"id\":\"e-{seq}\",\"number\":{number},\"message\":\"{message}\"}}\n\n"
    )
}

fn write_chunk(stream: &mut TcpStream, text: &str) {
    // An error means that the subscriber has closed its connection.
    let _ = stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
}

/// The value of a header.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let mut values = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value)
}

/// Reads the next request; `None` at the end of the stream.
pub(crate) fn read_request(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> Option<(String, String)> {
    loop {
        let text = String::from_utf8_lossy(bytes);
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = field(head, "content-length").map_or(0, |it| it.parse().unwrap());
            if rest.len() >= length {
                let request = (format!("{head}\r\n"), rest[..length].to_owned());
                let length = head.len() + 4 + length;
                bytes.drain(..length);
                return Some(request);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}
