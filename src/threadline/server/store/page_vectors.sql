-- What a knowledge page is about, as a vector, made when a search first needs it. It goes with the text it was made of.
CREATE TABLE page_vectors (
    bank     TEXT NOT NULL,
    model    TEXT NOT NULL,
    embedder TEXT NOT NULL,
    vector   BLOB NOT NULL,                    -- float32, little-endian, of unit length
    PRIMARY KEY (bank, model),
    FOREIGN KEY (bank, model) REFERENCES mental_models (bank, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER page_vectors_outdated AFTER UPDATE OF name, content ON mental_models
WHEN OLD.name <> NEW.name OR OLD.content <> NEW.content
BEGIN
    DELETE FROM page_vectors WHERE bank = NEW.bank AND model = NEW.id;
END;
