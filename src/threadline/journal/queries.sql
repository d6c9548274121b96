-- Banks

-- name: find_bank
SELECT bank, name, redact FROM bank WHERE folded = :folded

-- name: add_bank
INSERT INTO bank (name, folded, redact) VALUES (:name, :folded, :redact) RETURNING bank, name, redact

-- name: set_redact
UPDATE bank SET redact = :redact WHERE bank = :bank

-- name: bank_lives
SELECT 1 FROM bank WHERE bank = :bank

-- name: banks
SELECT name FROM bank ORDER BY name

-- Sessions and their lineage

-- name: find_session
SELECT session, id, kind, parent, fork_turn, last_turn, batched_turn, opened_at, ended_at, forgotten_at,
       platform, user, chat, thread, agent, tags, metadata, predecessor
  FROM session WHERE bank = :bank AND id = :id

-- name: session_by_key
SELECT session, id, kind, parent, fork_turn, last_turn, batched_turn, opened_at, ended_at, forgotten_at,
       platform, user, chat, thread, agent, tags, metadata, predecessor
  FROM session WHERE session = :session

-- name: sessions
SELECT s.session, s.id, s.kind, p.id, s.fork_turn, s.opened_at, s.ended_at,
       (SELECT count(*) FROM turn t WHERE t.session = s.session),
       (SELECT count(*) FROM turn t JOIN rewound r ON r.turn = t.turn AND r.viewer = s.session WHERE t.session = s.session),
       (SELECT count(*) FROM note n WHERE n.session = s.session),
       (SELECT max(t.occurred_at) FROM turn t WHERE t.session = s.session)
  FROM session s LEFT JOIN session p ON p.session = s.parent
 WHERE s.bank = :bank AND s.forgotten_at IS NULL
 ORDER BY s.session

-- name: add_session
INSERT INTO session (bank, id, kind, parent, fork_turn, fork_said, fork_note, platform, user, chat, thread, agent, tags,
                     metadata, opened_at, owner, predecessor)
VALUES (:bank, :id, :kind, :parent, :fork_turn, :fork_said, :fork_note, :platform, :user, :chat, :thread, :agent, :tags, :metadata,
        :at, :owner, :predecessor)
RETURNING session

-- name: describe_session
UPDATE session
   SET platform = coalesce(:platform, platform), user = coalesce(:user, user), chat = coalesce(:chat, chat),
       thread = coalesce(:thread, thread), agent = coalesce(:agent, agent),
       tags = coalesce(:tags, tags), metadata = coalesce(:metadata, metadata)
 WHERE session = :session

-- name: set_fork_event
UPDATE session SET fork_event = :event WHERE session = :session

-- name: learn_descent
UPDATE session
   SET kind = :kind, parent = :parent, fork_turn = :fork_turn, fork_said = :fork_said, fork_note = :fork_note,
       fork_event = :event
 WHERE session = :session

-- name: end_session
UPDATE session SET ended_at = :at WHERE session = :session

-- name: reopen_session
UPDATE session SET ended_at = NULL WHERE session = :session AND ended_at IS NOT NULL

-- name: add_event
INSERT INTO event (session, kind, at) VALUES (:session, :kind, :at) RETURNING event

-- name: epoch
SELECT (SELECT coalesce(max(event), 0) FROM event WHERE session = :session),
       (SELECT coalesce(max(event), 0) FROM rewound),
       (SELECT coalesce(max(delivery), 0) FROM delivery
         WHERE kind = 'forget' AND bank = (SELECT bank FROM session WHERE session = :session))

-- name: last_note
SELECT coalesce(max(note), 0) FROM note

-- name: last_note_by
SELECT coalesce(max(note), 0) FROM note WHERE recorded_at <= :at

-- name: first_event
SELECT min(event) FROM event WHERE session = :session

-- name: last_said
SELECT coalesce(max(turn), 0) FROM turn

-- name: first_said
SELECT min(turn) FROM turn WHERE session = :session

-- name: last_said_up_to
SELECT coalesce(max(turn), 0) FROM turn WHERE session = :session AND number <= :number

-- name: last_turn_said
SELECT coalesce(max(number), 0) FROM turn WHERE session = :session AND turn <= :last

