//! Connections: whose database it is, how durable, and what every connection says first.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection, query, raw_sql};
use tokio::time::timeout;

use super::columns;
use super::error::{self, Failure};
use crate::error::StoreError;

/// How long a server has to let somebody in.
const CONNECT: Duration = Duration::from_secs(1);
/// Statements kept prepared for each connection: beyond it the driver lets go of one for each new one.
const STATEMENTS: usize = 512;
/// What every connection says first. A wait for a row's lock ends soon, one for a table's not much later. A
/// transaction that does nothing is one whose client is gone: the server ends it, and so lets its locks go.
/// Text that does not fit is refused, never cut.
const SESSION: &str = "SET SESSION
    sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    innodb_lock_wait_timeout = 1, lock_wait_timeout = 3, idle_transaction_timeout = 10,
    foreign_key_checks = 1, unique_checks = 1, autocommit = 1";
/// A reader sees one moment, the writer all that was committed before each of its statements.
const READS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
const WRITES: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

/// A database on a server, and how to get there. Shows no password.
#[derive(Clone)]
pub(super) struct Server {
    options: MySqlConnectOptions,
    /// Its name, for people.
    pub(super) database: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Server {
    /// The server of an address.
    ///
    /// # Errors
    /// A sentence that names nothing of the address: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| {
            StoreError::Other(format!("{why}; write it as mysql://user:password@host:3306/database"))
        };
        let Some(rest) = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://")) else {
            return Err(refuse("the address is not one of MariaDB"));
        };
        let options = MySqlConnectOptions::from_str(&format!("mysql://{rest}"))
            .map_err(|_| refuse("the address of the database cannot be read"))?;
        let Some(database) = options.get_database().filter(|name| !name.is_empty()).map(str::to_owned) else {
            return Err(refuse("the address names no database"));
        };
        // What the driver would have the server set, `SESSION` sets.
        let options = options
            .charset("utf8mb4")
            .statement_cache_capacity(STATEMENTS)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .disable_statement_logging();
        Ok(Self { options, database })
    }

    /// A new connection that has said what it must.
    pub(super) async fn connect(&self, role: Role) -> Result<MySqlConnection, StoreError> {
        let connecting = async {
            let mut connection = MySqlConnection::connect_with(&self.options).await?;
            raw_sql(SESSION).execute(&mut connection).await?;
            raw_sql(if role == Role::Writer { WRITES } else { READS }).execute(&mut connection).await?;
            Ok(connection)
        };
        match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| error::of_connecting(&error)),
            Err(_) => Err(StoreError::Unavailable("the server does not answer".to_owned())),
        }
    }
}

/// What decides over durability, as the server says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Durability {
    version: String,
    flush_log: i64,
    doublewrite: String,
    flush_method: String,
    binlog: bool,
    sync_binlog: i64,
    binlog_format: String,
    galera: bool,
}

impl Durability {
    pub(super) async fn read(c: &mut MySqlConnection) -> Result<Self, Failure> {
        let row = query(
            "SELECT version(), @@GLOBAL.innodb_flush_log_at_trx_commit, CONCAT(@@GLOBAL.innodb_doublewrite),
               @@GLOBAL.innodb_flush_method, @@GLOBAL.log_bin, @@GLOBAL.sync_binlog, @@SESSION.binlog_format",
        )
        .fetch_one(&mut *c)
        .await?;
        // A server without that library does not know the name.
        let galera = query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'").fetch_optional(c).await?;
        let galera = galera.is_some_and(|row: MySqlRow| columns::text(&row, 1).is_ok_and(|on| on == "ON"));
        Ok(Self {
            version: columns::text(&row, 0)?,
            flush_log: columns::get(&row, 1)?,
            doublewrite: columns::text(&row, 2)?,
            flush_method: columns::text(&row, 3)?,
            binlog: columns::flag(&row, 4)?,
            sync_binlog: columns::get(&row, 5)?,
            binlog_format: columns::text(&row, 6)?,
            galera,
        })
    }

