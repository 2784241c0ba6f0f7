"""What somebody would deploy who builds on pywa: handshake, signature, and for a text a receipt and one reply.

It keeps nothing, so it answers a repeat twice and loses what it was about to send. The loop is Lambda's own, as small as it can be.
"""

import http.client
import json
import os
import traceback
import urllib.parse

import httpx
from pywa import WhatsApp

GRAPH = httpx.URL(os.environ["GRAPH_BASE_URL"])
BASE = "/2018-06-01/runtime/invocation"


class Elsewhere(httpx.HTTPTransport):
    """Graph at another address."""

    def handle_request(self, request):
        request.url = request.url.copy_with(scheme=GRAPH.scheme, host=GRAPH.host, port=GRAPH.port)
        return super().handle_request(request)


whatsapp = WhatsApp(
    phone_id="800000000000002",
    token=os.environ["ACCESS_TOKEN"],
    app_secret=os.environ["APP_SECRET"],
    verify_token=os.environ["VERIFY_TOKEN"],
    server=None,
    session=httpx.Client(transport=Elsewhere()),
    skip_duplicate_updates=False,
)


@whatsapp.on_message
def greet(_, message):
    message.indicate_typing()
    message.reply_text("Hello! This is the benchmark.")


def answer(event):
    if event["requestContext"]["http"]["method"] == "GET":
        query = dict(urllib.parse.parse_qsl(event["rawQueryString"]))
        body, status = whatsapp.webhook_challenge_handler(query.get("hub.verify_token"), query.get("hub.challenge"))
        return {"statusCode": status, "body": body}
    update = event["body"].encode()
    refused = whatsapp.webhook_update_validator(update, event["headers"].get("x-hub-signature-256"))
    body, status = refused or whatsapp.webhook_update_handler(update)
    return {"statusCode": status, "body": body}


runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    runtime.request(method, path, body=body)
    response = runtime.getresponse()
    return response.headers, response.read()


while True:
    headers, event = call("GET", f"{BASE}/next")
    path = f"{BASE}/{headers['lambda-runtime-aws-request-id']}"
    try:
        call("POST", f"{path}/response", json.dumps(answer(json.loads(event))).encode())
    except Exception:
        call("POST", f"{path}/error", json.dumps({"errorMessage": traceback.format_exc(), "errorType": "Error"}).encode())
