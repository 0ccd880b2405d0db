-- Whom another backend's tokens name. An issuer is its name in the settings.
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id BLOB NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_user ON identities (user_id);

-- Tokens of others that were issued up to then are refused. There is no list of them to strike one from.
ALTER TABLE users ADD COLUMN signed_out_at INTEGER NOT NULL DEFAULT 0;

-- Keys of the server-side API: what is kept of one cannot be shown as one.
CREATE TABLE api_keys (
  name TEXT NOT NULL PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A webhook has told of each log up to its place; without one, of nothing.
CREATE TABLE webhooks (
  name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_places (
  webhook TEXT NOT NULL REFERENCES webhooks (name),
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL,
  PRIMARY KEY (webhook, room_id)
) STRICT, WITHOUT ROWID;
