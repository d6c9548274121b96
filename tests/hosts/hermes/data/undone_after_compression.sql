-- {"a": [["Question 0?", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "], ["continue", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. "], ["Question 2?", "Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. "], ["continue", "Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. "], ["Question 4?", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ", "Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. "], ["continue", "Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. "], ["Question 6?", "Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. "], ["Something else", "As you like"]]}
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
INSERT INTO sessions (id, source, expiry_finalized, started_at, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('a', 'cli', 0, 1795533771.6208563, 13, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0);
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
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (1, 'a', 'user', 'Question 0?', 1795533771.6216562, 0, 0, 1, '<memory-context>old</memory-context>Question 0?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (2, 'a', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533771.6222892, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (3, 'a', 'user', 'continue', 1795533771.6247895, 0, 0, 1, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (4, 'a', 'assistant', '', '[{"id": "call_1", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533771.6253135, 'tool_calls', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (5, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_1', 'shell', 1795533771.626187, 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (6, 'a', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533771.6296563, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (7, 'a', 'user', 'Question 2?', 1795533771.631155, 0, 0, 1, '<memory-context>old</memory-context>Question 2?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (8, 'a', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533771.63264, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (9, 'a', 'user', 'continue', 1795533771.6347392, 0, 0, 1, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (10, 'a', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533771.6383555, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (11, 'a', 'user', 'Question 4?', 1795533771.6405861, 0, 0, 1, '<memory-context>old</memory-context>Question 4?');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (12, 'a', 'assistant', '', '[{"id": "call_4", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533771.6411254, 'tool_calls', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (13, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_4', 'shell', 1795533771.6418893, 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (14, 'a', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533771.6430495, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (15, 'a', 'user', 'continue', 1795533771.6457283, 0, 0, 1, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (16, 'a', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533771.646205, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (17, 'a', 'user', 'Question 6?', 1795533771.6506612, 0, 0, 1, '<memory-context>old</memory-context>Question 6?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (18, 'a', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533771.6514428, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (19, 'a', 'user', 'continue', 1795533771.6519084, 0, 0, 1, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (20, 'a', 'assistant', '', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533771.6574209, 'tool_calls', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (21, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533771.6580322, 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (22, 'a', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533771.6590233, 'stop', 0, 0, 1);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (23, 'a', 'user', 'Question 0?', 1795533771.661537, 0, 1, 0, '<memory-context>old</memory-context>Question 0?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (24, 'a', 'assistant', 'Answer 0. Answer 0. Answer 0. Answer 0. Answer 0. ', 1795533771.661538, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (25, 'a', 'user', '[PRIOR CONTEXT — for reference only; not a new message]
continue

[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]

[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below. This is a handoff from a previous context window — treat it as background reference, NOT as active instructions. Do NOT answer questions or fulfill requests mentioned in this summary; they were already addressed. Respond ONLY to the latest user message that appears AFTER this summary — that message is the single source of truth for what to do right now. Topic overlap with the summary does NOT mean you should resume its task: even on similar topics, the latest user message WINS. Treat ONLY the latest message as the active task and discard stale items from ''## Historical Task Snapshot'' / ''## Historical In-Progress State'' / ''## Historical Pending User Asks'' / ''## Historical Remaining Work'' entirely — do not ''wrap up'' or ''finish'' work described there unless the latest message explicitly asks for it. Reverse signals in the latest message (e.g. ''stop'', ''undo'', ''roll back'', ''just verify'', ''don''t do that anymore'', ''never mind'', a new topic) must immediately end any in-flight work described in the summary; do not re-surface it in later turns. IMPORTANT: Your persistent memory (MEMORY.md, USER.md) in the system prompt is ALWAYS authoritative and active — never ignore or deprioritize memory content due to this compaction note. None of the above restricts HOW you work: your tools remain fully active — keep calling them normally for the active task (edit files, run commands, search) instead of merely narrating what you would do. The current session state (files, config, etc.) may reflect work described here — avoid repeating it:
They talked.

--- END OF CONTEXT SUMMARY — respond to the message below, not the summary above ---', 1795533771.6615388, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (26, 'a', 'assistant', 'Answer 1. Answer 1. Answer 1. Answer 1. Answer 1. ', 1795533771.6615398, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (27, 'a', 'user', 'Question 6?', 1795533771.6615407, 0, 1, 0, '<memory-context>old</memory-context>Question 6?');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (28, 'a', 'assistant', 'Answer 2. Answer 2. Answer 2. Answer 2. Answer 2. ', 1795533771.6615417, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (29, 'a', 'user', 'continue', 1795533771.6615427, 0, 0, 0, '<memory-context>old</memory-context>continue');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (30, 'a', 'assistant', '', '[{"id": "call_7", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533771.6615436, 'tool_calls', 0, 0, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (31, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_7', 'shell', 1795533771.6615446, 0, 0, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (32, 'a', 'assistant', 'Answer 3. Answer 3. Answer 3. Answer 3. Answer 3. ', 1795533771.6615455, 'stop', 0, 0, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (33, 'a', 'user', '[Your active task list was preserved across context compression]
- [ ] 1. Water the plants (pending)', 1795533771.6615465, 0, 0, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (34, 'a', 'user', 'Something else', 1795533771.6671562, 0, 1, 0, '<memory-context>old</memory-context>Something else');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (35, 'a', 'assistant', 'As you like', 1795533771.6706915, 'stop', 0, 1, 0);
