//! Pages of the manual, made of the flags and their help.
//!
//! A page says nothing that the help does not say, so that no page can be wrong about a flag.

use crate::exit::End;
use crate::flags::CommandLine;
use crate::message;
use crate::stdout::Stdout;
use clap::{Command, CommandFactory};
use std::io;

/// Prints the page about a command, or about all of them.
pub(crate) fn run(command: Option<&str>) -> End {
    let page = match page(command) {
        Ok(page) => page,
        Err(error) => {
            message::say(format_args!("cannot make the page: {error}"));
            return End::Unusable;
        }
    };
    match Stdout::default().write(&String::from_utf8_lossy(&page)) {
        true => End::Done,
        false => End::Unusable,
    }
}

fn page(command: Option<&str>) -> io::Result<Vec<u8>> {
    // There is no page about asking for help.
    let mut all = CommandLine::command().disable_help_subcommand(true);
    all.build();
    let one = command.and_then(|name| all.find_subcommand(name));
    let about: Command = one.cloned().unwrap_or(all);
    let mut page = Vec::new();
    let source = concat!("brigade ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(about)
        .source(source)
        .render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::COMMANDS;

    #[test]
    fn f11f_every_command_has_a_page_with_its_flags() {
        let line = CommandLine::command();
        let mut names: Vec<_> = line.get_subcommands().map(Command::get_name).collect();
        let mut known = COMMANDS;
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        for command in line.get_subcommands() {
            let name = command.get_name();
            let text = String::from_utf8(page(Some(name)).unwrap()).unwrap();
            let version = env!("CARGO_PKG_VERSION");
            let title = format!(".TH brigade-{name} 1  \"brigade {version}\"");
            assert!(text.contains(&title), "{text}");
            for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
                let long = flag.get_long().unwrap_or_default().replace('-', "\\-");
                assert!(text.contains(&long), "{long} is missing in {name}");
            }
        }
        let text = String::from_utf8(page(None).unwrap()).unwrap();
        assert!(
            names
                .iter()
                .all(|name| text.contains(&format!("brigade\\-{name}(1)"))),
            "{text}"
        );
        assert!(!text.contains("brigade\\-help"), "{text}");
    }
}
