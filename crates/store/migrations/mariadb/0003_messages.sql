-- What a message is now, where that is not what its event says. `rev` is the place of the last event
-- that changed it; a message with a reaction has a row too.
CREATE TABLE IF NOT EXISTS message_states (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  rev BIGINT NOT NULL,
  text MEDIUMTEXT,
  edited_at BIGINT,
  deleted_at BIGINT,
  PRIMARY KEY (room_id, seq),
  CONSTRAINT message_states_rev CHECK (rev >= seq),
  CONSTRAINT message_states_room FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- The events that hold an earlier or later text of a message, for the day it is deleted.
CREATE TABLE IF NOT EXISTS message_edits (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  rev BIGINT NOT NULL,
  PRIMARY KEY (room_id, seq, rev),
  CONSTRAINT message_edits_room FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS reactions (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  user_id BINARY(16) NOT NULL,
  reaction VARCHAR(32) NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (room_id, seq, user_id),
  INDEX reactions_user (user_id),
  CONSTRAINT reactions_room FOREIGN KEY (room_id) REFERENCES rooms (id),
  CONSTRAINT reactions_of FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- The message that carries a file, and when that was deleted: nobody fetches it from then on, and its
-- bytes may go.
ALTER TABLE files
  ADD COLUMN IF NOT EXISTS name VARCHAR(255) NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS room_id BINARY(16),
  ADD COLUMN IF NOT EXISTS seq BIGINT,
  ADD COLUMN IF NOT EXISTS erased_at BIGINT;

CREATE INDEX IF NOT EXISTS files_message ON files (room_id, seq);

-- Dead are those without a message, and those whose message was deleted.
CREATE INDEX IF NOT EXISTS files_dead ON files (kind, erased_at, created_at);
