-- The journal: what was said, how sessions descend from each other, what is still to be delivered.
-- It is the truth everything else derives from, so the rules are held here and not by careful callers.

CREATE TABLE bank (
    bank       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, also when the bank is forgotten
    name       TEXT    NOT NULL UNIQUE,
    folded     TEXT    NOT NULL UNIQUE,            -- two names that differ only in case are one folder on many disks
    redact     INTEGER NOT NULL DEFAULT 1 CHECK (redact IN (0, 1))
) STRICT;

CREATE TABLE session (
    session      INTEGER PRIMARY KEY AUTOINCREMENT,
    bank         INTEGER NOT NULL REFERENCES bank ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('fresh', 'branch', 'continuation', 'delegation')),
    parent       INTEGER REFERENCES session,
    fork_turn    INTEGER,                          -- the parent's last turn that is inherited; NULL: all of them
    fork_said    INTEGER,                          -- turns recorded after this one (by row) are not inherited; NULL: all are
    fork_note    INTEGER,                          -- the last note that is inherited; NULL: all of them
    fork_event   INTEGER,                          -- rewinds of the parent after this event are not inherited
    last_turn    INTEGER NOT NULL DEFAULT 0,       -- the highest number given out, also when that turn is forgotten
    batched_turn INTEGER NOT NULL DEFAULT 0,       -- every turn up to here is in a delivery
    owner        TEXT,                             -- the process that wrote to it last
    platform     TEXT,
    user         TEXT,
    chat         TEXT,
    thread       TEXT,
    agent        TEXT,
    tags         TEXT    NOT NULL DEFAULT '[]',
    metadata     TEXT    NOT NULL DEFAULT '{}',
    opened_at    TEXT    NOT NULL,
    ended_at     TEXT,
    forgotten_at TEXT,
    predecessor  TEXT,                             -- the session its host came from, of which nothing is inherited
    UNIQUE (bank, id),
    CHECK ((parent IS NULL) = (kind = 'fresh')),
    CHECK (batched_turn BETWEEN 0 AND last_turn)
) STRICT;
CREATE INDEX session_parent ON session (parent) WHERE parent IS NOT NULL;
CREATE INDEX session_open ON session (owner) WHERE batched_turn < last_turn;

-- Everything that happens to a session beside its turns. The number orders all events of all sessions.
CREATE TABLE event (
    event   INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    kind    TEXT    NOT NULL
            CHECK (kind IN ('open', 'resume', 'branch', 'continuation', 'delegation', 'leave', 'end', 'rewind', 'forget')),
    at      TEXT    NOT NULL
) STRICT;
CREATE INDEX event_session ON event (session, event);

CREATE TABLE turn (
    turn         INTEGER PRIMARY KEY AUTOINCREMENT,
    session      INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    host_key     TEXT,
    messages     TEXT    NOT NULL,
    metadata     TEXT    NOT NULL DEFAULT '{}',
    content_hash BLOB    NOT NULL,
    redactions   INTEGER NOT NULL DEFAULT 0,
    occurred_at  TEXT    NOT NULL,
    recorded_at  TEXT    NOT NULL,
    UNIQUE (session, number)
) STRICT;
CREATE UNIQUE INDEX turn_host_key ON turn (session, host_key) WHERE host_key IS NOT NULL;

CREATE TRIGGER turn_numbers_grow_by_one BEFORE INSERT ON turn
WHEN NEW.number <> (SELECT last_turn FROM session WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'a turn takes the next number of its session'); END;

CREATE TRIGGER turn_is_immutable BEFORE UPDATE ON turn
BEGIN SELECT RAISE(ABORT, 'a turn is never changed'); END;

-- Where the host compressed a session in place: its model has not got the turns up to there before it any more.
CREATE TABLE compression (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    turn    INTEGER NOT NULL,
    at      TEXT    NOT NULL,
    PRIMARY KEY (session, turn)
) STRICT, WITHOUT ROWID;

-- Which view lost which turn by which rewind. The viewer is not always the session the turn was said in:
-- a branch may take back what it inherited, for itself alone.
CREATE TABLE rewound (
    viewer INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    turn   INTEGER NOT NULL REFERENCES turn ON DELETE CASCADE,
    event  INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
    PRIMARY KEY (viewer, turn)
) STRICT, WITHOUT ROWID;
CREATE INDEX rewound_turn ON rewound (turn);
CREATE INDEX rewound_event ON rewound (event);

CREATE TABLE note (
    note         INTEGER PRIMARY KEY AUTOINCREMENT,
    bank         INTEGER NOT NULL REFERENCES bank ON DELETE CASCADE,
    session      INTEGER REFERENCES session ON DELETE CASCADE,
    id           TEXT    NOT NULL,
    host_key     TEXT,
    text         TEXT    NOT NULL,
    context      TEXT,
    tags         TEXT    NOT NULL DEFAULT '[]',
    metadata     TEXT    NOT NULL DEFAULT '{}',
    content_hash BLOB    NOT NULL,
    redactions   INTEGER NOT NULL DEFAULT 0,
    occurred_at  TEXT    NOT NULL,
    recorded_at  TEXT    NOT NULL,
    UNIQUE (bank, id)
) STRICT;
CREATE INDEX note_session ON note (session, note) WHERE session IS NOT NULL;
CREATE UNIQUE INDEX note_host_key ON note (bank, host_key) WHERE host_key IS NOT NULL;

CREATE TRIGGER note_is_immutable BEFORE UPDATE ON note
BEGIN SELECT RAISE(ABORT, 'a note is never changed'); END;

-- What was forgotten on request: no text, only what keeps a replay from bringing it back.
CREATE TABLE forgotten (
    bank     INTEGER NOT NULL REFERENCES bank ON DELETE CASCADE,
    session  INTEGER REFERENCES session ON DELETE CASCADE,
    number   INTEGER,
    key_hash BLOB,                                 -- of the turn's or note's host key, or of the session's id
    at       TEXT    NOT NULL
) STRICT;
CREATE INDEX forgotten_turn ON forgotten (session, number);
CREATE INDEX forgotten_key ON forgotten (bank, key_hash) WHERE key_hash IS NOT NULL;

-- What is carried to the backend, in order. `turns`: a batch; `note`; `retract`: turns that a rewind took
-- back after they may have been sent; `forget`: turns, or with NULL the whole document (`*`: the bank).
-- `dead`: the backend refused it for good; `dropped`: somebody gave it up.
CREATE TABLE delivery (
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

-- Who is carrying something of a document just now. One at a time; `*` is the whole bank.
CREATE TABLE lease (
    bank     INTEGER NOT NULL REFERENCES bank ON DELETE CASCADE,
    document TEXT    NOT NULL,
    owner    TEXT    NOT NULL,
    PRIMARY KEY (bank, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_owner ON lease (owner);
