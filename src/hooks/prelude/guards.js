// The engine looks at its clock between two steps of a script, not inside of one. What is written in C and can take minutes for one call
// gets a bound here, or is written anew in JavaScript.
'use strict';
(function (global) {
  // An array with more entries does not fit into the memory of a run; one that is only said to be longer is walked through all the same.
  const MAX_LENGTH = 4_000_000;
  // Comparisons of one search; a second has several times as many.
  const MAX_COMPARISONS = 1_000_000_000;
  const MAX_NORMALIZED = 50_000;
  const MAX_DIGITS = 20_000;
  const redefine = (target, name, value) => {
    Object.defineProperty(value, 'name', { value: name, configurable: true });
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  };

  const { apply } = Reflect;
  for (const name of [
    'at', 'concat', 'copyWithin', 'every', 'fill', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'flatMap', 'forEach', 'includes',
    'indexOf', 'join', 'lastIndexOf', 'map', 'reduce', 'reduceRight', 'reverse', 'shift', 'slice', 'some', 'sort', 'splice', 'toLocaleString',
    'toReversed', 'toSorted', 'toSpliced', 'unshift', 'with',
  ]) {
    const native = Array.prototype[name];
    if (!native) continue;
    redefine(Array.prototype, name, function (...values) {
      if (this?.length > MAX_LENGTH || (name === 'concat' && values.some((value) => value?.length > MAX_LENGTH))) throw new RangeError('the array is too long');
      return apply(native, this, values);
    });
  }
  redefine(Array.prototype, 'toString', function () {
    return typeof this?.join === 'function' ? this.join() : Object.prototype.toString.call(this);
  });
  redefine(Array.prototype, 'flat', function flat(depth = 1) {
    const all = [];
    for (const entry of this) {
      if (Array.isArray(entry) && depth >= 1) for (const inner of entry.flat(depth - 1)) all.push(inner);
      else all.push(entry);
    }
    return all;
  });

  for (const name of ['indexOf', 'lastIndexOf', 'includes', 'split', 'replace', 'replaceAll']) {
    const native = String.prototype[name];
    redefine(String.prototype, name, function (...values) {
      const needle = values[0];
      if (typeof needle === 'string' && needle.length * String(this).length > MAX_COMPARISONS) {
        throw new RangeError('the text to search for is too long');
      }
      return apply(native, this, values);
    });
  }

  // The canonical order of accents is found by comparing each with each.
  const { normalize } = String.prototype;
  redefine(String.prototype, 'normalize', function (...values) {
    if (String(this).length > MAX_NORMALIZED) throw new RangeError('the text is too long to be normalized');
    return apply(normalize, this, values);
  });

  // Large numbers are read and written digit by digit, and each digit goes through all of the number.
  const { toString } = BigInt.prototype;
  global.BigInt = new Proxy(BigInt, {
    apply(make, _, values) {
      if (typeof values[0] === 'string' && values[0].length > MAX_DIGITS) throw new RangeError('the number is too long');
      return make(...values);
    },
  });
  redefine(BigInt.prototype, 'toString', function (...values) {
    const digits = typeof this === 'bigint' ? this : this.valueOf();
    const large = 1n << BigInt(MAX_DIGITS * 3);
    if (digits > large || digits < -large) throw new RangeError('the number is too long');
    return apply(toString, digits, values);
  });

  // The helpers of iterators, for one may have no end.
  const helpers = {
    * map(make) { let at = 0; for (const value of this) yield make(value, at++); },
    * filter(test) { let at = 0; for (const value of this) if (test(value, at++)) yield value; },
    * flatMap(make) { let at = 0; for (const value of this) yield* make(value, at++); },
    * take(count) { let left = Number(count); if (left > 0) for (const value of this) { yield value; if (--left <= 0) return; } },
    * drop(count) { let left = Number(count); for (const value of this) if (left-- <= 0) yield value; },
    reduce(join, ...initial) {
      let [sum, isFirst, at] = [initial[0], initial.length === 0, 0];
      for (const value of this) {
        sum = isFirst ? value : join(sum, value, at);
        isFirst = false;
        at++;
      }
      if (isFirst) throw new TypeError('reduce of an empty iterator with no initial value');
      return sum;
    },
    toArray() { return [...this]; },
    forEach(each) { let at = 0; for (const value of this) each(value, at++); },
    some(test) { let at = 0; for (const value of this) if (test(value, at++)) return true; return false; },
    every(test) { let at = 0; for (const value of this) if (!test(value, at++)) return false; return true; },
    find(test) { let at = 0; for (const value of this) if (test(value, at++)) return value; },
  };
  const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  for (const [name, helper] of Object.entries(helpers)) if (iterators[name]) redefine(iterators, name, helper);

  const numbers = Object.getPrototypeOf(Uint8Array.prototype);
  const ascending = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  redefine(numbers, 'sort', function (compare = ascending) {
    const sorted = Array.from(this).sort(compare);
    for (let at = 0; at < sorted.length; at++) this[at] = sorted[at];
    return this;
  });
  redefine(numbers, 'toSorted', function (compare) { return this.slice().sort(compare); });

  // They can stop a thread, and there is only one.
  delete global.Atomics;
  delete global.SharedArrayBuffer;
})
