//! Who is asking: accounts, their signed-in devices, and the tokens that name both. A token alone
//! proves nothing for longer than [`FRESH`]: the device behind it must still be signed in and the
//! account not disabled, which an [`alive::Devices`] remembers for that long and forgets at once
//! when this node is told otherwise (P12).
//!
//! Tokens of other backends ([`foreign`]) are read where ours are, by [`Auth::authenticate`].
//!
//! Every way out (sign-out, password change, disabling, a refresh token used twice) ends in
//! [`Auth::cut`], which also tells the hub to close what is open.

pub mod alive;
pub mod api_keys;
pub mod extract;
pub mod foreign;
pub mod keys;
pub mod limits;
pub mod passwords;
pub mod tokens;

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zas_core::shape;
use zas_core::time::Now;
use zas_protocol::rest::{self, Me};
use zas_protocol::{DeviceId, ErrorCode, Micros, UserId};
use zas_store::{DeviceRow, NewUser, REFRESH_GRACE_MS, Rotation, Store, UserRow};

use self::alive::Devices;
use self::api_keys::ApiKeys;
use self::foreign::Foreign;
use self::keys::{Key, Keys};
use self::passwords::{Password, Passwords};
use self::tokens::{Bearer, RefreshClaims, Signer};
use crate::clock;
use crate::error::ApiError;

/// What was read about a device is good for this long.
pub const FRESH: Micros = 5_000_000;

/// Who sent a request or opened a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// When the token expires, by the wall clock.
    pub expires_at: Micros,
    /// Until when a connection that cannot be brought a fresh token may go on, unless it is cut.
    pub session_until: Micros,
    /// The account's username when the token was issued.
    pub username: String,
}

impl Identity {
    /// As a session keeps it: its token expires after as long as it would now, whoever sets the clock
    /// meanwhile.
    #[must_use]
    pub const fn session(&self, now: Now) -> zas_core::session::Identity {
        let expires_at = now.steady.saturating_add(self.expires_at.saturating_sub(now.wall));
        zas_core::session::Identity { user: self.user, device: self.device, expires_at }
    }

    /// Takes the device that a connection began with. Each token of another backend is a device of its own,
    /// so that a fresh one, brought in band, would be of another.
    pub fn goes_on_as(&mut self, user: UserId, device: DeviceId) {
        let both_foreign = [self.device, device].into_iter().all(|one| foreign::issued_at(one).is_some());
        if self.user == user && both_foreign {
            self.device = device;
        }
    }
}

/// Which of a person's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(DeviceId),
    /// All but this one.
    AllBut(DeviceId),
    /// All.
    All,
}

type OnRevoked = Box<dyn Fn(UserId, Which) + Send + Sync>;

/// Signs in, out, and says who is asking.
pub struct Auth {
    store: Arc<dyn Store>,
    signer: Signer,
    passwords: Passwords,
    devices: Devices,
    foreign: Foreign,
    api_keys: ApiKeys,
    admin: Key,
    on_revoked: OnceLock<OnRevoked>,
}

impl Auth {
    /// Over a store, with the server's keys.
    #[must_use]
    pub fn new(keys: Keys, store: Arc<dyn Store>) -> Self {
        Self {
            foreign: Foreign::nobody(store.clone()),
            api_keys: ApiKeys::new(store.clone()),
            store,
            signer: Signer::new(&keys),
            passwords: Passwords::default(),
            devices: Devices::default(),
            admin: keys.admin,
            on_revoked: OnceLock::new(),
        }
    }

    /// Accepts tokens of others as well.
    #[must_use]
    pub fn with_foreign(self, foreign: Foreign) -> Self {
        Self { foreign, ..self }
    }

    /// Sets who is told, at once, that a device of a user, or all of them, is signed out. Set
    /// once, at boot.
    pub fn on_revoked(&self, told: impl Fn(UserId, Which) + Send + Sync + 'static) {
        let first = self.on_revoked.set(Box::new(told)).is_ok();
        debug_assert!(first, "the hook is set once");
    }

