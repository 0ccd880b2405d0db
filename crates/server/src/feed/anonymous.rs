//! Sockets whose sender is not known yet: so many for each address, and the next one waits in its
//! handshake. None is refused, since many people may share an address. Meanwhile each may send no
//! more than [`ANONYMOUS_SOCKET_BYTES`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zas_protocol::limits::ANONYMOUS_SOCKET_BYTES;

use crate::accept::{Allowance, Limited};

/// The sockets that have not said who they are, by address.
#[derive(Debug)]
pub struct Anonymous {
    most: usize,
    addresses: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A place for one of them, until its sender is known or it is gone.
#[derive(Debug)]
pub struct Place {
    _limited: Limited,
    _permit: OwnedSemaphorePermit,
    _left: Left,
}

#[derive(Debug)]
struct Left {
    places: Arc<Anonymous>,
    address: IpAddr,
}

impl Anonymous {
    /// `most` for each address.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { most: most.max(1) as usize, addresses: Mutex::default() }
    }

    /// Waits for a place for a connection from `address`.
    pub async fn enter(self: &Arc<Self>, address: IpAddr, allowance: &Allowance) -> Option<Place> {
        let limited = allowance.limit(ANONYMOUS_SOCKET_BYTES);
        let address = address.to_canonical();
        let places = {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.entry(address).or_insert_with(|| Arc::new(Semaphore::new(self.most))).clone()
        };
        let left = Left { places: self.clone(), address };
        // It is never closed, so that there is always a place in the end.
        let permit = places.acquire_owned().await.ok()?;
        Some(Place { _limited: limited, _permit: permit, _left: left })
    }
}

/// An address that nobody waits at any more is forgotten. Fields are dropped in their order: the
/// permit is back before this looks.
impl Drop for Left {
    fn drop(&mut self) {
        let mut addresses = self.places.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = addresses.get(&self.address)
            && Arc::strong_count(places) == 1
        {
            addresses.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    async fn enter(places: &Arc<Anonymous>, address: IpAddr) -> Option<Place> {
        places.enter(address, &Allowance::default()).await
    }

    #[tokio::test]
    async fn one_too_many_waits_until_another_is_known_and_addresses_are_apart() {
        let places = Arc::new(Anonymous::new(2));
        let first = enter(&places, HERE).await;
        let second = enter(&places, HERE).await;
        let mut third = Box::pin(enter(&places, HERE));
        assert!(futures_util::poll!(&mut third).is_pending());
        assert!(enter(&places, THERE).await.is_some());
        drop(first);
        assert!(third.await.is_some());
        drop(second);
        assert!(places.addresses.lock().unwrap().is_empty(), "nobody is left");
    }
}
