-- Directives: rules for whoever composes an answer.
CREATE TABLE directives (
    bank       TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    content    TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    tags       TEXT NOT NULL DEFAULT '[]',    -- JSON; none: it holds for every answer
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (bank, id)
) STRICT;
