//! The semnal binary: command line, configuration, HTTP API, wiring. It does not serve yet: docs/roadmap.md says what
//! comes first.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let told = writeln!(std::io::stderr(), "semnal: the server is not finished; see docs/roadmap.md");
    if told.is_ok() { ExitCode::from(3) } else { ExitCode::FAILURE }
}
