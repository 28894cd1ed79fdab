//! A page of text for a person: labelled lines whose parts go on below each
//! other where 80 columns are not enough, tables, and colour where it is wanted.

use std::io;

/// Where a line goes on below.
const WIDTH: usize = 80;
/// Where the text behind a label begins.
const INDENT: usize = 13;

/// How a part of a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// What the line is about: bold.
    Strong,
    /// It casts doubt: yellow.
    Doubt,
    /// It should not be: red.
    Alarm,
}

impl Tone {
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Strong => Some(1),
            Self::Doubt => Some(33),
            Self::Alarm => Some(31),
        }
    }
}

/// A piece of a line that is not broken.
#[derive(Debug)]
pub(super) struct Part {
    text: String,
    tone: Tone,
}

/// A plain part.
pub(super) fn part(text: impl Into<String>) -> Part {
    toned(Tone::Plain, text)
}

/// A part with a tone.
pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Part {
    // An error's text comes from outside: it must not steer a terminal.
    let text = text.into().replace(char::is_control, "\u{fffd}");
    Part { text, tone }
}

/// The parts that a sentence may be broken into.
pub(super) fn words(tone: Tone, sentence: &str) -> Vec<Part> {
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

    /// A label, and figures two blanks apart.
    pub(super) fn figures(&mut self, label: &str, parts: &[Part]) -> io::Result<()> {
        self.parts(label, parts, 2)
    }

    /// A label, and words one blank apart.
    pub(super) fn sentence(&mut self, label: &str, tone: Tone, text: &str) -> io::Result<()> {
        self.parts(label, &words(tone, text), 1)
    }

    /// A line as it is, whatever its width.
    pub(super) fn line(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        self.put(&toned(tone, text))?;
        self.blank()
    }

    fn parts(&mut self, label: &str, parts: &[Part], gap: usize) -> io::Result<()> {
        write!(self.out, "{label:<INDENT$}")?;
        let mut column = INDENT;
        for part in parts {
            let width = part.text.chars().count();
            if column == INDENT {
                // The first of its line, however wide it is.
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

    fn put(&mut self, part: &Part) -> io::Result<()> {
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
    fn what_does_not_fit_goes_on_below_and_colours_take_no_room() {
        let parts = || (0..20).map(|at| toned(Tone::Alarm, format!("figure {at:>2}")));
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
    fn text_from_outside_can_not_steer_a_terminal() {
        let text = page(true, |page| page.figures("", &[part("a\x1b[2Jb")]));
        assert!(!text.contains('\x1b'));
    }
}
