//! The one task runner. `cargo xtask help` says what there is; `make run` and `make test` are its
//! wrappers.
//!
//! | module | what |
//! |---|---|
//! | [`run`] | builds what is missing, then becomes the server |
//! | [`test`] | every check there is, in order, and the closing line |
//! | [`proof`] | the brief's own table, with figures measured just now |
//! | [`soak`] | the rigs over and over, and the table of what they tried |
//! | [`planted`] | bugs planted in a copy of the code, which the tests must notice |
//! | [`gen`] | generated files: written, or compared with what is committed |
//! | [`boundaries`] | rules on dependencies and sources that no compiler checks |
//! | [`web`], [`debian`], [`python`] | what the web side and the tests need, and whether it is here |
//! | [`steps`] | numbered steps, side by side, with elapsed time |
//! | [`process`] | child processes, their output captured |
//! | [`report`] | counts out of the test runners' reports |
//! | [`stamp`] | one fingerprint of many files |
//!
//! To add a task: a module with `pub(crate) fn main(args) -> Result<ExitCode, String>`, an arm in
//! [`main`], a line in `HELP`. To add a check: a step in [`test`].

#![allow(clippy::print_stdout, reason = "the screen is what a task runner writes to")]

mod args;
mod boundaries;
mod debian;
mod examples;
mod r#gen;
mod planted;
mod process;
mod proof;
mod python;
mod report;
mod run;
mod soak;
mod stamp;
mod steps;
mod test;
mod web;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use args::Args;

const HELP: &str = "\
cargo xtask run  [--lan] [--port N] [--no-demo] [-- ARGS]   build what is missing, start the server
cargo xtask test [--strict] [--install] [--only PART]       every check; PART: rust, web, spec, e2e
cargo xtask proof [--lang en|es]                            what was asked for, measured just now
cargo xtask soak [--minutes N] [--times N] [--only TEST]    the rigs over and over, and what they tried
cargo xtask planted [--only BUG]                            plant bugs in a copy, and see them caught
cargo xtask gen  [--check] [--compatible]                   write (or compare) the generated files

run   --lan         listen on every address of this machine, for phones in the same network
      --port N      8000 unless said; a taken port means the next free one
      --no-demo     an empty server with its data in ./data; without it, the demo in target/demo-data
      -- ARGS       handed to `zas serve`
test  --strict      what would be skipped fails
      --install     install missing tools with apt-get, where that is allowed
proof --lang        the language of the environment unless said
soak  --minutes N   60 unless said; the round under way is finished
      --times N     how many times the short run's amount a round tries, 5 unless said
      --only TEST   rigs whose name contains it
planted --only BUG  bugs whose name contains it
gen   --check       change nothing; fail when a file is stale
      --compatible  the wire changed in a way that old clients can read: keep its version";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let args = Args::new(words);
    let done = match task.as_str() {
        "run" => run::main(args),
        "test" => test::main(args),
        "proof" => proof::main(args),
        "soak" => soak::main(args),
        "planted" => planted::main(args),
        "gen" => r#gen::main(args),
        "" | "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!("there is no task \"{other}\"\n\n{HELP}")),
    };
    done.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::FAILURE
    })
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// What cargo has built: `name` of a profile, wherever its target directory is.
pub(crate) fn built(profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target).join(profile).join(name)
}
