//! What the command says on stderr: one line for each thing, with its name in front.
//!
//! A message may quote a path or a piece of input, so control characters are made visible here:
//! no input can move the cursor, forge a line or break one message into two.

use std::fmt::Display;
use std::io::Write;

/// Says one thing on stderr. A closed stderr is nobody's problem any more.
pub(crate) fn say(text: impl Display) {
    let line = format!("brigade: {}\n", one_line(&text.to_string()));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The text with control characters escaped and line breaks turned into spaces.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// An error of the argument parser as one line: what is wrong, what may be meant, where to look.
/// `command` is the subcommand, if it got that far.
pub(crate) fn of_usage(error: &clap::Error, command: Option<&str>) -> String {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let what: Vec<_> = what.lines().map(str::trim).collect();
    let mut line = what.join(" ");
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            line.push_str(&format!(" ({})", one_line(tip)));
        }
    }
    let help = command.map_or("--help".into(), |command| format!("{command} --help"));
    one_line(&format!("{line}; see 'brigade {help}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line_and_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\nb\n"), "a b");
        assert_eq!(one_line("\u{1b}[2Jx\r"), "\\u{1b}[2Jx");
        assert_eq!(one_line("Größe\t1"), "Größe\\t1");
    }
}
