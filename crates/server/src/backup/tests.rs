//! A backup of a data folder without a server, damaged in every way it can be.

use std::fs;
use std::path::Path;

use super::*;
use crate::admin::{self, Order};
use crate::config::Config;

async fn data(folder: &Path) -> Config {
    let mut config = Config::new(folder.join("data"));
    config.metrics_listen = None;
    for username in ["ada", "bob"] {
        let order = Order::CreateUser {
            username: username.to_owned(),
            email: format!("{username}@example.org"),
            display_name: String::new(),
            password: "una frase de paso".to_owned(),
            admin: false,
        };
        admin::order(&config, order).await.unwrap();
    }
    fs::create_dir_all(config.data.join("files/ab")).unwrap();
    fs::write(config.data.join("files/ab/picture"), b"pixels").unwrap();
    fs::write(config.data.join("files/ab/upload#1"), b"half").unwrap();
    config
}

async fn users(config: &Config) -> String {
    admin::order(config, Order::ListUsers).await.unwrap()
}

fn elsewhere(folder: &Path) -> Config {
    let mut config = Config::new(folder.join("elsewhere"));
    config.metrics_listen = None;
    config
}

#[tokio::test]
async fn what_was_backed_up_is_restored_as_another_history() {
    let folder = tempfile::tempdir().unwrap();
    let (config, target) = (data(folder.path()).await, elsewhere(folder.path()));
    let backup = folder.path().join("backup");
    let made = make(&config, &backup).unwrap();
    assert_eq!((made.users, made.rooms), (2, 0));
    assert_eq!(check(&backup).unwrap(), made);
    assert!(!made.files.iter().any(|file| file.path.contains('#')), "an upload under way is no file");

    let restored = put_back(&target, &backup, false).unwrap();
    assert!(restored.epoch > made.epoch, "clients see that it is another history");
    assert_eq!(restored.aside, None);
    assert_eq!(users(&target).await, users(&config).await);
    assert_eq!(fs::read(target.data.join("files/ab/picture")).unwrap(), b"pixels");
    for name in crate::auth::keys::NAMES {
        let key = |config: &Config| fs::read(crate::auth::keys::path(&config.data, name)).unwrap();
        assert_eq!(key(&target), key(&config), "{name}");
    }
    assert!(!target.data.join("restore.partial").exists());
}

#[tokio::test]
async fn a_database_is_never_overwritten_and_asked_to_it_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let config = data(folder.path()).await;
    let backup = folder.path().join("backup");
    make(&config, &backup).unwrap();
    assert!(matches!(make(&config, &backup), Err(BackupError::Exists(_))));
    assert!(matches!(put_back(&config, &backup, false), Err(BackupError::Occupied(_))));
    let first = put_back(&config, &backup, true).unwrap();
    let aside = first.aside.unwrap();
    for kept in ["zas.sqlite", "keys/access.key", "files/ab/picture"] {
        assert!(aside.join(kept).is_file(), "{kept}");
    }
    assert!(users(&config).await.contains("ada"));
}

#[tokio::test]
async fn while_a_server_has_the_database_it_is_backed_up_and_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let config = data(folder.path()).await;
    let keys = crate::auth::keys::Keys::load(&config.data).unwrap();
    let store = crate::database::open(&config, &keys).await.unwrap();
    let backup = folder.path().join("backup");
    make(&config, &backup).unwrap();
    assert!(matches!(put_back(&config, &backup, true), Err(BackupError::InUse(_))));
    store.close().await;
    put_back(&config, &backup, true).unwrap();
}

#[tokio::test]
async fn a_damaged_backup_is_refused_whatever_is_damaged_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (config, target) = (data(folder.path()).await, elsewhere(folder.path()));
    let whole = folder.path().join("backup");
    let manifest = make(&config, &whole).unwrap();
    for file in &manifest.files {
        let path = whole.join(&file.path);
        let bytes = fs::read(&path).unwrap();
        let mut other = bytes.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        for damage in [Some(&other[..]), Some(&bytes[..middle]), None] {
            match damage {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let refused = put_back(&target, &whole, false);
            assert!(matches!(refused, Err(BackupError::Damaged(_))), "{}: {refused:?}", file.path);
        }
        fs::write(&path, bytes).unwrap();
    }
    let path = whole.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let schema = format!("\"schema\": {}", manifest.schema);
    for (was, is) in [(schema.as_str(), "\"schema\": 99"), ("\"format\": 1", "\"format\": 2")] {
        fs::write(&path, text.replace(was, is)).unwrap();
        assert!(matches!(put_back(&target, &whole, false), Err(BackupError::Newer(_))), "{is}");
    }
    fs::write(&path, text.replace("keys/access.key", "../access.key")).unwrap();
    assert!(matches!(put_back(&target, &whole, false), Err(BackupError::Damaged(_))));
    fs::write(&path, "{").unwrap();
    assert!(matches!(put_back(&target, &whole, false), Err(BackupError::NoBackup(_))));
    fs::write(&path, text).unwrap();
    assert!(!target.data.join("zas.sqlite").exists());
    put_back(&target, &whole, false).unwrap();
}
