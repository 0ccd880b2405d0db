-- How a group shows itself besides its name.
ALTER TABLE rooms ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN avatar BLOB;

-- Pictures of groups, too, may wait in vain, and go when there is another.
DROP INDEX files_dead;
CREATE INDEX files_dead ON files (created_at) WHERE kind <> 'avatar' AND (room_id IS NULL OR erased_at IS NOT NULL);
