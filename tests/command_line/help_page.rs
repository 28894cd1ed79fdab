//! docs/configuration.md: each block of help in it is what the program prints.

use std::{env, fs};

use super::server_process::program;

const PAGE: &str = "docs/configuration.md";
const UPDATE: &str = "UPDATE_DOCS=1 cargo test --test command_line the_help_in_docs";
const PROMPT: &str = "```console\n$ sse-chat";
const END: &str = "\n```\n";

/// With UPDATE_DOCS set it writes the page instead.
#[test]
fn the_help_in_docs_configuration_is_what_the_program_prints() {
    let page = fs::read_to_string(PAGE).unwrap();
    let printed = with_help(&page);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, printed).unwrap();
    } else {
        assert!(page == printed, "{PAGE} is out of date: run `{UPDATE}`");
    }
}

#[test]
fn every_command_has_its_help_in_docs_configuration() {
    let page = fs::read_to_string(PAGE).unwrap();
    assert!(page.contains(&format!("{PROMPT} -h\n")));
    let help = help_of("-h");
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands.lines().map(|line| line.split_whitespace().next());
    for name in names.flatten().filter(|&name| name != "help") {
        assert!(page.contains(&format!("{PROMPT} {name} -")), "{name}");
    }
    assert!(page.contains(&format!("{PROMPT} serve --help\n")));
}

/// The page with each block filled by what its command prints.
fn with_help(page: &str) -> String {
    let mut parts = page.split(PROMPT);
    let start = parts.next().unwrap().to_owned();
    parts.fold(start, |written, part| {
        let (args, _) = part.split_once('\n').unwrap();
        let (_, rest) = part.split_once(END).unwrap();
        let help = help_of(args);
        written + PROMPT + args + "\n" + help.trim_end() + END + rest
    })
}

/// What the program prints to these words, without white space at the ends of
/// its lines. No setting of the environment shows in it.
fn help_of(args: &str) -> String {
    let mut call = program();
    let call = call.env_clear().env("COLUMNS", "100");
    let output = call.args(args.split_whitespace()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
