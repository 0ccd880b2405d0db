//! `cargo xtask gen`: files made from the Rust types of the wire. With `--check` nothing is
//! written and a stale one fails. To add one: a function from nothing to its text, and its row
//! in [`files`].

use std::fs;
use std::process::{Command, ExitCode};

use crate::args::{Args, unknown};
use crate::process::{cargo, command};
use crate::stamp::Stamp;

const TYPES: &str = "web/sdk/src/protocol.gen.ts";
const OPENAPI: &str = "spec/openapi.json";
const FINGERPRINT: &str = "spec/fingerprint.txt";

pub(crate) fn main(mut args: Args) -> Result<ExitCode, String> {
    let (mut check, mut compatible) = (false, false);
    while let Some(word) = args.next() {
        match word.as_str() {
            "--check" => check = true,
            "--compatible" => compatible = true,
            other => return Err(unknown("gen", other)),
        }
    }
    if check {
        let stale = stale(Generators::ToBuild)?;
        return if stale.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(say_stale(&stale)) };
    }
    for file in files(Generators::ToBuild)? {
        let path = crate::root().join(file.path);
        let old = fs::read_to_string(&path).unwrap_or_default();
        if old == file.text {
            continue;
        }
        if file.path == FINGERPRINT && !compatible && first_line(&old) == first_line(&file.text) {
            return Err(format!(
                "The wire changed and is still called \"{}\".\n\
                 If clients of before can read it: cargo xtask gen --compatible\n\
                 If they cannot: raise PROTOCOL_VERSION in crates/protocol/src/frame.rs, then cargo xtask gen",
                first_line(&old)
            ));
        }
        fs::write(&path, &file.text).map_err(|why| format!("{}: {why}", file.path))?;
        println!("wrote {}", file.path);
    }
    Ok(ExitCode::SUCCESS)
}

/// The generated files that are not as they should be.
pub(crate) fn stale(generators: Generators) -> Result<Vec<&'static str>, String> {
    let wrong =
        |file: &File| fs::read_to_string(crate::root().join(file.path)).ok().as_deref() != Some(&file.text);
    Ok(files(generators)?.into_iter().filter(wrong).map(|file| file.path).collect())
}

/// What to do about stale files.
pub(crate) fn say_stale(paths: &[&str]) -> String {
    format!("stale: {}; `cargo xtask gen` writes them anew", paths.join(", "))
}

struct File {
    path: &'static str,
    text: String,
}

/// Where the programs are that print generated files.
#[derive(Clone, Copy)]
pub(crate) enum Generators {
    /// The tests were just built, and these with them. Cargo alone would build them once more, since
    /// their dependencies have fewer features without the tests.
    Built,
    /// Nothing is known to be there.
    ToBuild,
}

impl Generators {
    fn program(self, package: &str, name: &str) -> Command {
        match self {
            Self::Built => command(&crate::built("debug", name).to_string_lossy()),
            Self::ToBuild => {
                let mut run = cargo();
                run.args(["run", "--quiet", "--package", package, "--bin", name]);
                if package == "zas-protocol" {
                    run.args(["--features", "schema"]);
                }
                run.arg("--");
                run
            }
        }
    }
}

/// Every generated file, the fingerprint last: it is refused where the others only follow.
fn files(generators: Generators) -> Result<Vec<File>, String> {
    let types = printed_by(&mut generators.program("zas-protocol", "zas-gen-types"))?;
    let openapi = printed_by(generators.program("zas-server", "zas").arg("openapi"))?;
    let fingerprint = fingerprint(&types);
    Ok(vec![
        File { path: TYPES, text: types },
        File { path: OPENAPI, text: openapi },
        File { path: FINGERPRINT, text: fingerprint },
    ])
}

fn printed_by(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|why| format!("cargo did not start: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|_| "a generator printed no UTF-8".into())
}

/// The wire in one line each: its version, and the hash of its types without their comments.
fn fingerprint(types: &str) -> String {
    let mut stamp = Stamp::new();
    for line in types.lines().map(str::trim).filter(|line| !is_comment(line)) {
        stamp.add(line.as_bytes());
    }
    let version = types
        .lines()
        .find_map(|line| line.strip_prefix("export const PROTOCOL_VERSION = ")?.strip_suffix(';'))
        .unwrap_or("?");
    format!("protocol {version}\ntypes {}\n", stamp.hex())
}

fn is_comment(line: &str) -> bool {
    ["//", "/*", "*"].iter().any(|start| line.starts_with(start))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_does_not_change_the_fingerprint_and_a_field_does() {
        let before = "export const PROTOCOL_VERSION = 3;\n/**\n * Old words.\n */\nexport type Ping = { n: number, };\n";
        let words = before.replace("Old words", "New words");
        let field = before.replace("n: number", "m: number");
        assert!(fingerprint(before).starts_with("protocol 3\n"));
        assert_eq!(fingerprint(before), fingerprint(&words));
        assert_ne!(fingerprint(before), fingerprint(&field));
    }
}
