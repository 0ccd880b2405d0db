//! The command line. It only reads what is asked and prints what comes of it; an error is one
//! sentence on standard error and a status of 1.
//!
//! To add a subcommand: a variant of [`Command`], its arm in [`run`].

mod moving;

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::util::SubscriberInitExt as _;
use zas_client::prompt;

use crate::admin::{self, Order};
use crate::auth::foreign;
use crate::auth::keys::{self, Key};
use crate::config::{self, Config, Loaded, Settings, Source};
use crate::doctor::remote::Options;
use crate::doctor::{self, Verdict};
use crate::webhooks::Webhooks;
use crate::{backup, bench, log, router, serve};

/// Instant chat: a server, its web page and its database in one program.
#[derive(Parser)]
#[command(name = "zas", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or Ctrl-C
    Serve,
    /// Shows or checks the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Says whether a server would run well here, or does; with --url, whether people reach one well
    Doctor(Doctor),
    /// Copies everything into a folder, while the server runs or not
    Backup(Backup),
    /// Puts a backup in place, as the start of another history; the server must be stopped
    Restore(Restore),
    /// Brings what another app has
    #[command(subcommand)]
    Import(moving::Import),
    /// Writes what was said here elsewhere; the server must be stopped
    #[command(subcommand)]
    Export(moving::Export),
    /// Measures this machine's Zas beside a bare loop; --quick takes a minute
    Bench(Bench),
    /// Administers the server, running or stopped
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Keys with which another backend uses the server-side API
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Sends a message from the prompt; returns once it is stored
    Send(Send),
    /// Prints messages as they come, until Ctrl-C
    Tail(Tail),
    /// Prints the OpenAPI document
    #[command(hide = true)]
    Openapi,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Checks settings and keys without starting
    Check,
    /// Prints the settings in force as a zas.toml, each with where it comes from
    Dump,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Accounts
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Makes a key, which is shown only now
    Create(KeyName),
    /// Lists the keys by name
    List,
    /// Makes a key worthless, within 5 s
    Revoke(KeyName),
}

#[derive(Args)]
struct KeyName {
    /// 1 to 32 of a-z, 0-9, - and _
    name: String,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Makes an account; its password is shown once, or read from standard input
    Create(Create),
    /// Disables an account and signs it out everywhere
    Disable(Whom),
    /// Lets a disabled account sign in again
    Enable(Whom),
    /// Signs all devices of an account out
    SignOut(Whom),
    /// Makes somebody an administrator
    MakeAdmin(Whom),
    /// Lists all accounts
    List,
}

#[derive(Args)]
#[command(
    after_help = "ZAS_TOKEN is an access token; ZAS_LOGIN and ZAS_PASSWORD sign in for one, and out again. \
                        Without either the doctor looks only at what strangers reach."
)]
struct Doctor {
    /// Looks at the server behind this address, through whatever stands before it
    #[arg(long)]
    url: Option<String>,
    /// An access token; rather set ZAS_TOKEN, since other users of this machine can read arguments
    #[arg(long)]
    token: Option<String>,
    /// Username or email
    #[arg(long, env = "ZAS_LOGIN")]
    login: Option<String>,
    /// The origin of pages elsewhere that connect, as in https://app.example.com
    #[arg(long, requires = "url")]
    origin: Option<String>,
    /// How many seconds to stay connected on each rung: the first 25 without a word; 0 leaves it out
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    idle: u64,
    /// Prints the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Backup {
    /// A folder that is not there yet
    folder: PathBuf,
}

#[derive(Args)]
struct Restore {
    /// What `zas backup` made
    folder: PathBuf,
    /// Moves a database that is there aside, and keeps it
    #[arg(long)]
    replace: bool,
    /// Only reads the backup and says whether it is whole
    #[arg(long, conflicts_with = "replace")]
    check: bool,
}

#[derive(Args)]
struct Bench {
    /// Less of everything
    #[arg(long)]
    quick: bool,
    /// Only these figures: messages, groups, idle, resume, stored or import
    #[arg(long)]
    only: Option<String>,
    /// A database on a MariaDB, which is emptied, in which to make a Django chat whose import is measured
    #[arg(long, env = "ZAS_BENCH_IMPORT_FROM", hide_env_values = true, value_name = "URL")]
    import_from: Option<String>,
    /// Writes the figures as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How much of it all
    #[arg(long, hide = true, default_value_t = 1.0)]
    scale: f64,
    /// Is the loop that Zas is compared with
    #[arg(long, hide = true)]
    bare_loop: bool,
}

