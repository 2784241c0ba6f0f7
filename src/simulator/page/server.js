// The way to the simulator: what it tells (server-sent events) and what the person does (calls).

const NAMES = ["reset", "person", "bubble", "typing", "wire", "session", "faults", "endpoint", "problem", "ready"];

/** Hands every event to `told[name]`; comes back after a lost connection, when everything is told again. */
export function listen(told, connected) {
  const events = new EventSource("/api/events");
  for (const name of NAMES) {
    events.addEventListener(name, (event) => told[name]?.(JSON.parse(event.data)));
  }
  events.onopen = () => connected(true);
  events.onerror = () => {
    connected(false);
    // A browser that got an answer it did not like gives up; we do not.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => listen(told, connected), 2000);
  };
}

let lastMessage = Promise.resolve();

/** Says something after what was said before it. */
export function say(what) {
  const said = lastMessage.then(() => call("POST", "/api/messages", what));
  lastMessage = said.catch(() => {});
  return said;
}

/** Puts a file on the simulator's shelf; answers its id and as what it can be sent. */
export function upload(file, name) {
  const type = (file.type || "application/octet-stream").replace(/\s/gu, "");
  return request("POST", `/api/media?name=${encodeURIComponent(name)}`, file, type);
}

/** A call with a JSON body; what went wrong is an `Error` with words for the person. */
export function call(method, path, body) {
  return request(method, path, body && JSON.stringify(body), "application/json");
}

async function request(method, path, body, type) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "content-type": type } : {},
    body,
    signal: AbortSignal.timeout(60_000),
  }).catch(() => { throw new Error("the simulator cannot be reached. Is it still running?"); });
  const text = await answer.text();
  const json = parsed(text);
  if (answer.ok) return json;
  throw new Error(json?.error ?? `the simulator answered ${answer.status}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
