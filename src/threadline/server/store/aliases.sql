-- Further ids that a bank answers to. A bank's own id always wins: an alias never hides one.
CREATE TABLE aliases (
    alias      TEXT PRIMARY KEY,
    bank       TEXT NOT NULL REFERENCES banks (uid) ON DELETE CASCADE,
    shown      INTEGER NOT NULL DEFAULT 0 CHECK (shown IN (0, 1)),   -- in place of the bank's own id
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX aliases_of_bank ON aliases (bank);
CREATE UNIQUE INDEX aliases_shown ON aliases (bank) WHERE shown;
