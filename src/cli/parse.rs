//! Parses the command line and the environment.
//!
//! Most flags can also be set by a variable. An empty variable counts as unset,
//! since compose files and Helm charts write variables without a value that way.
//! An error names the flag or the variable, whichever the caller used.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Parser};

use super::exit::{ExitKind, exit_code, server_exit_code};

/// The flags of this call whose values come from variables, as pairs of flag and
/// variable.
#[derive(Debug)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    fn new(program: &Command, matches: &ArgMatches) -> Self {
        let (command, matches) = match matches.subcommand() {
            Some((name, matches)) => (program.find_subcommand(name), matches),
            None => (Some(program), matches),
        };
        let flags = command.into_iter().flat_map(Command::get_arguments);
        let is_variable = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::EnvVariable)
        };
        let flags = flags.filter(is_variable);
        Self(flags.filter_map(flag_and_variable).collect())
    }

    /// Replaces the flag that `message` begins with by the variable that set it.
    pub(super) fn name_source(&self, message: &str) -> String {
        let end = message.find([' ', ':']).unwrap_or(message.len());
        let (first, rest) = message.split_at(end);
        match self.0.iter().find(|(flag, _)| flag == first) {
            Some((_, variable)) => format!("{variable}{rest}"),
            None => message.to_owned(),
        }
    }
}

/// Parses the call of this process. An error is printed, and its exit code
/// returned.
pub(super) fn parse<A: Parser>() -> Result<(A, Variables), ExitCode> {
    let program = A::command();
    let set = without_variables(&program, |arg| arg.get_env().is_some_and(is_empty));
    let matches = set.clone().try_get_matches();
    let parsed = matches.and_then(|matches| {
        let variables = Variables::new(&set, &matches);
        Ok((A::from_arg_matches(&matches)?, variables))
    });
    parsed.map_err(|error| match invalid_value(&program, &set, &error) {
        Some(line) if is_client_command(&program) => {
            exit_code(Err(ExitKind::Usage.with_message(line)))
        }
        Some(line) => server_exit_code(Err(ExitKind::Failed.with_message(line))),
        None => print(&program, error),
    })
}

/// The program, in which the flags that `is_unset` selects have no variable. A
/// client's command ignores the server's variables, so that an invalid one does
/// not stop it.
fn without_variables(program: &Command, is_unset: impl Fn(&Arg) -> bool + Copy) -> Command {
    let reset = move |arg: Arg| match is_unset(&arg) {
        true => arg.env(Resettable::Reset),
        false => arg,
    };
    let is_client = is_client_command(program);
    let reset_server = move |arg: Arg| match is_client {
        true => arg.env(Resettable::Reset),
        false => reset(arg),
    };
    program
        .clone()
        .mut_args(reset_server)
        .mut_subcommands(|command| command.mut_args(reset))
}

fn is_empty(variable: &OsStr) -> bool {
    let value = std::env::var_os(variable);
    value.is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
}

/// Whether the first word is a command other than `serve`.
fn is_client_command(program: &Command) -> bool {
    let first = std::env::args_os().nth(1).unwrap_or_default();
    first != "serve" && program.find_subcommand(&first).is_some()
}

/// Prints usage, help or the version.
fn print(program: &Command, mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelp {
        // Help lists all variables, also the empty ones.
        if let Err(help) = without_variables(program, |_| false).try_get_matches() {
            error = help;
        }
    }
    // An error can't be reported: the terminal is gone.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The message for a known flag with an invalid value: one line, where clap
/// would also print the usage. None for all other errors.
fn invalid_value(program: &Command, set: &Command, error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {}
        ErrorKind::InvalidUtf8 => return not_utf8(set),
        _ => return None,
    }
    let flag = context(error, ContextKind::InvalidArg)?;
    let flag = flag.split(' ').next().unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue)?;
    let why = match (
        std::error::Error::source(error),
        context(error, ContextKind::ValidValue),
    ) {
        (Some(why), _) => why.to_string(),
        (None, Some(valid)) if !value.is_empty() => format!("use one of {valid}"),
        // A missing value is an error of usage.
        (None, _) => return None,
    };
    let source = match is_from_variable(program, error) {
        true => variable_of(set, flag)?,
        false => flag.to_owned(),
    };
    Some(format!("{source} {value:?}: {why}"))
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    }
}

/// Whether the error goes away without variables. clap does not tell the source
/// of a value that it could not parse.
fn is_from_variable(program: &Command, error: &clap::Error) -> bool {
    let flag = |error: &clap::Error| context(error, ContextKind::InvalidArg);
    match without_variables(program, |_| true).try_get_matches() {
        Err(without) => flag(&without) != flag(error),
        Ok(_) => true,
    }
}

/// The variable of a flag of any command.
fn variable_of(program: &Command, flag: &str) -> Option<String> {
    let mut found = flags_and_variables(program).filter(|(name, _)| name == flag);
    found.next().map(|(_, variable)| variable)
}

/// Names the variable that is not UTF-8. None if all are: then it is an argument,
/// and clap's own message shows it.
fn not_utf8(program: &Command) -> Option<String> {
    let is_invalid =
        |name: &str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    let mut invalid = flags_and_variables(program).filter(|(_, variable)| is_invalid(variable));
    invalid
        .next()
        .map(|(_, variable)| format!("{variable}: not UTF-8"))
}

fn flags_and_variables(program: &Command) -> impl Iterator<Item = (String, String)> {
    let commands = [program].into_iter().chain(program.get_subcommands());
    commands
        .flat_map(Command::get_arguments)
        .filter_map(flag_and_variable)
}

fn flag_and_variable(arg: &Arg) -> Option<(String, String)> {
    let flag = format!("--{}", arg.get_long()?);
    Some((flag, arg.get_env()?.to_str()?.to_owned()))
}
