-- When a message of another system was said there, where its place here has a later time.
CREATE TABLE message_times (
  room_id BLOB NOT NULL REFERENCES rooms (id),
  seq INTEGER NOT NULL,
  said_at INTEGER NOT NULL,
  PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;

-- Where the bytes of a file are that another system keeps.
CREATE TABLE file_origins (
  file_id BLOB NOT NULL PRIMARY KEY CHECK (length(file_id) = 16),
  address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
