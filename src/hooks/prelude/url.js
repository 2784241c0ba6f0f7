// URL and URLSearchParams. URLs are read and changed by Rust, as everywhere in the endpoint.
'use strict';
(function (global, host) {
  const encode = (text) => encodeURIComponent(String(text).toWellFormed())
    .replace(/%20/g, '+').replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const decode = (text) => {
    const spaced = text.replace(/\+/g, ' ');
    try { return decodeURIComponent(spaced); } catch { return spaced; }
  };

  class URLSearchParams {
    #pairs = [];
    #changed = () => {};
    constructor(given = '', changed) {
      if (typeof given === 'object' && given !== null) {
        const entries = typeof given[Symbol.iterator] === 'function' ? given : Object.entries(given);
        for (const [name, value] of entries) this.#pairs.push([String(name), String(value)]);
      } else {
        for (const piece of String(given).replace(/^\?/, '').split('&')) {
          if (!piece) continue;
          const at = piece.indexOf('=');
          this.#pairs.push(at < 0 ? [decode(piece), ''] : [decode(piece.slice(0, at)), decode(piece.slice(at + 1))]);
        }
      }
      if (typeof changed === 'function') this.#changed = changed;
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([String(name), String(value)]); this.#changed(); }
    delete(name) { this.#pairs = this.#pairs.filter(([key]) => key !== String(name)); this.#changed(); }
    get(name) { return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter(([key]) => key === String(name)).map(([, value]) => value); }
    has(name) { return this.#pairs.some(([key]) => key === String(name)); }
    set(name, value) {
      const at = this.#pairs.findIndex(([key]) => key === String(name));
      if (at < 0) this.#pairs.push([String(name), String(value)]);
      else {
        this.#pairs[at][1] = String(value);
        this.#pairs = this.#pairs.filter(([key], other) => other <= at || key !== String(name));
      }
      this.#changed();
    }
    sort() { this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)); this.#changed(); }
    forEach(callback) { for (const [name, value] of this.#pairs) callback(value, name, this); }
    * entries() { for (const [name, value] of this.#pairs) yield [name, value]; }
    * keys() { for (const [name] of this.#pairs) yield name; }
    * values() { for (const [, value] of this.#pairs) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&'); }
  }

  class URL {
    #parts;
    #params;
    constructor(url, base) {
      this.#parts = URL.#read(url, base);
      if (!this.#parts) throw new TypeError('Invalid URL');
    }
    static #read(url, base) {
      const parts = host.url(String(url).toWellFormed(), base === undefined ? null : String(base).toWellFormed());
      return parts && JSON.parse(parts);
    }
    static canParse(url, base) { return Boolean(URL.#read(url, base)); }
    static change(url, name, value) {
      const parts = host.changed(url.#parts.href, name, String(value).toWellFormed());
      if (parts) url.#parts = JSON.parse(parts);
    }
    get searchParams() {
      this.#params ??= new URLSearchParams(this.search, () => { this.search = this.#params.toString(); });
      return this.#params;
    }
    static {
      for (const name of ['href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash']) {
        Object.defineProperty(URL.prototype, name, {
          configurable: true, enumerable: true,
          get() { return this.#parts[name]; },
          set(value) { URL.change(this, name, value); },
        });
      }
    }
    get origin() { return this.#parts.origin; }
    toString() { return this.#parts.href; }
    toJSON() { return this.#parts.href; }
  }
  return { URL, URLSearchParams };
})
