-- Sessions that name where their host came from, compression in place, deliveries that were given up.

ALTER TABLE session ADD COLUMN predecessor TEXT;

CREATE TABLE compression (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    turn    INTEGER NOT NULL,
    at      TEXT    NOT NULL,
    PRIMARY KEY (session, turn)
) STRICT, WITHOUT ROWID;

-- A check cannot be altered: the table is made anew. Nothing refers to it.
CREATE TABLE delivery_2 (
    delivery   INTEGER PRIMARY KEY AUTOINCREMENT,
    bank       INTEGER NOT NULL REFERENCES bank ON DELETE CASCADE,
    document   TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('turns', 'note', 'retract', 'forget')),
    session    INTEGER REFERENCES session ON DELETE CASCADE,
    note       INTEGER REFERENCES note ON DELETE SET NULL,
    first_turn INTEGER,
    last_turn  INTEGER,
    turns      TEXT,
    state      TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead', 'dropped')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    error      TEXT,
    created_at TEXT    NOT NULL,
    tried_at   TEXT,
    key        TEXT,                               -- of its batch as it was first sent, also when a turn of it is gone since
    CHECK ((kind = 'turns') = (first_turn IS NOT NULL)),
    CHECK (first_turn IS NULL OR first_turn <= last_turn)
) STRICT;
INSERT INTO delivery_2 SELECT *, NULL FROM delivery;
-- The numbers of deliveries that are gone are not given out again.
INSERT INTO sqlite_sequence (name, seq) SELECT 'delivery_2', 0 WHERE NOT EXISTS (
    SELECT 1 FROM sqlite_sequence WHERE name = 'delivery_2');
UPDATE sqlite_sequence SET seq = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'delivery'), 0)
 WHERE name = 'delivery_2';
DROP TABLE delivery;
ALTER TABLE delivery_2 RENAME TO delivery;

CREATE UNIQUE INDEX delivery_batch ON delivery (session, first_turn) WHERE kind = 'turns';
CREATE UNIQUE INDEX delivery_note ON delivery (note) WHERE kind = 'note' AND note IS NOT NULL;
CREATE INDEX delivery_waiting ON delivery (bank, delivery) WHERE state = 'waiting';
CREATE INDEX delivery_of_document ON delivery (bank, document, delivery) WHERE state = 'waiting';
CREATE INDEX delivery_settled ON delivery (bank, state, tried_at);
CREATE INDEX delivery_forget ON delivery (bank, delivery) WHERE kind = 'forget';

CREATE TRIGGER batches_are_consecutive BEFORE INSERT ON delivery
WHEN NEW.kind = 'turns'
 AND (NEW.first_turn <> (SELECT batched_turn + 1 FROM session WHERE session = NEW.session)
      OR NEW.last_turn > (SELECT last_turn FROM session WHERE session = NEW.session))
BEGIN SELECT RAISE(ABORT, 'a batch takes up where the last one ended'); END;

CREATE TRIGGER batch_moves_its_session AFTER INSERT ON delivery
WHEN NEW.kind = 'turns'
BEGIN UPDATE session SET batched_turn = NEW.last_turn WHERE session = NEW.session; END;
