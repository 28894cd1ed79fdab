//! `sse-chat tail --name` at a terminal: a pseudo terminal, as narrow as they
//! come.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::running::Running;
use crate::talking::{DEADLINE, Talking, command, run_with};

/// A chat, and who sits at its terminal.
struct Seat {
    chat: Talking,
    keys: File,
    /// The terminal's other side, which outlives the chat.
    terminal: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Seat {
    fn take(server: &Running, columns: u16) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let size = Winsize {
            ws_row: 10,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&keys, size).unwrap();
        let path = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let side = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = command(server.address, &["tail", "--name", "Ada"]);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let chat = Talking::start(command.stdin(side()).stdout(side()));
        let keys = File::from(keys);
        Self {
            screen: pieces_of(keys.try_clone().unwrap()),
            chat,
            keys,
            terminal,
            seen: String::new(),
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen has shown `word` since the last that was waited for.
    #[track_caller]
    fn sees(&mut self, word: &str) {
        while !self.seen.contains(word) {
            let piece = self.screen.recv_timeout(DEADLINE);
            let piece = piece.unwrap_or_else(|_| panic!("no {word:?} in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        let end = self.seen.find(word).unwrap() + word.len();
        self.seen.drain(..end);
    }

    /// Whether the terminal edits lines itself, as it did before the chat.
    fn is_as_it_was(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

fn pieces_of(mut from: File) -> Receiver<Vec<u8>> {
    let (tell, pieces) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = from.read(&mut bytes) {
            if count == 0 || tell.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

#[test]
fn what_is_typed_is_said_and_what_arrives_is_shown_above() {
    let server = Running::free();
    let mut seat = Seat::take(&server, 80);
    seat.sees("1 in lobby: Ada");
    seat.sees("> ");
    seat.types("hello\r");
    seat.sees(" Ada: hello");
    seat.types("half a li");
    seat.sees("half a li");
    run_with(
        server.address,
        &["send", "--name", "Bob", "a\u{9b}nswer"],
        "",
    );
    seat.sees(" Bob: a\\u{9b}nswer");
    seat.sees("> half a li");
    seat.types("ne\r");
    seat.sees(" Ada: half a line");
}

#[test]
fn a_narrow_terminal_is_enough_and_control_d_ends_it_with_all_said() {
    let server = Running::free();
    let mut seat = Seat::take(&server, 20);
    seat.sees("> ");
    seat.types("a line that is wider than the terminal\r");
    seat.sees(" Ada: a line that is wider than the terminal");
    seat.sees("> ");
    seat.types("\u{4}");
    assert_eq!(seat.chat.code(), Some(0));
    assert!(seat.is_as_it_was());
}

#[test]
fn control_c_is_exit_code_130() {
    let server = Running::free();
    let mut seat = Seat::take(&server, 80);
    seat.sees("> ");
    seat.types("never mind\u{3}");
    assert_eq!(seat.chat.code(), Some(130));
    assert!(seat.is_as_it_was());
}

#[test]
fn a_signal_in_the_middle_of_a_line_gives_the_terminal_back() {
    let server = Running::free();
    let mut seat = Seat::take(&server, 80);
    seat.sees("> ");
    seat.types("half");
    seat.sees("half");
    assert!(!seat.is_as_it_was());
    seat.chat.signal("TERM");
    seat.sees("\u{1b}[?2004l\r");
    assert_eq!(seat.chat.code(), Some(130));
    assert!(seat.is_as_it_was());
}

#[test]
fn lines_typed_while_the_server_is_away_are_said_in_order_when_it_is_back() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--retry", "50ms..50ms"]);
    let address = server.address.to_string();
    let mut seat = Seat::take(&server, 80);
    seat.sees("> ");
    seat.types("before\r");
    seat.sees(" Ada: before");
    server.signal("KILL");
    server.ended();
    seat.sees("cut: ");
    seat.types("first\r");
    seat.sees("kept until the server is back");
    seat.types("second\r");
    let _server = Running::start(&["--listen", &address]);
    seat.sees(" Ada: first");
    seat.sees(" Ada: second");
}
