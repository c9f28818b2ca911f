//! Reads the webhooks out of a dump, as mysqldump, phpMyAdmin and WP-CLI write it.
//!
//! One walk over the bytes: comments and statements that do not matter are passed over, texts never end a statement.
//! Of `create table …wu_webhooks` the order of the columns is kept, of each `insert into …wu_webhooks` the rows. A table
//! counts whatever its prefix is; the rows of two such tables would be those of two networks, and are refused.

mod scanner;

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::rows::Parsed;
use scanner::{Scanner, Token};

/// 2 GiB of a dump are read.
const DUMP_BYTES_MAX: u64 = 2 * 1_024 * 1_024 * 1_024;
/// How the table's name ends, after the network's prefix.
const TABLE: &str = "wu_webhooks";
/// The columns in the order in which the original makes them, for a dump that names none.
const COLUMNS: [&str; 12] = [
    "id",
    "migrated_from_id",
    "name",
    "webhook_url",
    "event",
    "event_count",
    "active",
    "hidden",
    "integration",
    "date_last_failed",
    "date_created",
    "date_modified",
];

/// Reads a file.
///
/// # Errors
/// With what cannot be read, and where.
pub(super) fn read(path: &Path) -> Result<Parsed, String> {
    let shown = path.display();
    let failed = |why: std::io::Error| format!("cannot read {shown}: {why}");
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > DUMP_BYTES_MAX {
        return Err(format!("{shown} has more than {DUMP_BYTES_MAX} bytes; dump the table …{TABLE} alone"));
    }
    let dump = std::fs::read(path).map_err(failed)?;
    parse(&dump).map_err(|why| format!("{shown}, {why}"))
}

/// Reads a dump.
fn parse(dump: &[u8]) -> Result<Parsed, String> {
    let mut scanner = Scanner::new(dump);
    let original: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    let mut columns = HashMap::<String, Vec<String>>::new();
    let (mut parsed, mut filled) = (Parsed::default(), None::<String>);
    while let Some(token) = scanner.next()? {
        match token {
            Token::Word(word) => {
                if is_any(&word, &["insert", "replace"])
                    && let Some(table) = into_table(&mut scanner)?
                {
                    let first = filled.get_or_insert_with(|| table.clone());
                    if *first != table {
                        return Err(format!(
                            "it has the webhooks of two networks, in {first} and {table}; dump one of them alone"
                        ));
                    }
                    insert(&mut scanner, columns.get(&table).unwrap_or(&original), &mut parsed)?;
                } else if is_any(&word, &["create"])
                    && let Some(table) = creates_table(&mut scanner)?
                {
                    columns.insert(table, declared(&mut scanner)?);
                }
            }
            Token::Symbol(b';') => continue,
            _ => {}
        }
        scanner.skip_statement()?;
    }
    if filled.is_some() || !columns.is_empty() {
        Ok(parsed)
    } else {
        Err(format!("it has no table …{TABLE}; dump the network's main database"))
    }
}

fn is_any(word: &str, wanted: &[&str]) -> bool {
    wanted.iter().any(|it| word.eq_ignore_ascii_case(it))
}

/// Reads up to the table's name after `insert`, and returns it if it is one of ours.
fn into_table(scanner: &mut Scanner<'_>) -> Result<Option<String>, String> {
    while let Some(Token::Word(word)) = scanner.peek()? {
        scanner.next()?;
        if !is_any(&word, &["into", "ignore", "low_priority", "delayed", "high_priority"]) {
            return ends_table_name(scanner, word);
        }
    }
    quoted_table_name(scanner)
}

/// Reads up to the table's name after `create`, and returns it if it is one of ours.
fn creates_table(scanner: &mut Scanner<'_>) -> Result<Option<String>, String> {
    while let Some(Token::Word(word)) = scanner.peek()? {
        scanner.next()?;
        if !is_any(&word, &["table", "temporary", "if", "not", "exists"]) {
            return ends_table_name(scanner, word);
        }
    }
    quoted_table_name(scanner)
}

fn quoted_table_name(scanner: &mut Scanner<'_>) -> Result<Option<String>, String> {
    match scanner.peek()? {
        // In double quotes it is a name in ANSI mode.
        Some(Token::Quoted(name) | Token::Text(name)) => {
            scanner.next()?;
            ends_table_name(scanner, name)
        }
        _ => Ok(None),
    }
}

/// Reads what may follow a name: the table after its database and a dot.
fn ends_table_name(scanner: &mut Scanner<'_>, mut name: String) -> Result<Option<String>, String> {
    if scanner.peek()? == Some(Token::Symbol(b'.')) {
        scanner.next()?;
        match scanner.next()? {
            Some(Token::Word(table) | Token::Quoted(table) | Token::Text(table)) => name = table,
            _ => return Ok(None),
        }
    }
    Ok(Some(name).filter(|it| it.to_ascii_lowercase().ends_with(TABLE)))
}