    /// Refuses a server on which we cannot work at all.
    pub(super) fn usable(&self) -> Result<(), StoreError> {
        let refuse = |why: String| Err(StoreError::Other(why));
        let number =
            |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
        let mut parts = self.version.split('.').map(number);
        let version: (u32, u32) = (parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0));
        if !self.version.contains("MariaDB") || version < (10, 6) {
            return refuse(format!("it is {}; MariaDB 10.6 or later is needed", self.version));
        }
        if self.binlog && self.binlog_format == "STATEMENT" {
            return refuse("its binary log is by statement; set binlog_format=ROW or MIXED".to_owned());
        }
        Ok(())
    }

    /// What of it could lose an acknowledged event; nothing on a durable server.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.flush_log != 1 {
            faults.push(format!("innodb_flush_log_at_trx_commit is {}, not 1", self.flush_log));
        }
        if self.binlog && self.sync_binlog != 1 {
            faults.push(format!("sync_binlog is {}, not 1", self.sync_binlog));
        }
        if !matches!(self.doublewrite.as_str(), "1" | "ON") {
            faults.push("innodb_doublewrite is off".to_owned());
        }
        if matches!(self.flush_method.as_str(), "nosync" | "littlesync" | "O_DIRECT_NO_FSYNC") {
            faults.push(format!("innodb_flush_method is {}", self.flush_method));
        }
        if self.galera {
            faults.push(
                "wsrep_on is ON, and another node of the cluster may undo what was committed".to_owned(),
            );
        }
        faults
    }

    /// For people.
    pub(super) fn report(&self) -> Vec<(&'static str, String)> {
        let faults = self.faults();
        vec![
            ("engine", format!("MariaDB {}", self.version)),
            (
                "durability",
                if faults.is_empty() {
                    "full".to_owned()
                } else {
                    format!("degraded: {}", faults.join(", "))
                },
            ),
            ("innodb_flush_log_at_trx_commit", self.flush_log.to_string()),
            ("innodb_doublewrite", self.doublewrite.clone()),
            ("innodb_flush_method", self.flush_method.clone()),
            ("log_bin", self.binlog.to_string()),
            ("sync_binlog", self.sync_binlog.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Durability {
        Durability {
            version: "10.11.6-MariaDB-log".to_owned(),
            flush_log: 1,
            doublewrite: "1".to_owned(),
            flush_method: "O_DIRECT".to_owned(),
            binlog: true,
            sync_binlog: 1,
            binlog_format: "MIXED".to_owned(),
            galera: false,
        }
    }

    #[test]
    fn each_setting_that_could_lose_something_is_found() {
        assert_eq!(good().faults(), Vec::<String>::new());
        let bad = [
            Durability { flush_log: 2, ..good() },
            Durability { sync_binlog: 0, ..good() },
            Durability { doublewrite: "0".to_owned(), ..good() },
            Durability { flush_method: "nosync".to_owned(), ..good() },
            Durability { galera: true, ..good() },
        ];
        for bad in bad {
            assert_eq!(bad.faults().len(), 1, "{bad:?}");
            assert!(bad.report()[1].1.starts_with("degraded: "), "{bad:?}");
        }
        assert_eq!(Durability { binlog: false, sync_binlog: 0, ..good() }.faults(), Vec::<String>::new());
    }

    #[test]
    fn a_server_that_cannot_do_it_is_refused() {
        assert_eq!(good().usable(), Ok(()));
        for version in ["8.0.36", "10.5.1-MariaDB", "5.5.5-10.3-MariaDB", "nonsense"] {
            assert!(Durability { version: version.to_owned(), ..good() }.usable().is_err(), "{version}");
        }
        assert_eq!(Durability { version: "11.4.2-MariaDB".to_owned(), ..good() }.usable(), Ok(()));
        assert!(Durability { binlog_format: "STATEMENT".to_owned(), ..good() }.usable().is_err());
    }

    #[test]
    fn an_address_names_a_database_and_its_password_is_never_shown() {
        let server = Server::parse("mysql://zas:secreto@127.0.0.1:3306/chat").unwrap();
        assert_eq!(server.database, "chat");
        assert!(!format!("{server:?}").contains("secreto"));
        assert!(Server::parse("mariadb://zas@localhost/chat").is_ok());
        for bad in ["mysql://zas:secreto@host", "postgres://a:secreto@b/c", "mysql://zas:secreto@host:x/c"] {
            let refused = Server::parse(bad).unwrap_err().to_string();
            assert!(!refused.contains("secreto"), "{refused}");
        }
    }
}
