//! Readers that leave: their memory is freed, other readers are not affected. Also
//! the size of one reader.

use super::*;

#[test]
fn a_reused_token_belongs_to_the_new_reader_only() {
    let mut worker = TestWorker::new(|_| {});
    // It leaves before its turn to write, so its token stays in the queue.
    let (token, client) = worker.add(worker.subscribe(&["a"], None));
    worker.hang_up(token, &client);
    let keeper = worker.reader("a");
    assert_eq!(keeper.0, token);
    worker.readers.writable(token);
    worker.publish("a", "n 1");
    let mut keeper = keeper.1;
    worker.work();
    assert_eq!(numbers(&text(&mut keeper)), [1]);
    assert_eq!(keeper.wire.borrow().writes, 1);
}

#[test]
fn a_reader_whose_connection_timed_out_in_the_kernel_counts_as_stalled() {
    let mut worker = TestWorker::new(|_| {});
    let (_, written) = worker.reader("a");
    written.wire.borrow_mut().is_timed_out = true;
    worker.publish("a", "n 1");
    worker.work();
    let (token, read) = worker.reader("a");
    read.wire.borrow_mut().is_timed_out = true;
    worker.readers.readable(token);
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 2);
    assert!(worker.readers.is_empty());
}

#[test]
fn a_failed_write_keeps_the_other_readers_of_the_group() {
    for gone in 0..3 {
        let mut worker = TestWorker::new(|_| {});
        let mut readers: Vec<(usize, FakeClient)> = (0..3).map(|_| worker.reader("a")).collect();
        readers[gone].1.wire.borrow_mut().is_closed = true;
        worker.publish("a", "n 1");
        worker.work();
        assert!(readers.remove(gone).1.wire.borrow().is_dropped);
        // The reader that moved to its index is found there.
        let (token, client) = readers.pop().unwrap();
        worker.hang_up(token, &client);
        assert!(client.wire.borrow().is_dropped);
        worker.publish("a", "n 2");
        worker.work();
        assert_eq!(numbers(&text(&mut readers[0].1)), [1, 2]);
    }
}

#[test]
fn client_input_after_the_request_is_discarded_up_to_a_bound() {
    let mut worker = TestWorker::new(|_| {});
    let (token, mut client) = worker.reader("a");
    for _ in 0..4 {
        client.wire.borrow_mut().sent = vec![b'x'; 16 * 1024];
        worker.readers.readable(token);
        assert_eq!(client.wire.borrow().sent.len(), 0);
    }
    worker.publish("a", "n 1");
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [1]);
    client.wire.borrow_mut().sent = vec![b'x'];
    worker.readers.readable(token);
    assert!(client.wire.borrow().is_dropped);
}

#[test]
fn when_all_readers_have_left_all_memory_is_freed() {
    let mut worker = TestWorker::new(|_| {});
    let names: Vec<String> = (0..500).map(|n| format!("n{n}")).collect();
    let readers: Vec<(usize, FakeClient)> = names
        .iter()
        .map(|name| {
            let subscription = worker.subscribe(&["a", name], Some(name));
            let (token, client) = worker.add(subscription);
            client.wire.borrow_mut().room = usize::MAX;
            (token, client)
        })
        .collect();
    worker.work();
    worker.publish("a", "x");
    worker.work();
    assert_eq!(worker.load.load(Ordering::Relaxed), 500);
    for (token, client) in &readers {
        worker.hang_up(*token, client);
    }
    assert!(worker.readers.is_empty());
    assert_eq!(worker.readers.table.capacity(), 0);
    assert_eq!(
        (worker.load.load(Ordering::Relaxed), worker.tasks.len()),
        (0, 0)
    );
    assert_eq!(worker.app.hub.readers(), 0);
}

#[test]
fn a_live_reader_is_small() {
    use super::super::live::LiveReader;
    let (live, slot) = (size_of::<LiveReader<Transport>>(), reader_table::SLOT_BYTES);
    // In a debug build, mio's sockets know their poll.
    let most = if cfg!(debug_assertions) { 56 } else { 48 };
    assert!(live <= most, "{live} bytes");
    // Including its entries among all connections and the streams of its address.
    assert!(slot <= 144, "{slot} bytes");
}
