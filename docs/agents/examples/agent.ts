// An agent that repeats what it hears. Start it with: AGENT_TOKEN=<agent_token> node agent.ts 8000 (Node.js 22.18 or newer)
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const signature = "sha256=" + createHmac("sha256", process.env.AGENT_TOKEN ?? "").update(body).digest("hex");
  const given = Buffer.from(String(request.headers["x-signature-256"]));
  const isGenuine = given.length === signature.length && timingSafeEqual(given, Buffer.from(signature));
  if (!isGenuine) return response.writeHead(401).end();
  const answer = { outputs: [{ type: "text", text: "You said: " + JSON.parse(body.toString()).text }] };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
});
server.listen(Number(process.argv.at(-1)), "127.0.0.1", () => {
  console.log(`AGENT_URL=http://127.0.0.1:${Object(server.address()).port}/`);
});
