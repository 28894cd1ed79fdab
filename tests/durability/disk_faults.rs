//! Disks that fail while the server runs: full, read-only, with writes and syncs that fail; and
//! a wall clock that jumps back. They need a C compiler, and mounts in a namespace of their
//! own, so they run only with `-- --ignored`, as in tests/run.sh.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::crashes::new_folder;
use crate::disk::assert_refuses;
use crate::ledger::Violation;
use crate::life::{Fault, Life};
use crate::random;
use crate::server::{End, Setup};

/// The numbers of Linux.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// A library that makes calls of a process fail.
fn library(folder: &Path) -> String {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durability/faults.c");
    let library = folder.join("faults.so");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    assert!(built.unwrap().success());
    library.to_str().unwrap().to_owned()
}

/// A folder in a mount namespace that a process holds. Dropping it unmounts it.
struct Mount {
    holder: Child,
    folder: PathBuf,
}

impl Mount {
    /// A tmpfs of this size at a new folder.
    async fn new(folder: PathBuf, size: &str) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs \"$0\" && echo mounted && exec sleep infinity"
        );
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let line = crate::within(lines.next_line()).await.unwrap();
        assert_eq!(line.as_deref(), Some("mounted"));
        Self { holder, folder }
    }

    /// What runs a program in the namespace.
    fn enter(&self) -> Vec<String> {
        let id = self.holder.id().expect("it runs");
        let enter = format!("nsenter --user --preserve-credentials --mount --target {id}");
        enter.split(' ').map(str::to_owned).collect()
    }

    async fn remount(&self, options: &str) {
        let folder = self.folder.to_str().unwrap();
        self.mount(&["-o", &format!("remount,{options}"), folder])
            .await;
    }

    /// The machine has started anew, as far as Linux says so.
    async fn set_boot_id(&self, file: &Path, id: &str) {
        std::fs::write(file, id).unwrap();
        let boot_id = "/proc/sys/kernel/random/boot_id";
        self.mount(&["--bind", file.to_str().unwrap(), boot_id])
            .await;
    }

    /// Runs `mount` in the namespace.
    async fn mount(&self, arguments: &[&str]) {
        let enter = self.enter();
        let mut mount = Command::new(&enter[0]);
        mount.args(&enter[1..]).arg("mount").args(arguments);
        assert!(mount.status().await.unwrap().success(), "{arguments:?}");
    }
}

