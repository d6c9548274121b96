-- {"a": [["Look at the tests", "[calls shell {\"command\": \"ls\"}]", "a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py "], ["No, the docs\n\nGo", "Gone again"], ["Look at the docs\n\nAnd at the tests", "Both are fine"], ["Go", "Gone once more"]]}
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
INSERT INTO sessions (id, source, expiry_finalized, started_at, message_count, tool_call_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, api_call_count, compression_fallback_streak, rewind_count, archived) VALUES ('a', 'cli', 0, 1795533772.403077, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
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
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (17, 'a', 'user', 'Look at the tests', 1795533772.4046252, 0, 1, 0, '<memory-context>old</memory-context>Look at the tests');
INSERT INTO messages (id, session_id, role, content, tool_calls, timestamp, finish_reason, observed, active, compacted) VALUES (18, 'a', 'assistant', '', '[{"id": "call_1", "type": "function", "function": {"name": "shell", "arguments": "{\"command\": \"ls\"}"}}]', 1795533772.4119854, 'tool_calls', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, tool_call_id, tool_name, timestamp, observed, active, compacted) VALUES (19, 'a', 'tool', 'a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py a.py b.py ', 'call_1', 'shell', 1795533772.4128077, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (20, 'a', 'user', 'No, the docs

Go', 1795533772.4260902, 0, 1, 0, '<memory-context>old</memory-context>No, the docs

Go');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (21, 'a', 'assistant', 'Gone again', 1795533772.426786, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted) VALUES (22, 'a', 'user', 'Look at the docs

And at the tests', 1795533772.4289536, 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (23, 'a', 'assistant', 'Both are fine', 1795533772.4347198, 'stop', 0, 1, 0);
INSERT INTO messages (id, session_id, role, content, timestamp, observed, active, compacted, api_content) VALUES (24, 'a', 'user', 'Go', 1795533772.4489658, 0, 1, 0, '<memory-context>old</memory-context>Go');
INSERT INTO messages (id, session_id, role, content, timestamp, finish_reason, observed, active, compacted) VALUES (25, 'a', 'assistant', 'Gone once more', 1795533772.4550648, 'stop', 0, 1, 0);