    /// Who holds an access token.
    ///
    /// A connection that lives on must be registered where [`Auth::on_revoked`] finds it before
    /// it asks here, else a sign-out in between is missed.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] for a token that is neither ours nor an issuer's, or has expired;
    /// [`ErrorCode::Revoked`] when its device is signed out or the account disabled;
    /// [`ErrorCode::Overloaded`] while an issuer's keys cannot be had; the store's.
    pub async fn authenticate(&self, token: &str, now: Micros) -> Result<Identity, ErrorCode> {
        let Ok(claims) = self.signer.read_access(token, now) else {
            return self.foreign.authenticate(token, now).await;
        };
        self.is_alive(claims.user_id, claims.sid, now).await?;
        Ok(Identity {
            user: claims.user_id,
            device: claims.sid,
            expires_at: claims.expires_at(),
            session_until: claims.session_until(),
            username: claims.username,
        })
    }

    /// Checks that a device is signed in and its account not disabled.
    ///
    /// # Errors
    /// [`ErrorCode::Revoked`] when not; the store's.
    pub async fn is_alive(&self, user: UserId, device: DeviceId, now: Micros) -> Result<(), ErrorCode> {
        if let Some(issued_at) = foreign::issued_at(device) {
            return self.foreign.is_alive(user, issued_at).await;
        }
        let asked = match self.devices.ask(&device, now) {
            Ok((owner, ())) => return if owner == user { Ok(()) } else { Err(ErrorCode::Revoked) },
            Err(asked) => asked,
        };
        match self.store.device(device).await.map_err(|error| error.code())? {
            Some(state) if state.active && state.user == user => {
                self.devices.learn(asked, device, user, (), now);
                Ok(())
            }
            _ => Err(ErrorCode::Revoked),
        }
    }

    /// Makes an account, and signs its first device in.
    ///
    /// # Errors
    /// What of the form is off, or taken; [`ErrorCode::Overloaded`]; the store's.
    pub async fn register(&self, form: rest::Register, now: Micros) -> Result<rest::Tokens, ApiError> {
        let device_name = shape::device_name(&form.device_name);
        let user = self.create_user(form, false, now).await?;
        self.open_device(user, &device_name, now).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// As [`Auth::register`].
    pub async fn create_user(
        &self,
        form: rest::Register,
        admin: bool,
        now: Micros,
    ) -> Result<UserId, ApiError> {
        let username = shape::username(&form.username)?;
        let email = shape::email(&form.email)?;
        let display_name = match form.display_name.trim() {
            "" => username.clone(),
            given => shape::name(given)?,
        };
        shape::password(&form.password)?;
        let new = NewUser {
            id: UserId::mint(now, clock::random()),
            skeleton: shape::skeleton(&username),
            username,
            email,
            display_name,
            password_hash: self.passwords.hash(Password::new(form.password)).await?,
            admin,
            at: now,
        };
        let row = self
            .store
            .create_user(new)
            .await
            .map_err(|error| ApiError { detail: Some(error.to_string()), ..error.code().into() })?;
        Ok(row.user.id)
    }

    /// Signs a device in by username or email and password.
    ///
    /// # Errors
    /// [`ErrorCode::BadCredentials`], the same and as slow for who does not exist, is disabled, or
    /// gave a wrong password; [`ErrorCode::Overloaded`]; the store's.
    pub async fn sign_in(&self, form: rest::Login, now: Micros) -> Result<rest::Tokens, ApiError> {
        let login = form.login.trim().trim_start_matches('@').to_lowercase();
        let row = self.verified(&login, Password::new(form.password)).await?;
        let tokens = self.open_device(row.user.id, &shape::device_name(&form.device_name), now).await?;
        // What changed while the password was checked signed out the devices there were, and not this one.
        let still = self.store.user(row.user.id).await?;
        if still.is_none_or(|still| !still.active || still.password_hash != row.password_hash) {
            self.sign_out(tokens.device).await?;
            return Err(ErrorCode::BadCredentials.into());
        }
        Ok(tokens)
    }

    /// The account of a login whose password this is, with a hash of today's form.
    async fn verified(&self, login: &str, password: Password) -> Result<UserRow, ApiError> {
        loop {
            let row = self.store.user_by_login(login).await?;
            let hash = row.as_ref().map(|row| row.password_hash.clone());
            let right = self.passwords.verify(password.clone(), hash).await?;
            let Some(mut row) = row.filter(|row| right && row.active) else {
                return Err(ErrorCode::BadCredentials.into());
            };
            if !Passwords::is_old(&row.password_hash) {
                return Ok(row);
            }
            let hash = self.passwords.hash(password.clone()).await?;
            let old = std::mem::replace(&mut row.password_hash, hash.clone());
            if self.store.replace_password(row.user.id, &old, hash).await? {
                return Ok(row);
            }
            // It was changed meanwhile, to a hash of today's form: what counts is that one.
        }
    }

    /// Signs a device in, of somebody who has proved who they are.
    ///
    /// # Errors
    /// [`ErrorCode::Revoked`] when there is no such account; the store's.
    pub async fn open_device(&self, user: UserId, name: &str, now: Micros) -> Result<rest::Tokens, ApiError> {
        let me = self.store.me(user).await?.ok_or(ErrorCode::Revoked)?;
        let device = DeviceId::mint(now, clock::random());
        let jti = fresh_jti();
        let row = DeviceRow {
            id: device,
            user,
            name: name.to_owned(),
            refresh_jti: jti.clone(),
            refresh_issued_at: now,
            created_at: now,
            last_used_at: now,
        };
        self.store.create_device(row).await?;
        self.tokens(me, device, &jti, now)
    }

    /// Reads a refresh token, for [`Auth::refresh`].
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] for a token that is not ours, or has expired.
    pub fn read_refresh(&self, token: &str, now: Micros) -> Result<RefreshClaims, ErrorCode> {
        self.signer.read_refresh(token, now)
    }

