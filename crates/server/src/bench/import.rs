//! How fast another app's database moves in.

use zas_store::bare;
use zas_store::django::sample::{self, Sample};

use super::measures::{Bench, folder, said};
use super::report::{Budget, Figure};
use super::world::World;
use crate::import::{self, Options, Watch};

/// Nobody watches.
struct Unwatched;

impl Watch for Unwatched {
    fn begins(&self, _: u64) {}
    fn more(&self, _: u64) {}
    fn compares(&self, _: u64) {}
    fn follows(&self) {}
}

impl Bench {
    /// Makes a Django chat in the database `from`, which is emptied, and imports it.
    pub(super) async fn import(&mut self, from: &str) -> Result<(), String> {
        let messages = self.options.count(50_000, 200_000);
        self.say(&format!("a Django chat of {messages} messages"));
        bare::wipe(from).await.map_err(said)?;
        let users = (messages / 400).max(20);
        let sample = Sample { users, rooms: 4 * users, messages, native_ids: false, broken: false };
        sample::make(from, &sample).await.map_err(said)?;
        self.say("which is imported");
        let data = folder()?;
        let world = World::open(data.path(), self.options.database.as_deref()).await?;
        let options = Options {
            from: from.to_owned(),
            dry_run: false,
            media: "/media/".to_owned(),
            message_chars: zas_protocol::Limits::default().message_chars,
            keep_changes: false,
            follow: import::FOLLOW,
        };
        let done = import::run(world.store(), options, &Unwatched, None::<std::future::Pending<()>>).await;
        let report = done.map_err(said)?;
        world.close().await;
        self.audit.violations += report.differing().count() as u64;
        let rate = report.messages.new as f64 / report.seconds;
        let what = format!("messages imported a second, of {messages}");
        self.figures.push(Figure::new("import", what, rate, "/s").budget(Budget::AtLeast(20_000.0)));
        Ok(())
    }
}
