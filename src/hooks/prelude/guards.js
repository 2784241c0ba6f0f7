// The engine looks at its clock between two steps of a script, not inside of one. What is written in C and can take minutes for one call
// gets a bound here, or is written anew in JavaScript.
'use strict';
(function (global) {
  // An array with more entries does not fit into the memory of a run; one that is only said to be longer is walked through all the same.
  const MAX_LENGTH = 4_000_000;
  // Comparisons of one search; a second has several times as many.
  const MAX_COMPARISONS = 1_000_000_000;
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
      if (this?.length > MAX_LENGTH) throw new RangeError('the array is too long');
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
