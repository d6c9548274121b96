-- Banks with memories that have no vectors yet, because the server had too much to do when they came.
CREATE TABLE backlogs (
    bank TEXT PRIMARY KEY REFERENCES banks ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
