//! `semnal config --reference`: docs/configuration.md, made from the table of settings and from the command line.
//!
//! What a setting means and its default stand in [`KEYS`] only. Here is where it is listed, its unit and its flag.

use std::fmt::Write;

use clap::{Arg, Command};

use crate::configuration::{KEYS, Key};

/// Settings that belong together.
struct Group {
    title: &'static str,
    about: &'static str,
    entries: &'static [Entry],
}

/// What the reference says about a setting beyond [`KEYS`].
struct Entry {
    key: &'static str,
    /// The flag of `semnal serve`, without its dashes.
    flag: Option<&'static str>,
    /// What a value is, or in which unit it is.
    unit: &'static str,
}

const fn entry(key: &'static str, flag: Option<&'static str>, unit: &'static str) -> Entry {
    Entry { key, flag, unit }
}

/// A length of time, as [`semnal_core::retry::parse_duration`] reads it.
const DURATION: &str = "whole number and ms, s, m, h or d";
const FLAG: &str = "`true` or `false`";

/// Every setting, once.
const GROUPS: &[Group] = &[
    Group {
        title: "Listening",
        about: "Where the API answers, and what a request may cost.",
        entries: &[
            entry("listen", Some("listen"), "address:port"),
            entry("public_url", None, "URL"),
            entry("body_bytes_max", None, "bytes"),
            entry("worker_threads", None, "threads"),
        ],
    },
    Group {
        title: "Request bins",
        about: "Where bins catch requests, on an origin of their own, and how much they keep.",
        entries: &[
            entry("bin_listen", Some("bin-listen"), "address:port or `none`"),
            entry("bin_public_url", None, "URL"),
            entry("bin_lifetime", None, DURATION),
            entry("bin_requests_max", None, "requests"),
            entry("bin_total_bytes_max", None, "bytes"),
            entry("bin_body_bytes_max", None, "bytes"),
        ],
    },
    Group {
        title: "Access",
        about: "API keys need no setting: make them with `semnal keys create`.",
        entries: &[entry("jwt_secret", None, "text")],
    },
    Group {
        title: "Events",
        about: "What is accepted from those who send, and how long it is kept.",
        entries: &[
            entry("strict_event_types", None, FLAG),
            entry("source_repeat_window", None, DURATION),
            entry("retention", None, DURATION),
        ],
    },
    Group {
        title: "Where deliveries may go",
        about: "Deliveries go to public addresses only, unless you open more. `semnal check-url URL` tells whether a \
                URL is allowed, and why not.",
        entries: &[
            entry("allow_networks", Some("allow-network"), "networks"),
            entry("https_only", None, FLAG),
            entry("dev", Some("dev"), FLAG),
        ],
    },
    Group {
        title: "Deliveries",
        about: "How requests look, how long they may take, and when they are made again. An endpoint's own \
                `retrySchedule` wins over the one here.",
        entries: &[
            entry("retry_schedule", None, DURATION),
            entry("attempt_timeout", None, DURATION),
            entry("disable_after", None, DURATION),
            entry("probe_interval", None, DURATION),
            entry("default_signature", None, "`hmac256` or `ed25519`"),
            entry("header_prefixes", None, "names"),
        ],
    },
];

const HEAD: &str = "# Configuration

Made by `semnal config --reference`; change the code, not this page.

You can run Semnal without any setting. A value comes from the first of these that has one:

1. the flag of `semnal serve`,
2. the environment,
3. the file: `semnal.toml` in the data directory, or the one that `--config` names,
4. the default.

An unknown key in the file and a value that is not allowed end the start with exit code 2 and a message that names the
key, the value and what is allowed. Settings are read at the start: restart the server after a change. `semnal config`
prints the values in force and where each comes from; secrets are masked.

```toml
# semnal-data/semnal.toml
attempt_timeout = \"10s\"
retry_schedule = [\"5s\", \"5m\", \"1h\"]
https_only = true
```

