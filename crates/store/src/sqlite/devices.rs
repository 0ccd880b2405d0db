//! Devices: families of refresh tokens.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::{DeviceId, Micros, UserId};

use crate::error::StoreError;
use crate::rows::{DeviceRow, DeviceState, Rotation};

pub(super) fn create(connection: &Connection, device: &DeviceRow) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO devices (id, user_id, name, refresh_jti, refresh_issued_at, created_at, last_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        device.id.0,
        device.user.0,
        device.name,
        device.refresh_jti,
        device.refresh_issued_at,
        device.created_at,
        device.last_used_at,
    ])?;
    Ok(())
}

pub(super) fn rotate(
    connection: &Connection,
    device: DeviceId,
    presented: &str,
    next: &str,
    now: Micros,
    grace_ms: i64,
) -> Result<Rotation, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT d.user_id, d.refresh_jti, d.refresh_issued_at, d.previous_jti
         FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = ?1 AND u.active = 1",
    )?;
    let found = select
        .query_row([device.0], |row| {
            Ok((UserId(row.get(0)?), row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?))
        })
        .optional()?;
    let Some((user, current, issued_at, previous)): Option<(UserId, String, Micros, _)> = found else {
        return Ok(Rotation::Gone);
    };
    if presented == current {
        let mut update = connection.prepare_cached(
            "UPDATE devices SET previous_jti = refresh_jti, refresh_jti = ?2, refresh_issued_at = ?3,
               last_used_at = ?3 WHERE id = ?1",
        )?;
        update.execute(params![device.0, next, now])?;
        return Ok(Rotation::Rotated { user });
    }
    if previous.as_deref() == Some(presented) && now - issued_at < grace_ms * 1_000 {
        return Ok(Rotation::Replayed { user, refresh_jti: current, refresh_issued_at: issued_at });
    }
    revoke(connection, device)?;
    Ok(Rotation::Reused { user })
}

pub(super) fn state(connection: &Connection, device: DeviceId) -> Result<Option<DeviceState>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT d.user_id, u.active FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = ?1",
    )?;
    let found = select
        .query_row([device.0], |row| Ok(DeviceState { user: UserId(row.get(0)?), active: row.get(1)? }));
    Ok(found.optional()?)
}

pub(super) fn of_user(connection: &Connection, user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT id, name, refresh_jti, refresh_issued_at, created_at, last_used_at FROM devices
         WHERE user_id = ?1 ORDER BY last_used_at DESC, id",
    )?;
    let rows = select.query_map([user.0], |row| {
        Ok(DeviceRow {
            id: DeviceId(row.get(0)?),
            user,
            name: row.get(1)?,
            refresh_jti: row.get(2)?,
            refresh_issued_at: row.get(3)?,
            created_at: row.get(4)?,
            last_used_at: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn revoke(connection: &Connection, device: DeviceId) -> Result<Option<UserId>, StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM devices WHERE id = ?1 RETURNING user_id")?;
    Ok(delete.query_row([device.0], |row| row.get(0).map(UserId)).optional()?)
}

pub(super) fn revoke_all(
    connection: &Connection,
    user: UserId,
    except: Option<DeviceId>,
) -> Result<Vec<DeviceId>, StoreError> {
    let mut delete =
        connection.prepare_cached("DELETE FROM devices WHERE user_id = ?1 AND id IS NOT ?2 RETURNING id")?;
    let rows =
        delete.query_map(params![user.0, except.map(|device| device.0)], |row| row.get(0).map(DeviceId))?;
    let mut revoked = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    revoked.sort_unstable();
    Ok(revoked)
}