/// Reads the columns that `create table` declares: the quoted or bare name at the start of each line of the list, other
/// than that of a key.
fn declared(scanner: &mut Scanner<'_>) -> Result<Vec<String>, String> {
    const NO_COLUMN: [&str; 8] =
        ["primary", "key", "unique", "index", "constraint", "fulltext", "spatial", "foreign"];
    let mut columns = Vec::new();
    scanner.expect(b'(')?;
    let (mut depth, mut at_start) = (1, true);
    while let Some(token) = scanner.peek()? {
        match &token {
            Token::Symbol(b';') => break,
            Token::Symbol(b'(') => depth += 1,
            Token::Symbol(b')') => depth -= 1,
            Token::Quoted(name) | Token::Text(name) if at_start => columns.push(name.to_ascii_lowercase()),
            Token::Word(name) if at_start && !is_any(name, &NO_COLUMN) => {
                columns.push(name.to_ascii_lowercase())
            }
            _ => {}
        }
        at_start = depth == 1 && token == Token::Symbol(b',');
        scanner.next()?;
        if depth == 0 {
            break;
        }
    }
    Ok(columns)
}

/// Reads the columns, if they are named, and the rows of an insert.
fn insert(scanner: &mut Scanner<'_>, declared: &[String], parsed: &mut Parsed) -> Result<(), String> {
    let named = if scanner.peek()? == Some(Token::Symbol(b'(')) { names(scanner)? } else { Vec::new() };
    let columns = if named.is_empty() { declared } else { &named };
    match scanner.next()? {
        Some(Token::Word(word)) if is_any(&word, &["values", "value"]) => {}
        _ => return Err(scanner.complaint("VALUES is missing")),
    }
    loop {
        let values = row(scanner)?;
        if values.len() != columns.len() {
            let what = format!("a row has {} values for {} columns", values.len(), columns.len());
            return Err(scanner.complaint(&what));
        }
        parsed.take(&columns.iter().cloned().zip(values).collect::<Map<String, Value>>());
        if scanner.peek()? != Some(Token::Symbol(b',')) {
            return Ok(());
        }
        scanner.next()?;
    }
}

fn names(scanner: &mut Scanner<'_>) -> Result<Vec<String>, String> {
    scanner.expect(b'(')?;
    let mut names = Vec::new();
    loop {
        match scanner.next()? {
            Some(Token::Word(name) | Token::Quoted(name) | Token::Text(name)) => {
                names.push(name.to_ascii_lowercase())
            }
            Some(Token::Symbol(b',')) => {}
            Some(Token::Symbol(b')')) => return Ok(names),
            _ => return Err(scanner.complaint("a column's name is missing")),
        }
    }
}

fn row(scanner: &mut Scanner<'_>) -> Result<Vec<Value>, String> {
    scanner.expect(b'(')?;
    let mut values = Vec::new();
    loop {
        values.push(value(scanner)?);
        match scanner.next()? {
            Some(Token::Symbol(b',')) => {}
            Some(Token::Symbol(b')')) => return Ok(values),
            _ => return Err(scanner.complaint("a value is followed by something else than , or )")),
        }
    }
}

/// Reads a value: a text, a number, NULL, TRUE, FALSE, hexadecimal bytes, or a text after its character set.
fn value(scanner: &mut Scanner<'_>) -> Result<Value, String> {
    let Some(token) = scanner.next()? else { return Err(scanner.complaint("the dump ends inside a row")) };
    match token {
        Token::Text(text) => Ok(text.into()),
        Token::Number(text) => Ok(text.into()),
        Token::Word(word) if word.eq_ignore_ascii_case("null") => Ok(Value::Null),
        Token::Word(word) if word.eq_ignore_ascii_case("true") => Ok(true.into()),
        Token::Word(word) if word.eq_ignore_ascii_case("false") => Ok(false.into()),
        // `_binary 'x'`, `_utf8mb4 'x'`, `b'1'`, `N'x'`
        Token::Word(word) => match scanner.next()? {
            Some(Token::Text(text)) if is_any(&word, &["b", "x"]) => {
                Ok(scanner::number_of(&word, &text).into())
            }
            Some(Token::Text(text)) => Ok(text.into()),
            _ => Err(scanner.complaint(&format!("{word:?} is no value"))),
        },
        _ => Err(scanner.complaint("a value is missing")),
    }
}

#[cfg(test)]
mod tests;
