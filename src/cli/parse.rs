//! From the words and variables of a call to its [`Args`].
//!
//! Every flag with a variable can be set by either. A variable that is empty
//! counts as unset, since compose files and Helm charts write those that have no
//! value so. An error names what the caller used: the flag or the variable.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use super::Args;
use super::exit::{End, exit_code, exit_code_of_server};

/// The flags of a call whose values come from variables.
#[derive(Debug)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    fn of(definition: &Command, matches: &ArgMatches) -> Self {
        let (definition, matches) = match matches.subcommand() {
            Some((name, matches)) => (definition.find_subcommand(name), matches),
            None => (Some(definition), matches),
        };
        let flags = definition.into_iter().flat_map(Command::get_arguments);
        let is_variable = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::EnvVariable)
        };
        Self(flags.filter(is_variable).filter_map(names).collect())
    }

    /// The text, with the variable in place of the flag that it begins with, if
    /// the value came from there.
    pub(super) fn name(&self, text: &str) -> String {
        let end = text.find([' ', ':']).unwrap_or(text.len());
        let (first, rest) = text.split_at(end);
        match self.0.iter().find(|(flag, _)| flag == first) {
            Some((_, variable)) => format!("{variable}{rest}"),
            None => text.to_owned(),
        }
    }
}

/// A flag and its variable, if it has both.
fn names(arg: &Arg) -> Option<(String, String)> {
    let flag = format!("--{}", arg.get_long()?);
    Some((flag, arg.get_env()?.to_str()?.to_owned()))
}

/// Parses the call of this process. What it can't parse it reports, and returns
/// the exit code.
pub(super) fn parse() -> Result<(Args, Variables), ExitCode> {
    let definition = definition(|arg| arg.get_env().is_some_and(is_empty));
    let matches = definition.clone().try_get_matches();
    let parsed = matches.and_then(|matches| {
        let variables = Variables::of(&definition, &matches);
        Ok((Args::from_arg_matches(&matches)?, variables))
    });
    parsed.map_err(|error| match bad_value(&definition, &error) {
        Some(line) if is_command_of_a_client() => exit_code(Err(End::Usage.because(line))),
        Some(line) => exit_code_of_server(Err(End::Failed.because(line))),
        None => print(error),
    })
}

fn is_empty(variable: &OsStr) -> bool {
    let value = std::env::var_os(variable);
    value.is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
}

/// The command line, without the variables of the flags that `is_unset` picks.
fn definition(is_unset: impl Fn(&Arg) -> bool + Copy) -> Command {
    let unset = move |arg: Arg| match is_unset(&arg) {
        true => arg.env(Resettable::Reset),
        false => arg,
    };
    // The server's variables are no concern of a client's command, so a wrong one
    // must not stop it.
    let is_client = is_command_of_a_client();
    let of_server = move |arg: Arg| match is_client {
        true => arg.env(Resettable::Reset),
        false => unset(arg),
    };
    Args::command()
        .mut_args(of_server)
        .mut_subcommands(|command| command.mut_args(unset))
}

/// Prints usage, help or the version.
fn print(mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelp {
        // Help shows all variables, also those that are empty now.
        if let Err(help) = definition(|_| false).try_get_matches() {
            error = help;
        }
    }
    // Nothing can be done about a terminal that is gone.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A flag that is known, with a value that is not: a start that fails, in one
/// line, as opposed to a wrong use of the program.
fn bad_value(definition: &Command, error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {}
        ErrorKind::InvalidUtf8 => return no_utf8(definition),
        _ => return None,
    }
    let flag = text(error, ContextKind::InvalidArg)?;
    let flag = flag.split(' ').next().unwrap_or_default();
    let value = text(error, ContextKind::InvalidValue)?;
    let why = match (
        std::error::Error::source(error),
        text(error, ContextKind::ValidValue),
    ) {
        (Some(why), _) => why.to_string(),
        (None, Some(valid)) if !value.is_empty() => format!("use one of {valid}"),
        // The value is not wrong, it is not there: that is usage.
        (None, _) => return None,
    };
    let used = match is_from_variable(error) {
        true => variable_of(definition, flag)?,
        false => flag.to_owned(),
    };
    Some(format!("{used} {value:?}: {why}"))
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    }
}

/// Whether the error goes away without variables. clap does not say where a
/// value came from that it could not parse.
fn is_from_variable(error: &clap::Error) -> bool {
    let flag = |error: &clap::Error| text(error, ContextKind::InvalidArg);
    match definition(|_| true).try_get_matches() {
        Err(without) => flag(&without) != flag(error),
        Ok(_) => true,
    }
}

/// The variable of a flag, of whichever command it is.
fn variable_of(definition: &Command, flag: &str) -> Option<String> {
    let all = all_names(definition);
    let mut found = all.filter(|(name, _)| name == flag);
    found.next().map(|(_, variable)| variable)
}

fn all_names(definition: &Command) -> impl Iterator<Item = (String, String)> {
    let commands = [definition].into_iter().chain(definition.get_subcommands());
    commands.flat_map(Command::get_arguments).filter_map(names)
}

/// Names a variable that is not UTF-8. Only the words of a call are left if there
/// is none, and clap shows these.
fn no_utf8(definition: &Command) -> Option<String> {
    let is_odd = |name: &str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    let mut odd = all_names(definition).filter(|(_, variable)| is_odd(variable));
    odd.next()
        .map(|(_, variable)| format!("{variable}: not UTF-8"))
}

/// Whether the first word is a command other than `serve`.
fn is_command_of_a_client() -> bool {
    let first = std::env::args_os().nth(1).unwrap_or_default();
    first != "serve" && Args::command().find_subcommand(&first).is_some()
}
