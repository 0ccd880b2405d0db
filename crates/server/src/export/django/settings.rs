//! How a room looks, and is for its members, where that was changed here.

use std::collections::BTreeMap;

use zas_protocol::rest::Member;
use zas_protocol::{Role, RoomPrefs, UserId};
use zas_store::django::{OldLook, OldMember};

use super::{Export, Way};
use crate::export::ExportError;

/// A role as the app calls it.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
    }
}

impl Export<'_> {
    /// Roles that were given here to who was a member there.
    pub(super) async fn roles(
        &mut self,
        way: &Way,
        here: &[Member],
        there: &BTreeMap<String, OldMember>,
    ) -> Result<(), ExportError> {
        for member in here.iter().filter(|member| way.roles.contains(&member.user)) {
            let (user, now) = (self.key(member.user.0), role(member.role));
            if there.get(&user).is_some_and(|there| there.role.as_deref() != Some(now)) {
                self.django.put_role(&way.key, &user, now).await.map_err(ExportError::Old)?;
                self.report.settings += 1;
            }
        }
        Ok(())
    }

    /// The picture that a group got here.
    pub(super) async fn picture(&mut self, way: &Way) -> Result<(), ExportError> {
        let Some(picture) = way.picture else { return Ok(()) };
        let there = self.django.room_avatar(&way.key).await.map_err(ExportError::Old)?;
        let path = match picture {
            Some(file) => self.copy_picture(file, Some(&there)).await?,
            None => Some(String::new()).filter(|none| *none != there),
        };
        if let Some(path) = path {
            self.django.put_room_avatar(&way.key, &path).await.map_err(ExportError::Old)?;
            self.report.settings += 1;
        }
        Ok(())
    }

    /// What members set for the room here.
    pub(super) async fn settings(
        &mut self,
        way: &Way,
        here: Option<&BTreeMap<UserId, RoomPrefs>>,
        there: &BTreeMap<String, OldMember>,
    ) -> Result<(), ExportError> {
        let mine = here.into_iter().flatten().filter(|(user, _)| way.is_in.contains_key(user));
        for (user, prefs) in mine {
            let key = self.key(user.0);
            let (before, after) = (look_there(there.get(&key)), look(prefs, there.get(&key)));
            if before != after {
                self.django.put_look(&way.key, &key, &after).await.map_err(ExportError::Old)?;
                self.report.settings += 1;
            }
        }
        Ok(())
    }
}

/// Who is new there has what [`zas_store::django::Django::add_member`] gives.
fn look_there(there: Option<&OldMember>) -> OldLook {
    let Some(there) = there else {
        return OldLook { notifications: true, sound: true, ..OldLook::default() };
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    OldLook {
        nickname: text(&there.nickname),
        background: text(&there.background),
        color: text(&there.color),
        other_color: text(&there.other_color),
        notifications: there.notifications,
        sound: there.sound,
        muted: there.muted,
    }
}

fn look(prefs: &RoomPrefs, there: Option<&OldMember>) -> OldLook {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let held = look_there(there);
    // What is silent there for another reason stays as it is.
    let is_blocked = there.is_some_and(|there| there.blocked);
    let is_muted = !held.sound || held.muted || is_blocked;
    let is_quiet = !held.notifications || is_blocked;
    OldLook {
        nickname: text(&prefs.nickname),
        background: text(&prefs.background),
        color: text(&prefs.color),
        other_color: text(&prefs.other_color),
        notifications: if prefs.quiet == is_quiet { held.notifications } else { !prefs.quiet },
        sound: if prefs.muted == is_muted { held.sound } else { !prefs.muted },
        muted: held.muted && prefs.muted,
    }
}
