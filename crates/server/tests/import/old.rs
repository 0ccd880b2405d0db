//! The app's database, on a server of its own.

use super::*;

/// Filled with a sample; its address.
pub(super) async fn filled(sample: &Sample) -> (Mariadb, String) {
    let server = Mariadb::start();
    let url = server.database();
    sample::make(&url, sample).await.unwrap();
    (server, url)
}

/// 200,000 messages in it.
pub(super) async fn large() -> (Mariadb, String, Sample) {
    // It is filled once, and has room for all of it.
    let server = Mariadb::with(&[
        "--innodb-log-file-size=256M",
        "--innodb-buffer-pool-size=256M",
        "--innodb-flush-log-at-trx-commit=0",
    ]);
    let url = server.database();
    let large = Sample { users: 500, rooms: 2_000, messages: 200_000, native_ids: false, broken: false };
    sample::make(&url, &large).await.unwrap();
    (server, url, large)
}
