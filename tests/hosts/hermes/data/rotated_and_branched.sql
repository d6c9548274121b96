-- {"a": [["Question 0?", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "], ["continue", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. "], ["Question 2?", "Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. "], ["continue", "Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. "], ["Question 4?", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "], ["continue", "Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. "], ["Question 6?", "Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. "], ["continue", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. "]], "b": [["Question 8?", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "], ["continue", "Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. "]], "c": [["Question 10?", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. "], ["continue", "Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. "]], "d": [["continue", "Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. "], ["Question 12?", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "]]}
-- Written by hermes-agent 0.19.0; see make.py.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    user_id TEXT,
    session_key TEXT,
    chat_id TEXT,
    chat_type TEXT,
    thread_id TEXT,
    display_name TEXT,
    origin_json TEXT,
    expiry_finalized INTEGER DEFAULT 0,
    model TEXT,
    model_config TEXT,
    system_prompt TEXT,
    parent_session_id TEXT,
    started_at REAL NOT NULL,
    ended_at REAL,
    end_reason TEXT,
    message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0,
    input_tokens INTEGER DEFAULT 0,
    output_tokens INTEGER DEFAULT 0,
    cache_read_tokens INTEGER DEFAULT 0,
    cache_write_tokens INTEGER DEFAULT 0,
    reasoning_tokens INTEGER DEFAULT 0,
    cwd TEXT,
    git_branch TEXT,
    git_repo_root TEXT,
    billing_provider TEXT,
    billing_base_url TEXT,
    billing_mode TEXT,
    estimated_cost_usd REAL,
    actual_cost_usd REAL,
    cost_status TEXT,
    cost_source TEXT,
    pricing_version TEXT,
    title TEXT,
    api_call_count INTEGER DEFAULT 0,
    handoff_state TEXT,
    handoff_platform TEXT,
    handoff_error TEXT,
    compression_failure_cooldown_until REAL,
    compression_failure_error TEXT,
    compression_fallback_streak INTEGER NOT NULL DEFAULT 0,
    profile_name TEXT,
    rewind_count INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (parent_session_id) REFERENCES sessions(id)
);
INSERT INTO sessions (id, source, expiry_finalized, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('a', 'cli', 0, 1795533772.0180004, 1795533772.1034758, 'compression', 22, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO sessions (id, source, expiry_finalized, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('b', 'cli', 0, 'a', 1795533772.1107192, 1795533772.1310449, 'compression', 15, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO sessions (id, source, expiry_finalized, parent_session_id, started_at, ended_at, end_reason, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('c', 'cli', 0, 'b', 1795533772.1347117, 1795533772.1707456, 'branched', 15, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO sessions (id, source, expiry_finalized, model_config, parent_session_id, started_at, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('d', 'cli', 0, '{"_branched_from": "c"}', 'c', 1795533772.1737804, 19, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL,
    content TEXT,
    tool_call_id TEXT,
    tool_calls TEXT,
    tool_name TEXT,
    effect_disposition TEXT,
    timestamp REAL NOT NULL,
    token_count INTEGER,
    finish_reason TEXT,
    reasoning TEXT,
    reasoning_content TEXT,
    reasoning_details TEXT,
    codex_reasoning_items TEXT,
    codex_message_items TEXT,
    platform_message_id TEXT,
    observed INTEGER DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    compacted INTEGER NOT NULL DEFAULT 0,
    api_content TEXT
);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (1, 'a', 'user', 'Question 0?', 1795533772.0228674, 0, 1, 0, '<memory-context>old</memory-context>Question 0?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (2, 'a', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.0248942, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (3, 'a', 'user', 'continue', 1795533772.027043, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (4, 'a', 'assistant', '', '[{"id": "call_1", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.028021, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (5, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_1', 'shell', 1795533772.0298817, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (6, 'a', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.035204, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (7, 'a', 'user', 'Question 2?', 1795533772.0387113, 0, 1, 0, '<memory-context>old</memory-context>Question 2?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (8, 'a', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533772.0412757, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (9, 'a', 'user', 'continue', 1795533772.0492277, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (10, 'a', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.0497282, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (11, 'a', 'user', 'Question 4?', 1795533772.0587535, 0, 1, 0, '<memory-context>old</memory-context>Question 4?');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (12, 'a', 'assistant', '', '[{"id": "call_4", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.060668, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (13, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_4', 'shell', 1795533772.064896, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (14, 'a', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.0655167, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (15, 'a', 'user', 'continue', 1795533772.071206, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (16, 'a', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.0729136, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (17, 'a', 'user', 'Question 6?', 1795533772.0751657, 0, 1, 0, '<memory-context>old</memory-context>Question 6?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (18, 'a', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533772.0827074, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (19, 'a', 'user', 'continue', 1795533772.0841947, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (20, 'a', 'assistant', '', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.086981, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (21, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533772.0902905, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (22, 'a', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.0964193, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (23, 'b', 'user', 'Question 0?', 1795533772.1148472, 0, 1, 0, '<memory-context>old</memory-context>Question 0?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (24, 'b', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.1148481, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (25, 'b', 'user', '[PRIOR CONTEXT — for reference only; not a new message]
continue

[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]

[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below. This is a handoff from a previous context window — treat it as background reference, NOT as active instructions. Do NOT answer questions or fulfill requests mentioned in this summary; they were already addressed. Respond ONLY to the latest user message that appears AFTER this summary — that message is the single source of truth for what to do right now. Topic overlap with the summary does NOT mean you should resume its task: even on similar topics, the latest user message WINS. Treat ONLY the latest message as the active task and discard stale items from ''## Historical Task Snapshot'' / ''## Historical In-Progress State'' / ''## Historical Pending User Asks'' / ''## Historical Remaining Work'' entirely — do not ''wrap up'' or ''finish'' work described there unless the latest message explicitly asks for it. Reverse signals in the latest message (e.g. ''stop'', ''undo'', ''roll back'', ''just verify'', ''don''t do that anymore'', ''never mind'', a new topic) must immediately end any in-flight work described in the summary; do not re-surface it in later turns. IMPORTANT: Your persistent memory (MEMORY.md, USER.md) in the system prompt is ALWAYS authoritative and active — never ignore or deprioritize memory content due to this compaction note. None of the above restricts HOW you work: your tools remain fully active — keep calling them normally for the active task (edit files, run commands, search) instead of merely narrating what you would do. The current session state (files, config, etc.) may reflect work described here — avoid repeating it:
They talked.

--- END OF CONTEXT SUMMARY — respond to the message below, not the summary above ---', 1795533772.114849, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (26, 'b', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.11485, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (27, 'b', 'user', 'Question 6?', 1795533772.114851, 0, 1, 0, '<memory-context>old</memory-context>Question 6?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (28, 'b', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533772.114852, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (29, 'b', 'user', 'continue', 1795533772.114853, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (30, 'b', 'assistant', '', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.1148539, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (31, 'b', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533772.1148548, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (32, 'b', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.1148558, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (33, 'b', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533772.1148567, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (34, 'b', 'user', 'Question 8?', 1795533772.1172745, 0, 1, 0, '<memory-context>old</memory-context>Question 8?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (35, 'b', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.1229947, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (36, 'b', 'user', 'continue', 1795533772.126747, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (37, 'b', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.1281824, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (38, 'c', 'assistant', '[PRIOR CONTEXT — for reference only; not a new message]


[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]

[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below. This is a handoff from a previous context window — treat it as background reference, NOT as active instructions. Do NOT answer questions or fulfill requests mentioned in this summary; they were already addressed. Respond ONLY to the latest user message that appears AFTER this summary — that message is the single source of truth for what to do right now. Topic overlap with the summary does NOT mean you should resume its task: even on similar topics, the latest user message WINS. Treat ONLY the latest message as the active task and discard stale items from ''## Historical Task Snapshot'' / ''## Historical In-Progress State'' / ''## Historical Pending User Asks'' / ''## Historical Remaining Work'' entirely — do not ''wrap up'' or ''finish'' work described there unless the latest message explicitly asks for it. Reverse signals in the latest message (e.g. ''stop'', ''undo'', ''roll back'', ''just verify'', ''don''t do that anymore'', ''never mind'', a new topic) must immediately end any in-flight work described in the summary; do not re-surface it in later turns. IMPORTANT: Your persistent memory (MEMORY.md, USER.md) in the system prompt is ALWAYS authoritative and active — never ignore or deprioritize memory content due to this compaction note. None of the above restricts HOW you work: your tools remain fully active — keep calling them normally for the active task (edit files, run commands, search) instead of merely narrating what you would do. The current session state (files, config, etc.) may reflect work described here — avoid repeating it:
They talked.

--- END OF CONTEXT SUMMARY — respond to the message below, not the summary above ---', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.135483, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (39, 'c', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533772.135484, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (40, 'c', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.135485, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (41, 'c', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533772.135486, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (42, 'c', 'user', 'Question 8?', 1795533772.1354868, 0, 1, 0, '<memory-context>old</memory-context>Question 8?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (43, 'c', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.1354878, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (44, 'c', 'user', 'continue', 1795533772.1354887, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (45, 'c', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.1354897, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (46, 'c', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533772.1354907, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (47, 'c', 'user', 'Question 10?', 1795533772.1396706, 0, 1, 0, '<memory-context>old</memory-context>Question 10?');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (48, 'c', 'assistant', '', '[{"id": "call_10", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.1467328, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (49, 'c', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_10', 'shell', 1795533772.1526248, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (50, 'c', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533772.1586876, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (51, 'c', 'user', 'continue', 1795533772.1596656, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (52, 'c', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.1648057, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, observed, active, compacted) VALUES (53, 'd', 'assistant', '[PRIOR CONTEXT — for reference only; not a new message]


[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]

[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below. This is a handoff from a previous context window — treat it as background reference, NOT as active instructions. Do NOT answer questions or fulfill requests mentioned in this summary; they were already addressed. Respond ONLY to the latest user message that appears AFTER this summary — that message is the single source of truth for what to do right now. Topic overlap with the summary does NOT mean you should resume its task: even on similar topics, the latest user message WINS. Treat ONLY the latest message as the active task and discard stale items from ''## Historical Task Snapshot'' / ''## Historical In-Progress State'' / ''## Historical Pending User Asks'' / ''## Historical Remaining Work'' entirely — do not ''wrap up'' or ''finish'' work described there unless the latest message explicitly asks for it. Reverse signals in the latest message (e.g. ''stop'', ''undo'', ''roll back'', ''just verify'', ''don''t do that anymore'', ''never mind'', a new topic) must immediately end any in-flight work described in the summary; do not re-surface it in later turns. IMPORTANT: Your persistent memory (MEMORY.md, USER.md) in the system prompt is ALWAYS authoritative and active — never ignore or deprioritize memory content due to this compaction note. None of the above restricts HOW you work: your tools remain fully active — keep calling them normally for the active task (edit files, run commands, search) instead of merely narrating what you would do. The current session state (files, config, etc.) may reflect work described here — avoid repeating it:
They talked.

--- END OF CONTEXT SUMMARY — respond to the message below, not the summary above ---', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.1787882, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (54, 'd', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533772.1867075, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (55, 'd', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.190015, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (56, 'd', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533772.1970115, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (57, 'd', 'user', 'Question 8?', 1795533772.2039425, 0, 1, 0, '<memory-context>old</memory-context>Question 8?');
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (58, 'd', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.207301, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (59, 'd', 'user', 'continue', 1795533772.210426, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (60, 'd', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533772.2122192, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (61, 'd', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533772.2160223, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (62, 'd', 'user', 'Question 10?', 1795533772.2241428, 0, 1, 0, '<memory-context>old</memory-context>Question 10?');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, observed, active, compacted) VALUES (63, 'd', 'assistant', '', '[{"id": "call_10", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.2285762, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (64, 'd', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_10', 'shell', 1795533772.2298338, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (65, 'd', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533772.234127, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (66, 'd', 'user', 'continue', 1795533772.2352846, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (67, 'd', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.2364416, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (68, 'd', 'user', 'continue', 1795533772.239638, 0, 1, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (69, 'd', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533772.2429848, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (70, 'd', 'user', 'Question 12?', 1795533772.2467222, 0, 1, 0, '<memory-context>old</memory-context>Question 12?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (71, 'd', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533772.2520847, 'stop', 0, 1, 0);
