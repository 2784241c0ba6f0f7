//! What scripts print.

use tracing::info;

/// Most lines of one run that are kept.
const MAX_LINES: usize = 100;
/// Most bytes of them.
const MAX_BYTES: usize = 32 * 1024;

/// The function of the console that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `console.debug`, `console.trace`.
    Debug,
    /// `console.log`, `console.dir`, `console.table`.
    Log,
    /// `console.info`.
    Info,
    /// `console.warn`.
    Warn,
    /// `console.error`.
    Error,
}

impl Level {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            _ => Self::Log,
        }
    }

    /// Its name in JavaScript.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Log => "log",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line, at most 4,096 characters long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleLine {
    /// Which function was called.
    pub level: Level,
    /// What it was given.
    pub text: String,
}

/// The lines of one run.
#[derive(Debug, Default)]
pub(super) struct Console {
    lines: Vec<ConsoleLine>,
    bytes: usize,
    left_out: usize,
}

impl Console {
    pub(super) fn add(&mut self, level: Level, text: String) {
        if self.lines.len() >= MAX_LINES || self.bytes + text.len() > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes += text.len();
        self.lines.push(ConsoleLine { level, text });
    }

    /// Logs the lines of a hook, with their words only if the operator wants that, and returns them.
    pub(super) fn log(self, hook: &'static str, with_words: bool) -> Vec<ConsoleLine> {
        for ConsoleLine { level, text } in &self.lines {
            let (level, characters) = (level.name(), text.chars().count());
            if with_words {
                info!(target: "transformer", hook, level, text, "console");
            } else {
                info!(target: "transformer", hook, level, characters, "console");
            }
        }
        if self.left_out > 0 {
            info!(target: "transformer", hook, lines = self.left_out, "console: the rest is left out");
        }
        self.lines
    }
}