-- name: add_compression
INSERT INTO compression (session, turn, at) VALUES (:session, :turn, :at)
ON CONFLICT DO UPDATE SET at = excluded.at

-- name: compressed_turn
SELECT max(turn) FROM compression WHERE session = :session

-- name: compressed_turn_seen
SELECT max(turn) FROM compression WHERE session = :session AND turn <= :last

-- name: link
SELECT session, id, kind, parent, fork_turn, fork_said, fork_note, fork_event, forgotten_at IS NOT NULL
  FROM session WHERE session = :session

-- name: children
SELECT session, kind, fork_turn, fork_event, coalesce(fork_said, 9223372036854775807)
  FROM session WHERE parent = :session ORDER BY session

-- Turns and notes

-- name: next_turn
UPDATE session SET last_turn = last_turn + 1, owner = :owner, ended_at = NULL
 WHERE session = :session AND forgotten_at IS NULL
RETURNING last_turn, batched_turn

-- name: add_turn
INSERT INTO turn (session, number, host_key, messages, metadata, content_hash, redactions, occurred_at, recorded_at)
VALUES (:session, :number, :host_key, :messages, :metadata, :content_hash, :redactions, :occurred_at, :at)

-- name: turn_by_key
SELECT t.number, t.host_key, t.messages, t.metadata, t.occurred_at, t.content_hash,
       EXISTS (SELECT 1 FROM rewound r WHERE r.turn = t.turn AND r.viewer = t.session)
  FROM turn t WHERE t.session = :session AND t.host_key = :host_key

-- name: turns
SELECT t.number, t.host_key, t.messages, t.metadata, t.occurred_at, t.content_hash,
       EXISTS (SELECT 1 FROM rewound r WHERE r.turn = t.turn AND r.viewer = t.session)
  FROM turn t WHERE t.session = :session AND t.number BETWEEN :first AND :last ORDER BY t.number

-- name: turn_ids
SELECT turn, number FROM turn WHERE session = :session AND number <= :last ORDER BY number DESC

-- name: hidden_turns
SELECT t.number FROM rewound r JOIN turn t ON t.turn = r.turn
 WHERE r.viewer = :viewer AND t.session = :session AND r.event < :limit
UNION SELECT number FROM forgotten WHERE session = :session AND number IS NOT NULL

-- name: forgotten_turns
SELECT s.id, f.number FROM forgotten f JOIN session s ON s.session = f.session
 WHERE f.bank = :bank AND f.number IS NOT NULL

-- name: rewound_in_own_view
SELECT t.turn, t.number, s.session, s.id, r.event
  FROM rewound r CROSS JOIN turn t ON t.turn = r.turn AND t.session = r.viewer
 CROSS JOIN session s ON s.session = t.session -- CROSS: from the few that were taken back, not from all turns
 WHERE s.bank = :bank

-- name: rewound_at
SELECT event FROM rewound WHERE viewer = :viewer AND turn = :turn

-- name: rewind_turn
INSERT INTO rewound (viewer, turn, event) VALUES (:viewer, :turn, :event)

-- name: add_note
INSERT INTO note (bank, session, id, host_key, text, context, tags, metadata, content_hash, redactions, occurred_at, recorded_at)
VALUES (:bank, :session, :id, :host_key, :text, :context, :tags, :metadata, :content_hash, :redactions, :occurred_at, :at)
RETURNING note

-- name: note_by_key
SELECT n.id, s.id, n.text, n.occurred_at, n.context, n.tags, n.metadata
  FROM note n LEFT JOIN session s ON s.session = n.session
 WHERE n.bank = :bank AND n.host_key = :host_key

-- name: note
SELECT n.id, s.id, n.text, n.occurred_at, n.context, n.tags, n.metadata
  FROM note n LEFT JOIN session s ON s.session = n.session WHERE n.note = :note

-- name: notes
SELECT n.id, s.id, n.text, n.occurred_at, n.context, n.tags, n.metadata
  FROM note n LEFT JOIN session s ON s.session = n.session
 WHERE n.bank = :bank AND (:session IS NULL OR n.session = :session) ORDER BY n.note

-- name: note_ids
SELECT id FROM note WHERE session = :session AND note <= :last

-- Deliveries

-- name: open_session_keys
SELECT session FROM session WHERE batched_turn < last_turn AND owner = :owner AND forgotten_at IS NULL

