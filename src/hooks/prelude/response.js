// The response of a hook, as Express offers it: it records what the script would send, and Rust decides what becomes of it.
'use strict';
(function (global, host, { named }) {
  const REASONS = {
    200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other',
    304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
    404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 410: 'Gone', 413: 'Payload Too Large', 415: 'Unsupported Media Type',
    422: 'Unprocessable Entity', 429: 'Too Many Requests', 500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway',
    503: 'Service Unavailable', 504: 'Gateway Timeout',
  };
  const TYPES = {
    html: 'text/html; charset=utf-8', json: 'application/json; charset=utf-8', txt: 'text/plain; charset=utf-8',
    text: 'text/plain; charset=utf-8', xml: 'application/xml', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8',
    bin: 'application/octet-stream', form: 'application/x-www-form-urlencoded', csv: 'text/csv; charset=utf-8', pdf: 'application/pdf',
  };
  // API Gateway takes 6 MB; ten answers of this size at once fit into the smallest function.
  const MAX_BODY = 1024 * 1024;
  const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
  const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

  return () => {
    const headers = new Map();
    let [code, body, isBase64, isSent] = [200, null, false, false];

    const set = (name, value) => {
      if (typeof name === 'object' && name !== null) {
        for (const [key, one] of Object.entries(name)) set(key, one);
        return response;
      }
      const key = String(name);
      const text = Array.isArray(value) ? value.map(String) : String(value);
      if (!NAME.test(key)) throw new TypeError('a header has a name that is none');
      if (![text].flat().every((one) => VALUE.test(one))) throw new TypeError(`the header ${key} has a character that no header may have`);
      headers.set(key.toLowerCase(), text);
      return response;
    };
    const preset = (name, value) => { if (!headers.has(name)) set(name, value); };
    const finish = (text, type) => {
      if (isSent) {
        global.console.warn('response: an answer was sent already, this one is left out');
        return response;
      }
      if (text?.length > MAX_BODY) throw new RangeError(`an answer has more than ${MAX_BODY} characters`);
      isSent = true;
      if (text instanceof Uint8Array) {
        [body, isBase64] = [host.encode(new Uint8Array(text), 'base64'), true];
        preset('content-type', TYPES.bin);
      } else if (text !== undefined && text !== null) {
        body = String(text).toWellFormed();
        if (type) preset('content-type', type);
      }
      return response;
    };
    const response = {
      status(given) {
        if (!Number.isInteger(given) || given < 200 || given > 599) throw new RangeError('a status is a number from 200 to 599');
        code = given;
        return response;
      },
      sendStatus: (given) => response.status(given).type('txt').send(REASONS[given] ?? String(given)),
      send(given) {
        if (given === undefined || given === null || given instanceof Uint8Array) return finish(given);
        return typeof given === 'string' ? finish(given, TYPES.html) : response.json(given);
      },
      json: (given) => finish(JSON.stringify(given) ?? '', TYPES.json),
      end: (given) => finish(given),
      redirect(...given) {
        const url = given.pop();
        const to = String(url);
        response.status(given.length ? given[0] : 302);
        set('location', /[^\x21-\x7e]/.test(to) ? encodeURI(to) : to);
        return finish(`${REASONS[code] ?? code}. Redirecting to ${to}`, TYPES.txt);
      },
      type: (given) => set('content-type', String(given).includes('/') ? given : TYPES[String(given).replace(/^\./, '')] ?? TYPES.bin),
      set, setHeader: set,
      header: (name, ...value) => (value.length || typeof name === 'object' ? set(name, ...value) : response.get(name)),
      get: (name) => headers.get(String(name).toLowerCase()),
      get headersSent() { return isSent; },
      get statusCode() { return code; },
      set statusCode(given) { response.status(given); },
    };
    response.getHeader = response.get;
    response.contentType = response.type;
    const recorded = () => (isSent ? JSON.stringify({ status: code, headers: [...headers], body, isBase64 }) : '');
    return { response, recorded };
  };
})
