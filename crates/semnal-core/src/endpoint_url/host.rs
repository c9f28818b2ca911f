//! Judges the host: the text that was written against the host that the `url` crate made of it.
//! Called by the gate only. The comparison is what stops octal, hexadecimal and one-number IPv4, full-width
//! digits, percent-encoding, soft hyphens and every other spelling that a parser repairs.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Url;

use super::{HOST_BYTES_MAX, Host, LABEL_BYTES_MAX, UrlDenied, UrlRules, excerpt};

/// Names of the host itself in the hosts files of Debian and Red Hat systems, beyond `localhost` and
/// `*.localhost` (RFC 6761 section 6.3).
const HOSTS_FILE_NAMES: [&str; 8] = [
    "ip6-localhost",
    "ip6-loopback",
    "localhost4",
    "localhost6",
    "localhost.localdomain",
    "localhost4.localdomain4",
    "localhost6.localdomain6",
    "localhost6.localdomain",
];

/// Returns the host of `parsed`, provided that `written` is its canonical spelling.
pub(super) fn judge(written: &str, parsed: &Url, rules: &UrlRules) -> Result<Host, UrlDenied> {
    match parsed.host() {
        Some(url::Host::Ipv4(address)) => judge_ipv4(written, address),
        Some(url::Host::Ipv6(address)) => judge_ipv6(written, address),
        Some(url::Host::Domain(name)) => judge_name(written, name, rules),
        None => Err(UrlDenied::NoHost),
    }
}

fn judge_ipv4(written: &str, address: Ipv4Addr) -> Result<Host, UrlDenied> {
    let canonical = address.to_string();
    if written == canonical {
        Ok(Host::Ipv4(address))
    } else {
        Err(UrlDenied::NonCanonicalHost { host: excerpt(written), canonical })
    }
}

/// Canonical is the form of RFC 5952 in either case, the last 32 bits in hexadecimal or as an IPv4 address.
fn judge_ipv6(written: &str, address: Ipv6Addr) -> Result<Host, UrlDenied> {
    let canonical = url::Host::<&str>::Ipv6(address).to_string();
    let spelled = hexadecimal_tail(&written.to_ascii_lowercase());
    if spelled == canonical {
        Ok(Host::Ipv6(address))
    } else {
        Err(UrlDenied::NonCanonicalHost { host: excerpt(written), canonical })
    }
}

/// Rewrites the `1.2.3.4]` at the end of a bracketed IPv6 address as two hexadecimal groups, without judging
/// the groups before it. Text without such an end comes back as it is.
fn hexadecimal_tail(bracketed: &str) -> String {
    let inner = bracketed.trim_end_matches(']');
    let rewritten = inner.rsplit_once(':').and_then(|(head, tail)| {
        let embedded = tail.parse::<Ipv4Addr>().ok().map(u32::from)?;
        Some(format!("{head}:{:x}:{:x}]", embedded >> 16, embedded & 0xffff))
    });
    rewritten.unwrap_or_else(|| bracketed.to_owned())
}

fn judge_name(written: &str, name: &str, rules: &UrlRules) -> Result<Host, UrlDenied> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    judge_labels(bare)?;
    if !is_same_name(written, name) {
        return Err(UrlDenied::NonCanonicalHost { host: excerpt(written), canonical: excerpt(name) });
    }
    let is_localhost = bare == "localhost" || bare.ends_with(".localhost");
    if (is_localhost && !rules.localhost_names) || HOSTS_FILE_NAMES.contains(&bare) {
        return Err(UrlDenied::LocalName { host: excerpt(bare) });
    }
    Ok(Host::Name(bare.to_owned()))
}

/// `name` is ASCII in lower case, without root dot. Underscores are no host names by RFC 1123, but they are
/// served on the public internet.
fn judge_labels(name: &str) -> Result<(), UrlDenied> {
    if name.len() > HOST_BYTES_MAX {
        return Err(UrlDenied::HostTooLong { host_bytes: name.len() });
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(UrlDenied::EmptyLabel { host: excerpt(name) });
        }
        if label.len() > LABEL_BYTES_MAX {
            return Err(UrlDenied::LabelTooLong { label: excerpt(label), label_bytes: label.len() });
        }
        let odd = label.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'));
        if let Some(character) = odd {
            return Err(UrlDenied::HostCharacter { host: excerpt(name), character });
        }
    }
    Ok(())
}

/// Whether `written` spells `name` with nothing but a change of case: each label either in ASCII, or as the
/// Unicode form of its punycode (`bücher.example` for `xn--bcher-kva.example`).
fn is_same_name(written: &str, name: &str) -> bool {
    let (unicode, _) = idna::domain_to_unicode(name);
    let labels = || name.split('.').zip(unicode.split('.'));
    written.split('.').count() == labels().count()
        && written.split('.').zip(labels()).all(|(written, (ascii, unicode))| {
            written.eq_ignore_ascii_case(ascii) || (!written.is_ascii() && lower_case(written) == unicode)
        })
}

/// Lowers each character by itself, as IDNA does (UTS 46). A character that would become ASCII (the Kelvin
/// sign) is left alone, so that no ASCII name has a second spelling.
fn lower_case(label: &str) -> String {
    let mut lower = String::with_capacity(label.len());
    for character in label.chars() {
        let becomes_ascii =
            !character.is_ascii() && character.to_lowercase().all(|lowered| lowered.is_ascii());
        if becomes_ascii {
            lower.push(character);
        } else {
            lower.extend(character.to_lowercase());
        }
    }
    lower
}