A list is a TOML list in the file, and separated by commas everywhere else. A length of time is a whole number with a
unit: `500ms`, `15s`, `5m`, `2h`, `1d`.
";

/// Returns the page.
pub(super) fn page(command: &Command) -> String {
    let mut page = HEAD.to_owned();
    for group in GROUPS {
        section(&mut page, group.title, group.about);
        page.push_str("| key | environment | flag | default | unit | meaning |\n|---|---|---|---|---|---|\n");
        for entry in group.entries {
            let found = KEYS.iter().find(|key| key.name == entry.key);
            page.push_str(&row(found.expect("a test finds every key"), entry));
        }
    }
    let about = "These are not in the file: they say where it is, or belong to one command.";
    section(&mut page, "Of the command line only", about);
    page.push_str("| environment | flag | default | meaning |\n|---|---|---|---|\n");
    page.push_str(&command_line(command).concat());
    page.push_str(
        "| `SEMNAL_LOG` | – | `info,hyper=warn,hickory_resolver=warn` | what is logged, by level and module: `debug` |\n",
    );
    page
}

fn section(page: &mut String, title: &str, about: &str) {
    write!(page, "\n## {title}\n\n{about}\n\n").expect("writing to a text cannot fail");
}

fn row(key: &Key, entry: &Entry) -> String {
    format!(
        "| `{}` | `SEMNAL_{}` | {} | {} | {} | {} |\n",
        key.name,
        key.name.to_ascii_uppercase(),
        flag(entry.flag),
        code(key.default),
        entry.unit,
        key.meaning,
    )
}

fn flag(name: Option<&str>) -> String {
    name.map_or("–".to_owned(), |name| format!("`--{name}`"))
}

fn code(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") }
}

/// Returns a row for each argument that has a variable of the environment, each variable once.
fn command_line(command: &Command) -> Vec<String> {
    let mut rows = Vec::new();
    for command in std::iter::once(command).chain(command.get_subcommands()) {
        for argument in command.get_arguments() {
            if let Some(row) = variable(argument)
                && !rows.contains(&row)
            {
                rows.push(row);
            }
        }
    }
    rows
}

fn variable(argument: &Arg) -> Option<String> {
    let name = argument.get_env()?.to_string_lossy().into_owned();
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let default = defaults.collect::<Vec<_>>().join(",");
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    Some(format!("| `{name}` | {} | {} | {help} |\n", flag(argument.get_long()), code(&default)))
}

#[cfg(test)]
mod tests {
    use super::super::Arguments;
    use super::*;
    use clap::CommandFactory;

    /// Seen from this crate's directory.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

    #[test]
    fn every_setting_is_in_the_reference_once() {
        let listed: Vec<_> = GROUPS.iter().flat_map(|group| group.entries).map(|entry| entry.key).collect();
        for key in KEYS {
            let count = listed.iter().filter(|name| **name == key.name).count();
            assert_eq!(count, 1, "list {:?} once in GROUPS of cli/reference.rs", key.name);
        }
        assert_eq!(listed.len(), KEYS.len(), "GROUPS lists a setting that does not exist");
    }

    #[test]
    fn every_flag_of_the_reference_exists() {
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        let has = |name: &str| serve.get_arguments().any(|argument| argument.get_long() == Some(name));
        for flag in GROUPS.iter().flat_map(|group| group.entries).filter_map(|entry| entry.flag) {
            assert!(has(flag), "semnal serve has no --{flag}");
        }
        let of_serve: Vec<_> = serve.get_arguments().filter_map(Arg::get_long).collect();
        let listed = |flag: &&&str| page(&command).contains(&format!("`--{flag}`"));
        assert_eq!(of_serve.iter().filter(listed).count(), of_serve.len(), "{of_serve:?}");
    }

    #[test]
    fn the_committed_page_is_what_the_command_prints() {
        let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
        let made = page(&Arguments::command());
        assert!(
            committed == made,
            "docs/configuration.md is not what the code says; write it anew with\n  \
             cargo run -- config --reference > docs/configuration.md"
        );
    }
}
