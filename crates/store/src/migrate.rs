//! The schema's versions, by dialect. A version once released never changes: its checksum is
//! stored beside its number, and a database that disagrees is refused.
//!
//! To add one: `migrations/DIALECT/000N_NAME.sql` for each dialect, and its line in [`SQLITE`] and in
//! [`MARIADB`]. MariaDB commits after each statement that changes the schema, so that each of its
//! statements must do no harm when it runs again (`IF NOT EXISTS`, `IF EXISTS`, `INSERT IGNORE`).

use crate::error::StoreError;

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// From 1, without a hole.
    pub(crate) number: u32,
    /// What it is about.
    pub(crate) name: &'static str,
    /// Its statements.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// What tells this text from any other.
    pub(crate) fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }

    /// Its statements, one by one. Each ends with a line that ends in `;`.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &'static str> {
        let spoken = |text: &&str| text.lines().any(|line| !line.is_empty() && !line.starts_with("--"));
        self.sql.split(";\n").map(str::trim).filter(spoken)
    }
}

/// The steps of SQLite, in order.
pub(crate) const SQLITE: &[Migration] = &[
    Migration { number: 1, name: "begin", sql: include_str!("../migrations/sqlite/0001_begin.sql") },
    Migration {
        number: 2,
        name: "fewer pages",
        sql: include_str!("../migrations/sqlite/0002_fewer_pages.sql"),
    },
    Migration { number: 3, name: "messages", sql: include_str!("../migrations/sqlite/0003_messages.sql") },
    Migration {
        number: 4,
        name: "identities",
        sql: include_str!("../migrations/sqlite/0004_identities.sql"),
    },
    Migration { number: 5, name: "moved in", sql: include_str!("../migrations/sqlite/0005_moved_in.sql") },
    Migration {
        number: 6,
        name: "room profiles",
        sql: include_str!("../migrations/sqlite/0006_room_profiles.sql"),
    },
];

/// The steps of MariaDB, in order; those of a number say the same as SQLite's.
pub(crate) const MARIADB: &[Migration] = &[
    Migration { number: 1, name: "begin", sql: include_str!("../migrations/mariadb/0001_begin.sql") },
    Migration {
        number: 2,
        name: "fewer pages",
        sql: include_str!("../migrations/mariadb/0002_fewer_pages.sql"),
    },
    Migration { number: 3, name: "messages", sql: include_str!("../migrations/mariadb/0003_messages.sql") },
    Migration {
        number: 4,
        name: "identities",
        sql: include_str!("../migrations/mariadb/0004_identities.sql"),
    },
    Migration { number: 5, name: "moved in", sql: include_str!("../migrations/mariadb/0005_moved_in.sql") },
    Migration {
        number: 6,
        name: "room profiles",
        sql: include_str!("../migrations/mariadb/0006_room_profiles.sql"),
    },
];

/// What of `all` is still to be done where `applied`, numbers with checksums in order, is done.
///
/// # Errors
/// [`StoreError::Corrupt`] when what is applied is not a beginning of `all`: another version made
/// the database, or somebody changed a released file.
pub(crate) fn pending<'a>(
    all: &'a [Migration],
    applied: &[(u32, String)],
) -> Result<&'a [Migration], StoreError> {
    for (index, (number, checksum)) in applied.iter().enumerate() {
        match all.get(index) {
            Some(known) if known.number == *number && known.checksum() == *checksum => {}
            Some(_) => {
                return Err(StoreError::Corrupt(format!("schema version {number} is not the one we know")));
            }
            None => {
                return Err(StoreError::Corrupt(format!(
                    "schema version {number} is newer than this program; update it"
                )));
            }
        }
    }
    Ok(all.get(applied.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [Migration; 2] = [
        Migration { number: 1, name: "a", sql: "SELECT 1" },
        Migration { number: 2, name: "b", sql: "SELECT 2" },
    ];

    #[test]
    fn what_is_applied_is_not_applied_again() {
        let applied = [(1, TWO[0].checksum())];
        let rest: Vec<u32> = pending(&TWO, &applied).unwrap().iter().map(|m| m.number).collect();
        assert_eq!(rest, [2]);
    }

    #[test]
    fn a_changed_or_unknown_version_is_refused() {
        assert!(pending(&TWO, &[(1, TWO[1].checksum())]).is_err());
        let newer = [(1, TWO[0].checksum()), (2, TWO[1].checksum()), (3, String::new())];
        assert!(pending(&TWO, &newer).is_err());
    }

    #[test]
    fn versions_are_numbered_without_a_hole_and_alike_on_every_engine() {
        for (index, migration) in SQLITE.iter().enumerate() {
            assert_eq!(migration.number as usize, index + 1, "{}", migration.name);
        }
        let names = |all: &[Migration]| all.iter().map(|step| (step.number, step.name)).collect::<Vec<_>>();
        assert_eq!(names(MARIADB), names(SQLITE));
    }

    #[test]
    fn a_step_is_cut_where_its_statements_end() {
        let step =
            Migration { number: 1, name: "a", sql: "-- One; two.\nSELECT 1;\n\n-- Three.\nSELECT\n  2;\n" };
        assert_eq!(
            step.statements().collect::<Vec<_>>(),
            ["-- One; two.\nSELECT 1", "-- Three.\nSELECT\n  2"]
        );
    }
}
