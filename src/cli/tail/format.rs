//! The text format of a message: `14:03:05 Ada: hello`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::terminal::{escape_json, is_colour_allowed};
use crate::protocol::{Message, is_printable};

/// The indentation of a message's second and later lines.
const INDENT: &str = "    ";
/// SGR codes of the colours of names, readable on black and on white.
const COLOURS: [u8; 6] = [31, 32, 33, 34, 35, 36];

/// How messages are formatted.
#[derive(Debug, Clone)]
pub(super) struct MessageFormat {
    /// Whether each line names its room.
    rooms: bool,
    /// Whether names have colours.
    colours: bool,
    /// Whether control characters are escaped, as a terminal requires.
    escapes: bool,
    /// The time zone of the times.
    zone: TimeZone,
}

impl MessageFormat {
    /// The format for standard output: escapes for a terminal, and colours unless
    /// NO_COLOR is set.
    pub(super) fn for_stdout(rooms: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            rooms,
            colours: terminal && is_colour_allowed(),
            escapes: terminal,
            zone: TimeZone::system(),
        }
    }

    /// Formats a message as text that ends with a line feed.
    pub(super) fn text(&self, message: &Message<'_>) -> String {
        self.text_at(message, &Zoned::new(Timestamp::now(), self.zone.clone()))
    }

    /// The message's JSON as received, with a line feed at its end. For a terminal
    /// unprintable characters become JSON escapes, which keep the value.
    pub(super) fn json(&self, json: &str) -> String {
        let mut line = match self.escapes {
            true => escape_json(json),
            false => json.to_owned(),
        };
        line.push('\n');
        line
    }

    fn text_at(&self, message: &Message<'_>, now: &Zoned) -> String {
        let mut line = self.time(&message.created_at, now);
        if self.rooms {
            let _ = write!(line, " [{}]", self.escape(&message.room, false));
        }
        let name = self.escape(&message.name, false);
        let _ = match self.colours {
            true => write!(line, " \u{1b}[{}m{name}\u{1b}[0m: ", colour_of(&name)),
            false => write!(line, " {name}: "),
        };
        let text = self.escape(&message.message, true);
        line.push_str(&text.replace('\n', &format!("\n{INDENT}")));
        line.push('\n');
        line
    }

    /// The local time of day, with the date unless it is today.
    fn time(&self, created_at: &str, now: &Zoned) -> String {
        let Ok(time) = created_at.parse::<Timestamp>() else {
            return "--:--:--".to_owned();
        };
        let time = time.to_zoned(self.zone.clone());
        let format = match time.date() == now.date() {
            true => "%H:%M:%S",
            false => "%Y-%m-%d %H:%M:%S",
        };
        time.strftime(format).to_string()
    }

    /// The text, with unprintable characters escaped if `escapes` is set.
    fn escape<'a>(&self, text: &'a str, lines: bool) -> Cow<'a, str> {
        let is_escaped = |c: char| match c {
            '\n' | '\t' => !lines,
            _ => !is_printable(c),
        };
        if !self.escapes || !text.contains(is_escaped) {
            return Cow::Borrowed(text);
        }
        let mut escaped = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match is_escaped(c) {
                true => escaped.extend(c.escape_unicode()),
                false => escaped.push(c),
            }
        }
        Cow::Owned(escaped)
    }
}

/// The colour of a name depends only on the name.
fn colour_of(name: &str) -> u8 {
    let sum = name
        .bytes()
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
    COLOURS[sum as usize % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(rooms: bool, colours: bool, escapes: bool) -> MessageFormat {
        MessageFormat {
            rooms,
            colours,
            escapes,
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        }
    }

    fn message<'a>(name: &'a str, text: &'a str) -> Message<'a> {
        let id = "e-7".parse().unwrap();
        Message::new(id, "ops", 3, name, text, "2026-11-23T22:02:03.004Z")
    }

    fn shown(format: &MessageFormat, message: &Message<'_>) -> String {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        format.text_at(message, &now.to_zoned(format.zone.clone()))
    }

    #[test]
    fn a_message_of_today_has_its_local_time_and_its_room_if_there_are_several() {
        let hi = message("Ada", "hi");
        assert_eq!(
            shown(&format(false, false, true), &hi),
            "00:02:03 Ada: hi\n"
        );
        assert_eq!(
            shown(&format(true, false, true), &hi),
            "00:02:03 [ops] Ada: hi\n"
        );
    }

    #[test]
    fn a_message_of_another_day_has_its_date_and_one_without_a_time_has_none() {
        let mut hi = message("Ada", "hi");
        hi.created_at = "2026-11-23T21:59:59.999Z".into();
        assert_eq!(
            shown(&format(false, false, true), &hi),
            "2026-11-23 23:59:59 Ada: hi\n"
        );
        hi.created_at = "\u{1b}[2J".into();
        assert_eq!(
            shown(&format(false, false, true), &hi),
            "--:--:-- Ada: hi\n"
        );
    }

    #[test]
    fn later_lines_of_a_message_are_indented() {
        assert_eq!(
            shown(&format(false, false, true), &message("Ada", "a\nb\n\nc")),
            "00:02:03 Ada: a\n    b\n    \n    c\n"
        );
    }

    #[test]
    fn control_characters_are_escaped_for_a_terminal() {
        let text = "a\u{1b}[2J\u{9b}1m\u{7f}\r\u{202e}b\tc\u{2028}";
        assert_eq!(
            shown(&format(false, false, true), &message("A\nB", text)),
            "00:02:03 A\\u{a}B: a\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{d}\\u{202e}b\tc\\u{2028}\n"
        );
        let raw = shown(&format(false, false, false), &message("Ada", text));
        assert_eq!(raw, format!("00:02:03 Ada: {text}\n"));
    }

    #[test]
    fn a_name_has_one_colour() {
        let line = shown(&format(false, true, true), &message("Ada", "hi"));
        let colour = colour_of("Ada");
        assert_eq!(line, format!("00:02:03 \u{1b}[{colour}mAda\u{1b}[0m: hi\n"));
    }

    #[test]
    fn escaped_json_has_no_control_characters_and_the_same_value() {
        let json = "{\"message\":\"a\u{9b}31m\u{202e}é\"}";
        assert_eq!(format(false, false, false).json(json), format!("{json}\n"));
        let shown = format(false, false, true).json(json);
        assert_eq!(shown, "{\"message\":\"a\\u009b31m\\u202eé\"}\n");
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(json).unwrap()
        );
    }
}
