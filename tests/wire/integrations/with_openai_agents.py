"""An agent of the OpenAI Agents SDK with Hindsight's tools: hindsight-openai-agents, unchanged.

`python -P with_openai_agents.py URL`; the model is a script. What does not hold ends it with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from hindsight_client import Hindsight
from hindsight_openai_agents import create_hindsight_tools, memory_instructions
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


class Script(Model):  # type: ignore[misc]
    """Calls one tool after the other, and then says what the last one told it."""

    def __init__(self, *calls: tuple[str, dict[str, str]]) -> None:
        self._calls: Iterator[tuple[str, dict[str, str]]] = iter(calls)
        self.instructions: list[str | None] = []

    async def get_response(self, system_instructions: str | None, input: Any, *_: Any, **__: Any) -> ModelResponse:  # noqa: A002 - the SDK's name
        self.instructions.append(system_instructions)
        step = next(self._calls, None)
        output: Any
        if step is None:
            (*_rest, told) = (item for item in input if item.get("type") == "function_call_output")
            text = ResponseOutputText(type="output_text", text=told["output"], annotations=[])
            output = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[text])
        else:
            name, arguments = step
            output = ResponseFunctionToolCall(
                type="function_call", call_id=uuid.uuid4().hex, name=name, arguments=json.dumps(arguments)
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


async def life(client: Hindsight) -> None:
    bank = f"agents {uuid.uuid4()}"
    await client.acreate_bank(bank)
    made = create_hindsight_tools(bank_id=bank, client=client, tags=["tool"], retain_metadata={"from": "agent"})

    async def run(script: Script) -> str:
        instructions = memory_instructions(bank_id=bank, client=client, base_instructions="Help.", query="train")
        agent = Agent(name="assistant", instructions=instructions, tools=made, model=script)
        return str((await Runner.run(agent, "Hello", run_config=RunConfig(tracing_disabled=True))).final_output)

    first = Script(
        ("hindsight_retain", {"content": "The night train to Vienna leaves at 21:47."}),
        ("hindsight_recall", {"query": "When does the train leave?"}),
    )
    assert await run(first) == "1. The night train to Vienna leaves at 21:47."
    assert first.instructions[0] == "Help."
    second = Script(("hindsight_reflect", {"query": "When does the train to Vienna leave?"}))
    assert "21:47" in await run(second)
    assert second.instructions[0] == "Help.\n\nRelevant memories:\n1. The night train to Vienna leaves at 21:47."
    (kept,) = (await client.arecall(bank, "train", tags=["tool"], tags_match="exact")).results
    assert kept.metadata == {"from": "agent"}, kept


async def main(url: str) -> None:
    async with contextlib.aclosing(Hindsight(base_url=url)) as client:
        await life(client)


asyncio.run(main(sys.argv[1]))
