-- What was accepted to be carried out later. What is in here is carried out, whatever happens to the process.
CREATE TABLE operations (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    bank         TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id           TEXT NOT NULL,                        -- a UUID; its caller may have chosen it
    kind         TEXT NOT NULL,
    parent       INTEGER REFERENCES operations ON DELETE CASCADE,
    queue        TEXT,                                 -- within it one is carried out after the other; NULL: a parent
    turn         INTEGER NOT NULL UNIQUE,              -- its place in the queue; a retry goes to the end
    state        TEXT NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    payload      TEXT,                                 -- JSON; gone once it is completed
    digest       TEXT NOT NULL,                        -- of what its caller sent
    single       TEXT,                                 -- at most one of the kind waits with this; gone once it begins
    metadata     TEXT NOT NULL DEFAULT '{}',           -- JSON: what is shown of it and of its result
    error        TEXT,                                 -- why the last attempt failed, for the user
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),   -- that failed
    due_at       TEXT NOT NULL,                        -- not before
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    completed_at TEXT,
    UNIQUE (bank, id),
    CHECK (queue IS NULL OR payload IS NOT NULL OR state = 'completed'),
    CHECK (queue IS NOT NULL OR (payload IS NULL AND parent IS NULL AND state <> 'processing')),
    CHECK (error IS NOT NULL OR state <> 'failed'),
    CHECK ((completed_at IS NOT NULL) = (state IN ('completed', 'failed')))
) STRICT;

CREATE INDEX operations_live ON operations (bank, queue, turn)
    WHERE state IN ('pending', 'processing') AND queue IS NOT NULL;
CREATE INDEX operations_listed ON operations (bank, created_at, seq);
CREATE INDEX operations_of_parent ON operations (parent) WHERE parent IS NOT NULL;
CREATE INDEX operations_by_end ON operations (updated_at) WHERE state IN ('completed', 'failed', 'cancelled');
CREATE UNIQUE INDEX operations_single ON operations (bank, kind, single) WHERE state = 'pending' AND single IS NOT NULL;

-- A queue carries out one at a time. One that was cancelled while it was carried out may still be at it: its worker
-- lets nothing else of the queue begin before that ends.
CREATE UNIQUE INDEX operations_one_at_a_time ON operations (bank, queue) WHERE state = 'processing';

CREATE TRIGGER operations_move BEFORE UPDATE OF state ON operations
WHEN OLD.queue IS NOT NULL AND OLD.state <> NEW.state AND NOT (CASE OLD.state
    WHEN 'pending' THEN NEW.state IN ('processing', 'cancelled')
    WHEN 'processing' THEN NEW.state IN ('pending', 'completed', 'failed', 'cancelled')
    WHEN 'failed' THEN NEW.state = 'pending'
    WHEN 'cancelled' THEN NEW.state = 'pending'
    ELSE 0 END)
BEGIN
    SELECT RAISE(ABORT, 'an operation cannot go from one of these states to the other');
END;

-- A parent is as its children are: waiting while one is, then failed or cancelled if one is, else completed.
CREATE TRIGGER operations_tell_the_parent AFTER UPDATE OF state ON operations
WHEN NEW.parent IS NOT NULL AND OLD.state <> NEW.state
BEGIN
    UPDATE operations
    SET (state, error, completed_at, updated_at) = (
        SELECT state, iif(state = 'failed', error, NULL), iif(state IN ('completed', 'failed'), NEW.updated_at, NULL),
               NEW.updated_at
        FROM (
            SELECT CASE
                    WHEN sum(child.state IN ('pending', 'processing')) THEN 'pending'
                    WHEN sum(child.state = 'failed') THEN 'failed'
                    WHEN sum(child.state = 'cancelled') THEN 'cancelled'
                    ELSE 'completed'
                END AS state,
                max(child.error) FILTER (WHERE child.state = 'failed') AS error
            FROM operations child WHERE child.parent = NEW.parent
        )
    )
    WHERE seq = NEW.parent;
END;
