-- Ids are 16 bytes, times microseconds since 1970, flags 0 or 1.

-- One value each: `epoch` is which history this database holds.
CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('epoch', 1);

CREATE TABLE users (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  username TEXT NOT NULL UNIQUE,
  skeleton TEXT UNIQUE,
  email TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  search_name TEXT NOT NULL,
  bio TEXT NOT NULL DEFAULT '',
  avatar BLOB REFERENCES files (id),
  profile_rev INTEGER NOT NULL DEFAULT 0,
  password_hash TEXT NOT NULL,
  admin INTEGER NOT NULL DEFAULT 0,
  active INTEGER NOT NULL DEFAULT 1,
  prefs TEXT,
  last_seen INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX users_search ON users (search_name);

-- A device is a family of refresh tokens: the current one, and the one it replaced.
CREATE TABLE devices (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id BLOB NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  refresh_jti TEXT NOT NULL,
  refresh_issued_at INTEGER NOT NULL,
  previous_jti TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_user ON devices (user_id);

-- `head` and `last_at` are those of the last event, `members` counts the stays that go on.
CREATE TABLE rooms (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  kind TEXT NOT NULL CHECK (kind IN ('private', 'group', 'self')),
  name TEXT,
  pair_low BLOB,
  pair_high BLOB,
  head INTEGER NOT NULL DEFAULT 0,
  last_at INTEGER NOT NULL DEFAULT 0,
  members INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  CHECK ((kind = 'private') = (pair_low IS NOT NULL AND pair_high IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX rooms_pair ON rooms (pair_low, pair_high) WHERE pair_low IS NOT NULL;

-- A stay: `from_seq..=to_seq` is what its member sees; without `to_seq` it goes on.
CREATE TABLE memberships (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  user_id BLOB NOT NULL REFERENCES users (id),
  from_seq INTEGER NOT NULL,
  to_seq INTEGER CHECK (to_seq >= from_seq),
  role TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
  joined_at INTEGER NOT NULL,
  left_at INTEGER,
  PRIMARY KEY (room_id, user_id, from_seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX memberships_current ON memberships (user_id, room_id) WHERE to_seq IS NULL;

CREATE TABLE positions (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  user_id BLOB NOT NULL REFERENCES users (id),
  delivered_seq INTEGER NOT NULL,
  read_seq INTEGER NOT NULL,
  delivered_at INTEGER NOT NULL,
  read_at INTEGER NOT NULL,
  PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- `body` is JSON, `fingerprint` a keyed hash of the command, where the event carries its `txn_id`.
CREATE TABLE events (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL CHECK (seq > 0),
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  sender BLOB,
  txn_id TEXT,
  fingerprint BLOB,
  message BLOB,
  body TEXT NOT NULL,
  PRIMARY KEY (room_id, seq),
  CHECK ((txn_id IS NULL) = (fingerprint IS NULL)),
  CHECK ((kind = 'message') = (message IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX events_txn ON events (sender, txn_id) WHERE txn_id IS NOT NULL;
CREATE UNIQUE INDEX events_message ON events (message) WHERE message IS NOT NULL;
-- The last message, and how many are unread, without reading the events themselves.
CREATE INDEX events_messages ON events (room_id, seq, sender) WHERE kind = 'message';

CREATE TABLE room_prefs (
  user_id BLOB NOT NULL REFERENCES users (id),
  room_id BLOB NOT NULL REFERENCES rooms (id),
  prefs TEXT NOT NULL,
  PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id BLOB NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,
  media_type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
