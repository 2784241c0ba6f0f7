// What somebody would deploy who builds on whatsapp-api-js: handshake, signature, and for a text a receipt and one reply.
//
// It keeps nothing, so it answers a repeat twice and loses what it was about to send. The loop is Lambda's own, as small as it can be.

import http from "node:http";

const { WhatsAppAPI } = await import(`${process.env.PEER_FOLDER}/node_modules/whatsapp-api-js/lib/index.js`);
const { Text } = await import(`${process.env.PEER_FOLDER}/node_modules/whatsapp-api-js/lib/messages/index.js`);

const graph = process.env.GRAPH_BASE_URL;
const whatsapp = new WhatsAppAPI({
  token: process.env.ACCESS_TOKEN,
  appSecret: process.env.APP_SECRET,
  webhookVerifyToken: process.env.VERIFY_TOKEN,
  v: "v26.0",
  ponyfill: { fetch: (url, options) => fetch(url.replace("https://graph.facebook.com", graph), options) },
});
whatsapp.on.message = async ({ phoneID, message, reply }) => {
  await whatsapp.markAsRead(phoneID, message.id, "text");
  await reply(new Text("Hello! This is the benchmark."));
};

async function answer(event) {
  if (event.requestContext.http.method === "GET") {
    return { statusCode: 200, body: whatsapp.get(Object.fromEntries(new URLSearchParams(event.rawQueryString))) };
  }
  await whatsapp.post(JSON.parse(event.body), event.body, event.headers["x-hub-signature-256"]);
  return { statusCode: 200, body: "" };
}

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = "/2018-06-01/runtime/invocation";

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path, headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve([response.headers, text]));
    });
    request.on("error", reject);
    request.end(body);
  });
}

for (;;) {
  const [headers, event] = await call("GET", `${base}/next`);
  const path = `${base}/${headers["lambda-runtime-aws-request-id"]}`;
  try {
    await call("POST", `${path}/response`, JSON.stringify(await answer(JSON.parse(event))));
  } catch (error) {
    await call("POST", `${path}/error`, JSON.stringify({ errorMessage: String(error.stack), errorType: "Error" }));
  }
}
