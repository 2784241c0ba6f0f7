"""An agent that repeats what it hears. Start it with: AGENT_TOKEN=<agent_token> python3 agent.py 8000"""
import hashlib, hmac, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = "sha256=" + hmac.new(os.environ["AGENT_TOKEN"].encode(), body, hashlib.sha256).hexdigest()
        is_genuine = hmac.compare_digest(self.headers.get("X-Signature-256", ""), signature)
        answer = {"outputs": [{"type": "text", "text": "You said: " + json.loads(body)["text"]}]} if is_genuine else {}
        self.send_response(200 if is_genuine else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent)
print(f"AGENT_URL=http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
