"""The real Hermes host, driven from outside through its own commands, whichever memory provider is active.

A test asks `conftest` for a `model` (its answers are scripted, its requests recorded) and for homes, and runs on a home
whichever face of the host it is about, as a context manager that leaves no process behind:

    home = new_home("recorder", {"compression": {"in_place": False}})
    with Cli(home) as host:            # hermes chat: chat, command, interrupt, press, exit, kill
    with Terminal(home) as host:       # hermes on a pseudo-terminal: enter, wait_for, leave, hang_up, kill
    with OneShot(home, "Hi") as shot:  # hermes -z: answer, kill
    with Gateway(home) as gateway:     # the gateway: say, interrupt, expire, limit_cache, stop, kill

The provider `recorder` notes every call: `home.expect("on_turn_start", "prefetch", ...)` waits for the next ones. Other
providers are installed with `home.install` or `home.write`, and seen by what they do elsewhere. `home.sessions()` and
`home.messages(session)` read the host's own log. What runs in the host's environment is in `inside`.
"""