#[derive(Args)]
struct Create {
    /// 3 to 30 letters, digits or underscores
    username: String,
    /// The account's email
    #[arg(long)]
    email: String,
    /// What they are called
    #[arg(long, default_value = "")]
    name: String,
    /// Makes them an administrator
    #[arg(long)]
    admin: bool,
    /// Reads the password from standard input; without it one is made up
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args)]
struct Whom {
    /// Username or email
    user: String,
}

#[derive(Args)]
struct Send {
    #[command(flatten)]
    who: Who,
    /// A room's id, or @username
    to: String,
    /// What to say
    text: String,
}

#[derive(Args)]
struct Tail {
    #[command(flatten)]
    who: Who,
    /// A room's id, or @username; all rooms without it
    room: Option<String>,
}

/// Who is at the prompt. Secrets come by the environment or standard input, since other users of a
/// machine can read a process's arguments.
#[derive(Args)]
#[command(after_help = "The password is ZAS_PASSWORD, or the first line of standard input. \
                        ZAS_TOKEN, an access token, takes the place of both.")]
struct Who {
    /// The server
    #[arg(long, env = "ZAS_URL", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// Username or email
    #[arg(long, env = "ZAS_LOGIN")]
    login: Option<String>,
}

impl Who {
    fn account(self) -> Result<prompt::Account, String> {
        let credentials = credentials(self.login, None)?;
        let credentials = credentials.ok_or("say who you are: --login NAME, or ZAS_TOKEN")?;
        Ok(prompt::Account { url: self.url, credentials })
    }
}

/// A token if there is one, else the login with its password; `None` when neither was given.
fn credentials(login: Option<String>, token: Option<String>) -> Result<Option<prompt::Credentials>, String> {
    let secret = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    if let Some(token) = token.or_else(|| secret("ZAS_TOKEN")) {
        return Ok(Some(prompt::Credentials::Token(token)));
    }
    let Some(login) = login else { return Ok(None) };
    let password = secret("ZAS_PASSWORD").map_or_else(read_password, Ok)?;
    Ok(Some(prompt::Credentials::Password { login, password }))
}

