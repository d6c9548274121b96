-- Documents as a caller of the server knows them: made of items, about entities, with memories that can be edited.
ALTER TABLE documents ADD COLUMN stored_at TEXT;
ALTER TABLE documents ADD COLUMN changed_at TEXT;
ALTER TABLE documents ADD COLUMN source TEXT;
ALTER TABLE documents ADD COLUMN chunks_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN extra TEXT NOT NULL DEFAULT '{}';
UPDATE documents SET
    stored_at = (SELECT min(occurred_at) FROM passages WHERE document = documents.id),
    changed_at = (SELECT max(occurred_at) FROM passages WHERE document = documents.id);
CREATE INDEX documents_by_source ON documents (source) WHERE source IS NOT NULL;
CREATE INDEX documents_as_known ON documents (coalesce(source, name));

ALTER TABLE state ADD COLUMN uid TEXT NOT NULL DEFAULT '';
UPDATE state SET uid = lower(hex(randomblob(8)));

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
