//! The texts themselves: complete in every language, used, and spelt with the right letters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

fn texts(language: Language) -> Texts {
    Texts::read(language)
}

fn variables(parts: &[Part], all: &mut BTreeSet<String>) {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Variable(name) => drop(all.insert(name.clone())),
            Part::Choice { variable, forms, other } => {
                all.insert(variable.clone());
                forms.iter().for_each(|(_, parts)| variables(parts, all));
                variables(other, all);
            }
        }
    }
}

fn sources() -> String {
    fn gather(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, found);
            } else if !path.ends_with("language/tests.rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("src/console.rs")];
    gather(&root.join("src/console"), &mut found);
    gather(&root.join("templates"), &mut found);
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Returns the first argument of each call of a function that takes the key of a text.
fn used_keys(sources: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for call in [".t(\"", ".n(\"", ".s(\"", ".put_together(\"", "Flash::good(\"", "Flash::bad(\""] {
        for (at, _) in sources.match_indices(call) {
            let rest = &sources[at + call.len()..];
            keys.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
    keys
}

#[test]
fn every_text_exists_in_every_language_with_the_same_variables() {
    let (english, romanian) = (texts(Language::English), texts(Language::Romanian));
    let keys = |it: &Texts| it.messages.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(keys(&english), keys(&romanian));
    for (key, parts) in &english.messages {
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        variables(parts, &mut ours);
        variables(&romanian.messages[key], &mut theirs);
        assert_eq!(ours, theirs, "{key}");
    }
}

#[test]
fn every_file_of_texts_is_read_to_its_end() {
    for (name, english, romanian) in FILES {
        for source in [english, romanian] {
            let resource = parse(*source).unwrap_or_else(|(_, errors)| panic!("{name}: {errors:?}"));
            let messages = resource.body.iter().filter(|it| matches!(it, Entry::Message(_))).count();
            let keys =
                source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).count();
            assert_eq!(messages, keys, "{name} has a line that is no text");
        }
    }
}

#[test]
fn every_text_that_is_used_exists_and_every_text_is_used() {
    let (sources, english) = (sources(), texts(Language::English));
    for key in used_keys(&sources) {
        assert!(english.messages.contains_key(key.as_str()), "{key:?} is used and does not exist");
    }
    for key in english.messages.keys() {
        assert!(sources.contains(&format!("\"{key}\"")), "{key:?} is not used");
    }
}

#[test]
fn romanian_is_written_with_the_comma_below() {
    for (name, _, romanian) in FILES {
        let wrong = romanian.chars().find(|c| "şţŞŢ".contains(*c));
        assert_eq!(wrong, None, "{name}: a cedilla instead of the comma below");
    }
}

#[test]
fn romanian_counts_in_three_forms() {
    let check = |count, expected| assert_eq!(Language::Romanian.plural(count), expected, "{count}");
    check(1, "one");
    for count in [0, 2, 19, 101, 119, 1_001, 1_019] {
        check(count, "few");
    }
    for count in [20, 21, 99, 100, 120, 121, 1_000, 1_020] {
        check(count, "other");
    }
    let text = |count| texts(Language::Romanian).n("time-minutes-ago", count);
    assert_eq!([1, 2, 20].map(text), ["acum un minut", "acum 2 minute", "acum 20 de minute"]);
}

#[test]
fn the_browser_chooses_among_the_languages_that_there_are() {
    let check = |header, expected| assert_eq!(Language::accepted(header), expected, "{header}");
    check("", Language::English);
    check("ro-RO,ro;q=0.9,en;q=0.8", Language::Romanian);
    check("de,en;q=0.5,ro;q=0.7", Language::Romanian);
    check("en-GB, ro;q=0", Language::English);
    check("ro;q=x", Language::English);
}

#[test]
fn numbers_have_the_marks_of_their_language() {
    assert_eq!(Language::English.number(1_234_567), "1,234,567");
    assert_eq!(Language::Romanian.number(12_345), "12.345");
    assert_eq!(Language::English.number(999), "999");
}
