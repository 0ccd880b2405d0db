//! What a source file may not contain. A new rule is a row in [`RULES`].

use std::fs;
use std::path::Path;

use crate::stamp::files;

/// A hand-written file longer than this is two concerns.
const MAX_LINES: usize = 600;
/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "helpers", "helper", "misc"];

struct Rule {
    /// Files at or below one of these, with one of the endings.
    below: &'static [&'static str],
    endings: &'static [&'static str],
    /// Except at or below these.
    except: &'static [&'static str],
    /// What no line of code may contain.
    never: &'static [&'static str],
    why: &'static str,
}

const RULES: [Rule; 7] = [
    Rule {
        below: &["crates/core/src", "crates/client/src/engine", "crates/protocol/src"],
        endings: &["rs"],
        except: &["crates/protocol/src/bin"],
        never: &["Instant::now", "SystemTime", "std::fs", "std::net", "std::thread", "getrandom", "tokio::"],
        why: "has no I/O, clock or randomness: time and entropy are arguments",
    },
    Rule {
        below: &["crates", "xtask"],
        endings: &["rs"],
        except: &["crates/store", "xtask/src/boundaries/text.rs"],
        never: &[
            "\"SELECT ",
            "\"INSERT INTO",
            "\"DELETE FROM",
            "\"CREATE TABLE",
            "\"PRAGMA ",
            "\"BEGIN IMMEDIATE",
        ],
        why: "SQL text exists only in crates/store",
    },
    Rule {
        below: &["web/sdk/src/engine"],
        endings: &["ts", "tsx"],
        except: &[],
        never: &[
            "from \"react",
            "from \"idb",
            "document.",
            "window.",
            "localStorage",
            "indexedDB",
            "setTimeout(",
            "setInterval(",
            "Date.now(",
            "Math.random(",
            "performance.now(",
            "fetch(",
            "../drivers/",
        ],
        why: "the SDK's engine knows no browser, no React, no clock and no chance",
    },
    Rule {
        below: &["web/sdk/src"],
        endings: &["ts", "tsx"],
        except: &["web/sdk/src/react"],
        never: &["from \"react"],
        why: "only the SDK's react entry imports React",
    },
    Rule {
        below: &["web/app/src", "web/sdk/src", "examples"],
        endings: &["ts", "tsx"],
        except: &[],
        never: &["innerHTML", "dangerouslySetInnerHTML", "@ts-ignore", "eval("],
        why: "text becomes nodes, types hold",
    },
    Rule {
        below: &["web/app/src", "web/app/index.html", "web/app/public", "web/sdk/src", "examples"],
        endings: &["ts", "tsx", "html", "css", "js", "webmanifest"],
        except: &["web/app/src/conversation"],
        never: &[
            "src=\"http",
            "href=\"http",
            "url(http",
            "url(\"http",
            "@import \"http",
            "from \"http",
            "//cdn.",
        ],
        why: "nothing is loaded from another host",
    },
    Rule {
        below: &["crates", "xtask", "web", "e2e"],
        endings: &["rs", "ts", "tsx"],
        except: &["xtask/src/boundaries/text.rs"],
        never: &[
            "#[ignore",
            "test.skip(",
            "it.skip(",
            "describe.skip(",
            "test.only(",
            "it.only(",
            "test.fixme(",
        ],
        why: "no test is switched off",
    },
];

pub(super) fn violations() -> Vec<String> {
    let root = crate::root();
    let mut found = Vec::new();
    for top in ["crates", "xtask", "web", "e2e", "examples"] {
        for path in files(&root.join(top)) {
            let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
            if let Ok(text) = fs::read_to_string(&path) {
                found.extend(in_file(&name, &text));
            }
        }
    }
    found
}

fn in_file(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let path = Path::new(name);
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if !["rs", "ts", "tsx"].contains(&&*ending) && !RULES.iter().any(|rule| rule.endings.contains(&&*ending))
    {
        return found;
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !name.contains(".gen.") {
        found.push(format!("{name}: {lines} lines are two concerns"));
    }
    if EMPTY_NAMES.contains(&&*stem) {
        found.push(format!("{name}: its name says nothing of what is inside"));
    }
    let at_or_below = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    for rule in RULES.iter().filter(|rule| {
        rule.endings.contains(&&*ending) && at_or_below(rule.below) && !at_or_below(rule.except)
    }) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for word in rule.never.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{name}:{}: {word} — {}", number + 1, rule.why));
            }
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    ["//", "/*", "*"].iter().any(|start| line.trim_start().starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_what_it_is_for() {
        for (name, text) in [
            ("crates/core/src/hub.rs", "let now = Instant::now();"),
            ("crates/server/src/app.rs", "let sql = \"SELECT 1\";"),
            ("web/sdk/src/engine/outbox.ts", "const at = Date.now();"),
            ("web/sdk/src/client.ts", "import { useState } from \"react\";"),
            ("web/app/src/main.tsx", "node.innerHTML = text;"),
            ("web/app/index.html", "<script src=\"https://example.com/x.js\"></script>"),
            ("e2e/tests/send.spec.ts", "test.skip(\"sends\", () => {});"),
            ("web/app/src/utils.ts", ""),
        ] {
            assert_eq!(in_file(name, text).len(), 1, "{name}");
        }
        assert_eq!(in_file("crates/core/src/hub.rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
    }

    #[test]
    fn comments_generated_files_and_exceptions_pass() {
        assert!(in_file("crates/core/src/hub.rs", "/// Not `Instant::now`.").is_empty());
        assert!(in_file("web/sdk/src/protocol.gen.ts", &"\n".repeat(MAX_LINES + 1)).is_empty());
        assert!(in_file("crates/store/src/sqlite.rs", "\"SELECT 1\"").is_empty());
        assert!(in_file("web/sdk/src/react/index.tsx", "import x from \"react\";").is_empty());
    }
}
