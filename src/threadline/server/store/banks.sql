-- The banks that a tenant's server knows. Everything that belongs to one leads with its uid and goes with it.
CREATE TABLE banks (
    uid        TEXT PRIMARY KEY,                       -- never used again: a bank made anew is another one
    id         TEXT NOT NULL UNIQUE,                   -- its name in the data directory
    name       TEXT,                                   -- what people read
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
