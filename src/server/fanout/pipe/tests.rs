use http_body::Body as _;
use mio::{Poll as MioPoll, Token};

use super::*;
use crate::counting_waker::CountingWaker;

/// Both halves of a pipe whose reader has token 7, and what they wake.
struct PipeHalves {
    writer: PipeWriter,
    body: PipeBody,
    worker: Arc<WorkerWaker>,
    wakes: Arc<CountingWaker>,
    _poll: MioPoll,
}

impl PipeHalves {
    /// Past its first event.
    fn new() -> Self {
        let poll = MioPoll::new().unwrap();
        let worker = Arc::new(WorkerWaker::new(poll.registry(), Token(0)).unwrap());
        let (mut writer, body) = pipe(&worker, Bytes::from_static(b"hello"));
        writer.register(7);
        let mut halves = Self {
            writer,
            body,
            worker,
            wakes: Arc::default(),
            _poll: poll,
        };
        assert_eq!(halves.read(), Poll::Ready(Some(Ok(5))));
        halves
    }

    fn read(&mut self) -> Poll<Option<Result<usize, StreamCut>>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let frame = Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker));
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().len())))
    }

    /// Writes events of these sizes. Returns how many bytes were taken.
    fn write(&mut self, sizes: &[usize]) -> usize {
        let events: Vec<Bytes> = sizes.iter().map(|&size| vec![b'x'; size].into()).collect();
        match self
            .writer
            .send(events.iter(), || -> Bytes { unreachable!() })
        {
            Written::All => sizes.iter().sum(),
            Written::Partial(bytes) => bytes,
            Written::Failed(error) => panic!("{error}"),
        }
    }

    /// How often the body's task was woken, after the worker's turn.
    fn woken(&self) -> usize {
        self.worker.wake_bodies();
        self.wakes.count()
    }
}

#[test]
fn writes_are_read_as_one_piece_and_wake_the_body_once() {
    let mut halves = PipeHalves::new();
    assert_eq!(halves.read(), Poll::Pending);
    assert_eq!((halves.write(&[3, 4]), halves.write(&[5])), (7, 5));
    assert_eq!(halves.woken(), 1);
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(12))));
    assert_eq!(halves.read(), Poll::Pending);
    assert_eq!(halves.worker.take_ready(), [0; 0], "the pipe was not full");
}

/// Writes to this many pipes, whose tasks wait.
fn write_to(pipes: usize, halves: &PipeHalves) -> Vec<(PipeWriter, PipeBody)> {
    let waker = Waker::from(Arc::clone(&halves.wakes));
    let mut cx = Context::from_waker(&waker);
    let event = Bytes::from_static(b"x");
    let opened = (0..pipes).map(|_| {
        let (mut writer, mut body) = pipe(&halves.worker, event.clone());
        while Pin::new(&mut body).poll_frame(&mut cx).is_ready() {}
        assert!(matches!(writer.send_one(&event), Written::All));
        (writer, body)
    });
    opened.collect()
}

#[test]
fn tasks_are_woken_together() {
    for (pipes, within_the_turn) in [(1, 0), (63, 0), (65, 64)] {
        let halves = PipeHalves::new();
        let _pipes = write_to(pipes, &halves);
        assert_eq!(halves.wakes.count(), within_the_turn);
        assert_eq!(halves.woken(), pipes);
    }
}

#[tokio::test]
async fn many_tasks_are_woken_from_within_their_runtime() {
    let halves = PipeHalves::new();
    let _pipes = write_to(3, &halves);
    assert_eq!(halves.woken(), 0, "by a task");
    tokio::task::yield_now().await;
    assert_eq!(halves.woken(), 3);
}

#[test]
fn a_piece_is_bounded_except_a_single_event_which_is_not_copied() {
    let mut halves = PipeHalves::new();
    let large = Bytes::from(vec![b'x'; PIECE_BYTES + 1]);
    halves.write(&[PIECE_BYTES - 1, 1, 1]);
    assert!(matches!(halves.writer.send_one(&large), Written::All));
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(PIECE_BYTES))));
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(1))));
    let frame = Pin::new(&mut halves.body).poll_frame(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(Ok(frame))) = frame else {
        panic!("nothing came");
    };
    assert_eq!(frame.into_data().unwrap().as_ptr(), large.as_ptr());
}

