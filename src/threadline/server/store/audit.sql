-- What was asked of a bank, where its configuration says that it is to be noted: who, what and when, never what it said.
CREATE TABLE audit_log (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    bank       TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id         TEXT NOT NULL,                          -- a UUID
    action     TEXT NOT NULL,
    transport  TEXT NOT NULL CHECK (transport IN ('http', 'mcp', 'system')),
    started_at TEXT NOT NULL,
    ended_at   TEXT NOT NULL,
    metadata   TEXT NOT NULL DEFAULT '{}',             -- JSON
    UNIQUE (bank, id)
) STRICT;
CREATE INDEX audit_log_listed ON audit_log (bank, started_at);
CREATE INDEX audit_log_by_age ON audit_log (started_at);
