-- A commit pays by the page, and a busy server commits many rooms and senders at once. Names of
-- commands begin with their time, so those of one commit are neighbours when the name comes first.
DROP INDEX events_txn;
CREATE UNIQUE INDEX events_txn ON events (txn_id, sender) WHERE txn_id IS NOT NULL;

-- Places have no holes: how many messages there are follows from the few events that are none.
DROP INDEX events_messages;
CREATE INDEX events_others ON events (room_id, seq) WHERE kind <> 'message';
