//! Why a run could not be made. What the server does wrong is a finding of the oracle, never one of these.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the harness itself failed.
#[derive(Debug, Error)]
pub enum HarnessError {
    /// A file, socket or process could not be used.
    #[error("{doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// HTTP broke off.
    #[error("{doing}")]
    Http {
        /// What was tried.
        doing: String,
        /// Why it failed.
        #[source]
        source: hyper::Error,
    },
    /// The server refused something that the run needs.
    #[error("{method} {path} answered {status}: {body}")]
    Refused {
        /// The method.
        method: http::Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// The binary to measure is missing.
    #[error("{} is missing: build it with `cargo build -p semnal-server` or name it in SEMNAL_BIN", path.display())]
    NoBinary {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The server ended or did not become ready.
    #[error("the server did not become ready: {why}; the end of its log:\n{log}")]
    NotReady {
        /// What happened instead.
        why: String,
        /// The last lines of its log.
        log: String,
    },
    /// A command of the server failed.
    #[error("`{command}` failed: {stderr}")]
    Command {
        /// The command.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// The run would prove nothing.
    #[error("this run proves nothing: {0}")]
    Vacuous(String),
}

impl HarnessError {
    /// Returns a function for `map_err` that says what was tried.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> HarnessError {
        move |source| HarnessError::Io { doing: doing.into(), source }
    }

    /// Returns the whole chain as one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
