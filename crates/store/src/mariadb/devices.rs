//! Devices: families of refresh tokens.

use sqlx::{MySqlConnection, query};
use zas_protocol::{DeviceId, Micros, UserId};

use super::columns::{self, get};
use super::error::Failure;
use crate::rows::{DeviceRow, DeviceState, Rotation};

pub(super) async fn create(c: &mut MySqlConnection, device: &DeviceRow) -> Result<(), Failure> {
    let insert = query(
        "INSERT INTO devices (id, user_id, name, refresh_jti, refresh_issued_at, created_at, last_used_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    let insert = insert
        .bind(device.id.0.as_bytes().as_slice())
        .bind(device.user.0.as_bytes().as_slice())
        .bind(&device.name)
        .bind(device.refresh_jti.as_bytes())
        .bind(device.refresh_issued_at)
        .bind(device.created_at)
        .bind(device.last_used_at);
    insert.execute(c).await?;
    Ok(())
}

pub(super) async fn rotate(
    c: &mut MySqlConnection,
    device: DeviceId,
    presented: &str,
    next: &str,
    now: Micros,
    grace_ms: i64,
) -> Result<Rotation, Failure> {
    let select = query(
        "SELECT d.user_id, d.refresh_jti, d.refresh_issued_at, d.previous_jti
         FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = ? AND u.active = 1 FOR UPDATE",
    );
    let Some(row) = select.bind(device.0.as_bytes().as_slice()).fetch_optional(&mut *c).await? else {
        return Ok(Rotation::Gone);
    };
    let user = UserId(columns::id(&row, 0)?);
    let (current, issued_at) = (columns::text(&row, 1)?, get::<Micros>(&row, 2)?);
    if presented == current {
        let update = query(
            "UPDATE devices SET previous_jti = refresh_jti, refresh_jti = ?, refresh_issued_at = ?,
               last_used_at = ? WHERE id = ?",
        );
        let update = update.bind(next.as_bytes()).bind(now).bind(now).bind(device.0.as_bytes().as_slice());
        update.execute(c).await?;
        return Ok(Rotation::Rotated { user });
    }
    let previous: Option<&str> = get(&row, 3)?;
    if previous == Some(presented) && now - issued_at < grace_ms * 1_000 {
        return Ok(Rotation::Replayed { user, refresh_jti: current, refresh_issued_at: issued_at });
    }
    revoke(c, device).await?;
    Ok(Rotation::Reused { user })
}

pub(super) async fn state(c: &mut MySqlConnection, device: DeviceId) -> Result<Option<DeviceState>, Failure> {
    let select =
        query("SELECT d.user_id, u.active FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = ?");
    let found = select.bind(device.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found
        .map(|row| Ok(DeviceState { user: UserId(columns::id(&row, 0)?), active: columns::flag(&row, 1)? }))
        .transpose()
}

pub(super) async fn of_user(c: &mut MySqlConnection, user: UserId) -> Result<Vec<DeviceRow>, Failure> {
    let select = query(
        "SELECT id, name, refresh_jti, refresh_issued_at, created_at, last_used_at FROM devices
         WHERE user_id = ? ORDER BY last_used_at DESC, id",
    );
    let rows = select.bind(user.0.as_bytes().as_slice()).fetch_all(c).await?;
    let device = |row: &_| {
        Ok(DeviceRow {
            id: DeviceId(columns::id(row, 0)?),
            user,
            name: columns::text(row, 1)?,
            refresh_jti: columns::text(row, 2)?,
            refresh_issued_at: get(row, 3)?,
            created_at: get(row, 4)?,
            last_used_at: get(row, 5)?,
        })
    };
    rows.iter().map(device).collect()
}

pub(super) async fn revoke(c: &mut MySqlConnection, device: DeviceId) -> Result<Option<UserId>, Failure> {
    let delete = query("DELETE FROM devices WHERE id = ? RETURNING user_id");
    let found = delete.bind(device.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found.map(|row| columns::id(&row, 0).map(UserId)).transpose()
}

pub(super) async fn revoke_all(
    c: &mut MySqlConnection,
    user: UserId,
    except: Option<DeviceId>,
) -> Result<Vec<DeviceId>, Failure> {
    let delete = query("DELETE FROM devices WHERE user_id = ? AND NOT (id <=> ?) RETURNING id");
    let delete = delete
        .bind(user.0.as_bytes().as_slice())
        .bind(except.as_ref().map(|device| device.0.as_bytes().as_slice()));
    let rows = delete.fetch_all(c).await?;
    let mut revoked =
        rows.iter().map(|row| columns::id(row, 0).map(DeviceId)).collect::<Result<Vec<_>, _>>()?;
    revoked.sort_unstable();
    Ok(revoked)
}
