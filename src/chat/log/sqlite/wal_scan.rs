//! What the write-ahead log is like before SQLite reads it. SQLite takes its frames up to
//! the first one whose checksum is wrong, and says nothing of commits behind it.
//!
//! The form of the file: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says whether checksums are those of big-endian words.
const MAGIC: u32 = 0x377F_0682;
/// The sizes that a page may have.
const PAGE_BYTES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// What is known of a write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalFinding {
    /// There is no file.
    Missing,
    /// Every commit in it can be read, as far as it goes: it may have been cut at its end.
    Whole,
    /// Its last commit can't be read. It may never have been complete.
    DoubtfulEnd,
    /// More can't be read: no end of a process does that.
    Damaged,
}

/// Reads the write-ahead log at `path`.
pub(super) fn scan(path: &Path) -> io::Result<WalFinding> {
    match File::open(path) {
        Ok(file) => {
            let has_frames = file.metadata()?.len() > HEADER_BYTES as u64;
            match has_frames {
                true => scan_frames(BufReader::with_capacity(1 << 18, file)),
                false => Ok(WalFinding::Whole),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(WalFinding::Missing),
        Err(error) => Err(error),
    }
}

fn scan_frames(mut wal: impl Read) -> io::Result<WalFinding> {
    let mut header = [0; HEADER_BYTES];
    wal.read_exact(&mut header)?;
    let Some((page_bytes, mut checksum)) = read_header(&header) else {
        return Ok(WalFinding::Damaged);
    };
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut is_readable, mut lost_commits) = (true, 0_usize);
    while read_whole(&mut wal, &mut frame)? {
        checksum.add(&frame[..8]);
        checksum.add(&frame[FRAME_HEADER_BYTES..]);
        // With other salts it is from before the log began anew, unless they are damaged:
        // the checksum is not of them.
        let (is_whole, has_salts) = (checksum.is_at(&frame, 16), frame[8..16] == header[16..24]);
        is_readable &= is_whole && has_salts && word(&frame, 0) != 0;
        let is_commit = (is_whole || has_salts) && word(&frame, 4) != 0;
        lost_commits += usize::from(!is_readable && is_commit);
    }
    Ok(match lost_commits {
        0 => WalFinding::Whole,
        1 => WalFinding::DoubtfulEnd,
        _ => WalFinding::Damaged,
    })
}

/// The size of a page, and the checksum after the header.
fn read_header(header: &[u8; HEADER_BYTES]) -> Option<(usize, WalChecksum)> {
    let (magic, page_bytes) = (word(header, 0), word(header, 8));
    let mut checksum = WalChecksum {
        is_big_endian: magic & 1 == 1,
        sums: [0; 2],
    };
    checksum.add(&header[..24]);
    let is_valid = magic & !1 == MAGIC
        && PAGE_BYTES.contains(&page_bytes)
        && page_bytes.is_power_of_two()
        && checksum.is_at(header, 24);
    is_valid.then_some((usize::try_from(page_bytes).ok()?, checksum))
}

/// Whether there was enough to fill `frame`.
fn read_whole(wal: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    match wal.read_exact(frame) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The checksum of all frames so far.
struct WalChecksum {
    is_big_endian: bool,
    sums: [u32; 2],
}

impl WalChecksum {
    /// Adds bytes, of which there are a multiple of eight.
    fn add(&mut self, bytes: &[u8]) {
        let number = match self.is_big_endian {
            true => u32::from_be_bytes,
            false => u32::from_le_bytes,
        };
        let [mut first, mut second] = self.sums;
        for pair in bytes.chunks_exact(8) {
            let words = [
                number([pair[0], pair[1], pair[2], pair[3]]),
                number([pair[4], pair[5], pair[6], pair[7]]),
            ];
            first = first.wrapping_add(words[0]).wrapping_add(second);
            second = second.wrapping_add(words[1]).wrapping_add(first);
        }
        self.sums = [first, second];
    }

    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        self.sums == [word(bytes, at), word(bytes, at + 4)]
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
