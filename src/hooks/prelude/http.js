// httpRequest, with the options and errors of the npm package `request`, and fetch. Where a request may go, and how large its answer may
// be, is decided in Rust.
'use strict';
(function (global, host, { ask, named, part }) {
  const { Buffer, bytesOf, plain } = part('bytes');
  const isObject = (value) => typeof value === 'object' && value !== null;

  // Queries and forms, in brackets as the package `qs` writes them, or repeated as Node's `querystring` does.
  const escape = (text) => encodeURIComponent(String(text).toWellFormed())
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = (given, repeats) => {
    const pieces = [];
    const add = (name, value) => {
      if (value === undefined || typeof value === 'function') return;
      if (!isObject(value)) pieces.push(`${escape(name)}=${value === null ? '' : escape(value)}`);
      else if (value instanceof Date) add(name, value.toISOString());
      else for (const [key, one] of Object.entries(value)) add(Array.isArray(value) && repeats ? name : `${name}[${key}]`, one);
    };
    for (const [name, value] of Object.entries(given)) add(name, value);
    return pieces.join('&');
  };
  const withQuery = (url, added) => {
    if (!added) return url;
    const [address, fragment] = url.split('#');
    return address + (address.includes('?') ? '&' : '?') + added + (fragment === undefined ? '' : `#${fragment}`);
  };

  // Headers as a list of pairs in lower case, so that one name is found however it is written.
  const listed = (headers) => {
    const pairs = [];
    for (const [name, value] of headers) {
      if (value === undefined || value === null) continue;
      for (const one of Array.isArray(value) ? value : [value]) pairs.push([String(name).toLowerCase(), String(one).toWellFormed()]);
    }
    return pairs;
  };
  const preset = (headers, name, value) => { if (!headers.some(([key]) => key === name)) headers.push([name, value]); };
  const packed = (body) => {
    if (body === undefined || body === null) return null;
    if (typeof body === 'string') return { text: body.toWellFormed() };
    return { base64: host.encode(plain(body), 'base64') };
  };
  const send = async (what) => JSON.parse(await ask('http', what));
  const bytesIn = (answer) => (answer.base64 === undefined ? bytesOf(answer.text) : bytesOf(answer.base64, 'base64'));
  const textIn = (answer) => answer.text ?? host.encode(bytesIn(answer), 'utf8');

  const prepared = (o) => {
    let url = String(o.uri?.href ?? o.uri ?? o.url?.href ?? o.url ?? '');
    if (!url && !o.baseUrl) throw named('RequestError', 'Error: options.uri is a required argument');
    if (o.baseUrl) url = `${String(o.baseUrl).replace(/\/$/, '')}/${url.replace(/^\//, '')}`;
    if (isObject(o.qs)) url = withQuery(url, query(o.qs, o.useQuerystring));
    const headers = listed(Object.entries(o.headers ?? {}));
    let body = o.body;
    if (o.formData) throw named('RequestError', 'Error: formData is not available here');
    if (o.form !== undefined && o.form !== null) {
      body = isObject(o.form) ? query(o.form, o.useQuerystring) : String(o.form);
      preset(headers, 'content-type', 'application/x-www-form-urlencoded');
    }
    if (o.json) {
      const isForm = headers.some(([name, value]) => name === 'content-type' && value.startsWith('application/x-www-form-urlencoded'));
      if (isObject(o.json)) body = JSON.stringify(o.json);
      else if (body !== undefined && !(isForm && typeof body === 'string')) body = JSON.stringify(body);
      if (body !== undefined) preset(headers, 'content-type', 'application/json');
      preset(headers, 'accept', 'application/json');
    }
    if (Array.isArray(body)) body = body.map(String).join('');
    if (isObject(body) && !(body instanceof Uint8Array)) {
      throw named('RequestError', 'Error: Argument error, options.body: set json: true to send an object');
    }
    if (typeof body === 'number' || typeof body === 'boolean') body = String(body);
    const auth = o.auth ?? {};
    const bearer = typeof auth.bearer === 'function' ? auth.bearer() : auth.bearer;
    const user = auth.user ?? auth.username;
    if (bearer !== undefined) preset(headers, 'authorization', `Bearer ${bearer}`);
    else if (user !== undefined) {
      const pair = bytesOf(`${user}:${auth.pass ?? auth.password ?? ''}`);
      preset(headers, 'authorization', `Basic ${host.encode(pair, 'base64')}`);
    }
    const method = String(o.method ?? 'GET').toUpperCase();
    const follows = o.followAllRedirects || (o.followRedirect !== false && (method === 'GET' || method === 'HEAD'));
    return {
      url, method, headers, body: packed(body), follows, redirects: Number(o.maxRedirects ?? 5),
      timeout: Number(o.timeout) > 0 ? Number(o.timeout) : null,
    };
  };

  const httpRequest = async (given, more) => {
    const o = isObject(given) && given.href === undefined ? given : { ...more, uri: given };
    let answer;
    try { answer = await send(prepared(o)); } catch (cause) {
      const error = named('RequestError', cause?.message ?? String(cause));
      throw Object.assign(error, { cause, error: cause, options: o });
    }
    let body = o.encoding === null ? new Buffer(bytesIn(answer)) : textIn(answer);
    if (o.json && typeof body === 'string') {
      try { body = JSON.parse(body); } catch { /* As it came. */ }
    }
    const { status: statusCode, statusText: statusMessage, headers } = answer;
    const response = { statusCode, statusMessage, headers, body };
    if (o.simple !== false && (statusCode < 200 || statusCode > 299)) {
      const error = named('StatusCodeError', `${statusCode} - ${JSON.stringify(body)}`);
      throw Object.assign(error, { statusCode, error: body, options: o, response });
    }
    return o.resolveWithFullResponse ? response : body;
  };
  for (const method of ['get', 'post', 'put', 'patch', 'delete', 'head']) {
    httpRequest[method] = (given, more) => httpRequest({ ...(isObject(given) ? given : { ...more, uri: given }), method });
  }

  class Headers {
    #values = new Map();
    constructor(given = {}) {
      const entries = typeof given?.[Symbol.iterator] === 'function' ? given : Object.entries(given ?? {});
      for (const [name, value] of listed(entries)) this.append(name, value);
    }
    append(name, value) {
      const key = String(name).toLowerCase();
      this.#values.set(key, this.#values.has(key) ? `${this.#values.get(key)}, ${value}` : String(value));
    }
    set(name, value) { this.#values.set(String(name).toLowerCase(), String(value)); }
    get(name) { return this.#values.get(String(name).toLowerCase()) ?? null; }
    has(name) { return this.#values.has(String(name).toLowerCase()); }
    delete(name) { this.#values.delete(String(name).toLowerCase()); }
    forEach(callback) { for (const [name, value] of this.#values) callback(value, name, this); }
    entries() { return this.#values.entries(); }
    keys() { return this.#values.keys(); }
    values() { return this.#values.values(); }
    [Symbol.iterator]() { return this.entries(); }
  }

  class Response {
    #answer;
    bodyUsed = false;
    constructor(body = '', options = {}) {
      this.#answer = { status: 200, statusText: '', url: '', redirected: false, ...options, ...(isObject(body) ? body : { text: String(body ?? '') }) };
      this.headers = new Headers(this.#answer.headers);
    }
    get status() { return this.#answer.status; }
    get statusText() { return this.#answer.statusText; }
    get ok() { return this.status >= 200 && this.status < 300; }
    get url() { return this.#answer.url; }
    get redirected() { return this.#answer.redirected; }
    #take() {
      if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
      this.bodyUsed = true;
      return this.#answer;
    }
    async text() { return textIn(this.#take()); }
    async json() { return JSON.parse(await this.text()); }
    async bytes() { return plain(bytesIn(this.#take())); }
    async arrayBuffer() { return (await this.bytes()).slice().buffer; }
    clone() { return new Response({ ...this.#answer }); }
  }

  const fetch = async (given, options = {}) => {
    const o = isObject(given) && given.href === undefined && given.url !== undefined ? { ...given, ...options } : options;
    const url = String(given?.href ?? given?.url ?? given);
    const headers = listed(o.headers?.[Symbol.iterator] ? o.headers : Object.entries(o.headers ?? {}));
    let { body } = o;
    if (isObject(body) && typeof body.getAll === 'function') {
      preset(headers, 'content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
      body = body.toString();
    } else if (typeof body === 'string') preset(headers, 'content-type', 'text/plain;charset=UTF-8');
    else if (isObject(body) && !ArrayBuffer.isView(body) && !(body instanceof ArrayBuffer)) body = String(body);
    let answer;
    try {
      answer = await send({
        url, method: String(o.method ?? 'GET').toUpperCase(), headers, body: packed(typeof body === 'number' ? String(body) : body),
        follows: (o.redirect ?? 'follow') === 'follow', redirects: 5, timeout: null,
      });
    } catch (cause) {
      throw Object.assign(new TypeError(`fetch failed: ${cause?.message ?? cause}`), { cause });
    }
    if (o.redirect === 'error' && answer.status >= 300 && answer.status < 400) throw new TypeError('fetch failed: unexpected redirect');
    return new Response(answer);
  };
  return { httpRequest, fetch, Headers, Response };
})