/// Waits until a server whose disk failed has ended as it should.
async fn until_failed(life: &mut Life, words: &[&str]) -> End {
    let end = life.server.ended().await;
    assert_eq!(end.code, Some(1), "{end:?}");
    let named = end
        .log
        .lines()
        .filter(|line| line.starts_with("sse-chat: "));
    assert_eq!(named.clone().count(), 1, "{end:?}");
    for line in named {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    let ledger = life.notes.ledger();
    let direct = ledger
        .readers()
        .iter()
        .filter(|book| !book.name.starts_with("proxied"));
    for book in direct {
        assert!(book.byes > 0, "{} got no bye", book.name);
    }
    end
}

/// Calls fail at some moment, and for good.
async fn a_failed_call_is_final(call: &str, number: i32) {
    let folder = new_folder(&format!("{call}-{number}"));
    let (data, fault) = (folder.join("data"), folder.join("fault"));
    let setup = Setup::on(&data)
        .with_variable("LD_PRELOAD", &library(&folder))
        .with_variable("FAULT_CALL", call)
        .with_variable("FAULT_ERRNO", &number.to_string())
        .with_variable("FAULT_FOLDER", data.to_str().unwrap())
        .with_variable("FAULT_FILE", fault.to_str().unwrap());
    let mut life = Life::begin(setup, &folder, random(call)).await;
    life.crash(Fault::Kill).await;
    life.notes.until_answered(100).await;
    std::fs::write(&fault, "").unwrap();
    until_failed(&mut life, &[data.to_str().unwrap()]).await;
    // The disk is good again.
    std::fs::remove_file(&fault).unwrap();
    life.server.start_again().await;
    life.check().await;
    life.notes.until_answered(100).await;
    life.finish().await.assert_sound();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a C compiler, which tests/run.sh installs"]
async fn a_failed_sync_is_final_and_loses_nothing_that_was_answered() {
    a_failed_call_is_final("sync", EIO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a C compiler, which tests/run.sh installs"]
async fn a_failed_write_is_final_and_loses_nothing_that_was_answered() {
    for number in [EIO, ENOSPC, EROFS] {
        a_failed_call_is_final("write", number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mounts in a namespace of its own"]
async fn a_full_disk_ends_the_server_and_loses_nothing_that_was_answered() {
    let folder = new_folder("full");
    let mount = Mount::new(folder.join("mount"), "2m").await;
    let data = mount.folder.join("data");
    let setup = Setup::on(&data).within(mount.enter());
    let mut life = Life::begin(setup, &folder, random("full")).await;
    until_failed(&mut life, &[data.to_str().unwrap()]).await;
    // On the full disk it starts or refuses, but loses nothing.
    match life.server.try_start_again().await {
        Ok(()) => life.server.kill().await,
        Err(end) => assert_eq!(end.code, Some(1), "{end:?}"),
    }
    mount.remount("size=256m").await;
    life.server.start_again().await;
    life.check().await;
    life.notes.until_answered(100).await;
    life.finish().await.assert_sound();
    drop(mount);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mounts in a namespace of its own"]
async fn a_read_only_folder_is_refused_in_one_line() {
    let folder = new_folder("read-only");
    let mount = Mount::new(folder.join("mount"), "64m").await;
    let data = mount.folder.join("data");
    let setup = Setup::on(&data).within(mount.enter());
    let mut life = Life::begin(setup, &folder, random("read-only")).await;
    life.notes.until_answered(100).await;
    life.server.kill().await;
    mount.remount("ro").await;
    let refused = life.server.try_start_again().await;
    assert_refuses(&refused.unwrap_err(), &data);
    mount.remount("rw").await;
    life.server.start_again().await;
    life.check().await;
    life.finish().await.assert_sound();
    drop(mount);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a C compiler, which tests/run.sh installs"]
async fn a_clock_that_jumps_back_changes_no_id_and_no_epoch() {
    let folder = new_folder("clock");
    let library = library(&folder);
    let setup = |seconds: &str| {
        Setup::on(&folder.join("data"))
            .with_variable("LD_PRELOAD", &library)
            .with_variable("FAULT_CLOCK", seconds)
    };
    // Tokens expire by the clock: 12 hours after the test began.
    let mut life = Life::begin(setup("36000"), &folder, random("clock")).await;
    for seconds in ["3600", "0", "-36000"] {
        life.server.set_variable("FAULT_CLOCK", seconds);
        life.crash(Fault::Kill).await;
        life.check().await;
    }
    life.finish().await.assert_sound();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A crash of the machine, as far as the server can know it. Returns how often another epoch
/// began.
async fn epochs_after_a_crash_of_the_machine(sync: &str) -> usize {
    let folder = new_folder("machine");
    let mount = Mount::new(folder.join("mount"), "64m").await;
    mount.set_boot_id(&folder.join("first"), "first").await;
    let setup = Setup::synced(&mount.folder.join("data"), sync);
    let setup = setup.within(mount.enter());
    let mut life = Life::begin(setup, &folder, random("machine")).await;
    // A crash of the process is none of the machine.
    life.crash(Fault::Kill).await;
    life.check().await;
    assert_eq!(life.notes.ledger().violations(), []);
    life.notes.until_answered(100).await;
    life.server.kill().await;
    mount.set_boot_id(&folder.join("second"), "second").await;
    life.server.start_again().await;
    life.check().await;
    // A graceful end is no crash.
    mount.set_boot_id(&folder.join("third"), "third").await;
    life.crash(Fault::Terminate).await;
    let ended = life.finish().await;
    let ledger = ended.notes.ledger();
    let is_epoch = |one: &&Violation| matches!(one, Violation::NewEpoch { .. });
    // Nothing was lost in fact, so nothing else is wrong.
    let others: Vec<_> = ledger
        .violations()
        .iter()
        .filter(|one| !is_epoch(one))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    let epochs = ledger.violations().len();
    drop(mount);
    std::fs::remove_dir_all(&folder).unwrap();
    epochs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mounts in a namespace of its own"]
async fn a_crash_of_the_machine_begins_a_generation_unless_all_was_synced() {
    for (sync, epochs) in [("full", 0), ("batch=100ms", 1), ("off", 1)] {
        assert_eq!(
            epochs_after_a_crash_of_the_machine(sync).await,
            epochs,
            "{sync}"
        );
    }
}
