//! What this node knows of sessions that are signed in, for as long as it may believe it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use zas_protocol::{DeviceId, Micros, UserId};

use super::FRESH;

/// Sessions remembered; beyond that they are asked for again.
const SESSIONS: usize = 65_536;

/// When a question to the store was asked: what was forgotten since makes its answer old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

struct Inner<K, V> {
    known: HashMap<K, (UserId, V, Micros)>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// What the store lately said of people's sessions.
pub struct Known<K, V>(Mutex<Inner<K, V>>);

/// The devices that the store lately said are signed in.
pub type Devices = Known<DeviceId, ()>;

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Inner { known: HashMap::new(), forgotten: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    /// Whose session it is and what is known of it, if that was read less than [`FRESH`] ago.
    ///
    /// # Errors
    /// What to give to [`Known::learn`] with the store's answer.
    pub fn ask(&self, session: &K, now: Micros) -> Result<(UserId, V), Asked> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.known.get(session) {
            Some((user, value, read_at)) if is_fresh(*read_at, now) => Ok((*user, value.clone())),
            _ => Err(Asked(inner.forgotten)),
        }
    }

    /// Remembers a session that is signed in, unless anything was forgotten since the store was asked.
    pub fn learn(&self, asked: Asked, session: K, user: UserId, value: V, now: Micros) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.0 != inner.forgotten {
            return;
        }
        if inner.known.len() >= SESSIONS {
            inner.known.retain(|_, &mut (_, _, read_at)| is_fresh(read_at, now));
        }
        if inner.known.len() < SESSIONS {
            inner.known.insert(session, (user, value, now));
        }
    }

    /// Forgets a session, or all sessions of a user.
    pub fn forget(&self, user: UserId, session: Option<&K>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forgotten += 1;
        match session {
            Some(session) => drop(inner.known.remove(session)),
            None => inner.known.retain(|_, &mut (owner, ..)| owner != user),
        }
    }
}

/// A clock that jumped back makes everything old.
fn is_fresh(read_at: Micros, now: Micros) -> bool {
    (0..FRESH).contains(&now.saturating_sub(read_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_000_000_000;

    fn ids(n: u8) -> (UserId, DeviceId) {
        (UserId::mint(0, [n; 10]), DeviceId::mint(0, [n; 10]))
    }

    fn learn(devices: &Devices, (user, device): (UserId, DeviceId), now: Micros) {
        let asked = devices.ask(&device, now).unwrap_err();
        devices.learn(asked, device, user, (), now);
    }

    #[test]
    fn what_was_read_is_believed_for_five_seconds_and_not_by_an_earlier_clock() {
        let devices = Devices::default();
        let (user, device) = ids(1);
        learn(&devices, (user, device), NOW);
        assert_eq!(devices.ask(&device, NOW + FRESH - 1), Ok((user, ())));
        assert!(devices.ask(&device, NOW + FRESH).is_err());
        assert!(devices.ask(&device, NOW - 1).is_err());
    }

    #[test]
    fn forgetting_is_of_one_device_or_of_all_of_a_user() {
        let devices = Devices::default();
        let ((ana, phone), (luis, laptop)) = (ids(1), ids(2));
        let tablet = ids(3).1;
        for pair in [(ana, phone), (ana, tablet), (luis, laptop)] {
            learn(&devices, pair, NOW);
        }
        devices.forget(ana, Some(&phone));
        assert!(devices.ask(&phone, NOW).is_err());
        assert_eq!(devices.ask(&tablet, NOW), Ok((ana, ())));
        devices.forget(ana, None);
        assert!(devices.ask(&tablet, NOW).is_err());
        assert_eq!(devices.ask(&laptop, NOW), Ok((luis, ())));
    }

    #[test]
    fn an_answer_that_was_asked_for_before_a_sign_out_is_not_believed() {
        let devices = Devices::default();
        let (user, device) = ids(1);
        let asked = devices.ask(&device, NOW).unwrap_err();
        devices.forget(user, Some(&device));
        devices.learn(asked, device, user, (), NOW);
        assert!(devices.ask(&device, NOW).is_err());
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let devices = Devices::default();
        let device = |n: u32| {
            let mut random = [0; 10];
            random[..4].copy_from_slice(&n.to_be_bytes());
            DeviceId::mint(Micros::from(n) * 1_000, random)
        };
        let (user, _) = ids(1);
        let count = u32::try_from(SESSIONS).unwrap();
        for n in 0..=count {
            learn(&devices, (user, device(n)), NOW);
        }
        assert!(devices.ask(&device(count - 1), NOW).is_ok());
        assert!(devices.ask(&device(count), NOW).is_err(), "one more is asked for each time");
        learn(&devices, (user, device(count)), NOW + FRESH);
        assert!(devices.ask(&device(count), NOW + FRESH).is_ok(), "the old ones made room");
    }
}
