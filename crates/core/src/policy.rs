//! The one function that says who may do what. HTTP, socket, feed, the old contract and every
//! resume ask it with facts that were read in the same transaction as what they guard.
//!
//! To add an action: a variant of [`Action`], its arm in [`decide`], its rows in the test's table.

use uuid::Uuid;
use zas_protocol::{ErrorCode, Role, RoomKind, UserId};

/// The account that the server itself acts as, at the order of who holds a key of the server-side API. No
/// token is ever for it. It stands in every shared room as its owner does, and is a member of none.
pub const SERVER: UserId = UserId(Uuid::from_u128(0x0000_0000_0000_8000_8000_007a_6173_0000));

/// The role of somebody in a room that is there: a member's own, and [`SERVER`]'s.
#[must_use]
pub fn role_of(user: UserId, room: RoomKind, member: Option<Role>) -> Option<Role> {
    if user == SERVER && room != RoomKind::OwnLog { Some(Role::Owner) } else { member }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read a room: live, history, members, positions.
    Read,
    /// Write into a room; say that one types; advance one's positions.
    Write,
    /// Write another text in place of a message that one can see.
    EditMessage {
        /// One wrote it.
        own: bool,
        /// It is nothing but text, and from a person.
        plain: bool,
    },
    /// Erase a message that one can see.
    DeleteMessage {
        /// One wrote it.
        own: bool,
    },
    /// Say what one thinks of a message that one can see.
    React,
    /// Change how a room is for oneself.
    SetOwnView,
    /// Rename a group, or change how else it shows itself.
    Rename,
    /// Bring somebody into a group.
    AddMember,
    /// Take a member of this role out of a group.
    RemoveMember(Role),
    /// Change another member's role.
    SetRole,
    /// Leave a group.
    Leave,
}

/// What is so at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The account exists and is not disabled.
    pub active: bool,
    /// What the room is; `None` when there is no such room.
    pub room: Option<RoomKind>,
    /// The role of whoever asks, if they are in the room now.
    pub role: Option<Role>,
}

/// Whether it may be done.
///
/// # Errors
/// [`ErrorCode::Revoked`] for an account that is no more; [`ErrorCode::NotFound`] for what one
/// may not know exists, the same as for what is not there; [`ErrorCode::Forbidden`] when one is
/// in and may not.
pub const fn decide(action: Action, standing: Standing) -> Result<(), ErrorCode> {
    if !standing.active {
        return Err(ErrorCode::Revoked);
    }
    let (Some(kind), Some(role)) = (standing.room, standing.role) else {
        return Err(ErrorCode::NotFound);
    };
    let allowed = match (kind, action) {
        (_, Action::Read) => true,
        (RoomKind::OwnLog, _) => false,
        (_, Action::Write | Action::React | Action::SetOwnView) => true,
        (_, Action::EditMessage { own, plain }) => own && plain,
        (_, Action::DeleteMessage { own }) => own,
        (RoomKind::Private, _) => false,
        (RoomKind::Group, Action::Leave) => true,
        (RoomKind::Group, Action::Rename | Action::AddMember) => !matches!(role, Role::Member),
        (RoomKind::Group, Action::RemoveMember(target)) => match role {
            Role::Owner => !matches!(target, Role::Owner),
            Role::Admin => matches!(target, Role::Member),
            Role::Member => false,
        },
        (RoomKind::Group, Action::SetRole) => matches!(role, Role::Owner),
    };
    if allowed { Ok(()) } else { Err(ErrorCode::Forbidden) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 16] = [
        Action::Read,
        Action::Write,
        Action::React,
        Action::EditMessage { own: true, plain: true },
        Action::EditMessage { own: true, plain: false },
        Action::EditMessage { own: false, plain: true },
        Action::DeleteMessage { own: true },
        Action::DeleteMessage { own: false },
        Action::SetOwnView,
        Action::Rename,
        Action::AddMember,
        Action::RemoveMember(Role::Member),
        Action::RemoveMember(Role::Admin),
        Action::RemoveMember(Role::Owner),
        Action::SetRole,
        Action::Leave,
    ];

    /// For each kind and role: the actions above, `y` or `n`.
    #[test]
    fn every_kind_role_and_action_has_its_answer() {
        let table = [
            (RoomKind::Private, Role::Member, "yyyynnynynnnnnnn"),
            (RoomKind::Group, Role::Member, "yyyynnynynnnnnny"),
            (RoomKind::Group, Role::Admin, "yyyynnynyyyynnny"),
            (RoomKind::Group, Role::Owner, "yyyynnynyyyyynyy"),
            (RoomKind::OwnLog, Role::Owner, "ynnnnnnnnnnnnnnn"),
        ];
        for (kind, role, row) in table {
            for (action, cell) in ACTIONS.into_iter().zip(row.chars()) {
                let standing = Standing { active: true, room: Some(kind), role: Some(role) };
                let expected = if cell == 'y' { Ok(()) } else { Err(ErrorCode::Forbidden) };
                assert_eq!(decide(action, standing), expected, "{kind:?} {role:?} {action:?}");
            }
        }
    }

    #[test]
    fn the_server_stands_as_an_owner_in_every_shared_room_and_in_nobodys_own_log() {
        for room in [RoomKind::Private, RoomKind::Group] {
            assert_eq!(role_of(SERVER, room, None), Some(Role::Owner));
            let somebody = UserId::mint(0, [1; 10]);
            for role in [None, Some(Role::Member), Some(Role::Owner)] {
                assert_eq!(role_of(somebody, room, role), role);
            }
        }
        assert_eq!(role_of(SERVER, RoomKind::OwnLog, None), None);
    }

    #[test]
    fn a_stranger_cannot_tell_a_room_from_none_and_a_disabled_account_learns_nothing() {
        for action in ACTIONS {
            let stranger = Standing { active: true, room: Some(RoomKind::Group), role: None };
            let nothing = Standing { active: true, room: None, role: None };
            assert_eq!(decide(action, stranger), Err(ErrorCode::NotFound));
            assert_eq!(decide(action, nothing), Err(ErrorCode::NotFound));
            let disabled = Standing { active: false, room: Some(RoomKind::Group), role: Some(Role::Owner) };
            assert_eq!(decide(action, disabled), Err(ErrorCode::Revoked));
        }
    }
}
