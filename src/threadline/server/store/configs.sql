-- What is set for a bank over the defaults of its configuration.
CREATE TABLE configs (
    bank      TEXT PRIMARY KEY REFERENCES banks (uid) ON DELETE CASCADE,
    overrides TEXT NOT NULL                     -- JSON
) STRICT, WITHOUT ROWID;
