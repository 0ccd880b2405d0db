//! What comes from another app, and what goes back to it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use zas_protocol::{Language, RoomId};
use zas_store::Store;

use super::{block_on, say};
use crate::auth::keys::Keys;
use crate::config::Config;
use crate::export::folder::What;
use crate::files::Files;
use crate::{admin, database, export, import};

#[derive(Subcommand)]
pub(super) enum Import {
    /// People, rooms and messages of a Django chat on MariaDB; the server must be stopped
    Django(ImportDjango),
}

#[derive(Args)]
#[command(
    after_help = "It may be run again: what is here already is left, and what has changed there is changed \
                        here. The account that reads needs SELECT alone."
)]
pub(super) struct ImportDjango {
    /// The app's database, as in mysql://user:password@127.0.0.1:3306/app; rather set ZAS_IMPORT_FROM, since
    /// other users of this machine can read arguments
    #[arg(long, env = "ZAS_IMPORT_FROM", hide_env_values = true, value_name = "URL")]
    from: String,
    /// Reads everything and says what would be brought; writes nothing
    #[arg(long)]
    dry_run: bool,
    /// Goes on with what the app still writes, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    follow: bool,
    /// Goes on although people have written here since, and takes back nothing of what they did
    #[arg(long)]
    keep_changes: bool,
    /// What the app's paths of files begin with
    #[arg(long, default_value = "/media/")]
    media: String,
    /// Writes all that was left and every room compared, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum Export {
    /// What was said since, back into the Django chat that moved in; the server must be stopped
    Django(ExportDjango),
    /// A room, for people and for programs
    Room(ExportRoom),
    /// A person's account, and what they can see of their rooms
    User(ExportUser),
    /// All accounts and all rooms
    All(Folder),
}

#[derive(Args)]
pub(super) struct Folder {
    /// A folder that is not there yet; it gets a page to open, JSON Lines, and the files
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// What the pages say themselves is said in Spanish (es) or English (en); as the prompt's without it
    #[arg(long, value_name = "es|en")]
    language: Option<String>,
}

#[derive(Args)]
pub(super) struct ExportRoom {
    /// Its id
    room: RoomId,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Args)]
pub(super) struct ExportUser {
    /// Username or email
    user: String,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Args)]
#[command(
    after_help = "It may be run again. The account that writes needs SELECT, INSERT, UPDATE and DELETE."
)]
pub(super) struct ExportDjango {
    /// The app's database; rather set ZAS_EXPORT_TO, since other users of this machine can read arguments
    #[arg(long, env = "ZAS_EXPORT_TO", hide_env_values = true, value_name = "URL")]
    to: String,
    /// The app's media folder, for files sent since
    #[arg(long, value_name = "FOLDER")]
    media_dir: Option<PathBuf>,
    /// What the app's paths of files begin with
    #[arg(long, default_value = "/media/")]
    media: String,
}

/// Says what became of it; a failure where the two sides differ.
pub(super) fn import_django(config: &Config, order: ImportDjango) -> Result<ExitCode, String> {
    let ImportDjango { from, dry_run, follow, keep_changes, media, report: file } = order;
    let options = import::Options {
        from,
        dry_run,
        media,
        message_chars: config.limits.message_chars,
        keep_changes,
        follow: import::FOLLOW,
    };
    let bar = import::Bar::new();
    let report = block_on(async {
        let keys = Keys::load(&config.data).map_err(|error| error.to_string())?;
        let store = database::open(config, &keys).await.map_err(|error| error.to_string())?;
        // Listened for from the start: by itself it ends the process.
        let heard = follow.then(|| signal(SignalKind::interrupt())).transpose();
        let mut heard = heard.map_err(|error| error.to_string())?;
        let switched = heard.as_mut().map(|heard| async {
            heard.recv().await;
        });
        let report = import::run(&store, options, &bar, switched).await.map_err(|error| error.to_string());
        store.close().await;
        report
    })??;
    bar.ends();
    if let Some(path) = file {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    say(&report.to_string())?;
    if dry_run {
        say("Nothing was written.")?;
    }
    Ok(if report.differing().next().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) fn export(config: &Config, what: Export) -> Result<(), String> {
    let limits = config.limits.clone();
    let shown = block_on(async {
        let keys = Keys::load(&config.data).map_err(|error| error.to_string())?;
        let store = database::open(config, &keys).await.map_err(|error| error.to_string())?;
        let files = Files::open(&config.data, &keys, limits).map_err(|error| error.to_string())?;
        let shown = write(&*store, &files, config, what).await;
        store.close().await;
        shown
    })??;
    say(&shown)
}

async fn write(store: &dyn Store, files: &Files, config: &Config, what: Export) -> Result<String, String> {
    let (what, Folder { to, language }) = match what {
        Export::Django(ExportDjango { to, media_dir, media }) => {
            let message_chars = config.limits.message_chars;
            let options = export::django::Options { to, media_dir, media, message_chars };
            let report = export::django::run(store, files, options).await;
            return report.map(|report| report.to_string()).map_err(|error| error.to_string());
        }
        Export::Room(ExportRoom { room, folder }) => (What::Room(room), folder),
        Export::User(ExportUser { user, folder }) => {
            (What::Person(admin::find(store, &user).await?.user.id), folder)
        }
        Export::All(folder) => (What::All, folder),
    };
    let language = language.or_else(|| std::env::var("LANG").ok()).unwrap_or_default();
    let language = Language::from_accept(&language);
    let written = export::folder::run(store, files, what, &to, language).await;
    let written = written.map_err(|error| error.to_string())?;
    Ok(format!("{}: {written} Open index.html.", to.display()))
}
