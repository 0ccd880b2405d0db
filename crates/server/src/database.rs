//! The database that the settings name: a file of ours, or one on a server.
//!
//! To add an engine: what its address begins with in [`Config`], its arm here and in `backup`.

use std::sync::Arc;

use zas_store::{MariaStore, Options, Secrets, SqliteStore, Store, StoreError, mariadb};

use crate::auth::keys::Keys;
use crate::clock;
use crate::config::Config;

/// Opens it, and brings its schema up to date.
///
/// # Errors
/// As [`SqliteStore::open`] and [`MariaStore::open`].
pub async fn open(config: &Config, keys: &Keys) -> Result<Arc<dyn Store>, StoreError> {
    let secrets = Secrets { fingerprint_key: keys.fingerprint(), entropy: Box::new(clock::random_ids()) };
    Ok(match config.database_server() {
        Some(url) => {
            let options =
                mariadb::Options { undurable: config.database_undurable, ..mariadb::Options::default() };
            Arc::new(MariaStore::open(url, secrets, options).await?)
        }
        None => Arc::new(SqliteStore::open(&config.database(), secrets, Options::default())?),
    })
}
