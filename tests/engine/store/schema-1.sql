-- One bank's memory.db. Documents and passages are the truth; memories, vectors and words are made from them.

CREATE TABLE documents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: caches and the word index hold it
    name          TEXT NOT NULL UNIQUE,
    metadata      TEXT NOT NULL DEFAULT '{}',          -- JSON, of the latest batch
    context       TEXT,                                -- of the latest batch that had one
    last_turn     INTEGER NOT NULL DEFAULT 0,          -- the last passage ever stored, also when it was taken out
    last_position INTEGER NOT NULL DEFAULT 0
) STRICT;

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

CREATE TABLE vectors (
    memory INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
    model  TEXT NOT NULL,
    vector BLOB NOT NULL                               -- int8, the unit vector times 127
) STRICT;

-- The words of each memory under its id; `_entries` beside this file says what stands in the columns. The index
-- holds no copy of the text (content=''), and forgets a deleted word at once (secure-delete).
CREATE VIRTUAL TABLE words USING fts5(
    text, context, said, place,
    content = '', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);

CREATE TABLE applied (
    key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- `generation` grows whenever memories go away, so that another process knows its copies are stale.
CREATE TABLE state (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0);
