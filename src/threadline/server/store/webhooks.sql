-- Where a bank's events are sent to. What is on its way is an operation of the kind `webhook_delivery`.
CREATE TABLE webhooks (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    bank        TEXT NOT NULL REFERENCES banks ON DELETE CASCADE,
    id          TEXT NOT NULL,                         -- a UUID
    url         TEXT NOT NULL,
    secret      TEXT,                                  -- signs what is sent; never shown
    event_types TEXT NOT NULL,                         -- JSON
    enabled     INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    http_config TEXT NOT NULL,                         -- JSON
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    UNIQUE (bank, id)
) STRICT;

CREATE INDEX deliveries_of_webhook ON operations (bank, metadata ->> 'webhook_id', created_at)
    WHERE kind = 'webhook_delivery';
