use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

/// An output whose writes block until the test permits them. Written bytes are
/// sent to the test.
struct BlockableOutput {
    permits: Receiver<io::Result<()>>,
    written: Sender<Vec<u8>>,
}

impl Write for BlockableOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // After the end of the test all writes are permitted.
        self.permits.recv().unwrap_or(Ok(()))?;
        let _ = self.written.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct QueueFixture {
    queue: LogQueue,
    permits: SyncSender<io::Result<()>>,
    written: Receiver<Vec<u8>>,
    reports: Receiver<u64>,
}

impl QueueFixture {
    fn new(limit: usize) -> Self {
        let (permits, permitted) = sync_channel(100);
        let (sender, written) = channel();
        let (report, reports) = channel();
        let out = BlockableOutput {
            permits: permitted,
            written: sender,
        };
        let report = move |lines| {
            let _ = report.send(lines);
        };
        let queue = LogQueue::start(limit, out, report).unwrap();
        Self {
            queue,
            permits,
            written,
            reports,
        }
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped().load(Ordering::Relaxed)
    }

    /// Permits writes until one contains `line`.
    fn read_to(&self, line: &str) {
        loop {
            self.permits.send(Ok(())).unwrap();
            let text = self.written.recv_timeout(DEADLINE).unwrap();
            if String::from_utf8(text).unwrap().contains(line) {
                return;
            }
        }
    }
}

#[test]
fn lines_are_written_in_order_and_a_flush_waits_for_them() {
    let fixture = QueueFixture::new(1000);
    for line in ["a\n", "b\n", "c\n"] {
        fixture.queue.push(line.as_bytes());
    }
    assert!(!fixture.queue.flush(Duration::ZERO));
    for _ in 0..3 {
        fixture.permits.send(Ok(())).unwrap();
    }
    assert!(fixture.queue.flush(DEADLINE));
    let all: Vec<u8> = fixture.written.try_iter().flatten().collect();
    assert_eq!(all, b"a\nb\nc\n");
    assert_eq!(fixture.dropped(), 0);
}

#[test]
fn lines_over_the_bound_are_dropped_counted_and_reported_once_output_moves() {
    let fixture = QueueFixture::new(100);
    for _ in 0..15 {
        fixture.queue.push(b"123456789\n");
    }
    assert_eq!(fixture.dropped(), 5, "100 bytes are ten lines");
    assert!(
        fixture.reports.try_recv().is_err(),
        "no write is permitted yet"
    );
    for _ in 0..10 {
        fixture.permits.send(Ok(())).unwrap();
    }
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(5));
    assert!(fixture.queue.flush(DEADLINE));
    fixture.queue.push(b"after\n");
    fixture.read_to("after");
    assert_eq!(fixture.dropped(), 5);
}

#[test]
fn a_line_over_the_whole_bound_is_dropped_and_the_next_one_is_not() {
    let fixture = QueueFixture::new(10);
    fixture.queue.push(b"a line of too many bytes\n");
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(1));
    assert!(fixture.queue.flush(DEADLINE));
    fixture.queue.push(b"short\n");
    fixture.read_to("short");
}

#[test]
fn a_failed_write_loses_its_lines_and_is_reported_after_the_next_one() {
    let fixture = QueueFixture::new(1000);
    fixture.queue.push(b"lost\n");
    let full = io::Error::from(io::ErrorKind::StorageFull);
    fixture.permits.send(Err(full)).unwrap();
    assert!(fixture.queue.flush(DEADLINE));
    assert_eq!(fixture.dropped(), 1);
    assert!(fixture.reports.try_recv().is_err());
    fixture.queue.push(b"kept\n");
    fixture.read_to("kept");
    assert_eq!(fixture.reports.recv_timeout(DEADLINE), Ok(1));
}
