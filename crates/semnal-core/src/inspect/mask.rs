//! Header values that open something: shown masked until somebody asks for them.

/// Headers whose whole value is a secret.
const SECRET_NAMES: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-hook-secret",
    "x-amz-security-token",
];
/// Parts of names that say that the value is a secret or proves one.
const SECRET_PARTS: [&str; 5] = ["signature", "secret", "token", "password", "api-key"];
/// 4 characters at the end tell two secrets apart, when the secret is long enough to lose nothing by it.
const SHOWN_CHARACTERS: usize = 4;
/// 16 characters: from here on the end is shown.
const LONG_CHARACTERS: usize = 16;

/// Tells whether the value of a header is shown masked.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Masks a value: eight dots, whatever its length, then the last characters of a long one. The scheme of an
/// authorization (`Bearer`, `Basic`) is no secret.
pub fn masked(value: &str) -> String {
    let (scheme, rest) = match value.split_once(' ') {
        Some((scheme, rest))
            if scheme.len() <= 10 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
        {
            (format!("{scheme} "), rest)
        }
        _ => (String::new(), value),
    };
    let characters: Vec<char> = rest.chars().collect();
    let end: String = match characters.len() {
        LONG_CHARACTERS.. => characters[characters.len() - SHOWN_CHARACTERS..].iter().collect(),
        _ => String::new(),
    };
    format!("{scheme}••••••••{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_a_secret() {
        for name in [
            "Authorization",
            "COOKIE",
            "webhook-signature",
            "X-Hub-Signature-256",
            "x-api-key",
            "X-Slack-Token",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["content-type", "webhook-id", "user-agent", "host"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_mask_tells_neither_a_short_secret_nor_the_length() {
        assert_eq!(masked("Bearer sk_live_51H8xJ2eZvKYlo2C"), "Bearer ••••••••lo2C");
        assert_eq!(masked("short"), masked("other"));
        assert_eq!(masked("Basic YTpi"), "Basic ••••••••");
        assert_eq!(masked(""), "••••••••");
    }
}
