//! Rules that no compiler checks: which package may need which ([`graph`]), what a source file may
//! not contain ([`text`]), what may come in from outside ([`supply`]), and that the tests which a page
//! names exist ([`named`]).

mod graph;
mod named;
mod supply;
mod text;

use crate::process::cargo;
use serde_json::Value;

/// Everything that is wrong, one sentence each.
pub(crate) fn violations() -> Result<Vec<String>, String> {
    let metadata = said_by(&["metadata", "--format-version", "1", "--locked"])?;
    let metadata = serde_json::from_str(&metadata).map_err(|why| format!("cargo metadata: {why}"))?;
    let tree = said_by(&[
        "tree",
        "--workspace",
        "--locked",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ])?;
    let mut found = graph::violations(&metadata);
    found.extend(supply::violations(&tree));
    found.extend(text::violations());
    found.extend(named::violations());
    Ok(found)
}

fn said_by(args: &[&str]) -> Result<String, String> {
    let output = cargo().args(args).output().map_err(|why| format!("cargo did not start: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|_| "cargo printed no UTF-8".into())
}

/// The strings of an array of objects' field, `null` left out.
fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item.get(field)?.as_str()).collect()
}
