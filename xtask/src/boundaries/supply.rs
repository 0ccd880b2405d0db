//! What may come in from outside, by the lists of `deny.toml`: `cargo deny` reads the same file
//! where it is installed, and knows more; these three rules hold without it.

use std::fs;

use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn violations(metadata: &Value) -> Vec<String> {
    let root = crate::root();
    let rules = Rules::read(&fs::read_to_string(root.join("deny.toml")).unwrap_or_default());
    let mut found = rules.violations(metadata);
    let lock = fs::read_to_string(root.join("package-lock.json")).unwrap_or_default();
    found.extend(npm_lock(&lock));
    found
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

    fn violations(&self, metadata: &Value) -> Vec<String> {
        let mut found = Vec::new();
        if self.banned.is_empty() || self.licences.is_empty() {
            found.push("deny.toml bans nothing or allows no licence: it was not understood".into());
        }
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = package["name"].as_str().unwrap_or_default();
            if self.banned.iter().any(|banned| banned == name) {
                found.push(format!("{name} is banned by deny.toml"));
            }
            let Some(source) = package["source"].as_str() else { continue };
            if source != CRATES_IO {
                found.push(format!("{name} comes from {source}, not from crates.io"));
            }
            let licence = package["license"].as_str().unwrap_or_default();
            if !self.allows(licence) {
                found.push(format!("{name} has a licence that deny.toml does not allow: \"{licence}\""));
            }
        }
        found
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
    use serde_json::json;

    const DENY: &str = "deny = [\n  { crate = \"ring\" },\n]\nallow = [\n  \"MIT\",\n  \"Unicode-3.0\",\n]\n";

    fn package(name: &str, licence: &str, source: &str) -> Value {
        json!({ "packages": [{ "name": name, "license": licence, "source": source }] })
    }

    #[test]
    fn a_banned_crate_a_foreign_source_and_a_licence_are_found() {
        let rules = Rules::read(DENY);
        assert_eq!(rules.violations(&package("serde", "MIT OR Apache-2.0", CRATES_IO)), Vec::<String>::new());
        assert_eq!(rules.violations(&package("ring", "MIT", CRATES_IO)).len(), 1);
        assert_eq!(rules.violations(&package("x", "MIT", "git+https://example.com/x")).len(), 1);
        assert_eq!(rules.violations(&package("x", "AGPL-3.0", CRATES_IO)).len(), 1);
        assert_eq!(Rules::read("").violations(&json!({ "packages": [] })).len(), 1);
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
