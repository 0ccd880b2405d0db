-- When a message of another system was said there, where its place here has a later time.
CREATE TABLE IF NOT EXISTS message_times (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  said_at BIGINT NOT NULL,
  PRIMARY KEY (room_id, seq),
  CONSTRAINT message_times_room FOREIGN KEY (room_id) REFERENCES rooms (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- Where the bytes of a file are that another system keeps.
CREATE TABLE IF NOT EXISTS file_origins (
  file_id BINARY(16) NOT NULL PRIMARY KEY,
  address TEXT NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
