-- The word index moves beside the file, the vectors of several models may stand side by side, and what goes away is named.
DROP TABLE words;

ALTER TABLE vectors RENAME TO old_vectors;
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
-- The default model has tokens now, and these vectors have none beside them: they go by another name, serve under it, and
-- are made anew meanwhile.
UPDATE old_vectors SET model = 'all-MiniLM-L6-v2-int8 without tokens' WHERE model = 'all-MiniLM-L6-v2-int8';
INSERT INTO models (name) SELECT DISTINCT model FROM old_vectors;
INSERT INTO vectors (memory, model, vector)
    SELECT memory, models.id, vector FROM old_vectors JOIN models ON models.name = old_vectors.model;
DROP TABLE old_vectors;

CREATE TABLE gone (
    memory     INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;
CREATE INDEX gone_by_generation ON gone (generation);

ALTER TABLE state RENAME TO old_state;
CREATE TABLE state (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    generation     INTEGER NOT NULL,                   -- grows whenever memories go away
    complete_since INTEGER NOT NULL DEFAULT 0,         -- a copy older than this generation has to be made anew
    serving        TEXT NOT NULL DEFAULT ''            -- the model whose vectors are searched
) STRICT;
INSERT INTO state SELECT 1, generation, generation,
    coalesce((SELECT name FROM models JOIN vectors ON model = models.id GROUP BY name ORDER BY count(*) DESC LIMIT 1), '')
FROM old_state;
DROP TABLE old_state;

-- Last: a trigger follows a table that is renamed.
CREATE TRIGGER memories_are_named_when_they_go AFTER DELETE ON memories
BEGIN
    INSERT OR REPLACE INTO gone SELECT OLD.id, generation + 1 FROM state;
END;
