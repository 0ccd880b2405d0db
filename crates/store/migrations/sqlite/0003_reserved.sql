-- Holds the number of a step that comes from elsewhere.
DELETE FROM meta WHERE name = 'nothing';
