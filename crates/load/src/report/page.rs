//! A page of text: labelled lines that wrap at 80 columns, table rows, and colours
//! if they are wanted.

use std::io;

/// Where a line wraps.
const WIDTH: usize = 80;
/// The column of the text after a label.
const INDENT: usize = 13;

/// The emphasis of a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// The subject of the line: bold.
    Strong,
    /// A doubt about the figures: yellow.
    Warning,
    /// A loss or a failure: red.
    Error,
}

impl Tone {
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Strong => Some(1),
            Self::Warning => Some(33),
            Self::Error => Some(31),
        }
    }
}

/// A part of a line within which it does not wrap.
#[derive(Debug)]
pub(super) struct TextPart {
    text: String,
    tone: Tone,
}

/// A plain part.
pub(super) fn part(text: impl Into<String>) -> TextPart {
    toned(Tone::Plain, text)
}

/// A part with a tone.
pub(super) fn toned(tone: Tone, text: impl Into<String>) -> TextPart {
    // The text of an error may come from the server: it must not control a terminal.
    let text = text.into().replace(char::is_control, "\u{fffd}");
    TextPart { text, tone }
}

/// The words of a sentence, between which it may wrap.
pub(super) fn words(tone: Tone, sentence: &str) -> Vec<TextPart> {
    let words = sentence.split_whitespace();
    words.map(|word| toned(tone, word)).collect()
}

/// Writes to `out`, with colours if `paint`.
pub(super) struct Page<'a, W> {
    out: &'a mut W,
    paint: bool,
}

impl<'a, W: io::Write> Page<'a, W> {
    pub(super) fn new(out: &'a mut W, paint: bool) -> Self {
        Self { out, paint }
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A label, and figures separated by two spaces.
    pub(super) fn figures(&mut self, label: &str, parts: &[TextPart]) -> io::Result<()> {
        self.parts(label, parts, 2)
    }

    /// A label, and words separated by a space.
    pub(super) fn sentence(&mut self, label: &str, tone: Tone, text: &str) -> io::Result<()> {
        self.parts(label, &words(tone, text), 1)
    }

    /// A line that does not wrap.
    pub(super) fn line(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        self.put(&toned(tone, text))?;
        self.blank()
    }

    fn parts(&mut self, label: &str, parts: &[TextPart], gap: usize) -> io::Result<()> {
        write!(self.out, "{label:<INDENT$}")?;
        let mut column = INDENT;
        for part in parts {
            let width = part.text.chars().count();
            if column == INDENT {
                // The first of a line never wraps.
            } else if column + gap + width > WIDTH {
                write!(self.out, "\n{:INDENT$}", "")?;
                column = INDENT;
            } else {
                write!(self.out, "{:gap$}", "")?;
                column += gap;
            }
            self.put(part)?;
            column += width;
        }
        self.blank()
    }

    fn put(&mut self, part: &TextPart) -> io::Result<()> {
        match part.tone.code().filter(|_| self.paint) {
            Some(code) => write!(self.out, "\x1b[{code}m{}\x1b[0m", part.text),
            None => write!(self.out, "{}", part.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(paint: bool, write: impl FnOnce(&mut Page<'_, Vec<u8>>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, paint)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_wraps_and_colours_take_no_room() {
        let parts = || (0..20).map(|at| toned(Tone::Error, format!("figure {at:>2}")));
        let plain = page(false, |page| {
            page.figures("Label", &parts().collect::<Vec<_>>())
        });
        let lines: Vec<&str> = plain.lines().collect();
        assert!(lines.len() > 1 && lines[0].starts_with("Label        figure  0  figure  1"));
        assert!(lines[1].starts_with("             figure "));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        let painted = page(true, |page| {
            page.figures("Label", &parts().collect::<Vec<_>>())
        });
        assert_eq!(
            painted.replace("\x1b[31m", "").replace("\x1b[0m", ""),
            plain
        );
    }

    #[test]
    fn a_part_wider_than_the_page_is_not_broken_and_ends() {
        let wide = "x".repeat(200);
        let text = page(false, |page| page.sentence("Label", Tone::Plain, &wide));
        assert_eq!(text, format!("{:<INDENT$}{wide}\n", "Label"));
    }

    #[test]
    fn foreign_text_can_not_control_a_terminal() {
        let text = page(true, |page| page.figures("", &[part("a\x1b[2Jb")]));
        assert!(!text.contains('\x1b'));
    }
}
