//! JSON as lines that fold, for the template: a list of steps, since templates do not recurse and neither should a browser
//! on what a stranger nested. Pure.

use semnal_core::inspect::json::{Content, Kind, Line};
use semnal_core::inspect::visible;

/// 2,000 lines of a tree are shown.
pub(super) const TREE_LINES_MAX: usize = 2_000;
/// 32 levels of a tree are shown: browsers stop nesting elements at about 500.
pub(super) const TREE_LEVELS_MAX: usize = 32;
/// 2,000 characters of one value are shown in a tree.
pub(super) const VALUE_CHARACTERS_MAX: usize = 2_000;
/// 2 levels are open at the start; all of them when the tree has no more than 200 lines.
const LEVELS_OPEN: usize = 2;
/// See [`LEVELS_OPEN`].
const LINES_OPEN: usize = 200;

/// What the template does next.
pub(super) enum Step {
    /// Begins something that folds.
    Open { key: String, bracket: &'static str, closing: &'static str, entries: usize, is_open: bool },
    /// Ends it.
    Close { bracket: &'static str, comma: bool },
    /// Shows one line.
    Value { key: String, text: String, class: &'static str, comma: bool },
    /// Shows in one line something that is nested too deep.
    Deep { key: String, entries: usize, comma: bool },
}

/// A tree, and whether something of it is left out.
pub(super) struct Tree {
    pub(super) steps: Vec<Step>,
    pub(super) is_long: bool,
    pub(super) is_deep: bool,
    pub(super) has_long_value: bool,
}

/// Lays out lines of a text.
pub(super) fn tree(text: &[u8], lines: &[Line]) -> Tree {
    let mut tree = Tree { steps: Vec::new(), is_long: false, is_deep: false, has_long_value: false };
    let mut open: Vec<&'static str> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if tree.steps.len() >= TREE_LINES_MAX {
            tree.is_long = true;
            break;
        }
        at += 1;
        let key = line.key.clone().map(|key| shown(&mut tree, text, key)).unwrap_or_default();
        match &line.content {
            Content::Value { at, kind } => {
                let text = shown(&mut tree, text, at.clone());
                tree.steps.push(Step::Value {
                    key,
                    text: compact(*kind, text),
                    class: class(*kind),
                    comma: line.comma,
                });
            }
            Content::Open { closes_at, entries, .. } if open.len() >= TREE_LEVELS_MAX => {
                tree.is_deep = true;
                let comma = lines.get(*closes_at).is_some_and(|it| it.comma);
                tree.steps.push(Step::Deep { key, entries: *entries, comma });
                at = closes_at.saturating_add(1);
            }
            Content::Open { kind, entries, .. } => {
                let (bracket, closing) = brackets(*kind);
                let is_open = lines.len() <= LINES_OPEN || open.len() < LEVELS_OPEN;
                tree.steps.push(Step::Open { key, bracket, closing, entries: *entries, is_open });
                open.push(closing);
            }
            Content::Close { .. } => {
                if let Some(bracket) = open.pop() {
                    tree.steps.push(Step::Close { bracket, comma: line.comma });
                }
            }
        }
    }
    // What the text leaves open, or the limit, ends here.
    tree.steps.extend(open.iter().rev().map(|_| Step::Close { bracket: "", comma: false }));
    tree
}

fn shown(tree: &mut Tree, text: &[u8], at: std::ops::Range<usize>) -> String {
    let whole = text.get(at).unwrap_or_default();
    let mut line = visible::line(whole);
    if line.chars().count() > VALUE_CHARACTERS_MAX {
        tree.has_long_value = true;
        line = line.chars().take(VALUE_CHARACTERS_MAX).chain(['…']).collect();
    }
    line
}

/// Returns an empty object or array without the space that may be in it.
fn compact(kind: Kind, text: String) -> String {
    match kind {
        Kind::ObjectStart => "{}".to_owned(),
        Kind::ArrayStart => "[]".to_owned(),
        _ => text,
    }
}

fn brackets(kind: Kind) -> (&'static str, &'static str) {
    if kind == Kind::ObjectStart { ("{", "}") } else { ("[", "]") }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "json-string",
        Kind::Number => "json-number",
        Kind::Word => "json-word",
        _ => "json-mark",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semnal_core::inspect::json;

    fn of(text: &str) -> Tree {
        tree(text.as_bytes(), &json::lines(&json::tokenize(text.as_bytes()).tokens))
    }

    /// What opens is closed, or the page around it would be broken.
    fn balance(tree: &Tree) -> usize {
        let (mut depth, mut deepest) = (0_usize, 0);
        for step in &tree.steps {
            match step {
                Step::Open { .. } => depth += 1,
                Step::Close { .. } => depth = depth.checked_sub(1).expect("a close without an open"),
                Step::Value { .. } | Step::Deep { .. } => {}
            }
            deepest = deepest.max(depth);
        }
        assert_eq!(depth, 0);
        deepest
    }

    #[test]
    fn ten_thousand_levels_are_a_few_and_a_line_that_says_so() {
        for text in ["[".repeat(10_000), "[".repeat(10_000) + &"]".repeat(10_000), "{\"a\":".repeat(10_000)] {
            let tree = of(&text);
            assert_eq!(balance(&tree), TREE_LEVELS_MAX);
            assert!(tree.is_deep && tree.steps.len() < 100, "{}", tree.steps.len());
        }
    }

    #[test]
    fn what_follows_something_too_deep_is_shown() {
        let text = "[".repeat(40) + &"]".repeat(39) + ",7]";
        let tree = of(&text);
        balance(&tree);
        assert!(tree.steps.iter().any(|it| matches!(it, Step::Value { text, .. } if text == "7")));
    }

    #[test]
    fn a_long_list_and_a_long_value_are_cut_and_say_so() {
        let tree = of(&format!("[{}1]", "1,".repeat(5_000)));
        assert!(tree.is_long && balance(&tree) == 1);
        let tree = of(&format!("[\"{}\"]", "x".repeat(10_000)));
        assert!(tree.has_long_value && !tree.is_long);
        let whole = of("{\"id\":12345678901234567890,\"a\":[],\"\u{202e}b\":{ }}");
        assert!(!whole.is_long && !whole.is_deep && !whole.has_long_value);
        assert!(
            whole.steps.iter().any(|it| matches!(it, Step::Value { key, .. } if key == "\"\\u{202e}b\""))
        );
    }
}