    /// Exchanges a refresh token for the next pair. Used once more within the grace, by another
    /// tab or after a lost answer, it gives the same pair; later, its device is signed out, since
    /// somebody holds a copy.
    ///
    /// # Errors
    /// [`ErrorCode::Revoked`] for a device that is signed out; the store's.
    pub async fn refresh(&self, claims: RefreshClaims, now: Micros) -> Result<rest::Tokens, ApiError> {
        let next = fresh_jti();
        let rotation =
            self.store.rotate_refresh(claims.sid, &claims.jti, &next, now, REFRESH_GRACE_MS).await?;
        let (user, jti, issued_at) = match rotation {
            Rotation::Rotated { user } => (user, next, now),
            Rotation::Replayed { user, refresh_jti, refresh_issued_at } => {
                (user, refresh_jti, refresh_issued_at)
            }
            Rotation::Reused { user } => {
                tracing::warn!(%user, device = %claims.sid, "a used refresh token came again; its device is signed out");
                self.cut(user, Which::One(claims.sid));
                return Err(ErrorCode::Revoked.into());
            }
            Rotation::Gone => return Err(ErrorCode::Revoked.into()),
        };
        let me = self.store.me(user).await?.ok_or(ErrorCode::Revoked)?;
        self.tokens(me, claims.sid, &jti, issued_at)
    }

