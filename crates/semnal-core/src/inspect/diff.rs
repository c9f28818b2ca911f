//! Two texts side by side: which lines stay, go and come.

/// 1,000 lines of each text are compared, beyond what both begin and end with; what is longer counts as changed as a whole.
pub const COMPARED_LINES_MAX: usize = 1_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is in both.
    Same,
    /// It is in the first one only.
    Gone,
    /// It is in the second one only.
    New,
}

/// Compares two lists of lines; returns each line with what became of it.
pub fn lines<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<(Change, &'a str)> {
    let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before_rest, after_rest) = (&before[start..], &after[start..]);
    let end = before_rest.iter().rev().zip(after_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_before, tail) = before_rest.split_at(before_rest.len() - end);
    let middle_after = &after_rest[..after_rest.len() - end];
    let same = |line: &&'a str| (Change::Same, *line);
    let mut found: Vec<(Change, &str)> = before[..start].iter().map(same).collect();
    if middle_before.len() > COMPARED_LINES_MAX || middle_after.len() > COMPARED_LINES_MAX {
        found.extend(middle_before.iter().map(|line| (Change::Gone, *line)));
        found.extend(middle_after.iter().map(|line| (Change::New, *line)));
    } else {
        compare(middle_before, middle_after, &mut found);
    }
    found.extend(tail.iter().map(same));
    found
}

/// Walks the longest common subsequence, by the table of its lengths.
fn compare<'a>(before: &[&'a str], after: &[&'a str], found: &mut Vec<(Change, &'a str)>) {
    let width = after.len() + 1;
    let mut longest = vec![0_u16; (before.len() + 1) * width];
    for (i, a) in before.iter().enumerate().rev() {
        for (j, b) in after.iter().enumerate().rev() {
            longest[i * width + j] = if a == b {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            found.push((Change::Same, before[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == after.len()
            || (i < before.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1])
        {
            found.push((Change::Gone, before[i]));
            i += 1;
        } else {
            found.push((Change::New, after[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, expected: &str) {
        let (before, after): (Vec<&str>, Vec<&str>) =
            (before.split(' ').collect(), after.split(' ').collect());
        let mark = |change: Change| match change {
            Change::Same => "",
            Change::Gone => "-",
            Change::New => "+",
        };
        let found: Vec<String> =
            lines(&before, &after).iter().map(|(change, line)| format!("{}{line}", mark(*change))).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn lines_stay_go_and_come() {
        check("a b c", "a b c", "a b c");
        check("a b c d", "a x c d", "a -b +x c d");
        check("a b c d e", "b d e f", "-a b -c d e +f");
        check("a a b", "a b", "a -a b");
    }

    #[test]
    fn what_is_too_long_to_compare_counts_as_changed() {
        let before: Vec<String> = (0..=COMPARED_LINES_MAX).map(|n| format!("a{n}")).collect();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let found = lines(&before, &["b"]);
        assert_eq!(found.len(), before.len() + 1);
        assert!(found[..before.len()].iter().all(|(change, _)| *change == Change::Gone));
    }
}
