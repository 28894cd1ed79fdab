//! `sse-chat tail --name` in a pseudo terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::client_process::{ClientProcess, DEADLINE, command, run_with};
use crate::server_process::ServerProcess;

/// A chat and the other side of its pseudo terminal.
struct ChatTerminal {
    process: ClientProcess,
    keys: File,
    /// The side of the chat, kept open to read its attributes.
    terminal: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl ChatTerminal {
    fn open(server: &ServerProcess, columns: u16) -> Self {
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
        let process = ClientProcess::start(command.stdin(side()).stdout(side()));
        let keys = File::from(keys);
        Self {
            screen: read_chunks(keys.try_clone().unwrap()),
            process,
            keys,
            terminal,
            seen: String::new(),
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen has shown `word` after the previous one.
    #[track_caller]
    fn wait_for(&mut self, word: &str) {
        self.wait_for_all(&[word]);
    }

    /// The same for several words in any order.
    #[track_caller]
    fn wait_for_all(&mut self, words: &[&str]) {
        let deadline = Instant::now() + DEADLINE;
        while !words.iter().all(|word| self.seen.contains(word)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = self.screen.recv_timeout(left);
            let chunk = chunk.unwrap_or_else(|_| panic!("not {words:?} in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        let end = |word: &&str| self.seen.find(word).unwrap() + word.len();
        let end = words.iter().map(end).max().unwrap();
        self.seen.drain(..end);
    }

    /// Whether the terminal is in canonical mode with echo, as before the chat.
    fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

fn read_chunks(mut from: File) -> Receiver<Vec<u8>> {
    let (sender, chunks) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = from.read(&mut bytes) {
            if count == 0 || sender.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    chunks
}

#[test]
fn typed_lines_are_published_and_messages_appear_above_the_editor() {
    let server = ServerProcess::on_free_port();
    let mut chat = ChatTerminal::open(&server, 80);
    chat.wait_for("1 in lobby: Ada");
    chat.wait_for("> ");
    chat.type_keys("hello\r");
    chat.wait_for(" Ada: hello");
    chat.type_keys("half a li");
    chat.wait_for("half a li");
    run_with(
        server.address,
        &["send", "--name", "Bob", "a\u{9b}nswer"],
        "",
    );
    chat.wait_for(" Bob: a\\u{9b}nswer");
    chat.wait_for("> half a li");
    chat.type_keys("ne\r");
    chat.wait_for(" Ada: half a line");
}

#[test]
fn a_narrow_terminal_works_and_control_d_ends_after_all_lines_are_sent() {
    let server = ServerProcess::on_free_port();
    let mut chat = ChatTerminal::open(&server, 20);
    chat.wait_for("> ");
    chat.type_keys("a line that is wider than the terminal\r");
    chat.wait_for(" Ada: a line that is wider than the terminal");
    chat.wait_for("> ");
    chat.type_keys("\u{4}");
    assert_eq!(chat.process.code(), Some(0));
    assert!(chat.is_restored());
}

#[test]
fn control_c_is_exit_code_130() {
    let server = ServerProcess::on_free_port();
    let mut chat = ChatTerminal::open(&server, 80);
    chat.wait_for("> ");
    chat.type_keys("never mind\u{3}");
    assert_eq!(chat.process.code(), Some(130));
    assert!(chat.is_restored());
}

#[test]
fn a_signal_in_the_middle_of_a_line_restores_the_terminal() {
    let server = ServerProcess::on_free_port();
    let mut chat = ChatTerminal::open(&server, 80);
    chat.wait_for("> ");
    chat.type_keys("half");
    chat.wait_for("half");
    assert!(!chat.is_restored());
    chat.process.signal("TERM");
    chat.wait_for("\u{1b}[?2004l\r");
    assert_eq!(chat.process.code(), Some(130));
    assert!(chat.is_restored());
}

#[test]
fn lines_typed_while_the_server_is_down_are_published_in_order_after_its_restart() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--retry", "50ms..50ms"]);
    let address = server.address.to_string();
    let mut chat = ChatTerminal::open(&server, 80);
    chat.wait_for("> ");
    chat.type_keys("before\r");
    chat.wait_for(" Ada: before");
    server.signal("KILL");
    server.wait();
    chat.type_keys("first\r");
    // If the answer to the line before was cut off, that line waits first.
    chat.wait_for_all(&["disconnected: ", "waiting for the server"]);
    chat.type_keys("second\r");
    let _server = ServerProcess::start(&["--listen", &address]);
    chat.wait_for(" Ada: first");
    chat.wait_for(" Ada: second");
}
