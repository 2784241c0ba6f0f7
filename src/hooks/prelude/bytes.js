// Buffer, TextEncoder, TextDecoder, btoa and atob. The conversions are Rust's.
'use strict';
(function (global, host, { named }) {
  const bytesOf = (text, encoding) => host.decode(String(text).toWellFormed(), String(encoding ?? 'utf8').toLowerCase());
  const plain = (view) => (ArrayBuffer.isView(view)
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view));

  class Buffer extends Uint8Array {
    constructor(value, encodingOrOffset, length) {
      if (typeof value === 'string') super(bytesOf(value, encodingOrOffset));
      else super(value, encodingOrOffset, length);
    }
    static from(value, encodingOrOffset, length) {
      if (value?.type === 'Buffer' && Array.isArray(value.data)) return new Buffer(value.data);
      if (typeof value === 'number') throw new TypeError('Buffer.from takes a text, bytes or a list, not a number');
      return new Buffer(value, encodingOrOffset, length);
    }
    static alloc(size, fill) {
      const buffer = new Buffer(Number(size));
      if (fill !== undefined) buffer.fill(typeof fill === 'string' ? bytesOf(fill)[0] ?? 0 : fill);
      return buffer;
    }
    static allocUnsafe(size) { return new Buffer(Number(size)); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(value, encoding) { return typeof value === 'string' ? bytesOf(value, encoding).length : value.byteLength; }
    static concat(list, total) {
      const all = new Buffer(total ?? list.reduce((sum, one) => sum + one.length, 0));
      let at = 0;
      for (const one of list) {
        if (at >= all.length) break;
        all.set(one.subarray(0, all.length - at), at);
        at += one.length;
      }
      return all;
    }
    toString(encoding, start = 0, end = this.length) {
      return host.encode(plain(this.subarray(start, end)), String(encoding ?? 'utf8').toLowerCase());
    }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
    equals(other) { return this.length === other.length && this.every((byte, at) => byte === other[at]); }
    slice(start, end) { return this.subarray(start, end); }
    readUInt8(at = 0) { return this[at]; }
    readUInt16BE(at = 0) { return new DataView(this.buffer, this.byteOffset).getUint16(at); }
    readUInt32BE(at = 0) { return new DataView(this.buffer, this.byteOffset).getUint32(at); }
    writeUInt32BE(value, at = 0) { new DataView(this.buffer, this.byteOffset).setUint32(at, value); return at + 4; }
  }

  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return bytesOf(text); }
  }
  class TextDecoder {
    #encoding;
    #isFatal;
    constructor(encoding = 'utf-8', options = {}) {
      this.#encoding = { 'utf-8': 'utf8', utf8: 'utf8', 'utf-16le': 'utf16le', latin1: 'latin1', 'iso-8859-1': 'latin1', ascii: 'latin1' }[
        String(encoding).toLowerCase()];
      this.#isFatal = Boolean(options.fatal);
      if (!this.#encoding) throw new RangeError('TextDecoder knows utf-8, utf-16le and latin1');
    }
    get encoding() { return this.#encoding === 'utf8' ? 'utf-8' : this.#encoding; }
    decode(bytes = new Uint8Array(0)) {
      const given = plain(bytes);
      const text = host.encode(given, this.#encoding);
      if (this.#isFatal && this.#encoding === 'utf8' && text.includes('\ufffd') && !Buffer.from(text).equals(given)) {
        throw new TypeError('these bytes are not UTF-8');
      }
      return text.replace(/^\ufeff/, '');
    }
  }
  const btoa = (text) => {
    if (/[^\x00-\xff]/.test(String(text))) throw named('InvalidCharacterError', 'btoa takes characters up to U+00FF only');
    return host.encode(bytesOf(text, 'latin1'), 'base64');
  };
  const atob = (text) => {
    const packed = String(text).replace(/[\t\n\f\r ]/g, '');
    if (/[^A-Za-z0-9+/=]/.test(packed)) throw named('InvalidCharacterError', 'atob takes base64 only');
    return host.encode(bytesOf(packed, 'base64'), 'latin1');
  };
  return { Buffer, TextEncoder, TextDecoder, btoa, atob, bytesOf, plain };
})
