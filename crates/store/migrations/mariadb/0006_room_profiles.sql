-- How a group shows itself besides its name.
ALTER TABLE rooms
  ADD COLUMN IF NOT EXISTS description TEXT NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS avatar BINARY(16);
