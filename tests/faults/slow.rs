//! Readers that read almost nothing, beside normal readers.

use crate::record::{Reading, Record};
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::transport::Transport;
use crate::{random, rounds};

/// The most memory of the server: less than a part of the messages per slow reader
/// would need.
const MEMORY: u64 = 64 << 20;

// 54 and 55: slow readers get gap events, and others are not affected.
async fn readers_of_a_byte_at_a_time_learn_what_they_lost(transport: Transport) {
    let flags = ["--history", "50", "--stall", "1h", "--ping", "10s"];
    let mut server = ServerProcess::start_over(transport, &flags).await;
    let readers = server.readers_address();
    let mut scene = Scene::new(&["a"], random("slow"))
        .over(transport)
        .with_changes();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer_of(name, server.address(), 4000);
    }
    scene.plain("plain", &["a"], readers);
    scene.client("client", &["a"], server.address());
    for number in 0..3 {
        scene.sipping(&format!("slow {number}"), &["a"], readers);
    }
    let fast_are_there = |record: &Record| {
        let mut fast = record.readings.iter().take(2);
        fast.all(Reading::is_connected)
    };
    scene.notes.until(fast_are_there).await;
    // More than the kernel buffers for a reader.
    scene.publish(2500 * rounds(1)).await;
    server.assert_runs();
    let memory = server.peak_memory();
    assert!(memory < MEMORY, "{memory} bytes");
    let record = scene.finish(server.address()).await;
    let (fast, slow) = record.readings.split_at(2);
    for reading in fast {
        reading.assert_undisturbed();
        assert_eq!(reading.gaps("lagged"), 0, "{}", reading.reader);
    }
    for reading in slow {
        reading.assert_undisturbed();
        assert!(reading.gaps("lagged") > 0, "{}", reading.reader);
    }
}

over_each! {
    readers_of_a_byte_at_a_time_learn_what_they_lost
}
