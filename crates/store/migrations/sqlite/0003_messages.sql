-- What a message is now, where that is not what its event says. `rev` is the place of the last event
-- that changed it; a message with a reaction has a row too.
CREATE TABLE message_states (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL,
  rev INTEGER NOT NULL CHECK (rev >= seq),
  text TEXT,
  edited_at INTEGER,
  deleted_at INTEGER,
  PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;

-- The events that hold an earlier or later text of a message, for the day it is deleted.
CREATE TABLE message_edits (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  PRIMARY KEY (room_id, seq, rev)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL,
  user_id BLOB NOT NULL REFERENCES users (id),
  reaction TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (room_id, seq, user_id)
) STRICT, WITHOUT ROWID;

-- The message that carries a file, and when that was deleted: nobody fetches it from then on, and its
-- bytes may go.
ALTER TABLE files ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN room_id BLOB REFERENCES rooms (id);
ALTER TABLE files ADD COLUMN seq INTEGER;
ALTER TABLE files ADD COLUMN erased_at INTEGER;

CREATE INDEX files_message ON files (room_id, seq) WHERE room_id IS NOT NULL;
CREATE INDEX files_user ON files (user_id, kind);
CREATE INDEX files_dead ON files (created_at) WHERE kind = 'attachment' AND (room_id IS NULL OR erased_at IS NOT NULL);
