use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

/// An output that takes a write whenever the test lets it, and then says
/// what it was.
struct Gate {
    open: Receiver<io::Result<()>>,
    taken: Sender<Vec<u8>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A test that has ended lets everything pass.
        self.open.recv().unwrap_or(Ok(()))?;
        let _ = self.taken.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Fixture {
    queue: LogQueue,
    open: SyncSender<io::Result<()>>,
    taken: Receiver<Vec<u8>>,
    reports: Receiver<u64>,
}

impl Fixture {
    fn new(limit: usize) -> Self {
        let (open, gate) = sync_channel(100);
        let (sender, taken) = channel();
        let (report, reports) = channel();
        let out = Gate {
            open: gate,
            taken: sender,
        };
        let report = move |lines| {
            let _ = report.send(lines);
        };
        let queue = LogQueue::start(limit, out, report).unwrap();
        Self {
            queue,
            open,
            taken,
            reports,
        }
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped().load(Ordering::Relaxed)
    }

    /// Lets writes through until one has `line` in it.
    fn read_to(&self, line: &str) {
        loop {
            self.open.send(Ok(())).unwrap();
            let text = self.taken.recv_timeout(DEADLINE).unwrap();
            if String::from_utf8(text).unwrap().contains(line) {
                return;
            }
        }
    }
}

#[test]
fn lines_are_written_in_order_and_a_flush_waits_for_them() {
    let fixture = Fixture::new(1000);
    for line in ["a\n", "b\n", "c\n"] {
        fixture.queue.push(line.as_bytes());
    }
    assert!(!fixture.queue.flush(Duration::ZERO));
    for _ in 0..3 {
        fixture.open.send(Ok(())).unwrap();
    }
    assert!(fixture.queue.flush(DEADLINE));
    let all: Vec<u8> = fixture.taken.try_iter().flatten().collect();
    assert_eq!(all, b"a\nb\nc\n");
    assert_eq!(fixture.dropped(), 0);
}

#[test]
fn lines_over_the_bound_are_dropped_counted_and_reported_once_output_moves() {
    let fixture = Fixture::new(100);
    for _ in 0..15 {
        fixture.queue.push(b"123456789\n");
    }
    assert_eq!(fixture.dropped(), 5, "100 bytes are ten lines");
    assert!(fixture.reports.try_recv().is_err(), "nothing moves yet");
    for _ in 0..10 {
        fixture.open.send(Ok(())).unwrap();
    }
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(5));
    assert!(fixture.queue.flush(DEADLINE));
    fixture.queue.push(b"after\n");
    fixture.read_to("after");
    assert_eq!(fixture.dropped(), 5);
}

#[test]
fn a_line_over_the_whole_bound_is_dropped_and_the_next_one_is_not() {
    let fixture = Fixture::new(10);
    fixture.queue.push(b"a line of too many bytes\n");
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(1));
    assert!(fixture.queue.flush(DEADLINE));
    fixture.queue.push(b"short\n");
    fixture.read_to("short");
}

#[test]
fn a_failed_write_loses_its_lines_and_is_reported_after_the_next_one() {
    let fixture = Fixture::new(1000);
    fixture.queue.push(b"lost\n");
    let full = io::Error::from(io::ErrorKind::StorageFull);
    fixture.open.send(Err(full)).unwrap();
    assert!(fixture.queue.flush(DEADLINE));
    assert_eq!(fixture.dropped(), 1);
    assert!(fixture.reports.try_recv().is_err());
    fixture.queue.push(b"kept\n");
    fixture.read_to("kept");
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(1));
}
