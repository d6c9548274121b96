-- Mental models: a question that is asked again and again, and what memory answers. A knowledge page has one behind it.
CREATE TABLE mental_models (
    bank                   TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id                     TEXT NOT NULL,
    name                   TEXT NOT NULL,
    source_query           TEXT NOT NULL,
    content                TEXT NOT NULL DEFAULT '',
    tags                   TEXT NOT NULL DEFAULT '[]',    -- JSON
    max_tokens             INTEGER NOT NULL,
    trigger                TEXT NOT NULL DEFAULT '{}',    -- JSON: how it is refreshed; what is not there is as by default
    created_at             TEXT NOT NULL,
    last_refreshed_at      TEXT NOT NULL,                 -- when it was made, until a refresh ends
    last_memory_seen_at    TEXT,                          -- the latest memory within its scope that a refresh saw
    seen                   INTEGER NOT NULL DEFAULT 0,    -- the last passage of the bank that a refresh saw
    last_refresh_failed_at TEXT,                          -- NULL once one succeeds
    last_full_refreshed_at TEXT,
    refreshed_query        TEXT,                          -- what the content answers
    response               TEXT,                          -- JSON: the answer with what it is based on
    PRIMARY KEY (bank, id)
) STRICT;

CREATE TABLE mental_model_history (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    bank       TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    model      TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('version', 'refresh_failed')),
    content    TEXT NOT NULL,                             -- JSON: what it was before, or why the refresh failed
    changed_at TEXT NOT NULL,
    FOREIGN KEY (bank, model) REFERENCES mental_models (bank, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX mental_model_history_of_model ON mental_model_history (bank, model, kind);
