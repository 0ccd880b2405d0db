-- Ids are 16 bytes, times microseconds since 1970, flags 0 or 1, text is compared as its bytes. Names that
-- only machines read are bytes too. Every statement may run again where it has run before: a statement here
-- commits by itself, and what runs them may be killed between two.

-- One value each: `epoch` is which history this database holds.
CREATE TABLE IF NOT EXISTS meta (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO meta (name, value) VALUES ('epoch', 1);

CREATE TABLE IF NOT EXISTS users (
  id BINARY(16) NOT NULL PRIMARY KEY,
  username VARCHAR(255) NOT NULL,
  skeleton VARCHAR(700),
  email VARCHAR(320) NOT NULL,
  display_name VARCHAR(255) NOT NULL,
  search_name TEXT NOT NULL,
  bio TEXT NOT NULL DEFAULT '',
  avatar BINARY(16),
  profile_rev INT UNSIGNED NOT NULL DEFAULT 0,
  password_hash VARCHAR(512) NOT NULL,
  admin TINYINT NOT NULL DEFAULT 0,
  active TINYINT NOT NULL DEFAULT 1,
  prefs TEXT,
  last_seen BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  UNIQUE INDEX users_username (username),
  UNIQUE INDEX users_skeleton (skeleton),
  UNIQUE INDEX users_email (email),
  INDEX users_search (search_name(128))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- A device is a family of refresh tokens: the current one, and the one it replaced.
CREATE TABLE IF NOT EXISTS devices (
  id BINARY(16) NOT NULL PRIMARY KEY,
  user_id BINARY(16) NOT NULL,
  name VARCHAR(255) NOT NULL,
  refresh_jti VARBINARY(64) NOT NULL,
  refresh_issued_at BIGINT NOT NULL,
  previous_jti VARBINARY(64),
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  INDEX devices_user (user_id),
  CONSTRAINT devices_of FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `head` and `last_at` are those of the last event, `members` counts the stays that go on.
CREATE TABLE IF NOT EXISTS rooms (
  id BINARY(16) NOT NULL PRIMARY KEY,
  kind VARCHAR(16) NOT NULL,
  name VARCHAR(255),
  pair_low BINARY(16),
  pair_high BINARY(16),
  head BIGINT NOT NULL DEFAULT 0,
  last_at BIGINT NOT NULL DEFAULT 0,
  members INT UNSIGNED NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  UNIQUE INDEX rooms_pair (pair_low, pair_high),
  CONSTRAINT rooms_kind CHECK (kind IN ('private', 'group', 'self')),
  CONSTRAINT rooms_has_pair CHECK ((kind = 'private') = (pair_low IS NOT NULL AND pair_high IS NOT NULL))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- A stay: `from_seq..=to_seq` is what its member sees. One that goes on ends at the largest number, so
-- that nobody has two of them in a room.
CREATE TABLE IF NOT EXISTS memberships (
  room_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  from_seq BIGINT NOT NULL,
  to_seq BIGINT NOT NULL DEFAULT 9223372036854775807,
  role VARCHAR(16) NOT NULL,
  joined_at BIGINT NOT NULL,
  left_at BIGINT,
  PRIMARY KEY (room_id, user_id, from_seq),
  UNIQUE INDEX memberships_current (user_id, to_seq, room_id),
  CONSTRAINT memberships_order CHECK (to_seq >= from_seq),
  CONSTRAINT memberships_role CHECK (role IN ('member', 'admin', 'owner')),
  CONSTRAINT memberships_room FOREIGN KEY (room_id) REFERENCES rooms (id),
  CONSTRAINT memberships_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS positions (
  room_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  delivered_seq BIGINT NOT NULL,
  read_seq BIGINT NOT NULL,
  delivered_at BIGINT NOT NULL,
  read_at BIGINT NOT NULL,
  PRIMARY KEY (room_id, user_id),
  INDEX positions_user (user_id),
  CONSTRAINT positions_room FOREIGN KEY (room_id) REFERENCES rooms (id),
  CONSTRAINT positions_of FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `body` is JSON, `fingerprint` a keyed hash of the command, where the event carries its `txn_id`.
CREATE TABLE IF NOT EXISTS events (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  kind VARCHAR(32) NOT NULL,
  sender BINARY(16),
  txn_id VARBINARY(64),
  fingerprint BINARY(16),
  message BINARY(16),
  body MEDIUMTEXT NOT NULL,
  PRIMARY KEY (room_id, seq),
  UNIQUE INDEX events_txn (sender, txn_id),
  UNIQUE INDEX events_message (message),
  CONSTRAINT events_seq CHECK (seq > 0),
  CONSTRAINT events_named CHECK ((txn_id IS NULL) = (fingerprint IS NULL)),
  CONSTRAINT events_said CHECK ((kind = 'message') = (message IS NOT NULL)),
  CONSTRAINT events_room FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS room_prefs (
  user_id BINARY(16) NOT NULL,
  room_id BINARY(16) NOT NULL,
  prefs TEXT NOT NULL,
  PRIMARY KEY (user_id, room_id),
  INDEX room_prefs_room (room_id),
  CONSTRAINT room_prefs_of FOREIGN KEY (user_id) REFERENCES users (id),
  CONSTRAINT room_prefs_in FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS files (
  id BINARY(16) NOT NULL PRIMARY KEY,
  user_id BINARY(16) NOT NULL,
  kind VARCHAR(32) NOT NULL,
  media_type VARCHAR(255) NOT NULL,
  bytes BIGINT NOT NULL,
  width INT UNSIGNED NOT NULL,
  height INT UNSIGNED NOT NULL,
  created_at BIGINT NOT NULL,
  INDEX files_user (user_id),
  CONSTRAINT files_of FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
