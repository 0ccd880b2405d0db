//! Accounts that the app does not have, and what people changed of their own: their own logs tell.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use zas_protocol::{EventBody, ProfileChange, RoomId, RoomPrefs, UserId};
use zas_store::UserRow;
use zas_store::django::{NewOldUser, OldUser, id};

use super::{Export, PIECE};
use crate::export::ExportError;

/// What all accounts tell.
#[derive(Default)]
pub(super) struct People {
    /// Rooms that anybody is in.
    pub(super) rooms: BTreeSet<RoomId>,
    /// How rooms are for those who changed that here.
    pub(super) prefs: BTreeMap<RoomId, BTreeMap<UserId, RoomPrefs>>,
}

impl Export<'_> {
    /// Adds people; all rooms that anybody is in.
    pub(super) async fn people(&mut self) -> Result<People, ExportError> {
        self.django.begin().await.map_err(ExportError::Old)?;
        let there = self.django.users().await.map_err(ExportError::Old)?;
        self.hyphens = there.iter().any(|user| user.key.contains('-'));
        let there: BTreeMap<Uuid, OldUser> =
            there.into_iter().filter_map(|user| Some((id(&user.key)?, user))).collect();
        let (mut people, mut after) = (People::default(), None);
        loop {
            let piece = self.store.accounts(after, PIECE).await?;
            let Some(last) = piece.last() else { return Ok(people) };
            after = Some(last.user.id);
            let new: Vec<NewOldUser> = piece
                .iter()
                .filter(|row| !there.contains_key(&row.user.id.0))
                .map(|row| self.user(row))
                .collect();
            if !new.is_empty() {
                self.django.begin_writing().await.map_err(ExportError::Old)?;
                self.django.add_users(&new).await.map_err(ExportError::Old)?;
                self.django.commit().await.map_err(ExportError::Old)?;
                self.report.users += new.len() as u64;
            }
            for row in &piece {
                self.ours.insert(self.key(row.user.id.0));
                let own_log = RoomId::own_log(row.user.id);
                let heads = self.store.heads(row.user.id).await?;
                people.rooms.extend(heads.into_iter().map(|head| head.room).filter(|&room| room != own_log));
                let profile = self.changed(row.user.id, &mut people.prefs).await?;
                self.profile(row.user.id, &profile, there.get(&row.user.id.0)).await?;
            }
        }
    }

    fn user(&self, row: &UserRow) -> NewOldUser {
        // Django keeps Argon2's hashes in the same form, after the name of the one who reads it.
        let password = &row.password_hash.0;
        let password =
            if row.password_hash.is_foreign() { password.clone() } else { format!("argon2{password}") };
        NewOldUser {
            key: self.key(row.user.id.0),
            username: row.user.username.clone(),
            email: row.email.clone(),
            display_name: row.user.display_name.clone(),
            password,
            bio: row.user.bio.clone(),
            active: row.active,
            at: row.created_at,
        }
    }

    /// What somebody changed here of their profile, and of how rooms are for them. What an import brought is no
    /// event.
    async fn changed(
        &self,
        user: UserId,
        prefs: &mut BTreeMap<RoomId, BTreeMap<UserId, RoomPrefs>>,
    ) -> Result<ProfileChange, ExportError> {
        let (mut all, mut after) = (ProfileChange::default(), 0);
        loop {
            let events = self.store.log_after(RoomId::own_log(user), after, PIECE).await?;
            let Some(last) = events.last() else { return Ok(all) };
            after = last.seq;
            for event in events {
                match event.body {
                    EventBody::ProfileChanged { profile } => {
                        all.display_name = profile.display_name.or(all.display_name);
                        all.bio = profile.bio.or(all.bio);
                        all.avatar = profile.avatar.or(all.avatar);
                    }
                    EventBody::RoomPrefsChanged { about, prefs: these } => {
                        prefs.entry(about).or_default().insert(user, these);
                    }
                    _ => {}
                }
            }
        }
    }

    async fn profile(
        &mut self,
        user: UserId,
        here: &ProfileChange,
        there: Option<&OldUser>,
    ) -> Result<(), ExportError> {
        // Whose account is new has all of it but the picture already.
        let differs = |here: &Option<String>, there: Option<&Option<String>>| {
            here.clone().filter(|here| there.is_some_and(|there| there.as_ref() != Some(here)))
        };
        let name = differs(&here.display_name, there.map(|there| &there.display_name));
        let bio = differs(&here.bio, there.map(|there| &there.bio));
        let avatar = match here.avatar {
            Some(file) => self.copy_picture(file, there.and_then(|there| there.avatar.as_deref())).await?,
            None => None,
        };
        if name.is_none() && bio.is_none() && avatar.is_none() {
            return Ok(());
        }
        let key = self.key(user.0);
        self.django.begin_writing().await.map_err(ExportError::Old)?;
        let put = self.django.put_profile(&key, name.as_deref(), bio.as_deref(), avatar.as_deref());
        put.await.map_err(ExportError::Old)?;
        self.django.commit().await.map_err(ExportError::Old)?;
        self.report.profiles += 1;
        Ok(())
    }
}
