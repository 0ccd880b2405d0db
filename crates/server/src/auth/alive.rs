//! What this node knows of devices that are signed in, for as long as it may believe it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use zas_protocol::{DeviceId, Micros, UserId};

use super::FRESH;

/// Devices remembered; beyond that they are asked for again.
const DEVICES: usize = 65_536;

/// When a question to the store was asked: what was forgotten since makes its answer old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

#[derive(Default)]
struct Inner {
    known: HashMap<DeviceId, (UserId, Micros)>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// The devices that the store lately said are signed in.
#[derive(Default)]
pub struct Devices(Mutex<Inner>);

impl Devices {
    /// Whose device it is, if that was read less than [`FRESH`] ago.
    ///
    /// # Errors
    /// What to give to [`Devices::learn`] with the store's answer.
    pub fn ask(&self, device: DeviceId, now: Micros) -> Result<UserId, Asked> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.known.get(&device) {
            Some(&(user, read_at)) if is_fresh(read_at, now) => Ok(user),
            _ => Err(Asked(inner.forgotten)),
        }
    }

    /// Remembers a signed-in device, unless anything was forgotten since the store was asked.
    pub fn learn(&self, asked: Asked, device: DeviceId, user: UserId, now: Micros) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.0 != inner.forgotten {
            return;
        }
        if inner.known.len() >= DEVICES {
            inner.known.retain(|_, &mut (_, read_at)| is_fresh(read_at, now));
        }
        if inner.known.len() < DEVICES {
            inner.known.insert(device, (user, now));
        }
    }

    /// Forgets a device, or all devices of a user.
    pub fn forget(&self, user: UserId, device: Option<DeviceId>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forgotten += 1;
        match device {
            Some(device) => drop(inner.known.remove(&device)),
            None => inner.known.retain(|_, &mut (owner, _)| owner != user),
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
        let asked = devices.ask(device, now).unwrap_err();
        devices.learn(asked, device, user, now);
    }

    #[test]
    fn what_was_read_is_believed_for_five_seconds_and_not_by_an_earlier_clock() {
        let devices = Devices::default();
        let (user, device) = ids(1);
        learn(&devices, (user, device), NOW);
        assert_eq!(devices.ask(device, NOW + FRESH - 1), Ok(user));
        assert!(devices.ask(device, NOW + FRESH).is_err());
        assert!(devices.ask(device, NOW - 1).is_err());
    }

    #[test]
    fn forgetting_is_of_one_device_or_of_all_of_a_user() {
        let devices = Devices::default();
        let ((ana, phone), (luis, laptop)) = (ids(1), ids(2));
        let tablet = ids(3).1;
        for pair in [(ana, phone), (ana, tablet), (luis, laptop)] {
            learn(&devices, pair, NOW);
        }
        devices.forget(ana, Some(phone));
        assert!(devices.ask(phone, NOW).is_err());
        assert_eq!(devices.ask(tablet, NOW), Ok(ana));
        devices.forget(ana, None);
        assert!(devices.ask(tablet, NOW).is_err());
        assert_eq!(devices.ask(laptop, NOW), Ok(luis));
    }

    #[test]
    fn an_answer_that_was_asked_for_before_a_sign_out_is_not_believed() {
        let devices = Devices::default();
        let (user, device) = ids(1);
        let asked = devices.ask(device, NOW).unwrap_err();
        devices.forget(user, Some(device));
        devices.learn(asked, device, user, NOW);
        assert!(devices.ask(device, NOW).is_err());
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
        let count = u32::try_from(DEVICES).unwrap();
        for n in 0..=count {
            learn(&devices, (user, device(n)), NOW);
        }
        assert!(devices.ask(device(count - 1), NOW).is_ok());
        assert!(devices.ask(device(count), NOW).is_err(), "one more is asked for each time");
        learn(&devices, (user, device(count)), NOW + FRESH);
        assert!(devices.ask(device(count), NOW + FRESH).is_ok(), "the old ones made room");
    }
}
