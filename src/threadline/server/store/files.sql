-- Files that are kept for a while: archives to be fetched, and what was sent to be worked on. Their bytes lie in the
-- folder `files`, under their keys.
CREATE TABLE files (
    key        TEXT PRIMARY KEY,              -- what cannot be guessed
    bank       TEXT NOT NULL REFERENCES banks (uid) ON DELETE CASCADE,
    kind       TEXT NOT NULL CHECK (kind IN ('export', 'upload')),
    name       TEXT NOT NULL,                 -- what people call it; never part of a path
    size       INTEGER NOT NULL,
    expires_at TEXT NOT NULL                  -- ISO 8601 in UTC
) STRICT, WITHOUT ROWID;
CREATE INDEX files_of_bank ON files (bank);