/// The `zas` command.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match run(cli, &matches) {
        Ok(code) => code,
        Err(sentence) => {
            eprintln!("zas: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, matches: &ArgMatches) -> Result<ExitCode, String> {
    let load = || -> Result<Loaded, String> {
        config::resolve(cli.settings, |name| source(matches, name)).map_err(|error| error.to_string())
    };
    match cli.command {
        Command::Serve => {
            let config = load()?.config;
            log_to_stderr(&config)?;
            block_on(async { serve::run(config).await.map_err(|error| error.to_string()) })??;
        }
        Command::Config(ConfigCommand::Check) => {
            let config = load()?.config;
            check_keys(&config)?;
            foreign::check(&config).map_err(|error| error.to_string())?;
            Webhooks::check(&config).map_err(|error| error.to_string())?;
            say("The settings are good.")?;
            if let Some(upstream) = &config.upstream {
                say(&format!("What is not the chat's is passed on to {upstream}."))?;
            }
        }
        Command::Config(ConfigCommand::Dump) => say(load()?.to_string().trim_end())?,
        Command::Doctor(Doctor { url, token, login, origin, idle, json }) => {
            let findings = match url {
                Some(url) => {
                    let credentials = credentials(login, token)?;
                    if idle > 0 && std::io::stderr().is_terminal() {
                        eprintln!("Connecting, and listening for {idle} s whether connections live …");
                    }
                    let idle = Duration::from_secs(idle);
                    block_on(doctor::remote::examine(Options { url, credentials, origin, idle }))??
                }
                None => block_on(doctor::local::examine(&load()?.config))?,
            };
            if json {
                say(&serde_json::to_string_pretty(&findings).map_err(|error| error.to_string())?)?;
            } else {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                say(&lines.join("\n"))?;
            }
            if findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Backup(Backup { folder }) => {
            let manifest = backup::make(&load()?.config, &folder).map_err(|error| error.to_string())?;
            say(&format!("{}: {manifest}. It holds the server's keys: keep it safe.", folder.display()))?;
        }
        Command::Restore(Restore { folder, check: true, .. }) => {
            let manifest = backup::check(&folder).map_err(|error| error.to_string())?;
            say(&format!("The backup is whole: {manifest}."))?;
        }
        Command::Restore(Restore { folder, replace, .. }) => {
            let restored =
                backup::put_back(&load()?.config, &folder, replace).map_err(|error| error.to_string())?;
            say(&format!("Restored: {}. Clients will read everything anew.", restored.manifest))?;
            if let Some(aside) = restored.aside {
                say(&format!("What was there before is in {}.", aside.display()))?;
            }
        }
        Command::Import(moving::Import::Django(order)) => {
            let config = load()?.config;
            log_to_stderr(&config)?;
            return moving::import_django(&config, order);
        }
        Command::Export(what) => {
            let config = load()?.config;
            log_to_stderr(&config)?;
            moving::export(&config, what)?;
        }
        Command::Bench(Bench { bare_loop: true, .. }) => {
            let config = load()?.config;
            let listener = std::net::TcpListener::bind(config.listen).map_err(|error| error.to_string())?;
            listener.set_nonblocking(true).map_err(|error| error.to_string())?;
            block_on(bench::bare::run(listener, &config))??;
        }
        Command::Bench(Bench { quick, only, json, scale, import_from, .. }) => {
            let database = load()?.config.database_server().map(str::to_owned);
            let report = bench::run(&bench::Options { quick, only, scale, database, import_from }, true)?;
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
                std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            say(&format!("\n{report}"))?;
            if report.audit.violations > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Admin(AdminCommand::User(command)) => administer(&load()?.config, command)?,
        Command::Keys(command) => {
            let order = match command {
                KeysCommand::Create(KeyName { name }) => Order::CreateKey { name },
                KeysCommand::List => Order::ListKeys,
                KeysCommand::Revoke(KeyName { name }) => Order::RevokeKey { name },
            };
            say(&block_on(admin::order(&load()?.config, order))??)?;
        }
        Command::Send(Send { who, to, text }) => {
            let account = who.account()?;
            block_on(prompt::send(&account, &to, &text))?.map_err(|error| error.to_string())?;
        }
        Command::Tail(Tail { who, room }) => {
            let account = who.account()?;
            block_on(prompt::tail(&account, room.as_deref(), &mut std::io::stdout()))?
                .map_err(|error| error.to_string())?;
        }
        Command::Openapi => say(&router::openapi().to_pretty_json().map_err(|error| error.to_string())?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn administer(config: &Config, command: UserCommand) -> Result<(), String> {
    let mut made_up = None;
    let order = match command {
        UserCommand::Create(Create { username, email, name, admin, password_stdin }) => {
            let password = if password_stdin { read_password()? } else { make_up_password() };
            if !password_stdin {
                made_up = Some(password.clone());
            }
            Order::CreateUser { username, email, display_name: name, password, admin }
        }
        UserCommand::Disable(Whom { user }) => Order::Disable { user },
        UserCommand::Enable(Whom { user }) => Order::Enable { user },
        UserCommand::SignOut(Whom { user }) => Order::SignOut { user },
        UserCommand::MakeAdmin(Whom { user }) => Order::MakeAdmin { user },
        UserCommand::List => Order::ListUsers,
    };
    say(&block_on(admin::order(config, order))??)?;
    match made_up {
        Some(password) => say(&format!("Password, shown only now: {password}")),
        None => Ok(()),
    }
}

/// The first line of standard input.
fn read_password() -> Result<String, String> {
    let mut line = String::new();
    std::io::stdin().lock().take(4_096).read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn make_up_password() -> String {
    Key::random().to_base64().chars().filter(char::is_ascii_alphanumeric).take(20).collect()
}

/// Keys that are there must be good; those that are missing are made at the first start.
fn check_keys(config: &Config) -> Result<(), String> {
    for name in keys::NAMES {
        keys::read(&keys::path(&config.data, name)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Where a value of the prompt came from: options are known to every subcommand.
fn source(matches: &ArgMatches, name: &str) -> Source {
    match matches.value_source(name) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => Source::Environment,
        _ => Source::Default,
    }
}

fn block_on<T>(task: impl Future<Output = T>) -> Result<T, String> {
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| format!("threads can't be started: {error}"))?;
    Ok(runtime.block_on(task))
}

fn log_to_stderr(config: &Config) -> Result<(), String> {
    let colours = std::io::stderr().is_terminal();
    let lines = log::subscriber(&config.log, config.log_format, colours, std::io::stderr)?;
    lines.try_init().map_err(|error| error.to_string())
}

fn say(text: &str) -> Result<(), String> {
    match writeln!(std::io::stdout(), "{text}") {
        // A reader that has seen enough (`| head`) is no error.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_made_up_password_may_be_used() {
        let password = make_up_password();
        assert_eq!(password.len(), 20);
        assert_ne!(password, make_up_password());
        assert_eq!(zas_core::shape::password(&password), Ok(()));
    }
}
