"""An agent of Strands Agents behind its A2A server, with the model at a URL: strands_agent.py PORT URL"""

import sys

from strands import Agent
from strands.models.openai import OpenAIModel
from strands.multiagent.a2a import A2AServer

port, url = sys.argv[1:]
model = OpenAIModel(client_args={"base_url": url, "api_key": "none"}, model_id="gpt-4o")
agent = Agent(model=model, name="shop", description="Answers for a shop.", callback_handler=None)
# With this, each piece that the model streams is a part of its own in one artifact.
A2AServer(agent, host="127.0.0.1", port=int(port), enable_a2a_compliant_streaming=True).serve()
