-- Who may ask: keys.db of a data directory. A secret is never in it, only its digest.

-- name: create
CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL CHECK (length(digest) = 32),  -- SHA-256 of the secret
    tenant     TEXT NOT NULL,
    banks      TEXT,                                       -- JSON, sorted; NULL: every bank of the tenant
    scope      TEXT NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    created_at TEXT NOT NULL,                              -- times are ISO 8601, in UTC
    expires_at TEXT,
    revoked_at TEXT,                                       -- a revoked key stays: the last one gone must not open the door
    used_at    TEXT                                        -- to the minute or so
) STRICT;

-- name: add
INSERT INTO keys (id, digest, tenant, banks, scope, created_at, expires_at)
VALUES (:id, :digest, :tenant, :banks, :scope, :created_at, :expires_at)

-- name: find
SELECT id, tenant, banks, scope, created_at, expires_at, revoked_at, used_at, digest FROM keys WHERE id = ?

-- name: list
SELECT id, tenant, banks, scope, created_at, expires_at, revoked_at, used_at FROM keys ORDER BY created_at, id

-- name: any
SELECT 1 FROM keys LIMIT 1

-- name: revoke
UPDATE keys SET revoked_at = coalesce(revoked_at, :now) WHERE id = :id RETURNING id

-- name: use
UPDATE keys SET used_at = max(coalesce(used_at, ''), :used_at) WHERE id = :id