-- name: open_bank_sessions
SELECT session FROM session WHERE bank = :bank AND batched_turn < last_turn AND forgotten_at IS NULL

-- name: owners_of_open_sessions
SELECT DISTINCT owner FROM session
 WHERE bank = :bank AND batched_turn < last_turn AND owner IS NOT NULL AND forgotten_at IS NULL

-- name: close_batch
INSERT INTO delivery (bank, document, kind, session, first_turn, last_turn, created_at)
SELECT bank, 'session:' || id, 'turns', session, batched_turn + 1, last_turn, :at
  FROM session WHERE session = :session AND batched_turn < last_turn AND forgotten_at IS NULL

-- name: deliver_note
INSERT INTO delivery (bank, document, kind, session, note, created_at)
VALUES (:bank, :document, 'note', :session, :note, :at)

-- name: deliver_removal
INSERT INTO delivery (bank, document, kind, session, turns, created_at)
VALUES (:bank, :document, :kind, :session, :turns, :at)

-- name: may_have_been_sent
SELECT 1 FROM delivery d
 WHERE d.session = :session AND d.kind = 'turns' AND :number BETWEEN d.first_turn AND d.last_turn
   AND (d.state <> 'waiting' OR d.attempts > 0
        OR EXISTS (SELECT 1 FROM lease l WHERE l.bank = d.bank AND l.document IN (d.document, '*')))

-- name: next_delivery
SELECT d.delivery, d.bank, b.name, d.document, d.kind, d.session, d.note, d.first_turn, d.last_turn, d.turns, d.attempts,
       d.created_at, d.key
  FROM delivery d JOIN bank b ON b.bank = d.bank
 WHERE d.state = 'waiting' AND d.bank = :bank
   AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.state = 'waiting' AND e.bank = d.bank
                      AND e.document = d.document AND e.delivery < d.delivery)
   AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.state = 'waiting' AND e.bank = d.bank
                      AND e.document = '*' AND e.delivery < d.delivery)
   AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.bank = d.bank
                      AND (l.document IN (d.document, '*') OR d.document = '*'))
   AND d.delivery NOT IN (SELECT value FROM json_each(:resting))
 ORDER BY d.delivery LIMIT 1

-- name: take_lease
INSERT INTO lease (bank, document, owner) VALUES (:bank, :document, :owner)

-- name: batches_with
SELECT first_turn, last_turn, created_at, state = 'done' FROM delivery
 WHERE session = :session AND kind = 'turns' AND state IN ('done', 'dead', 'dropped')
   AND EXISTS (SELECT 1 FROM json_each(:turns) WHERE value BETWEEN first_turn AND last_turn)
 ORDER BY first_turn

-- name: last_sent
SELECT max(last_turn), max(created_at) FROM delivery
 WHERE session = :session AND kind = 'turns' AND (state = 'done' OR attempts > 0)

-- name: has_lease
SELECT 1 FROM lease WHERE owner = :owner LIMIT 1

-- name: mark_tried
UPDATE delivery SET attempts = attempts + 1
 WHERE delivery IN (SELECT min(d.delivery) FROM lease l JOIN delivery d ON d.bank = l.bank AND d.document = l.document
                     WHERE l.owner = :owner AND d.state = 'waiting' GROUP BY d.bank, d.document)

-- name: release_owner
DELETE FROM lease WHERE owner = :owner

-- name: lease_owners
SELECT DISTINCT owner FROM lease WHERE bank = :bank AND owner <> :owner

-- name: settle
UPDATE delivery SET state = :state, error = :error, attempts = attempts + 1, tried_at = :at WHERE delivery = :delivery

-- name: is_waiting_in
SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 'waiting' AND bank = :bank AND delivery <= :last)

-- name: last_delivery
SELECT coalesce(max(delivery), 0) FROM delivery

-- name: drop_for_redelivery
DELETE FROM delivery WHERE bank = :bank AND NOT (kind = 'forget' AND state = 'waiting')

-- name: unbatch
UPDATE session SET batched_turn = 0 WHERE bank = :bank AND forgotten_at IS NULL

