//! What rooms and roles are called in a column, the same on every engine.

use zas_protocol::{Role, RoomKind};

/// A room's kind, as stored.
pub(crate) const fn of_kind(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Private => "private",
        RoomKind::Group => "group",
        RoomKind::OwnLog => "self",
    }
}

/// The kind of a stored name.
pub(crate) fn kind(name: &str) -> Option<RoomKind> {
    [RoomKind::Private, RoomKind::Group, RoomKind::OwnLog].into_iter().find(|kind| of_kind(*kind) == name)
}

/// A role, as stored.
pub(crate) const fn of_role(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}

/// The role of a stored name.
pub(crate) fn role(name: &str) -> Option<Role> {
    [Role::Member, Role::Admin, Role::Owner].into_iter().find(|role| of_role(*role) == name)
}
