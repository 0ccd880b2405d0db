//! Bodies of the server-side API, `/v1/server/…`: for another backend, which holds a key, and for no
//! browser.

use serde::{Deserialize, Serialize};

use crate::command::Role;
use crate::error::ErrorCode;
use crate::event::RoomKind;
use crate::ids::{TxnId, UserId};

/// Somebody: by our `id`, or by what an issuer calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Whom {
    /// Our id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// An issuer's name in the settings, with `subject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What the issuer calls them, as text; a number in its digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// `POST /v1/server/users`: people to make, or to bring up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpsertUsers {
    /// At most 100.
    pub users: Vec<UpsertUser>,
}

/// One of them. What is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct UpsertUser {
    /// Our id, of somebody who is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// An issuer's name in the settings, with `subject`; who is not there is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What the issuer calls them, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// For who is made: made to fit, and to be nobody else's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// 1–60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For who is made; left out where it is somebody else's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// False disables them: all their sessions end at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// What became of them, in the order they were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpsertedUsers {
    /// Each by itself: one that is refused holds up none of the others.
    pub users: Vec<UpsertedUser>,
}

/// What became of one: who they are, or why not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpsertedUser {
    /// Our id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// Their username here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether they are not disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Why they were refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub error: Option<ErrorCode>,
}

/// `POST /v1/server/sign-out`: who is signed out everywhere. Tokens of others that were issued to them up
/// to now are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// Who.
    pub user: Whom,
}

/// `POST /v1/server/rooms`: a room to make. The same again answers the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MakeRoom {
    /// Its name, for a repetition.
    pub txn_id: TxnId,
    /// `private` or `group`.
    pub kind: RoomKind,
    /// A group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A private room's two; of a group two or more, its owner first.
    pub members: Vec<Whom>,
}

/// Somebody in a group, as something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberAs {
    /// Who.
    pub user: Whom,
    /// As what; without it as they are, or a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// `PUT /v1/server/rooms/{room}/members`: who is in a group, and nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetMembers {
    /// All of them, at least one.
    pub members: Vec<MemberAs>,
}

/// `POST /v1/server/rooms/{room}/members`: who comes into a group or is something else in it, and who goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ChangeMembers {
    /// At most 100.
    pub put: Vec<MemberAs>,
    /// At most 100.
    pub remove: Vec<Whom>,
}

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RoomMembers {
    /// By id.
    pub members: Vec<crate::rest::Member>,
}

/// `POST /v1/server/rooms/{room}/messages`: a message. The same again answers the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PostMessage {
    /// Its name, for a repetition.
    pub txn_id: TxnId,
    /// 1–4,000 characters, not blank; stored trimmed.
    pub text: String,
    /// The member it is from; without it, it is the server's own.
    #[serde(rename = "from", default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Whom>,
}
