//! Dependencies that must not exist. The layout is in `ARCHITECTURE.md`; a new package gets its
//! row in [`MAY_NEED`], a new rule its row in [`NEVER`] or [`ONLY`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::texts;

/// Each package, and the packages of ours that it may need (to build or to test).
const MAY_NEED: [(&str, &[&str]); 11] = [
    ("zas-tally", &[]),
    ("zas-crash", &[]),
    ("zas-mariadb", &[]),
    ("zas-protocol", &["zas-tally"]),
    ("zas-core", &["zas-protocol", "zas-tally"]),
    ("zas-store", &["zas-core", "zas-crash", "zas-mariadb", "zas-protocol", "zas-tally"]),
    ("zas-client", &["zas-protocol", "zas-tally"]),
    ("zas-load", &["zas-protocol"]),
    (
        "zas-server",
        &[
            "zas-client",
            "zas-core",
            "zas-crash",
            "zas-load",
            "zas-mariadb",
            "zas-protocol",
            "zas-store",
            "zas-tally",
        ],
    ),
    ("zas-sim", &["zas-client", "zas-core", "zas-protocol", "zas-store", "zas-tally"]),
    ("xtask", &[]),
];

/// What a package must not reach by any way.
const NEVER: [(&str, &[&str]); 3] = [
    ("zas-protocol", &["tokio", "axum", "hyper", "rusqlite", "sqlx"]),
    ("zas-core", &["tokio", "async-std", "axum", "hyper", "rusqlite", "sqlx", "rand", "reqwest"]),
    ("zas-client", &["axum", "rusqlite", "sqlx"]),
];

/// Packages from outside that only these of ours may name.
const ONLY: [(&str, &[&str]); 4] = [
    ("rusqlite", &["zas-store", "zas-crash"]),
    ("sqlx", &["zas-store"]),
    ("axum", &["zas-server"]),
    ("axum-server", &["zas-server"]),
];

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub(super) fn violations(metadata: &Value) -> Vec<String> {
    let direct = declared(metadata);
    let resolved = resolved(metadata);
    let mut found = Vec::new();
    for (package, needs) in &direct {
        let Some((_, may)) = MAY_NEED.iter().find(|(name, _)| name == package) else {
            found.push(format!("{package} has no row in xtask's MAY_NEED"));
            continue;
        };
        for need in needs.iter().filter(|need| direct.contains_key(*need) && !may.contains(need)) {
            found.push(format!("{package} must not need {need}"));
        }
        for (outside, by) in ONLY {
            if needs.contains(outside) && !by.contains(package) {
                found.push(format!("{package} must not need {outside}: only {} may", by.join(", ")));
            }
        }
    }
    for (package, never) in NEVER {
        let reached = reach(&resolved, package);
        for bad in never.iter().filter(|bad| reached.contains(*bad)) {
            found.push(format!("{package} reaches {bad}, which it never may"));
        }
    }
    found
}

/// Our packages with what they declare, for building and for testing.
fn declared(metadata: &Value) -> Graph<'_> {
    let ours: BTreeSet<&str> =
        metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package["id"].as_str().is_some_and(|id| ours.contains(id)))
        .filter_map(|package| {
            Some((package["name"].as_str()?, texts(&package["dependencies"], "name").into_iter().collect()))
        })
        .collect()
}

/// Every package with what it is built with, tests left out.
fn resolved(metadata: &Value) -> Graph<'_> {
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let mut graph = Graph::new();
    for node in metadata["resolve"]["nodes"].as_array().into_iter().flatten() {
        let Some(name) = node["id"].as_str().and_then(|id| names.get(id)) else { continue };
        let needs = node["deps"].as_array().into_iter().flatten().filter(|dep| is_normal(dep));
        graph
            .entry(name)
            .or_default()
            .extend(needs.filter_map(|dep| names.get(dep["pkg"].as_str()?).copied()));
    }
    graph
}

fn is_normal(dep: &Value) -> bool {
    dep["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
}

fn reach<'a>(graph: &Graph<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(package) = open.pop() {
        for need in graph.get(package).into_iter().flatten() {
            if reached.insert(*need) {
                open.push(need);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(core_needs: &[&str]) -> Value {
        let dependencies: Vec<Value> = core_needs.iter().map(|name| json!({ "name": name })).collect();
        let deps: Vec<Value> =
            core_needs.iter().map(|name| json!({ "pkg": name, "dep_kinds": [{ "kind": null }] })).collect();
        json!({
            "workspace_members": ["zas-core", "zas-store"],
            "packages": [
                { "id": "zas-core", "name": "zas-core", "dependencies": dependencies },
                { "id": "zas-store", "name": "zas-store", "dependencies": [{ "name": "rusqlite" }] },
                { "id": "bytes", "name": "bytes", "dependencies": [] },
                { "id": "middle", "name": "middle", "dependencies": [{ "name": "tokio" }] },
                { "id": "tokio", "name": "tokio", "dependencies": [] },
            ],
            "resolve": { "nodes": [
                { "id": "zas-core", "deps": deps },
                { "id": "middle", "deps": [{ "pkg": "tokio", "dep_kinds": [{ "kind": null }] }] },
            ] },
        })
    }

    #[test]
    fn an_allowed_graph_has_no_violations() {
        assert_eq!(violations(&workspace(&["bytes"])), Vec::<String>::new());
    }

    #[test]
    fn a_runtime_below_the_core_is_found_through_another_package() {
        assert_eq!(violations(&workspace(&["middle"])), ["zas-core reaches tokio, which it never may"]);
    }

    #[test]
    fn a_dependency_against_the_layout_is_found() {
        assert_eq!(violations(&workspace(&["zas-store"])), ["zas-core must not need zas-store"]);
        assert_eq!(
            violations(&workspace(&["rusqlite"])),
            ["zas-core must not need rusqlite: only zas-store, zas-crash may"]
        );
    }
}
