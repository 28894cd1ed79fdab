//! Folders that the server must refuse, or must accept: in use, moved, damaged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::crashes::new_folder;
use crate::erased::files;
use crate::http::{Http, Request};
use crate::ledger::Violation;
use crate::life::{Fault, Life};
use crate::random;
use crate::server::{End, Setup};

const DATABASE: &str = "history.sqlite3";
/// The size of a page of the database.
const PAGE: usize = 4096;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Asserts a refusal in one line that names the folder.
#[track_caller]
pub(crate) fn assert_refuses(end: &End, folder: &Path) {
    assert_eq!(end.code, Some(1), "{end:?}");
    assert_eq!(end.log.lines().count(), 1, "{end:?}");
    assert!(end.log.contains(folder.to_str().unwrap()), "{end:?}");
}

/// The contents of all files, which a refused start must leave as they are.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |file: PathBuf| {
        let bytes = std::fs::read(&file).unwrap();
        (file, bytes)
    };
    files(folder).into_iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_a_folder_is_refused_and_the_first_goes_on() {
    let folder = new_folder("two");
    let setup = Setup::on(&folder.join("data"));
    let mut first = setup.start().await;
    let refused = setup.try_start(any_port()).await;
    assert_refuses(&refused.err().expect("it starts"), &folder.join("data"));
    first.assert_runs().await;
    let body = r#"{"name":"Ada","message":"still there"}"#;
    let publish = Request::new("POST", "/rooms/a/messages").with_body("application/json", body);
    let answer = Http::new(first.address).ask(&publish).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    // And the folder is free once the first has ended, however it ended.
    first.kill().await;
    drop(setup.start().await);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_moved_goes_on() {
    let folder = new_folder("moved");
    let (from, to) = (folder.join("data"), folder.join("moved"));
    let mut life = Life::begin(Setup::on(&from), &folder, random("moved")).await;
    for (from, to) in [(&from, &to), (&to, &from)] {
        life.notes.until_answered(100).await;
        life.server.kill().await;
        std::fs::rename(from, to).unwrap();
        life.server.set_folder(to);
        life.server.start_again().await;
        life.check().await;
    }
    life.crash(Fault::Terminate).await;
    life.finish().await.assert_sound();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_no_store_is_refused() {
    let folder = new_folder("odd");
    let file = folder.join("file");
    std::fs::write(&file, "a file").unwrap();
    let text = folder.join("text");
    std::fs::create_dir(&text).unwrap();
    std::fs::write(text.join(DATABASE), "no database, but a text").unwrap();
    for odd in [&file, &text] {
        let before = contents(&folder);
        let refused = Setup::on(odd).try_start(any_port()).await;
        assert_refuses(&refused.err().expect("it starts"), odd);
        assert_eq!(contents(&folder), before);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_refused_untouched_or_has_no_hole() {
    let folder = new_folder("damaged");
    let mut random = random("damaged");
    let data = folder.join("data");
    let mut life = Life::begin(Setup::on(&data), &folder, random.fork()).await;
    life.notes.until_answered(300).await;
    life.crash(Fault::Terminate).await;
    let life = life.finish().await;
    life.assert_sound();
    let sound = contents(&data);
    let whole = &sound[&data.join(DATABASE)];
    let pages = whole.len() / PAGE;
    assert!(pages > 10, "{pages} pages");
    let mut refused = 0;
    for damage in 0..12 {
        let mut bytes = whole.clone();
        let page = random.usize(1..pages) * PAGE;
        match damage {
            // The head, which also says what it is.
            0 => bytes[..100].fill(7),
            1 => bytes.truncate(page),
            2 => bytes.truncate(page + PAGE / 2),
            _ => random.fill(&mut bytes[page..page + PAGE]),
        }
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::create_dir(&data).unwrap();
        for (file, bytes) in &sound {
            std::fs::write(file, bytes).unwrap();
        }
        std::fs::write(data.join(DATABASE), bytes).unwrap();
        let before = contents(&data);
        match life.setup.try_start(any_port()).await {
            Err(end) => {
                refused += 1;
                assert_refuses(&end, &data);
                assert_eq!(contents(&data), before, "damage {damage}");
            }
            Ok(mut server) => {
                assert!(damage > 2, "damage {damage} was accepted");
                life.check_at(server.address).await;
                server.kill().await;
            }
        }
        let ledger = life.notes.ledger();
        let is_hole = |one: &&Violation| !matches!(one, Violation::Altered { .. });
        assert_eq!(
            ledger.violations().iter().find(is_hole),
            None,
            "damage {damage}"
        );
    }
    assert!(refused >= 3);
    std::fs::remove_dir_all(&folder).unwrap();
}
