//! Reads the lines of an import, each of bounded length. They may be of any program.

use std::io::{BufRead, Read as _};

use super::transfer::{TransferError, TransferLine};

/// The longest line. That of the largest event is far shorter.
const MAX_LINE_BYTES: usize = 64 << 20;
/// The longest reason for which a line is refused: it may quote the line.
const MAX_REASON_CHARS: usize = 200;
/// An export that ended early.
pub(super) const CUT_OFF: &str = "the export was cut off; export again";

/// Lines that are read one by one.
pub(super) struct ImportLines<'a> {
    input: &'a mut dyn BufRead,
    line: Vec<u8>,
    count: u64,
}

impl<'a> ImportLines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            line: Vec::new(),
            count: 0,
        }
    }

    /// How many lines were read, the last one included.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Reads the next line.
    pub(super) fn read(&mut self) -> Result<Option<TransferLine<'static>>, TransferError> {
        self.line.clear();
        let mut input = (&mut *self.input).take(MAX_LINE_BYTES as u64 + 1);
        let read = input.read_until(b'\n', &mut self.line);
        if read.map_err(TransferError::Lines)? == 0 {
            return Ok(None);
        }
        self.count += 1;
        let parsed = parse(&self.line).map_err(|why| TransferError::Line(self.count, why));
        parsed.map(Some)
    }
}

fn parse(line: &[u8]) -> Result<TransferLine<'static>, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err("it is longer than 64 MiB".to_owned());
    }
    let text = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    serde_json::from_str(text).map_err(|error| match error.is_eof() && !text.ends_with('\n') {
        true => CUT_OFF.to_owned(),
        false => reason(&error),
    })
}

/// An error of JSON that is one line. The line's number is not that of the JSON, which is
/// always the first.
fn reason(error: &serde_json::Error) -> String {
    let (text, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    let text = text.strip_suffix(&*place).unwrap_or(&text);
    let printable = |sign: char| if sign.is_control() { ' ' } else { sign };
    let text: String = text.chars().map(printable).take(MAX_REASON_CHARS).collect();
    format!("{text} (column {column})")
}