    /// Signs out the device of a refresh token, even of one that has expired. What is no token of
    /// ours signs nothing out, and is no error: there is nothing left to do.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out_by_token(&self, token: &str) -> Result<(), ApiError> {
        match self.signer.read_spent_refresh(token) {
            Ok(claims) => self.sign_out(claims.sid).await,
            Err(_) => Ok(()),
        }
    }

    /// Signs a device out.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, device: DeviceId) -> Result<(), ApiError> {
        if let Some(user) = self.store.revoke_device(device).await? {
            self.cut(user, Which::One(device));
        }
        Ok(())
    }

    /// Signs out a device of one's own.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when it is not signed in, or not one's own; the store's.
    pub async fn sign_out_own(&self, user: UserId, device: DeviceId) -> Result<(), ApiError> {
        match self.store.device(device).await? {
            Some(state) if state.user == user => self.sign_out(device).await,
            _ => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Signs out every device of a person but one; how many of ours. Tokens of others are refused that
    /// were issued up to now; where one of them is excepted, those issued before it.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out_everywhere(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<usize, ApiError> {
        let devices = self.store.revoke_devices(user, except).await?;
        let issued_at = except.and_then(foreign::issued_at);
        self.store.set_signed_out(user, issued_at.map_or_else(clock::now, |at| at - 1)).await?;
        self.cut(user, except.map_or(Which::All, Which::AllBut));
        Ok(devices.len())
    }

    /// Changes a password; every other device is signed out.
    ///
    /// # Errors
    /// [`ErrorCode::BadCredentials`] when `current` is not the password;
    /// [`ErrorCode::PasswordInvalid`]; [`ErrorCode::Overloaded`]; the store's.
    pub async fn change_password(
        &self,
        identity: &Identity,
        form: rest::ChangePassword,
    ) -> Result<(), ApiError> {
        shape::password(&form.new)?;
        let row = self.store.user(identity.user).await?.ok_or(ErrorCode::Revoked)?;
        if !self.passwords.verify(Password::new(form.current), Some(row.password_hash)).await? {
            return Err(ErrorCode::BadCredentials.into());
        }
        let hash = self.passwords.hash(Password::new(form.new)).await?;
        self.store.set_password(identity.user, hash).await?;
        self.sign_out_everywhere(identity.user, Some(identity.device)).await?;
        Ok(())
    }

    /// Disables an account: its tokens are refused at once, and none is given until it is
    /// enabled. False when there is no such account.
    ///
    /// # Errors
    /// The store's.
    pub async fn disable(&self, user: UserId) -> Result<bool, ApiError> {
        let known = self.store.set_active(user, false).await?;
        self.store.revoke_devices(user, None).await?;
        self.store.set_signed_out(user, clock::now()).await?;
        self.cut(user, Which::All);
        Ok(known)
    }

    /// Enables an account; its devices have to sign in again. False when there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn enable(&self, user: UserId) -> Result<bool, ApiError> {
        Ok(self.store.set_active(user, true).await?)
    }

    /// Accounts of other issuers.
    #[must_use]
    pub const fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// Keys of the server-side API.
    #[must_use]
    pub const fn api_keys(&self) -> &ApiKeys {
        &self.api_keys
    }

    /// The key that administration asks for.
    #[must_use]
    pub const fn admin_key(&self) -> &Key {
        &self.admin
    }

    /// Forgets what was known of a device, or of all devices of a user, and closes what they have
    /// open. Called when the store has it already.
    fn cut(&self, user: UserId, which: Which) {
        match which {
            Which::One(device) => self.devices.forget(user, Some(&device)),
            Which::AllBut(_) | Which::All => self.devices.forget(user, None),
        }
        self.foreign.forget(user);
        if let Some(told) = self.on_revoked.get() {
            told(user, which);
        }
    }

    fn tokens(
        &self,
        me: Me,
        device: DeviceId,
        jti: &str,
        issued_at: Micros,
    ) -> Result<rest::Tokens, ApiError> {
        let bearer = Bearer {
            user: me.user.id,
            username: &me.user.username,
            display_name: &me.user.display_name,
            device,
        };
        let pair = self.signer.sign(bearer, jti, issued_at)?;
        Ok(rest::Tokens {
            access: pair.access,
            expires_at: pair.expires_at,
            refresh: Some(pair.refresh),
            device,
            me,
        })
    }
}

fn fresh_jti() -> String {
    URL_SAFE_NO_PAD.encode(clock::random::<16>())
}
