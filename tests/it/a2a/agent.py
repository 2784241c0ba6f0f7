"""An agent on the official SDK for Python: the same one behind every version and binding, each with a card of its own.

Run with a port. The path of a card's base is the version and the binding: /1.0/JSONRPC, /1.0/HTTP+JSON, /0.3/JSONRPC, /0.3/HTTP+JSON.
"""

import asyncio
import sys

import uvicorn
from a2a.helpers import proto_helpers as make
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2 as a2a
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

PORT = int(sys.argv[1])
# What a model says, token by token.
HOURS = ["Our hou", "rs:", "\n\n", "- ", "**", "Mon", "**", " is", " ", "9", " is", " is"]
BASE = f"http://127.0.0.1:{PORT}"


class Executor(AgentExecutor):
    """Does what the words say."""

    def __init__(self):
        self.started = []

    async def execute(self, context, queue):
        message = context.message
        words = context.get_user_input()
        ids = {"context_id": context.context_id}
        if words == "message":
            about = MessageToDict(message.metadata)
            told = f"{about['profile']['name']} in {context.context_id} says {message.message_id}"
            await queue.enqueue_event(make.new_text_message(told, **ids))
            return
        if context.current_task is None:
            self.started.append((words, message.message_id))
            await queue.enqueue_event(make.new_task_from_user_message(message))
        task = TaskUpdater(queue, context.task_id, context.context_id)
        say = lambda text: task.new_agent_message([a2a.Part(text=text)])
        await task.start_work()
        if context.current_task is not None:
            await task.add_artifact([a2a.Part(text=f"One {words} coming up.")], artifact_id="order")
            await task.complete()
        elif words == "ask":
            await task.add_artifact([a2a.Part(text="We have tea.")], artifact_id="offer")
            await task.requires_input(say("Which size?"))
        elif words == "slow":
            await asyncio.sleep(1.5)
            await task.complete(say(f"Started {self.started.count((words, message.message_id))} times."))
        elif words == "files":
            await task.add_artifact(
                [
                    a2a.Part(text="Look:"),
                    a2a.Part(url="https://example.invalid/a.png", media_type="image/png"),
                    a2a.Part(url="https://example.invalid/a.pdf", media_type="application/pdf", filename="a.pdf"),
                    a2a.Part(raw=b"bytes", media_type="image/png"),
                ]
            )
            await task.complete()
        elif words == "stream":
            for artifact, tokens in [("hours", HOURS), ("total", ["The", " total", " is", " 42", "."])]:
                for place, token in enumerate(tokens):
                    last = place == len(tokens) - 1
                    await task.add_artifact(
                        [a2a.Part(text=token)], artifact_id=artifact, append=place > 0, last_chunk=last
                    )
            await task.complete()
        elif words == "fail":
            await task.failed(say("a secret"))
        elif words == "reject":
            await task.reject()
        elif words == "authorize":
            await task.requires_auth()
        else:
            await task.complete(say(f"{words}!"))

    async def cancel(self, context, queue):
        await TaskUpdater(queue, context.task_id, context.context_id).cancel()


def card(*interfaces):
    return a2a.AgentCard(
        name="Test agent",
        description="Does what the words say",
        version="1.0.0",
        capabilities=a2a.AgentCapabilities(),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        supported_interfaces=interfaces,
    )


def routes():
    for version in ["1.0", "0.3"]:
        for binding in ["JSONRPC", "HTTP+JSON"]:
            path = f"/{version}/{binding}"
            interface = a2a.AgentInterface(url=BASE + path, protocol_binding=binding, protocol_version=version)
            handler = DefaultRequestHandler(
                agent_executor=Executor(), task_store=InMemoryTaskStore(), agent_card=card(interface)
            )
            is_old = version == "0.3"
            if is_old:
                old = {
                    "protocolVersion": "0.3.0",
                    "name": "Test agent",
                    "url": BASE + path,
                    "preferredTransport": binding,
                    "capabilities": {},
                    "skills": [],
                }
                yield Route(f"{path}/.well-known/agent.json", lambda _, old=old: JSONResponse(old))
            else:
                yield from create_agent_card_routes(card(interface), card_url=f"{path}/.well-known/agent-card.json")
            if binding == "JSONRPC":
                yield from create_jsonrpc_routes(handler, path, enable_v0_3_compat=is_old)
            else:
                yield Mount(path, routes=create_rest_routes(handler, enable_v0_3_compat=is_old))


uvicorn.run(Starlette(routes=list(routes())), host="127.0.0.1", port=PORT, log_level="warning")
