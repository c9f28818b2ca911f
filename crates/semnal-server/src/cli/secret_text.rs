//! Secrets as arguments: `@FILE` reads a file, `-` a line of standard input, so that they need not stand where every
//! user of the machine can read them.

use std::io::BufRead;

/// 4 KiB of a file or a line are read.
const SECRET_BYTES_MAX: usize = 4_096;

/// Replaces each argument that names a file or standard input by what is there, in this order.
///
/// # Errors
/// With what cannot be read.
pub(super) fn read_secrets(arguments: [&mut Option<String>; 2]) -> Result<(), String> {
    for argument in arguments.into_iter().flatten() {
        *argument = read(argument)?;
    }
    Ok(())
}

fn read(argument: &str) -> Result<String, String> {
    if let Some(path) = argument.strip_prefix('@') {
        let text = std::fs::read_to_string(path).map_err(|why| format!("cannot read {path}: {why}"))?;
        return bounded(&text, path);
    }
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|why| format!("cannot read standard input: {why}"))?;
    bounded(&line, "standard input")
}

fn bounded(text: &str, place: &str) -> Result<String, String> {
    let text = text.trim();
    match text.len() {
        0 => Err(format!("{place} is empty")),
        1..=SECRET_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("{place} has more than {SECRET_BYTES_MAX} bytes")),
    }
}
