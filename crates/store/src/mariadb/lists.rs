//! Statements over many rows at once. The server keeps each text of a statement prepared, so that there
//! must be few of them: lists of keys are filled up to a power of two with their last key, rows that
//! are written go in pieces whose lengths are powers of two.

use sqlx::AssertSqlSafe;
use sqlx::mysql::MySqlArguments;
use sqlx::query::Query;
use sqlx::{MySql, query};

/// Keys or rows of one statement.
const MOST: usize = 256;

/// A statement with its arguments to come.
pub(crate) type Statement<'q> = Query<'q, MySql, MySqlArguments>;

/// A statement of a text that was put together: of our own words and question marks alone.
pub(crate) fn statement<'q>(sql: String) -> Statement<'q> {
    query(AssertSqlSafe(sql))
}

/// `(?,?),(?,?)`: a group of question marks for each row.
pub(crate) fn places(group: &str, rows: usize) -> String {
    let mut places = String::with_capacity((group.len() + 1) * rows);
    for row in 0..rows {
        if row > 0 {
            places.push(',');
        }
        places.push_str(group);
    }
    places
}

/// What a column of a [`table`] holds: said, so that none is taken for a blob. The server takes a whole
/// number that it is yet to be given for a small one, whatever it is cast to, but for a decimal; and it fills
/// up bytes with zeros, so that a name, which is of ASCII, is text.
pub(crate) const ID: &str = "CAST(? AS BINARY(16))";
pub(crate) const INT: &str = "CAST(? AS DECIMAL(20,0))";
pub(crate) const NAME: &str = "CAST(? AS CHAR(64))";

/// `WITH name AS (VALUES …)`: a table of the statement's own, to be joined with. An `IN` over more than one
/// column would do, but the server holds each row that it finds against each of the list.
pub(crate) fn table(name: &str, columns: &[&str], rows: usize) -> String {
    format!("WITH {name} AS (VALUES {})", places(&format!("({})", columns.join(",")), rows))
}

/// Keys to look for, in statements of few lengths: the last key of each may be in it more than once.
pub(crate) fn keys<T>(keys: &[T]) -> impl Iterator<Item = impl ExactSizeIterator<Item = &T>> {
    keys.chunks(MOST).map(|chunk| {
        let last = chunk.len().saturating_sub(1);
        (0..chunk.len().next_power_of_two()).map(move |index| &chunk[index.min(last)])
    })
}

/// Rows to write, each once, in pieces of few lengths.
pub(crate) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = MOST.min(1 << rows.len().checked_ilog2()?);
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_filled_up_and_rows_are_not() {
        let numbers: Vec<u32> = (0..700).collect();
        for count in [0, 1, 2, 3, 5, 256, 257, 700] {
            let asked: Vec<Vec<u32>> =
                keys(&numbers[..count]).map(|chunk| chunk.copied().collect()).collect();
            assert!(
                asked.iter().all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= MOST),
                "{count}"
            );
            let mut found: Vec<u32> = asked.concat();
            found.dedup();
            assert_eq!(found, numbers[..count]);
            let written: Vec<&[u32]> = pieces(&numbers[..count]).collect();
            assert!(written.iter().all(|piece| piece.len().is_power_of_two() && piece.len() <= MOST));
            assert_eq!(written.concat(), numbers[..count]);
        }
        assert_eq!(places("(?,?)", 2), "(?,?),(?,?)");
        assert_eq!(places("?", 0), "");
    }
}