-- name: rebatch
INSERT INTO delivery (bank, document, kind, session, first_turn, last_turn, created_at)
SELECT bank, 'session:' || id, 'turns', session, batched_turn + 1, min(batched_turn + :run, last_turn), :at
  FROM session WHERE bank = :bank AND batched_turn < last_turn AND forgotten_at IS NULL
RETURNING delivery

-- name: redeliver_notes
INSERT INTO delivery (bank, document, kind, session, note, created_at)
SELECT bank, 'note:' || id, 'note', session, note, :at FROM note WHERE bank = :bank

-- Figures

-- name: bank_figures
SELECT (SELECT count(*) FROM session WHERE bank = :bank AND forgotten_at IS NULL),
       (SELECT count(*) FROM turn t JOIN session s ON s.session = t.session WHERE s.bank = :bank),
       (SELECT count(*) FROM rewound r JOIN turn t ON t.turn = r.turn AND t.session = r.viewer
          JOIN session s ON s.session = t.session WHERE s.bank = :bank),
       (SELECT count(*) FROM note WHERE bank = :bank),
       (SELECT coalesce(sum(last_turn - batched_turn), 0) FROM session WHERE bank = :bank AND forgotten_at IS NULL),
       (SELECT coalesce(sum(t.redactions), 0) FROM turn t JOIN session s ON s.session = t.session WHERE s.bank = :bank)
     + (SELECT coalesce(sum(redactions), 0) FROM note WHERE bank = :bank)

-- name: delivery_figures
SELECT state, count(*), coalesce(sum(attempts > 0 AND state = 'waiting'), 0), max(tried_at),
       coalesce(sum(CASE WHEN state = 'waiting' THEN attempts ELSE max(attempts - 1, 0) END), 0)
  FROM delivery WHERE bank = :bank GROUP BY state

-- name: session_figures
SELECT s.id, s.ended_at,
       (SELECT count(*) FROM turn t WHERE t.session = s.session),
       (SELECT count(*) FROM turn t JOIN rewound r ON r.turn = t.turn AND r.viewer = s.session WHERE t.session = s.session),
       (SELECT count(*) FROM turn t WHERE t.session = s.session AND t.number > s.batched_turn),
       coalesce(sum((SELECT count(*) FROM turn t WHERE t.session = s.session AND d.kind = 'turns' AND d.state = 'waiting'
                        AND t.number BETWEEN d.first_turn AND d.last_turn)), 0),
       coalesce(sum((SELECT count(*) FROM turn t WHERE t.session = s.session AND d.kind = 'turns' AND d.state = 'done'
                        AND t.number BETWEEN d.first_turn AND d.last_turn)), 0),
       coalesce(sum(d.state = 'waiting' AND d.attempts > 0), 0),
       coalesce(sum(CASE WHEN d.state = 'waiting' THEN d.attempts ELSE max(d.attempts - 1, 0) END), 0),
       coalesce(sum(d.state = 'dead'), 0),
       max(CASE WHEN d.state = 'done' THEN d.tried_at END),
       (SELECT min(at) FROM (
            SELECT min(w.created_at) AS at FROM delivery w WHERE w.session = s.session AND w.state = 'waiting'
            UNION ALL
            SELECT min(t.recorded_at) FROM turn t WHERE t.session = s.session AND t.number > s.batched_turn)),
       (SELECT e.error FROM delivery e WHERE e.session = s.session AND e.error IS NOT NULL AND e.state <> 'dropped'
         ORDER BY e.tried_at DESC LIMIT 1)
  FROM session s LEFT JOIN delivery d ON d.session = s.session
 WHERE s.bank = :bank AND s.forgotten_at IS NULL AND (:id IS NULL OR s.id = :id)
 GROUP BY s.session ORDER BY s.session

-- name: deliveries
SELECT d.delivery, d.document, d.kind, d.state, d.attempts, d.error, d.created_at, d.tried_at, d.first_turn, d.last_turn,
       d.turns, s.id
  FROM delivery d LEFT JOIN session s ON s.session = d.session
 WHERE d.bank = :bank AND d.state IN (SELECT value FROM json_each(:states))
   AND (:ids IS NULL OR d.delivery IN (SELECT value FROM json_each(:ids))) ORDER BY d.delivery

-- name: delivery
SELECT state, document, kind, session, note, first_turn, last_turn
  FROM delivery WHERE bank = :bank AND delivery = :delivery

