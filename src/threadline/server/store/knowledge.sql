-- The knowledge base: folders, and pages whose content is a mental model's.
CREATE TABLE knowledge_nodes (
    bank       TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id         TEXT NOT NULL,
    parent     TEXT,                          -- a folder; NULL at the root
    kind       TEXT NOT NULL CHECK (kind IN ('folder', 'page')),
    name       TEXT NOT NULL,
    model      TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (bank, id),
    CHECK ((kind = 'page') = (model IS NOT NULL)),
    FOREIGN KEY (bank, parent) REFERENCES knowledge_nodes (bank, id) ON DELETE CASCADE,
    FOREIGN KEY (bank, model) REFERENCES mental_models (bank, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX knowledge_nodes_within ON knowledge_nodes (bank, parent);
CREATE UNIQUE INDEX knowledge_pages_by_model ON knowledge_nodes (bank, model) WHERE model IS NOT NULL;
CREATE UNIQUE INDEX knowledge_pages_by_name ON knowledge_nodes (bank, ifnull(parent, ''), name) WHERE kind = 'page';

-- What a parent may be. The messages are for whoever asked for another one.
CREATE TRIGGER knowledge_nodes_made BEFORE INSERT ON knowledge_nodes WHEN NEW.parent IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'Parent folder ''' || NEW.parent || ''' not found')
    WHERE NOT EXISTS (SELECT 1 FROM knowledge_nodes WHERE bank = NEW.bank AND id = NEW.parent);
    SELECT RAISE(ABORT, 'Parent ''' || NEW.parent || ''' is not a folder')
    FROM knowledge_nodes WHERE bank = NEW.bank AND id = NEW.parent AND kind <> 'folder';
    SELECT RAISE(ABORT, 'Folders can be nested 100 deep, and no deeper')
    WHERE 100 <= (
        WITH RECURSIVE above (parent) AS (
            SELECT NEW.parent
            UNION ALL
            SELECT node.parent FROM knowledge_nodes node JOIN above ON node.id = above.parent
            WHERE node.bank = NEW.bank AND node.parent IS NOT NULL
        )
        SELECT count(*) FROM above
    );
END;

CREATE TRIGGER knowledge_nodes_moved BEFORE UPDATE OF parent ON knowledge_nodes WHEN NEW.parent IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'A node cannot be its own parent') WHERE NEW.parent = NEW.id;
    SELECT RAISE(ABORT, 'Parent folder ''' || NEW.parent || ''' not found')
    WHERE NOT EXISTS (SELECT 1 FROM knowledge_nodes WHERE bank = NEW.bank AND id = NEW.parent);
    SELECT RAISE(ABORT, 'Parent ''' || NEW.parent || ''' is not a folder')
    FROM knowledge_nodes WHERE bank = NEW.bank AND id = NEW.parent AND kind <> 'folder';
    SELECT RAISE(ABORT, 'Cannot move a node into its own subtree')
    WHERE NEW.id IN (
        WITH RECURSIVE above (id, parent) AS (
            SELECT id, parent FROM knowledge_nodes WHERE bank = NEW.bank AND id = NEW.parent
            UNION
            SELECT node.id, node.parent FROM knowledge_nodes node JOIN above ON node.id = above.parent
            WHERE node.bank = NEW.bank
        )
        SELECT id FROM above
    );
    SELECT RAISE(ABORT, 'Folders can be nested 100 deep, and no deeper')
    WHERE 100 < (
        WITH RECURSIVE above (parent) AS (
            SELECT NEW.parent
            UNION ALL
            SELECT node.parent FROM knowledge_nodes node JOIN above ON node.id = above.parent
            WHERE node.bank = NEW.bank AND node.parent IS NOT NULL
        ), within (id, depth) AS (
            SELECT NEW.id, 1
            UNION ALL
            SELECT node.id, depth + 1 FROM knowledge_nodes node JOIN within ON node.parent = within.id
            WHERE node.bank = NEW.bank
        )
        SELECT (SELECT count(*) FROM above) + (SELECT max(depth) FROM within)
    );
END;
