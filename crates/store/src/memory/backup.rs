//! Backups of the model, as `zas backup` and `zas restore` make them of a file.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::{DeviceId, Epoch, FileId, MessageId, RoomId, RoomPrefs, Seq, TxnId, UserId};

use super::Model;
use super::foreign::Foreign;
use super::import::MovedIn;
use super::model::{Account, Device, RoomState};
use crate::rows::FileRow;
use zas_core::ledger::Pair;

/// All that a model held at some time.
#[derive(Clone)]
pub struct Backup {
    accounts: BTreeMap<UserId, Account>,
    devices: BTreeMap<DeviceId, Device>,
    rooms: BTreeMap<RoomId, RoomState>,
    pairs: BTreeMap<Pair, RoomId>,
    joined: BTreeSet<(UserId, RoomId)>,
    txns: BTreeMap<(UserId, TxnId), (RoomId, Seq)>,
    messages: BTreeMap<MessageId, (RoomId, Seq)>,
    room_prefs: BTreeMap<(UserId, RoomId), RoomPrefs>,
    files: BTreeMap<FileId, FileRow>,
    erased_files: BTreeSet<FileId>,
    foreign: Foreign,
    moved_in: MovedIn,
}

impl Model {
    /// What it holds now.
    #[must_use]
    pub fn backup(&self) -> Backup {
        Backup {
            accounts: self.accounts.clone(),
            devices: self.devices.clone(),
            rooms: self.rooms.clone(),
            pairs: self.pairs.clone(),
            joined: self.joined.clone(),
            txns: self.txns.clone(),
            messages: self.messages.clone(),
            room_prefs: self.room_prefs.clone(),
            files: self.files.clone(),
            erased_files: self.erased_files.clone(),
            foreign: self.foreign.clone(),
            moved_in: self.moved_in.clone(),
        }
    }

    /// Holds what it held then; as another history, unless that is forgotten.
    pub fn restore(&mut self, backup: Backup, is_another: bool) {
        let Backup {
            accounts,
            devices,
            rooms,
            pairs,
            joined,
            txns,
            messages,
            room_prefs,
            files,
            erased_files,
            foreign,
            moved_in,
        } = backup;
        self.epoch += Epoch::from(is_another);
        (self.accounts, self.devices, self.rooms, self.pairs) = (accounts, devices, rooms, pairs);
        (self.joined, self.txns, self.messages) = (joined, txns, messages);
        (self.room_prefs, self.files, self.erased_files) = (room_prefs, files, erased_files);
        self.foreign = foreign;
        self.moved_in = moved_in;
    }
}
