//! Why a server does not start.

use std::fmt;
use std::io;

use crate::config::{BadSetting, Endpoint, Listen};

/// Why a server does not start. The message names the flag to change.
#[derive(Debug)]
pub enum StartError {
    /// A setting that no server can run with.
    Setting(BadSetting),
    /// An endpoint of `--listen` can't be bound.
    Listen(Listen, io::Error),
    /// A socket from the service manager can't be used.
    Inherited(io::Error),
    /// The endpoint of `--metrics` can't be bound.
    Metrics(Endpoint, io::Error),
    /// The fan-out workers can't be started.
    Workers(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(setting) => setting.fmt(f),
            Self::Listen(listen, error) => write!(f, "--listen {listen}: {error}"),
            Self::Inherited(error) => {
                write!(f, "LISTEN_FDS: no TCP sockets that listen: {error}")
            }
            Self::Metrics(endpoint, error) => write!(f, "--metrics {endpoint}: {error}"),
            Self::Workers(error) => write!(f, "--workers: they can't be started: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BadSetting> for StartError {
    fn from(setting: BadSetting) -> Self {
        Self::Setting(setting)
    }
}
