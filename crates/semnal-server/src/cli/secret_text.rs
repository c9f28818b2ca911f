//! Secrets as arguments: `@FILE` reads a file, `-` a line of standard input, so that they need not stand where every
//! user of the machine can read them.

use std::fs::File;
use std::io::{BufRead, BufReader};

/// 4 KiB of a line are read.
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
        let file = File::open(path).map_err(|why| format!("cannot read {path}: {why}"))?;
        return bounded(BufReader::new(file), path);
    }
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    bounded(std::io::stdin().lock(), "standard input")
}

/// Reads a line, and no byte more than may be in it.
fn bounded(source: impl BufRead, place: &str) -> Result<String, String> {
    let mut line = String::new();
    source
        .take(SECRET_BYTES_MAX as u64 + 1)
        .read_line(&mut line)
        .map_err(|why| format!("cannot read {place}: {why}"))?;
    let text = line.trim();
    match text.len() {
        0 => Err(format!("{place} is empty")),
        1..=SECRET_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("{place} has more than {SECRET_BYTES_MAX} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_no_more_than_may_be_in_it() {
        let check = |text: &str, expected: Result<&str, &str>| match (bounded(text.as_bytes(), "a"), expected)
        {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
            (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
            (found, _) => panic!("{text:?}: {found:?}"),
        };
        check(" secret \nnext", Ok("secret"));
        check("", Err("is empty"));
        check("\n", Err("is empty"));
        check(&"x".repeat(SECRET_BYTES_MAX), Ok(&"x".repeat(SECRET_BYTES_MAX)));
        check(&"x".repeat(SECRET_BYTES_MAX + 1), Err("more than 4096 bytes"));
    }

    #[test]
    fn two_lines_of_one_source_are_two_secrets() {
        let mut source = "key\nsecret\n".as_bytes();
        assert_eq!(bounded(&mut source, "a").unwrap(), "key");
        assert_eq!(bounded(&mut source, "a").unwrap(), "secret");
    }
}
