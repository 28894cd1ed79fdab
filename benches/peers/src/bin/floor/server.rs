//! The sockets of the floor: accept, read requests, write frames.
//!
//! Every socket is registered for reading, edge-triggered. A reader's socket is
//! never read: only its end matters.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sse_chat_peers::{Message, event_id};

use crate::request::{self, Draft, Kind, Request};

const LISTENER: Token = Token(0);
/// The maximum number of events of one poll.
const EVENTS: usize = 1024;
/// The maximum size of one read.
const READ_BYTES: usize = 16 << 10;
/// The start of a stream: the head, and a chunk with a comment for clients that
/// wait for a first byte.
const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";
const ACCEPTED: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\
    content-length: 2\r\n\r\n{}";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\
    connection: close\r\n\r\n";
/// A constant of the length of a real time: reading the clock is not part of a
/// fan-out.
const CREATED_AT: &str = "2026-01-01T00:00:00.000Z";

/// Serves until the listener or the poll fails.
pub(crate) fn run(port: u16) -> io::Result<Infallible> {
    let mut floor = Floor::open(port)?;
    let mut events = Events::with_capacity(EVENTS);
    loop {
        match floor.poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept()?,
                _ => floor.ready(event),
            }
        }
    }
}

#[derive(Debug)]
struct Floor {
    poll: Poll,
    listener: TcpListener,
    /// Connections that are not readers: publishers, and those without a request yet.
    connections: HashMap<Token, Connection>,
    rooms: HashMap<String, Room>,
    /// The last token in use.
    last_token: usize,
    /// The number of messages in all rooms.
    seq: u64,
}

#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    /// Bytes that were read and not yet parsed.
    input: Vec<u8>,
}

#[derive(Debug, Default)]
struct Room {
    /// The number of messages in this room.
    number: u64,
    readers: Vec<Reader>,
}

#[derive(Debug)]
struct Reader {
    token: Token,
    socket: TcpStream,
}

/// The next state of a connection after its input was processed.
enum Next {
    Stays,
    Reads { room: String },
    Ends,
}

impl Floor {
    fn open(port: u16) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: HashMap::new(),
            rooms: HashMap::new(),
            last_token: LISTENER.0,
            seq: 0,
        })
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            self.last_token += 1;
            let token = Token(self.last_token);
            self.poll
                .registry()
                .register(&mut socket, token, Interest::READABLE)?;
            let input = Vec::new();
            self.connections.insert(token, Connection { socket, input });
        }
    }

    fn ready(&mut self, event: &Event) {
        let token = event.token();
        // Removed while it is processed, because publishing borrows the others.
        let Some(mut connection) = self.connections.remove(&token) else {
            if event.is_read_closed() || event.is_error() {
                self.forget_reader(token);
            }
            return;
        };
        match self.serve(&mut connection) {
            Next::Stays => {
                self.connections.insert(token, connection);
            }
            Next::Reads { room } => {
                let socket = connection.socket;
                let readers = &mut self.rooms.entry(room).or_default().readers;
                readers.push(Reader { token, socket });
            }
            Next::Ends => {}
        }
    }

    fn forget_reader(&mut self, token: Token) {
        for room in self.rooms.values_mut() {
            if let Some(index) = room.readers.iter().position(|one| one.token == token) {
                room.readers.swap_remove(index);
                return;
            }
        }
    }

    fn serve(&mut self, connection: &mut Connection) -> Next {
        let open = connection.fill();
        let mut input = std::mem::take(&mut connection.input);
        let mut taken = 0;
        let next = loop {
            match request::parse(&input[taken..]) {
                Ok(None) => break Next::Stays,
                Ok(Some(request)) => {
                    taken += request.length;
                    match self.answer(&request, &mut connection.socket) {
                        Next::Stays => {}
                        other => break other,
                    }
                }
                Err(request::Refused) => {
                    // The connection ends even if this write fails.
                    let _ = connection.socket.write(REFUSED);
                    break Next::Ends;
                }
            }
        };
        input.drain(..taken);
        connection.input = input;
        match open {
            true => next,
            false => Next::Ends,
        }
    }

    fn answer(&mut self, request: &Request<'_>, socket: &mut TcpStream) -> Next {
        match &request.kind {
            Kind::Subscribe if wrote_all(socket, STREAM_HEAD) => Next::Reads {
                room: request.room.to_owned(),
            },
            // The answer comes first: the sender waits for no reader.
            Kind::Publish(draft) if wrote_all(socket, ACCEPTED) => {
                self.publish(request.room, draft);
                Next::Stays
            }
            _ => Next::Ends,
        }
    }

    fn publish(&mut self, room_name: &str, draft: &Draft<'_>) {
        self.seq += 1;
        if !self.rooms.contains_key(room_name) {
            self.rooms.insert(room_name.to_owned(), Room::default());
        }
        let Some(room) = self.rooms.get_mut(room_name) else {
            return;
        };
        room.number += 1;
        let frame = frame(&Message {
            id: &event_id(self.seq),
            room: room_name,
            number: room.number,
            name: draft.name,
            message: draft.message,
            created_at: CREATED_AT,
        });
        room.broadcast(&frame);
    }
}

impl Connection {
    /// Reads until the socket is empty; false if the client has closed.
    fn fill(&mut self) -> bool {
        let mut bytes = [0; READ_BYTES];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => self.input.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

impl Room {
    /// Writes the frame to each reader: the loop that this peer measures.
    fn broadcast(&mut self, frame: &[u8]) {
        let before = self.readers.len();
        self.readers
            .retain_mut(|reader| wrote_all(&mut reader.socket, frame));
        let dropped = before - self.readers.len();
        if dropped > 0 {
            eprintln!("floor: dropped {dropped} readers whose sockets were full or closed");
        }
    }
}

/// Whether the socket took all bytes in one write.
fn wrote_all(socket: &mut TcpStream, bytes: &[u8]) -> bool {
    socket
        .write(bytes)
        .is_ok_and(|length| length == bytes.len())
}

/// An `update` event as one chunk of HTTP/1.1.
fn frame(message: &Message<'_>) -> Vec<u8> {
    let json = serde_json::to_string(message).expect("a struct of texts has a JSON form");
    let text = format!("id: {}\nevent: update\ndata: {json}\n\n", message.id);
    format!("{:X}\r\n{text}\r\n", text.len()).into_bytes()
}
