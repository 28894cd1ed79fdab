//! The store of a simulated server. Commits are steps, so a crash can come between any
//! two of them.

use std::sync::Arc;

use super::commit_stage::CommitStage;
use super::inputs::Loss;
use crate::chat::{Hub, SteppedCommitter};
use crate::test_folder::TestFolder;

/// The store of a server.
pub(super) struct StoredLog {
    /// `None` between two servers. Before the folder: it is closed while that is there.
    committer: Option<SteppedCommitter>,
    stage: CommitStage,
    folder: TestFolder,
    /// The folder at the last sync.
    synced: TestFolder,
    queue_bytes: usize,
}

impl StoredLog {
    /// A new store, and its hub with the limits of another one.
    pub(super) fn new(queue_bytes: usize, limits_of: &Hub) -> (Self, Arc<Hub>) {
        let folder = TestFolder::new();
        let (hub, committer) = SteppedCommitter::open(folder.path(), limits_of, queue_bytes, false);
        let log = Self {
            committer: Some(committer),
            stage: CommitStage::Idle,
            synced: folder.copy(),
            folder,
            queue_bytes,
        };
        (log, hub)
    }

    pub(super) fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    pub(super) fn stage(&self) -> CommitStage {
        self.stage
    }

    pub(super) fn step(&mut self) -> CommitStage {
        let committer = self.committer.as_mut().expect("the server runs");
        self.stage = match self.stage {
            CommitStage::Idle => match committer.take() {
                true => CommitStage::Taken,
                false => CommitStage::Idle,
            },
            CommitStage::Taken => {
                committer.commit();
                CommitStage::Durable
            }
            CommitStage::Durable => {
                committer.show();
                CommitStage::Idle
            }
        };
        self.stage
    }

    pub(super) fn tidy(&mut self) {
        let committer = self.committer.as_mut().expect("the server runs");
        if self.stage != CommitStage::Durable {
            committer.tidy();
        }
    }

    pub(super) fn sync(&mut self) {
        self.synced = self.folder.copy();
    }

    pub(super) fn restart(&mut self, limits_of: &Hub) -> Arc<Hub> {
        self.committer.take().expect("the server runs").close();
        self.open(limits_of, false)
    }

    pub(super) fn crash(&mut self, limits_of: &Hub, loss: Loss) -> Arc<Hub> {
        self.committer.take().expect("the server runs").crash();
        if loss == Loss::Suffix {
            self.folder = self.synced.copy();
        }
        self.open(limits_of, loss != Loss::Nothing)
    }

    fn open(&mut self, limits_of: &Hub, new_generation: bool) -> Arc<Hub> {
        let (dir, queue) = (self.folder.path(), self.queue_bytes);
        let (hub, committer) = SteppedCommitter::open(dir, limits_of, queue, new_generation);
        self.committer = Some(committer);
        self.stage = CommitStage::Idle;
        hub
    }
}
