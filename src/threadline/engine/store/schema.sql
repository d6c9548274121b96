-- One bank's memory.db. Documents and passages are the truth; memories and vectors are made from them, and so is the
-- word index in the folder `words` beside this file.

CREATE TABLE documents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: caches hold it
    name          TEXT NOT NULL UNIQUE,
    metadata      TEXT NOT NULL DEFAULT '{}',          -- JSON, of the latest batch
    context       TEXT,                                -- of the latest batch that had one
    last_turn     INTEGER NOT NULL DEFAULT 0,          -- the last passage ever stored, also when it was taken out
    last_position INTEGER NOT NULL DEFAULT 0,
    stored_at     TEXT,                                -- ISO 8601: when its first and its latest batch were retained
    changed_at    TEXT,
    source        TEXT,                                -- an item's: the document that its caller knows, which may have several
    chunks_before INTEGER NOT NULL DEFAULT 0,          -- an item's: how many chunks its source had before it
    extra         TEXT NOT NULL DEFAULT '{}'           -- JSON that whoever stored it wants back; never searched
) STRICT;

CREATE INDEX documents_by_source ON documents (source) WHERE source IS NOT NULL;
CREATE INDEX documents_as_known ON documents (coalesce(source, name));

CREATE TABLE tags (
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    tag      TEXT NOT NULL,
    PRIMARY KEY (tag, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_of_document ON tags (document);

CREATE TABLE passages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    document    INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    turn        INTEGER NOT NULL CHECK (turn >= 1),
    position    INTEGER NOT NULL CHECK (position >= 0),
    role        TEXT NOT NULL,
    speaker     TEXT,
    ref         TEXT,
    occurred_at TEXT NOT NULL,                         -- ISO 8601
    text        TEXT NOT NULL,
    UNIQUE (document, turn, position)
) STRICT;

CREATE INDEX passages_by_speaker ON passages (speaker) WHERE speaker IS NOT NULL;

-- Turns that were taken out and must not come back with a late batch. They need not have been here.
CREATE TABLE removed (
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    turn     INTEGER NOT NULL,
    PRIMARY KEY (document, turn)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER passages_arrive_in_order BEFORE INSERT ON passages
WHEN EXISTS (
    SELECT 1 FROM documents
    WHERE id = NEW.document AND (NEW.turn, NEW.position) <= (last_turn, last_position) AND last_turn > 0
)
BEGIN
    SELECT RAISE(ABORT, 'a passage arrived after a later one');
END;

CREATE TRIGGER passages_move_the_document_on AFTER INSERT ON passages
BEGIN
    UPDATE documents SET last_turn = NEW.turn, last_position = NEW.position WHERE id = NEW.document;
END;

CREATE TRIGGER passages_stay_removed BEFORE INSERT ON passages
WHEN EXISTS (SELECT 1 FROM removed WHERE document = NEW.document AND turn = NEW.turn)
BEGIN
    SELECT RAISE(ABORT, 'a passage of a turn that was taken out');
END;

CREATE TRIGGER passages_never_change BEFORE UPDATE ON passages
BEGIN
    SELECT RAISE(ABORT, 'a passage is immutable');
END;

-- A memory is a piece of one passage; the text itself is stored once, there.
CREATE TABLE memories (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,         -- grows: "what is new" is "what is above the last seen"
    passage INTEGER NOT NULL REFERENCES passages ON DELETE CASCADE,
    start   INTEGER NOT NULL,                          -- offsets in characters
    end     INTEGER NOT NULL CHECK (end > start),
    tokens  INTEGER NOT NULL
) STRICT;
CREATE INDEX memories_of_passage ON memories (passage);

-- Several models may stand side by side: while the vectors of a new one are made, those of the old one serve.
CREATE TABLE models (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE vectors (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    model  INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    vector BLOB NOT NULL,                              -- int8, the unit vector times 127
    UNIQUE (model, memory)
) STRICT;
CREATE INDEX vectors_of_memory ON vectors (memory);

-- Apart from the vectors, which are all read at once.
CREATE TABLE tokens (
    memory INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
    model  INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    signs  BLOB NOT NULL,                              -- a bit for each dimension of each telling token
    UNIQUE (model, memory)
) STRICT;
CREATE INDEX tokens_of_memory ON tokens (memory);

CREATE TABLE applied (
    key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Memories that went away, so that what was derived from them (the word index, copies in other processes) can follow.
CREATE TABLE gone (
    memory     INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;
CREATE INDEX gone_by_generation ON gone (generation);

CREATE TRIGGER memories_are_named_when_they_go AFTER DELETE ON memories
BEGIN
    INSERT OR REPLACE INTO gone SELECT OLD.id, generation + 1 FROM state;
END;

CREATE TABLE state (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    generation     INTEGER NOT NULL,                   -- grows whenever memories go away
    complete_since INTEGER NOT NULL DEFAULT 0,         -- a copy older than this generation has to be made anew
    serving        TEXT NOT NULL DEFAULT '',           -- the model whose vectors are searched
    uid            TEXT NOT NULL DEFAULT ''            -- the bank's own, of which the public ids of memories are made
) STRICT;
INSERT INTO state (one, generation, uid) VALUES (1, 0, lower(hex(randomblob(8))));

-- Whom and what documents are about, as far as somebody said so.
CREATE TABLE entities (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT
) STRICT;

CREATE TABLE mentions (
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    entity   INTEGER NOT NULL REFERENCES entities ON DELETE CASCADE,
    PRIMARY KEY (document, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_of_entity ON mentions (entity);

-- Memories that somebody edited or invalidated. The passage they were made from is gone; what they say now is an item
-- of its own, so that it is indexed, embedded and rebuilt like any other.
CREATE TABLE curated (
    unit           TEXT PRIMARY KEY,                   -- the public id, which stays
    document       INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,  -- the item it was made from, and its place there
    turn           INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    original       TEXT NOT NULL,
    replacement    INTEGER REFERENCES documents ON DELETE SET NULL,          -- the item that says it now; NULL while invalid
    state          TEXT NOT NULL CHECK (state IN ('valid', 'invalidated')),
    fields         TEXT NOT NULL DEFAULT '{}',         -- JSON: what it is now
    reason         TEXT,
    invalidated_at TEXT,
    edited_at      TEXT,
    history        TEXT NOT NULL DEFAULT '[]'          -- JSON: what it was, oldest first
) STRICT;
CREATE INDEX curated_of_document ON curated (document);
CREATE UNIQUE INDEX curated_by_replacement ON curated (replacement) WHERE replacement IS NOT NULL;

-- What happened to a document, for its history.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    happened_at TEXT NOT NULL,
    details     TEXT NOT NULL DEFAULT '{}'             -- JSON
) STRICT;
CREATE INDEX events_of_source ON events (source);
