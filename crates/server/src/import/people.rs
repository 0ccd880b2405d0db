//! Accounts. Names that break our rules are written as our rules have them; what an account lacks it goes
//! without. Only one without a usable id or name stays behind.

use std::collections::{BTreeMap, BTreeSet};

use zas_core::ledger::Write;
use zas_core::shape;
use zas_protocol::rest::User;
use zas_protocol::{FileId, ProfileChange, UserId};
use zas_store::django::{Fault, OldUser, id};
use zas_store::{AccountKept, FileKind, FileRow, Imported, OldAccount, PasswordHash};

use super::messages::{address, media_type};
use super::{Import, ImportError};
use crate::auth::foreign;
use crate::auth::passwords::Passwords;
use crate::clock;

/// Accounts of one transaction.
const PIECE: usize = 250;

/// Somebody whose rows may be brought.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: UserId,
    /// What they are called, for rooms without a name.
    pub(super) name: String,
}

impl Import<'_> {
    /// Brings these accounts, or brings them up to date.
    pub(super) async fn accounts(&mut self, users: &[OldUser]) -> Result<(), ImportError> {
        let mut good = Vec::with_capacity(users.len());
        for user in users {
            match account(user) {
                Ok(account) => {
                    let person = Person { id: account.id, name: account.display_name.clone() };
                    self.people.insert(user.key.clone(), person);
                    good.push((user, account));
                }
                Err(fault) => self.report.leave("users", &user.key, fault),
            }
        }
        if !self.live.is_empty() {
            // Whoever is here is what they are here.
            let ids: Vec<UserId> = good.iter().map(|(_, account)| account.id).collect();
            let here: BTreeSet<UserId> = self.store.users(&ids).await?.iter().map(|user| user.id).collect();
            good.retain(|(_, account)| !here.contains(&account.id));
            self.report.users.known += here.len() as u64;
        }
        for piece in good.chunks(PIECE) {
            let accounts: Vec<OldAccount> = piece.iter().map(|(_, account)| account.clone()).collect();
            let here = self.here(&accounts).await?;
            let kept = if self.options.dry_run {
                would_keep(&accounts, &here)
            } else {
                self.store.import_accounts(accounts).await?
            };
            let mut avatars = (Imported::default(), Imported::default());
            for ((user, account), kept) in piece.iter().zip(kept) {
                if let AccountKept::Made(username) = &kept {
                    self.report.named(user.username.as_deref().unwrap_or_default(), username);
                }
                self.avatar(user, account, here.get(&account.id), &mut avatars).await?;
                self.report.users.brought(&kept);
            }
            // A picture is there before somebody has it.
            for picture in [avatars.0, avatars.1] {
                self.pending = picture;
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Those of these people who are here already.
    async fn here(&self, accounts: &[OldAccount]) -> Result<BTreeMap<UserId, User>, ImportError> {
        if self.is_first {
            return Ok(BTreeMap::new());
        }
        let ids: Vec<UserId> = accounts.iter().map(|account| account.id).collect();
        Ok(self.store.users(&ids).await?.into_iter().map(|user| (user.id, user)).collect())
    }

    /// The picture that somebody has there, unless they have it here or have changed what they are here.
    async fn avatar(
        &mut self,
        user: &OldUser,
        account: &OldAccount,
        here: Option<&User>,
        (files, writes): &mut (Imported, Imported),
    ) -> Result<(), ImportError> {
        let path = user.avatar.as_deref().unwrap_or_default();
        let Some(address) = address(&self.options.media, path) else { return Ok(()) };
        let mut file = FileId(account.id.0);
        if let Some(here) = here {
            if here.profile_rev > 0 || self.shows(here.avatar, Some(&address)).await? {
                return Ok(());
            }
            file = FileId::mint(clock::now(), clock::random());
            self.report.changed += 1;
        }
        let row = FileRow {
            id: file,
            user: account.id,
            kind: FileKind::Avatar,
            name: String::new(),
            media_type: media_type(path, Some("image")).to_owned(),
            bytes: 0,
            width: 0,
            height: 0,
            at: account.at,
            message: None,
        };
        files.files.push((row, address));
        let profile = ProfileChange { avatar: Some(file), ..ProfileChange::default() };
        writes.writes.push(Write::SetProfile { user: account.id, profile, profile_rev: 0 });
        Ok(())
    }

    /// Whether a picture here is the one that is at this address there; none for none.
    pub(super) async fn shows(
        &self,
        picture: Option<FileId>,
        address: Option<&String>,
    ) -> Result<bool, ImportError> {
        let shown = match picture {
            Some(picture) => self.store.file_origin(picture).await?,
            None => None,
        };
        Ok(shown.as_ref() == address)
    }
}

/// What would become of these accounts.
fn would_keep(accounts: &[OldAccount], here: &BTreeMap<UserId, User>) -> Vec<AccountKept> {
    let kept = |account: &OldAccount| match account.usernames.first() {
        Some((username, _)) if !here.contains_key(&account.id) => AccountKept::Made(username.clone()),
        _ => AccountKept::Left,
    };
    accounts.iter().map(kept).collect()
}

fn account(user: &OldUser) -> Result<OldAccount, Fault> {
    let id = UserId(id(&user.key).ok_or(Fault::NoId)?);
    let username = user.username.as_deref().ok_or(Fault::NoText)?;
    let display_name = user.display_name.as_deref().unwrap_or_default();
    let usernames = foreign::usernames("django", username, &id.to_string());
    let called = |name: &str| shape::name(name).ok();
    let display_name = called(display_name)
        .or_else(|| called(username.split('@').next().unwrap_or_default()))
        .or_else(|| usernames.first().map(|(username, _)| username.clone()))
        .ok_or(Fault::NoText)?;
    let password = user.password.clone().map(PasswordHash).filter(Passwords::is_old);
    Ok(OldAccount {
        id,
        usernames,
        email: shape::email(user.email.as_deref().unwrap_or_default()).unwrap_or_default(),
        display_name,
        bio: shape::bio(user.bio.as_deref().unwrap_or_default()).unwrap_or_default(),
        password_hash: password.unwrap_or_else(PasswordHash::none),
        active: user.active,
        last_seen: user.last_active.unwrap_or_default().max(0),
        at: user.created_at.or(user.last_active).unwrap_or_else(clock::now),
    })
}
