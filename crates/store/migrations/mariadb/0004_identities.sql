-- Whom another backend's tokens name. An issuer is its name in the settings.
CREATE TABLE IF NOT EXISTS identities (
  issuer VARCHAR(64) NOT NULL,
  subject VARCHAR(255) NOT NULL,
  user_id BINARY(16) NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject),
  INDEX identities_user (user_id),
  CONSTRAINT identities_of FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Tokens of others that were issued up to then are refused. There is no list of them to strike one from.
ALTER TABLE users ADD COLUMN IF NOT EXISTS signed_out_at BIGINT NOT NULL DEFAULT 0;

-- Keys of the server-side API: what is kept of one cannot be shown as one.
CREATE TABLE IF NOT EXISTS api_keys (
  name VARCHAR(64) NOT NULL PRIMARY KEY,
  hash BINARY(32) NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE INDEX api_keys_hash (hash)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- A webhook has told of each log up to its place; without one, of nothing.
CREATE TABLE IF NOT EXISTS webhooks (
  name VARCHAR(64) NOT NULL PRIMARY KEY
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS webhook_places (
  webhook VARCHAR(64) NOT NULL,
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (webhook, room_id),
  INDEX webhook_places_room (room_id),
  CONSTRAINT webhook_places_webhook FOREIGN KEY (webhook) REFERENCES webhooks (name),
  CONSTRAINT webhook_places_of FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
