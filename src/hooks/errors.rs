//! Why a script or one of its hooks failed. Nothing here prints words of a script, which may be those of a person.

use std::fmt;

use serde::Deserialize;

use super::returns::ReturnError;

/// Most characters of the name of an error.
const MAX_NAME: usize = 40;

/// Why there are no hooks.
#[derive(Debug, thiserror::Error)]
pub enum HooksError {
    /// It is nowhere.
    #[error(
        "TRANSFORMER_FILE: \"{file}\" is in none of the folders {folders}: put it into config/ (wa transform build writes it there) and deploy it with that folder"
    )]
    Missing {
        /// As it was named.
        file: String,
        /// Where it was looked for.
        folders: String,
    },
    /// The file cannot be read.
    #[error("TRANSFORMER_FILE: \"{file}\" could not be read")]
    File {
        /// Its path.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It is larger than any script.
    #[error("TRANSFORMER_FILE: \"{file}\" has {bytes} bytes, and {max} are read")]
    TooLarge {
        /// Its path.
        file: String,
        /// Its size.
        bytes: u64,
        /// Most bytes.
        max: u64,
    },
    /// It is not JavaScript.
    #[error(
        "TRANSFORMER_FILE: \"{file}\" is not JavaScript ({position}): wa transform build erases types and writes such a file"
    )]
    Syntax {
        /// Its path.
        file: String,
        /// Where.
        position: Position,
    },
    /// It throws while it is loaded.
    #[error("TRANSFORMER_FILE: \"{file}\" cannot be loaded: it threw {thrown}")]
    Threw {
        /// Its path.
        file: String,
        /// What.
        thrown: Thrown,
    },
    /// It registers nothing.
    #[error(
        "TRANSFORMER_FILE: \"{file}\" registers no hook: createWebhookTransformer({{ handleInput, handleOutput, handleInject, handleNotify }})"
    )]
    NoHooks {
        /// Its path.
        file: String,
    },
    /// It cannot be evaluated within the limits.
    #[error("TRANSFORMER_FILE: \"{file}\" was stopped while it was loaded: {limit}")]
    Stopped {
        /// Its path.
        file: String,
        /// By what.
        limit: Limit,
    },
    /// The HTTP client for requests of scripts could not be built.
    #[error("no HTTP client for the requests of the transformer")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A bound that a script met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// It waited for too long.
    #[error("it took more than its time")]
    Time,
    /// It computed for too long.
    #[error("it computed for more than a second")]
    Processor,
    /// It wanted too much memory.
    #[error("it needed more than 16 MB of memory")]
    Memory,
    /// It called functions in functions too deep.
    #[error("its functions called each other too deep")]
    Stack,
}

/// Why a hook has no result although it was not stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It threw, or its promise was rejected.
    #[error("it threw {0}")]
    Threw(Thrown),
    /// Its promise can never be settled, because nothing is left that it could wait for.
    #[error("it waits for a promise that nothing settles")]
    NeverSettles,
    /// Its return has a shape that is not allowed.
    #[error(transparent)]
    Return(#[from] ReturnError),
}

/// A place in a script; both count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The line; 0 if it is not known.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("at an unknown place"),
            line => write!(f, "line {line}, column {}", self.column),
        }
    }
}

/// What a script threw. It prints its name and place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thrown {
    /// The name of the error, such as `TypeError`, or the type of another value, such as `string`.
    pub name: String,
    /// Where.
    pub position: Position,
    /// Its message: words, for a developer only.
    pub message: String,
    stack: String,
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.name.as_str() {
            "" => "an error",
            // The engine throws it where it has no memory for an error.
            "null" => "null, perhaps for want of memory",
            name => name,
        };
        write!(f, "{name}, {}", self.position)
    }
}

#[derive(Deserialize)]
struct Described {
    name: String,
    message: String,
    stack: String,
}

impl Thrown {
    /// An error without a place.
    pub(super) fn of(message: Option<String>) -> Self {
        Self { message: message.unwrap_or_default(), ..Self::default() }
    }

    /// Reads an error as the prelude describes it.
    pub(super) fn read(json: &str) -> Self {
        let Ok(Described { name, message, stack }) = crate::json::read(json.as_bytes()) else { return Self::default() };
        // A name is chosen by the script and printed, so it must not be a sentence.
        let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let name = if name.len() <= MAX_NAME && name.chars().all(is_name) { name } else { "Error".to_owned() };
        Self { name, message, stack, position: Position::default() }
    }

    /// The same with the place of the first line of its stack that is in this file.
    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.position = positions(&self.stack, file).next().unwrap_or_default();
        self
    }

    /// Where the file cannot be read as JavaScript, if that is what this error says.
    pub(super) fn syntax(&self, file: &str) -> Option<Position> {
        let first = self.stack.lines().next()?;
        // An error of compiling has no function around it, unlike one that a function such as JSON.parse throws.
        let is_compiling = self.name == "SyntaxError" && first.trim_start().starts_with(&format!("at {file}:"));
        is_compiling.then(|| positions(first, file).next().unwrap_or_default())
    }

    /// The bound that the script met, if that is what this error says.
    pub(super) fn limit(&self) -> Option<Limit> {
        match (self.name.as_str(), self.message.as_str()) {
            ("InternalError" | "", "out of memory") => Some(Limit::Memory),
            ("InternalError" | "RangeError" | "", message)
                if message == "stack overflow" || message == "Maximum call stack size exceeded" =>
            {
                Some(Limit::Stack)
            }
            _ => None,
        }
    }
}

fn positions(stack: &str, file: &str) -> impl Iterator<Item = Position> {
    stack.lines().filter_map(move |line| {
        let rest = line.split_once(file)?.1.strip_prefix(':')?;
        let mut numbers = rest.split(|sign: char| !sign.is_ascii_digit());
        Some(Position { line: numbers.next()?.parse().ok()?, column: numbers.next()?.parse().ok()? })
    })
}
