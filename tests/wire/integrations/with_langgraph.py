"""A LangGraph of recall, answer and retain, and the tools of a LangGraph agent: hindsight-langgraph, unchanged.

`python -P with_langgraph.py URL`; the answers are a fixed model's. What does not hold ends it with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from typing import Any

from hindsight_client import Hindsight
from hindsight_langgraph import create_hindsight_tools, create_recall_node, create_retain_node, memory_instructions
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


async def answer(state: MessagesState) -> dict[str, Any]:
    """What a model would: it says what it was told."""
    told = [message.content for message in state["messages"] if message.type == "system"]
    return {"messages": [AIMessage(content=str(told[-1]) if told else "I do not know you yet.")]}


async def graph(client: Hindsight) -> None:
    user = f"graph {uuid.uuid4()}"
    builder = StateGraph(MessagesState)
    builder.add_node("recall", create_recall_node(client=client))
    builder.add_node("answer", answer)
    builder.add_node("retain", create_retain_node(client=client, tags=["chat"], metadata={"from": "graph"}))
    for one, other in [(START, "recall"), ("recall", "answer"), ("answer", "retain"), ("retain", END)]:
        builder.add_edge(one, other)
    compiled = builder.compile()
    config = {"configurable": {"user_id": user}}
    await client.acreate_bank(user)

    async def say(text: str) -> str:
        state = await compiled.ainvoke({"messages": [HumanMessage(content=text)]}, config)
        return str(state["messages"][-1].content)

    assert await say("My dog is called Biscuit.") == "I do not know you yet."
    said = await say("What is my dog called?")
    assert "My dog is called Biscuit." in said, said
    kept = (await client.arecall(user, "dog", tags=["chat"], tags_match="all_strict")).results
    assert {result.text for result in kept} == {"My dog is called Biscuit.", "What is my dog called?"}
    assert all(result.metadata == {"from": "graph"} for result in kept), kept


async def tools(client: Hindsight) -> None:
    bank = f"tools {uuid.uuid4()}"
    node = StateGraph(MessagesState)
    made = create_hindsight_tools(bank_id=bank, client=client, tags=["tool"], recall_include_entities=True)
    node.add_node("tools", ToolNode(made))
    node.add_edge(START, "tools")
    node.add_edge("tools", END)
    compiled = node.compile()

    async def call(name: str, **arguments: str) -> str:
        asked = AIMessage(content="", tool_calls=[{"name": name, "args": arguments, "id": "1", "type": "tool_call"}])
        return str((await compiled.ainvoke({"messages": [asked]}))["messages"][-1].content)

    assert await call("hindsight_retain", content="The spare key is under the blue pot.") == (
        "Memory stored successfully."
    )
    assert await call("hindsight_recall", query="Where is the spare key?") == "1. The spare key is under the blue pot."
    assert "blue pot" in await call("hindsight_reflect", query="Where is the spare key?")
    told = await memory_instructions(bank_id=bank, client=client, base_instructions="Help.", query="key")()
    assert told == "Help.\n\nRelevant memories:\n1. The spare key is under the blue pot.", told


async def main(url: str) -> None:
    async with contextlib.aclosing(Hindsight(base_url=url)) as client:
        await graph(client)
        await tools(client)


asyncio.run(main(sys.argv[1]))
