// The functions of Node's crypto that transformers use, and uuid. The arithmetic is ring's.
'use strict';
(function (global, host, { named, part }) {
  const { Buffer, bytesOf, plain } = part('bytes');
  const given = (data, encoding) => (typeof data === 'string' ? bytesOf(data, encoding) : plain(data));
  const shown = (bytes, encoding) => {
    const buffer = new Buffer(bytes);
    return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
  };
  const absent = (what) => () => { throw named('NotAvailableError', `crypto.${what} is not available here`); };

  class Digest {
    #algorithm;
    #key;
    #chunks = [];
    #isOver = false;
    constructor(algorithm, key) {
      this.#algorithm = String(algorithm).toLowerCase().replace(/[-_]/g, '');
      this.#key = key;
      if (!/^sha(1|256|384|512)$/.test(this.#algorithm)) {
        throw new Error('this digest is not available here: take sha1, sha256, sha384 or sha512');
      }
    }
    update(data, encoding) {
      this.#chunks.push(given(data, encoding));
      return this;
    }
    digest(encoding) {
      if (this.#isOver) throw new Error('Digest already called');
      this.#isOver = true;
      return shown(host.digest(this.#algorithm, this.#key ?? null, plain(Buffer.concat(this.#chunks))), encoding);
    }
  }
  class Sign {
    #chunks = [];
    constructor(algorithm) {
      if (!/^(rsa-?)?sha-?256$|^rs256$/i.test(String(algorithm))) throw new Error('createSign knows RSA-SHA256 only');
    }
    update(data, encoding) {
      this.#chunks.push(given(data, encoding));
      return this;
    }
    write(data) { return this.update(data); }
    end() { return this; }
    sign(key, encoding) {
      const pem = typeof key === 'object' && !(key instanceof Uint8Array) ? key.key : key;
      return shown(host.sign(String(pem), plain(Buffer.concat(this.#chunks))), encoding);
    }
  }
  const randomUUID = () => host.uuid();
  const crypto = {
    createHash: (algorithm) => new Digest(algorithm),
    createHmac: (algorithm, key) => new Digest(algorithm, given(key)),
    createSign: (algorithm) => new Sign(algorithm),
    getHashes: () => ['sha1', 'sha256', 'sha384', 'sha512'],
    randomUUID,
    randomBytes: (size) => new Buffer(host.random(Number(size))),
    randomInt(from, to) {
      const [low, high] = to === undefined ? [0, from] : [from, to];
      return low + Math.floor((new DataView(host.random(4).buffer).getUint32(0) / 2 ** 32) * (high - low));
    },
    getRandomValues(view) {
      plain(view).set(host.random(view.byteLength));
      return view;
    },
    timingSafeEqual(one, other) {
      const [a, b] = [plain(one), plain(other)];
      if (a.length !== b.length) throw new RangeError('Input buffers must have the same byte length');
      let difference = 0;
      for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at];
      return difference === 0;
    },
  };
  for (const name of ['createCipheriv', 'createDecipheriv', 'createCipher', 'createDecipher', 'createVerify', 'publicEncrypt', 'privateDecrypt',
    'generateKeyPairSync', 'pbkdf2Sync', 'scryptSync', 'createDiffieHellman']) crypto[name] = absent(name);
  return { crypto, uuid: Object.assign(() => host.uuid(), { v4: randomUUID }) };
})
