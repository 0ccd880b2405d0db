//! `cargo xtask run`: builds the server and its web client side by side, then becomes the server,
//! so that Ctrl-C reaches it alone.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::args::{Args, unknown};
use crate::process::{capture, cargo};
use crate::report::Counts;
use crate::steps::{Board, Finished, Outcome, Step};
use crate::web;

const SERVER: &str = "the server (the first time takes minutes)";
/// Ports tried after the one asked for.
const MORE_PORTS: u16 = 20;

struct Options {
    lan: bool,
    port: u16,
    demo: bool,
    rest: Vec<String>,
}

pub(crate) fn main(args: Args) -> Result<ExitCode, String> {
    let options = parse(args)?;
    let root = crate::root();
    let server = crate::built("quick", "zas");
    let board = Board::new(3);
    let lanes = vec![
        vec![Step::gate(SERVER, |note| captured(capture(&mut build_server(), note)))],
        vec![
            Step::gate("packages of the web client", |note| match web::missing() {
                Some(why) => Outcome::Skipped(why),
                None => captured(web::install(note)),
            }),
            Step::gate("the web client", |note| captured(web::build(note))),
        ],
    ];
    for step in board.run(lanes) {
        say_failure(&step)?;
    }
    let address = if options.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let port = free_port(address, options.port)?;
    if port != options.port {
        println!("Port {} is taken; this is {port}.", options.port);
    }
    let mut serve = Command::new(&server);
    serve.current_dir(&root).args(["serve", "--listen", &format!("{address}:{port}")]);
    if options.lan {
        serve.arg("--lan");
    }
    if options.demo {
        serve.arg("--demo").arg("--data").arg(root.join("target/demo-data"));
    } else {
        serve.arg("--data").arg(root.join("data"));
    }
    if web::built().join("index.html").is_file() {
        serve.env("ZAS_WEB_DIR", web::built());
    }
    // The demo says its own addresses, the one for phones included.
    if !options.demo {
        println!("Zas: http://127.0.0.1:{port}   (Ctrl-C ends it)");
    }
    let why = serve.args(&options.rest).exec();
    Err(format!("{} did not start: {why}", server.display()))
}

fn parse(mut args: Args) -> Result<Options, String> {
    let mut options = Options { lan: false, port: 8000, demo: true, rest: Vec::new() };
    while let Some(word) = args.next() {
        match word.as_str() {
            "--lan" => options.lan = true,
            "--no-demo" => options.demo = false,
            "--port" => {
                let text = args.value("--port")?;
                options.port =
                    text.parse().map_err(|_| format!("--port {text}: a port is a number up to 65535"))?;
            }
            other => return Err(unknown("run", other)),
        }
    }
    options.rest = args.rest();
    Ok(options)
}

/// The server as `make run` and the browser tests use it: quick to build, fast enough to measure.
pub(crate) fn build_server() -> Command {
    let mut build = cargo();
    build.args(["build", "--profile", "quick", "--package", "zas-server", "--bin", "zas"]);
    build
}

/// A step's outcome out of its one command.
pub(crate) fn captured(done: crate::process::Captured) -> Outcome {
    if done.ok { Outcome::Passed(Counts::ONE) } else { Outcome::Failed(Counts::ONE_FAILED, done.text) }
}

/// A failed server ends it; without a web client the server still runs and its page says so.
fn say_failure(step: &Finished) -> Result<(), String> {
    match &step.outcome {
        Outcome::Failed(_, text) if step.name == SERVER => Err(text.clone()),
        Outcome::Failed(_, text) => {
            println!("{text}\nThe web client is not built; the server runs without it.");
            Ok(())
        }
        Outcome::Passed(_) | Outcome::Skipped(_) => Ok(()),
    }
}

/// The first port from the given one on that nobody listens on.
fn free_port(address: Ipv4Addr, wanted: u16) -> Result<u16, String> {
    let last = wanted.saturating_add(MORE_PORTS);
    (wanted..=last)
        .find(|&port| TcpListener::bind(SocketAddrV4::new(address, port)).is_ok())
        .ok_or_else(|| format!("ports {wanted} to {last} are all taken; say another with --port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_means_the_next_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(free_port(Ipv4Addr::LOCALHOST, port).unwrap(), port);
    }

    #[test]
    fn options_are_read_and_the_rest_handed_on() {
        let words = ["--lan", "--port", "9000", "--", "--log", "debug"];
        let options = parse(Args::new(words.into_iter().map(String::from))).unwrap();
        assert!(options.lan && options.demo);
        assert_eq!((options.port, options.rest.len()), (9000, 2));
        assert!(parse(Args::new(["--prot".to_owned()].into_iter())).is_err());
    }
}
