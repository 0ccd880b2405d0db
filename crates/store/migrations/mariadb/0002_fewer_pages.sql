-- Names of commands begin with their time, so those of one commit are neighbours when the name comes
-- first.
CREATE UNIQUE INDEX IF NOT EXISTS events_name ON events (txn_id, sender);

DROP INDEX IF EXISTS events_txn ON events;

-- Places have no holes: how many messages there are follows from the few events that are none. There is
-- no index of some rows alone here, so a table holds their places.
CREATE TABLE IF NOT EXISTS others (
  room_id BINARY(16) NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (room_id, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

INSERT IGNORE INTO others (room_id, seq) SELECT room_id, seq FROM events WHERE kind <> 'message';
