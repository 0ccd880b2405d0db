//! What may come in from outside, by the lists of `deny.toml`: `cargo deny` reads the same file
//! where it is installed, and knows more; these three rules hold without it.

use std::collections::BTreeSet;
use std::fs;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// `tree` is what is really built, a package a line as `name version|licence`: cargo's lock and
/// metadata also name what an optional feature that nobody asks for would bring.
pub(super) fn violations(tree: &str) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(crate::root().join(file)).unwrap_or_default();
    let mut found = Rules::read(&read("deny.toml")).violations(tree);
    found.extend(cargo_lock(&read("Cargo.lock")));
    found.extend(npm_lock(&read("package-lock.json")));
    found
}

fn cargo_lock(lock: &str) -> Vec<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = ")?.trim_matches('"').into())
        .filter(|source| *source != CRATES_IO)
        .map(|source| format!("a package comes from {source}, not from crates.io"))
        .collect()
}

/// A lock that names a registry's host is of use to nobody who has another.
fn npm_lock(lock: &str) -> Option<String> {
    let named = lock.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("\"resolved\":") && line.contains("://")
    });
    named.then(|| "package-lock.json names a registry's host (see .npmrc)".into())
}

struct Rules {
    banned: Vec<String>,
    licences: Vec<String>,
}

impl Rules {
    /// Reads `{ crate = "…" }` of `deny = [` and the strings of `allow = [`: one item a line.
    fn read(deny: &str) -> Self {
        let list = |start: &str| -> Vec<String> {
            deny.lines()
                .skip_while(|line| line.trim() != start)
                .skip(1)
                .take_while(|line| line.trim() != "]")
                .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
                .collect()
        };
        Self { banned: list("deny = ["), licences: list("allow = [") }
    }

    fn violations(&self, tree: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        if self.banned.is_empty() || self.licences.is_empty() || tree.is_empty() {
            found.insert("deny.toml bans nothing or allows no licence, or nothing is built".to_owned());
        }
        for (package, licence) in tree.lines().filter_map(|line| line.split_once('|')) {
            let name = package.split(' ').next().unwrap_or_default();
            // A package that was shown before is marked so.
            let licence = licence.trim_end_matches(" (*)");
            if self.banned.iter().any(|banned| banned == name) {
                found.insert(format!("{name} is banned by deny.toml"));
            }
            if !self.allows(licence) {
                found.insert(format!("{name} has a licence that deny.toml does not allow: \"{licence}\""));
            }
        }
        found.into_iter().collect()
    }

    /// An SPDX expression: one alternative must be allowed in all its parts. Brackets occur only
    /// around alternatives that are joined by `AND`, so each such part is asked by itself.
    fn allows(&self, expression: &str) -> bool {
        let one =
            |name: &str| self.licences.iter().any(|allowed| allowed == name.trim_matches(['(', ')', ' ']));
        if expression.contains('(') {
            return expression.split(" AND ").all(|part| any(part, one));
        }
        alternatives(expression).any(|all| all.split(" AND ").all(one))
    }
}

fn any(part: &str, one: impl Fn(&str) -> bool) -> bool {
    alternatives(part).any(one)
}

fn alternatives(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(" OR ").flat_map(|part| part.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    const DENY: &str = "deny = [\n  { crate = \"ring\" },\n]\nallow = [\n  \"MIT\",\n  \"Unicode-3.0\",\n]\n";

    #[test]
    fn a_banned_crate_and_a_licence_that_is_not_allowed_are_found() {
        let rules = Rules::read(DENY);
        assert_eq!(
            rules.violations("serde v1.0.0|MIT OR Apache-2.0\nbytes v1.0.0|MIT (*)\n"),
            Vec::<String>::new()
        );
        assert_eq!(rules.violations("ring v0.17.0|MIT\nring v0.17.0|MIT\n").len(), 1);
        assert_eq!(rules.violations("x v1.0.0|AGPL-3.0\n").len(), 1);
        assert_eq!(Rules::read("").violations("serde v1.0.0|MIT\n").len(), 2);
    }

    #[test]
    fn a_source_that_is_not_crates_io_is_found() {
        let lock = format!("source = \"{CRATES_IO}\"\nsource = \"git+https://example.com/x#1\"\n");
        assert_eq!(cargo_lock(&lock).len(), 1);
    }

    #[test]
    fn expressions_of_licences_are_read_as_spdx_says() {
        let rules = Rules::read(DENY);
        assert!(rules.allows("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(rules.allows("Apache-2.0/MIT"));
        assert!(!rules.allows("MIT AND Apache-2.0"));
        assert!(!rules.allows("(MIT OR ISC) AND Apache-2.0"));
        assert!(!rules.allows(""));
    }

    #[test]
    fn a_lock_without_hosts_passes() {
        assert!(npm_lock("  \"version\": \"1\",\n  \"url\": \"https://example.com\"").is_none());
        assert!(npm_lock("      \"resolved\": \"https://example.com/a.tgz\"").is_some());
        assert!(npm_lock("      \"resolved\": \"web/sdk\"").is_none());
    }
}
