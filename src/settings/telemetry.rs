//! Telemetry: what is logged.

use super::{
    table::{Group, Setting},
    vars::Vars,
};
use crate::telemetry::LogLevel;

pub(crate) const GROUP: Group =
    Group { settings: &[Setting::with_default("LOG_LEVEL", "LogLevel", "info")], prefixes: &[] };

/// What is logged.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// The least important lines that are written.
    pub log_level: LogLevel,
}

impl TelemetrySettings {
    pub(crate) fn read(vars: &mut Vars) -> Self {
        Self { log_level: vars.parsed("LOG_LEVEL", "error, warn, info, debug or trace") }
    }
}