#[test]
fn a_full_pipe_blocks_and_wakes_the_worker_when_it_is_read() {
    let mut halves = PipeHalves::new();
    assert_eq!(
        halves.write(&[PIPE_BYTES - 1, 2]),
        PIPE_BYTES - 1,
        "whole events"
    );
    assert_eq!(halves.write(&[2]), 0);
    assert_eq!(halves.write(&[2]), 0);
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(PIPE_BYTES - 1))));
    assert_eq!(halves.worker.take_ready(), [7]);
    assert_eq!(halves.write(&[2]), 2);
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(2))));
    assert_eq!(halves.worker.take_ready(), [0; 0]);
}

#[test]
fn an_empty_pipe_takes_one_event_of_any_size() {
    let mut halves = PipeHalves::new();
    assert_eq!(halves.write(&[2 * PIPE_BYTES, 1]), 2 * PIPE_BYTES);
    assert_eq!(halves.write(&[1]), 0);
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(2 * PIPE_BYTES))));
    assert_eq!(halves.worker.take_ready(), [7]);
}

#[test]
fn a_finished_pipe_ends_after_what_was_written() {
    let mut halves = PipeHalves::new();
    assert_eq!(halves.read(), Poll::Pending);
    halves.write(&[1]);
    halves.writer.finish();
    assert!(!halves.body.is_end_stream());
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(1))));
    assert!(halves.body.is_end_stream());
    assert_eq!(halves.read(), Poll::Ready(None));
}

#[test]
fn a_pipe_whose_writer_is_gone_fails_after_what_was_written() {
    let mut halves = PipeHalves::new();
    assert_eq!(halves.read(), Poll::Pending);
    halves.write(&[1]);
    let (writer, _) = pipe(&halves.worker, Bytes::new());
    drop(std::mem::replace(&mut halves.writer, writer));
    assert_eq!(halves.woken(), 1);
    assert_eq!(halves.read(), Poll::Ready(Some(Ok(1))));
    assert_eq!(halves.read(), Poll::Ready(Some(Err(StreamCut))));
    assert!(!halves.body.is_end_stream());
}

#[test]
fn the_content_of_an_abandoned_pipe_is_discarded() {
    let mut halves = PipeHalves::new();
    halves.write(&[1, 1]);
    halves.writer.abandon();
    let (writer, _) = pipe(&halves.worker, Bytes::new());
    drop(std::mem::replace(&mut halves.writer, writer));
    assert_eq!(halves.read(), Poll::Ready(Some(Err(StreamCut))));
}

#[test]
fn a_dropped_body_wakes_the_worker_and_takes_nothing_more() {
    let halves = PipeHalves::new();
    let (mut writer, worker) = (halves.writer, halves.worker);
    assert_eq!(
        writer.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(halves.body);
    assert_eq!(worker.take_ready(), [7]);
    assert_eq!(writer.read(&mut [0]).unwrap(), 0);
    let sent = writer.send_one(&Bytes::from_static(b"x"));
    assert!(matches!(sent, Written::Failed(error) if error.kind() == ErrorKind::BrokenPipe));
}

#[test]
fn a_body_dropped_before_its_registration_wakes_the_worker_then() {
    let halves = PipeHalves::new();
    let (mut writer, body) = pipe(&halves.worker, Bytes::new());
    drop(body);
    assert_eq!(halves.worker.take_ready(), [0; 0]);
    writer.register(9);
    assert_eq!(halves.worker.take_ready(), [9]);
}

#[test]
fn a_finished_reader_wakes_the_worker_no_more() {
    let halves = PipeHalves::new();
    drop(halves.writer);
    drop(halves.body);
    assert_eq!(
        halves.worker.take_ready(),
        [0; 0],
        "its token may be another's"
    );
}
