// What every transformer has at once, and what Rust calls. The rest is loaded when its name is first read.
//
// Nothing but JSON leaves for Rust, and nothing else comes back: what is asked for (a request, a storage, a timer) has a number, and the
// promise with that number is settled later.
'use strict';
(function (global, natives, fileSecrets) {
  // Bytes cross over as a text with a character for each.
  const binary = (view) => {
    let text = '';
    for (let at = 0; at < view.length; at += 8192) text += String.fromCharCode(...view.subarray(at, at + 8192));
    return text;
  };
  const host = {
    ...natives,
    encode: (bytes, encoding) => natives.encode(binary(bytes), encoding),
    digest: (algorithm, key, data) => natives.digest(algorithm, key && binary(key), binary(data)),
    sign: (pem, data) => natives.sign(pem, binary(data)),
  };
  const { parse, stringify } = JSON;
  const HOOKS = ['handleInput', 'handleOutput', 'handleInject', 'handleNotify'];
  const MAX_LINE = 4096;
  const waiting = new Map();
  let hooks = null;
  let next = 1;
  let run = 0;
  let stores = new Map();

  const define = (name, value) =>
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });

  // Asks Rust, and says at once when that is one wish too many.
  const ask = (kind, what) => new Promise((resolve, reject) => {
    const id = next++;
    const refusal = host.ask(kind, id, stringify(what));
    if (refusal) return reject(named('RequestError', refusal));
    waiting.set(id, { resolve, reject });
  });

  const named = (name, message) => {
    const error = new Error(message);
    error.name = name;
    return error;
  };

  // Errors and other values that were thrown, null included, as Rust reads them. A getter may throw again.
  const describe = (thrown) => {
    const text = (read) => {
      try { return String(read() ?? '').slice(0, MAX_LINE).toWellFormed(); } catch { return ''; }
    };
    if (thrown === null || typeof thrown !== 'object') {
      return stringify({ name: thrown === null ? 'null' : typeof thrown, message: text(() => String(thrown)), stack: '' });
    }
    return stringify({ name: text(() => thrown.name), message: text(() => thrown.message), stack: text(() => thrown.stack) });
  };

  // Console.
  const show = (value) => {
    try {
      if (typeof value === 'string') return value;
      if (value instanceof Error) return `${value.name}: ${value.message}`;
      if (typeof value === 'object' && value !== null) return stringify(value) ?? String(value);
      return typeof value === 'bigint' ? `${value}n` : String(value);
    } catch { return '[a value that cannot be printed]'; }
  };
  const log = (level) => (...values) => {
    let line = '';
    for (const value of values) {
      line += (line && ' ') + show(value).slice(0, MAX_LINE);
      if (line.length > MAX_LINE) break;
    }
    host.post('log', level, line.slice(0, MAX_LINE).toWellFormed());
  };
  define('console', {
    log: log('log'), debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'),
    trace: log('debug'), dir: log('log'), table: log('log'),
  });

  // Registration. One file can be tried anywhere, so the cousins mean the same.
  const register = (given) => { hooks = given; };
  for (const kind of ['Webhook', 'Rest', 'Socket']) define(`create${kind}Transformer`, register);
  define('getTextCleaner', () => { throw named('NotAvailableError', 'getTextCleaner is not available here'); });

  // Session storage: one object for each pair of ids and run.
  define('getSessionStorage', async (userId, sessionId) => {
    const pair = stringify([String(userId ?? '').toWellFormed(), String(sessionId ?? '').toWellFormed()]);
    if (!stores.has(pair)) stores.set(pair, ask('storage', parse(pair)).then((text) => parse(text)));
    return stores.get(pair);
  });
  const opened = new Map();
  const keep = async (pair, promise) => { opened.set(pair, await promise); };

  // Timers end with the run.
  const timer = (repeats) => (callback, delay, ...values) => {
    const id = next++;
    const wait = Math.min(Math.max(Number(delay) || 0, repeats ? 1 : 0), 60_000);
    const arm = () => {
      const refusal = host.ask('timer', id, String(wait));
      if (refusal) throw named('RangeError', refusal);
      waiting.set(id, { resolve: fire, reject: () => {} });
    };
    const fire = () => {
      if (repeats) arm();
      callback(...values);
    };
    if (typeof callback !== 'function') throw new TypeError('setTimeout needs a function');
    arm();
    return id;
  };
  const clear = (id) => { waiting.delete(id); };
  define('setTimeout', timer(false));
  define('setInterval', timer(true));
  define('setImmediate', (callback, ...values) => global.setTimeout(callback, 0, ...values));
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) define(name, clear);
  define('queueMicrotask', (callback) => { Promise.resolve().then(callback); });

  // Names that are loaded when they are first read; the script may give them another value.
  const parts = new Map();
  const part = (name) => {
    if (!parts.has(name)) parts.set(name, host.part(name)(global, host, tools));
    return parts.get(name);
  };
  const tools = { ask, define, named, part };
  const lazily = (name, load) => Object.defineProperty(global, name, {
    configurable: true, enumerable: false,
    get() {
      // A library may look for an older self under its name while it loads.
      define(name, undefined);
      try {
        define(name, load());
      } catch (error) {
        // The next reader gets the same error.
        lazily(name, load);
        throw error;
      }
      return global[name];
    },
    set(value) { define(name, value); },
  });
  for (const [file, names] of [
    ['http', ['httpRequest', 'fetch', 'Headers', 'Response']],
    ['url', ['URL', 'URLSearchParams']],
    ['bytes', ['Buffer', 'TextEncoder', 'TextDecoder', 'btoa', 'atob']],
    ['crypto', ['crypto', 'uuid']],
  ]) for (const name of names) lazily(name, () => part(file)[name]);
  for (const name of ['moment', '_', 'xmljs']) {
    lazily(name, () => { throw named('NotAvailableError', `${name} is not in this file: wa transform build adds it`); });
  }
  // `wa transform build` puts the libraries that a script names in front of it, as texts.
  define('__library', (name, text) => {
    lazily(name, () => {
      const module = { exports: {} };
      host.library(text)(module, module.exports, global);
      return module.exports;
    });
  });

  const frozen = (value) => {
    if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
    return value;
  };
  // While the file is checked at the start, the secrets are not known yet: whatever is read of them then is empty.
  const unknown = new Proxy(() => {}, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => '' : name === 'then' || typeof name === 'symbol' ? undefined : unknown),
    apply: () => unknown,
  });
  lazily('secrets', () => (fileSecrets ? frozen(parse(fileSecrets)) : unknown));

  part('guards');

  // What Rust calls.
  return Object.freeze({
    describe,
    registered: () => HOOKS.filter((name) => typeof hooks?.[name] === 'function').join(),
    // Returns false if the script has no such hook.
    call(name, json) {
      if (typeof hooks?.[name] !== 'function') return false;
      const mine = ++run;
      stores = new Map();
      const given = parse(json);
      frozen(given.endpoint);
      const sent = name === 'handleOutput' ? null : part('response')();
      if (sent) given.response = sent.response;
      const ended = (how, text) => {
        if (mine !== run) return;
        const recorded = sent?.recorded() ?? '';
        run++;
        host.post('sent', '', recorded);
        host.post(how, '', text);
        waiting.clear();
      };
      const failed = (error) => ended('failed', describe(error));
      const returned = async (value) => {
        const kept = [...stores];
        opened.clear();
        for (const [pair, store] of kept) await keep(pair, store).catch(() => {});
        if (mine !== run) return;
        for (const [pair, store] of opened) {
          let text = '';
          try { text = stringify(store) ?? ''; } catch { /* Rust says that it cannot be kept. */ }
          host.post('stored', pair, text);
        }
        if (!value) return ended('falsy', '');
        const text = stringify(value);
        return text === undefined ? ended('odd', '') : ended('value', text);
      };
      new Promise((resolve) => { resolve(hooks[name](given)); }).then(returned).catch(failed);
      return true;
    },
    settle(id, isRight, json) {
      const wish = waiting.get(id);
      if (!wish) return;
      waiting.delete(id);
      if (isRight) wish.resolve(json);
      else {
        const { name, message } = parse(json);
        wish.reject(named(name, message));
      }
    },
  });
})
