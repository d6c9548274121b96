"""The host's gateway with a platform of ours, `desk`, whose chats are played by the test.

A platform is the gateway's own extension point: `desk` is registered as a plug-in's would be, and the rest (the runner,
its handlers, the sessions, the agents it makes and caches, its watchers, its end) is the host, started at its entry
point. Two stand-ins, as nobody can wait for the clock: `expire` lets a session look old and runs one pass of the
watcher that otherwise comes every five minutes, and `limit_cache` sets the size of the agent cache, a constant of 128.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .steps import Steps


class Driver:
    """Takes the steps on a thread of its own, and has the gateway's loop carry them out."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._base: Any = importlib.import_module("gateway.platforms.base")
        self._run: Any = importlib.import_module("gateway.run")
        self._adapter: Any = None
        self._loop: Any = None
        self._said: dict[str, list[str]] = {}

    def register(self) -> None:
        """Make the platform known."""
        registry = importlib.import_module("gateway.platform_registry")
        entry = registry.PlatformEntry(
            name="desk",
            label="Desk",
            adapter_factory=self._make_adapter,
            check_fn=lambda: True,
            allow_all_env="DESK_ALLOW_ALL_USERS",
        )
        registry.platform_registry.register(entry)

    def _make_adapter(self, config: Any) -> Any:
        driver, base = self, self._base
        platform = importlib.import_module("gateway.config").Platform

        class Desk(base.BasePlatformAdapter):  # type: ignore[misc, name-defined, unused-ignore]
            """What the platform's people would see goes to the test."""

            def __init__(self) -> None:
                super().__init__(config, platform("desk"))

            async def connect(self, *, is_reconnect: bool = False) -> bool:
                self._mark_connected()
                return True

            async def disconnect(self) -> None:
                self._mark_disconnected()

            async def send(self, chat_id: str, content: str, reply_to: Any = None, metadata: Any = None) -> Any:
                driver.heard(chat_id, content)
                return base.SendResult(success=True, message_id="sent")

            async def get_chat_info(self, chat_id: str) -> dict[str, Any]:
                return {"name": chat_id, "type": "dm"}

            async def on_processing_complete(self, event: Any, outcome: Any) -> None:
                driver.done(event, outcome)

        self._adapter = Desk()
        return self._adapter

    def heard(self, chat: str, text: str) -> None:
        """The gateway said something."""
        self._said.setdefault(chat, []).append(text)
        self._steps.tell(event="sent", chat=chat, text=text)

    def done(self, event: Any, outcome: Any) -> None:
        """A message was dealt with. What was said in its chat up to now is the answer to it.

        It is told when the task that dealt with it has ended: until then the gateway takes the chat for busy.
        """
        chat = event.source.chat_id

        def tell(_task: object) -> None:
            told = {"chat": chat, "text": event.text, "said": self._said.pop(chat, []), "session": self.session(chat)}
            self._steps.tell(event="turn", outcome=outcome.value, **told)

        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(tell)

    async def watch_start(self) -> None:
        """Tell when the gateway takes messages."""
        self._loop = asyncio.get_running_loop()
        while not self._is_open():
            await asyncio.sleep(0.01)
        self._steps.tell(event="ready")
        threading.Thread(target=self._steps.take, args=[self], name="driver", daemon=True).start()

    def _is_open(self) -> bool:
        runner = self._runner
        return runner is not None and runner._running and not getattr(runner, "_startup_restore_in_progress", False)

    @property
    def _runner(self) -> Any:
        return self._run._gateway_runner_ref()

    def _entry(self, chat: str) -> Any:
        for entry in self._runner.session_store._entries.values():
            if entry.origin is not None and entry.origin.chat_id == chat:
                return entry
        return None

    # Steps

    def say(self, chat: str, text: str, user: str, kind: str) -> None:
        """A message comes in."""
        source = self._adapter.build_source(
            chat_id=chat, chat_name=f"chat {chat}", chat_type=kind, user_id=user, user_name=user.title()
        )
        event = self._base.MessageEvent(text=text, source=source)
        asyncio.run_coroutine_threadsafe(self._adapter.handle_message(event), self._loop).result()

    def session(self, chat: str) -> Any:
        """The session of a chat."""
        entry = self._entry(chat)
        return None if entry is None else entry.session_id

    def running(self, chat: str) -> bool:
        """Whether the gateway knows of an agent that runs for a chat. Before, it queues what comes in."""
        agent = self._runner._running_agents.get(self._entry(chat).session_key)
        return agent is not None and agent is not self._run._AGENT_PENDING_SENTINEL

    def cached(self) -> list[str]:
        """The sessions whose agents are cached, least recently used first."""
        with self._runner._agent_cache_lock:
            return [entry[0].session_id for entry in self._runner._agent_cache.values()]

    def limit_cache(self, size: int) -> None:
        """How many agents are cached at most."""
        self._run._AGENT_CACHE_MAX_SIZE = size

    def expire(self, chat: str) -> None:
        """Have one pass of the expiry watcher find the chat's session to be two days old."""
        self._entry(chat).updated_at -= datetime.timedelta(days=2)
        asyncio.run_coroutine_threadsafe(self._one_pass(), self._loop).result()

    async def _one_pass(self) -> None:
        """Run the watcher with its own sleeps, and no others, taken out: the second one ends it."""
        slept = 0

        class Clock:
            """`asyncio` as the gateway's module sees it meanwhile."""

            def __getattr__(self, name: str) -> Any:
                return getattr(asyncio, name)

            async def sleep(self, seconds: float, result: Any = None) -> Any:
                nonlocal slept
                if asyncio.current_task() is not watcher:
                    return await asyncio.sleep(seconds, result)
                slept += 1
                if slept > 1:
                    raise asyncio.CancelledError
                return result

        self._run.asyncio = Clock()
        watcher = asyncio.get_running_loop().create_task(self._runner._session_expiry_watcher())
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        finally:
            self._run.asyncio = asyncio

    def threads(self) -> list[str]:
        """The names of all threads."""
        return sorted(thread.name for thread in threading.enumerate())


def main() -> None:
    """Be `python -m gateway.run`."""
    sys.path.append(str(Path(__file__).parent))  # last: nothing here stands in for a module of the host
    steps = importlib.import_module("steps").Steps()
    driver = Driver(steps)
    driver.register()
    run: Any = importlib.import_module("gateway.run")
    start = run.start_gateway

    async def watched_start(*arguments: Any, **options: Any) -> Any:
        watching = asyncio.get_running_loop().create_task(driver.watch_start())
        try:
            return await start(*arguments, **options)
        finally:
            watching.cancel()

    run.start_gateway = watched_start
    sys.argv = ["gateway", *sys.argv[1:]]
    run.main()


if __name__ == "__main__":
    main()
