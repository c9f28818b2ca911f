//! Takes the console's own sessions out of what a bin is about to keep.
//!
//! Cookies know no ports: a browser that is logged in to the console and opens a bin on the same host sends its session to
//! the bin, where everybody who reads bins would find it. It is the one thing that is not kept as it came; its length is.

/// Cookies that prove who somebody is to the console.
pub const OWN_COOKIES: [&str; 3] = ["semnal_session", "__Host-semnal", "semnal_guest"];
/// Stands for each byte of a value.
const BLANK: u8 = b'x';

/// Overwrites the values of our own cookies in a head.
pub fn blank(head: &mut [u8]) {
    let mut is_cookie = false;
    for line in head.split_mut(|byte| *byte == b'\n') {
        let is_folded = matches!(line.first(), Some(b' ' | b'\t'));
        if !is_folded {
            is_cookie = line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"cookie:"));
        }
        if is_cookie {
            blank_line(line);
        }
    }
}

fn blank_line(line: &mut [u8]) {
    for name in OWN_COOKIES {
        let mut from = 0;
        while let Some(found) = line[from..].windows(name.len()).position(|it| it == name.as_bytes()) {
            let after = from + found + name.len();
            from = after;
            let Some(equals) = line[after..].iter().position(|byte| !matches!(byte, b' ' | b'\t')) else {
                break;
            };
            if line[after + equals] != b'=' {
                continue;
            }
            from = after + equals + 1;
            for byte in line[from..].iter_mut().take_while(|byte| !matches!(byte, b';' | b'\r')) {
                *byte = BLANK;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_our_own_cookies_are_overwritten() {
        let check = |head: &str, expected: &str| {
            let mut bytes = head.as_bytes().to_vec();
            blank(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        check(
            "GET / HTTP/1.1\r\nCookie: a=1; semnal_session=abc; b=2\r\nX: semnal_session=abc\r\n\r\n",
            "GET / HTTP/1.1\r\nCookie: a=1; semnal_session=xxx; b=2\r\nX: semnal_session=abc\r\n\r\n",
        );
        check("cOOKIE:__Host-semnal=q1; semnal_guest=w\r\n", "cOOKIE:__Host-semnal=xx; semnal_guest=x\r\n");
        check(
            "Cookie: semnal_session\r\n\tsemnal_session = abc",
            "Cookie: semnal_session\r\n\tsemnal_session =xxxx",
        );
        check("Cookie: semnal_session=a; semnal_session=b", "Cookie: semnal_session=x; semnal_session=x");
        check("Cookie", "Cookie");
    }
}
