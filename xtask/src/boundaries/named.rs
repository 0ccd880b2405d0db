//! Tests that a page names must exist. A name is written in backquotes, as the file's path, a colon, a
//! space, and the test's name (TypeScript: its title). A new page is a line in [`PAGES`].

use std::fs;
use std::path::Path;

/// Pages that promise something and say which test would show it false.
const PAGES: [&str; 2] = ["docs/reference/promises.md", "SECURITY.md"];

pub(super) fn violations() -> Vec<String> {
    let root = crate::root();
    let mut found = Vec::new();
    for page in PAGES {
        match fs::read_to_string(root.join(page)) {
            Ok(text) => found.extend(missing(page, &text, |file| fs::read_to_string(root.join(file)).ok())),
            Err(why) => found.push(format!("{page}: {why}")),
        }
    }
    found
}

/// What a page names that is not there; `read` gives a file's text.
fn missing(page: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (file, test) in names(line) {
            let there = read(file).is_some_and(|source| holds(file, &source, test));
            if !there {
                found.push(format!("{page}:{}: there is no test `{file}: {test}`", number + 1));
            }
        }
    }
    found
}

/// The tests that a line names: what stands between backquotes and begins with a source file.
fn names(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|quoted| {
        let (file, test) = quoted.split_once(": ")?;
        ["rs", "ts", "tsx"]
            .iter()
            .any(|end| Path::new(file).extension() == Some(end.as_ref()))
            .then_some((file, test))
    })
}

fn holds(file: &str, source: &str, test: &str) -> bool {
    if Path::new(file).extension() == Some("rs".as_ref()) {
        return source.contains(&format!("fn {test}(")) || source.contains(&format!("{test} = "));
    }
    ["\"", "`", "'"].iter().any(|quote| source.contains(&format!("{quote}{test}{quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_its_test_is_found() {
        let read = |file: &str| match file {
            "a/b.rs" => Some("#[test]\nfn holds_it() {}".to_owned()),
            "c/d.spec.ts" => Some("test(\"it holds\", () => {});".to_owned()),
            _ => None,
        };
        let page = "P1 | `a/b.rs: holds_it`, `c/d.spec.ts: it holds`, `zas serve`, `key: value`";
        assert_eq!(missing("page", page, read), Vec::<String>::new());
        for wrong in ["`a/b.rs: holds`", "`c/d.spec.ts: it hold`", "`x/y.rs: holds_it`"] {
            assert_eq!(missing("page", wrong, read).len(), 1, "{wrong}");
        }
    }
}