-- name: is_anything_done_since
SELECT 1 FROM delivery WHERE bank = :bank AND delivery > :delivery AND state = 'done' LIMIT 1

-- name: carrier
SELECT l.owner FROM delivery d JOIN lease l ON l.bank = d.bank AND l.document IN (d.document, '*')
 WHERE d.delivery = :delivery AND d.state = 'waiting'
   AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.bank = d.bank AND e.document = d.document AND e.state = 'waiting'
                      AND e.delivery < d.delivery)

-- name: set_key
UPDATE delivery SET key = :key WHERE delivery = :delivery AND key IS NULL

-- name: set_state
UPDATE delivery SET state = :state WHERE delivery = :delivery

-- name: undelivered
SELECT coalesce(sum(last_turn - first_turn + 1), 0), coalesce(sum(kind = 'note'), 0)
  FROM delivery WHERE bank = :bank AND state = 'waiting' AND kind IN ('turns', 'note')

-- name: last_error
SELECT error, tried_at FROM delivery WHERE bank = :bank AND error IS NOT NULL AND state <> 'dropped'
 ORDER BY tried_at DESC LIMIT 1

-- name: oldest_undelivered
SELECT min(at) FROM (
    SELECT min(created_at) AS at FROM delivery WHERE bank = :bank AND state = 'waiting'
    UNION ALL
    SELECT min(t.recorded_at) FROM session s JOIN turn t ON t.session = s.session AND t.number > s.batched_turn
     WHERE s.bank = :bank AND s.batched_turn < s.last_turn)

-- Forgetting

-- name: session_forgotten
SELECT 1 FROM forgotten WHERE bank = :bank AND session IS NULL AND key_hash = :key_hash

-- name: key_forgotten
SELECT 1 FROM forgotten WHERE session = :session AND key_hash = :key_hash

-- name: note_forgotten
SELECT 1 FROM forgotten WHERE bank = :bank AND session IS NULL AND key_hash = :key_hash

-- name: add_forgotten
INSERT INTO forgotten (bank, session, number, key_hash, at) VALUES (:bank, :session, :number, :key_hash, :at)

-- name: forget_turn
DELETE FROM turn WHERE session = :session AND number = :number

-- name: forget_session_turns
DELETE FROM turn WHERE session = :session

-- name: find_note
SELECT note, host_key, text, context, metadata, session FROM note WHERE bank = :bank AND id = :id

-- name: forget_note
DELETE FROM note WHERE note = :note

-- name: drop_waiting
DELETE FROM delivery WHERE bank = :bank AND document = :document AND kind IN ('turns', 'note')

-- name: blank_session
UPDATE session
   SET id = :id, platform = NULL, user = NULL, chat = NULL, thread = NULL, agent = NULL, tags = '[]', metadata = '{}',
       predecessor = NULL,
       batched_turn = last_turn, forgotten_at = :at
 WHERE session = :session

-- name: forget_predecessor
UPDATE session SET predecessor = NULL WHERE bank = :bank AND predecessor = :id

-- name: bank_turn_texts
SELECT t.messages FROM turn t JOIN session s ON s.session = t.session WHERE s.bank = :bank

-- name: bank_note_texts
SELECT text FROM note WHERE bank = :bank
UNION ALL SELECT context FROM note WHERE bank = :bank AND context IS NOT NULL

-- name: forget_bank_rewinds
DELETE FROM rewound WHERE viewer IN (SELECT session FROM session WHERE bank = :bank)

-- name: forget_bank_deliveries
DELETE FROM delivery WHERE bank = :bank

-- name: forget_bank_turns
DELETE FROM turn WHERE session IN (SELECT session FROM session WHERE bank = :bank)

-- name: forget_bank_notes
DELETE FROM note WHERE bank = :bank

-- name: forget_bank_parents
UPDATE session SET parent = NULL, kind = 'fresh' WHERE bank = :bank

-- name: forget_bank_marks
DELETE FROM forgotten WHERE bank = :bank

-- name: forget_bank_sessions
DELETE FROM session WHERE bank = :bank

-- name: drop_bank
DELETE FROM bank WHERE bank = :bank AND NOT EXISTS (SELECT 1 FROM session s WHERE s.bank = bank.bank)
   AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.bank = bank.bank AND d.state <> 'done')

-- name: is_forgetting
SELECT 1 FROM delivery WHERE bank = :bank AND kind = 'forget' AND state <> 'done' LIMIT 1

-- name: forgotten_documents
SELECT DISTINCT document FROM delivery WHERE bank = :bank AND kind = 'forget' AND turns IS NULL AND state <> 'done'

-- name: documents
SELECT 'session:' || id FROM session WHERE bank = :bank AND forgotten_at IS NULL
UNION ALL SELECT 'note:' || id FROM note WHERE bank = :bank

-- name: surviving_texts
SELECT messages FROM turn
UNION ALL SELECT metadata FROM turn
UNION ALL SELECT text FROM note
UNION ALL SELECT coalesce(context, '') || metadata || tags FROM note
UNION ALL SELECT id || metadata || tags FROM session

-- Archives

-- name: archived_events
SELECT e.event, e.kind, e.at, e.session FROM event e JOIN session s ON s.session = e.session
 WHERE s.bank = :bank AND e.kind IN ('open', 'branch', 'continuation', 'delegation', 'rewind') ORDER BY e.event

-- name: archived_session
SELECT s.id, s.kind, p.id, s.fork_turn, s.fork_said, s.fork_note, s.opened_at, s.ended_at, s.forgotten_at,
       s.platform, s.user, s.chat, s.thread, s.agent, s.tags, s.metadata, s.predecessor
  FROM session s LEFT JOIN session p ON p.session = s.parent WHERE s.session = :session

-- name: archived_turns
SELECT s.id, t.number, t.host_key, t.messages, t.metadata, t.occurred_at, t.redactions
  FROM turn t JOIN session s ON s.session = t.session
 WHERE s.bank = :bank AND t.turn > :after AND t.turn <= :last ORDER BY t.turn

-- name: archived_gaps
SELECT s.id, f.number, f.key_hash FROM forgotten f JOIN session s ON s.session = f.session
 WHERE f.bank = :bank AND f.number IS NOT NULL AND s.forgotten_at IS NULL ORDER BY s.session, f.number

-- name: archived_rewind
SELECT s.id, t.number, t.turn FROM rewound r JOIN turn t ON t.turn = r.turn JOIN session s ON s.session = t.session
 WHERE r.event = :event ORDER BY s.session, t.number

-- name: archived_notes
SELECT n.id, s.id, n.text, n.occurred_at, n.context, n.tags, n.metadata, n.host_key, n.redactions, n.note
  FROM note n LEFT JOIN session s ON s.session = n.session
 WHERE n.bank = :bank AND n.note > :after AND n.note <= :last ORDER BY n.note

-- name: archived_marks
SELECT DISTINCT key_hash FROM forgotten
 WHERE bank = :bank AND session IS NULL AND key_hash IS NOT NULL ORDER BY key_hash

-- name: host_keys
SELECT host_key, json_array_length(messages) FROM turn WHERE session = :session AND host_key IS NOT NULL

-- name: number_forgotten
SELECT 1 FROM forgotten WHERE session = :session AND number = :number

-- name: turn_row
SELECT turn, content_hash FROM turn WHERE session = :session AND number = :number

-- name: raise_last_turn
UPDATE session SET last_turn = :number, owner = :owner WHERE session = :session AND last_turn < :number

-- name: note_hash
SELECT content_hash FROM note WHERE bank = :bank AND id = :id

-- name: restore_session
INSERT INTO session (bank, id, kind, parent, fork_turn, fork_said, fork_note, platform, user, chat, thread, agent, tags,
                     metadata, opened_at, ended_at, forgotten_at, owner, predecessor)
VALUES (:bank, :id, :kind, :parent, :fork_turn, :fork_said, :fork_note, :platform, :user, :chat, :thread, :agent, :tags,
        :metadata, :opened_at, :ended_at, :forgotten_at, :owner, :predecessor)
RETURNING session

-- name: restore_event
INSERT INTO event (session, kind, at) VALUES (:session, :kind, :at) RETURNING event

-- name: known_turns
SELECT session.id, max(turn.number) FROM turn JOIN session USING (session)
WHERE session.bank = :bank AND turn.recorded_at <= :moment GROUP BY session

-- name: known_notes
SELECT id FROM note WHERE bank = :bank AND recorded_at <= :moment
