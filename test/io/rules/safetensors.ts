// Files that break one rule of safetensors each, and odd ones that break none: [rule, bytes, what the refusal says]. Made from the
// format's rules (its README, and what its reader checks), stricter where that reader is lax. No test in here.

export type Broken = [rule: string, bytes: Uint8Array<ArrayBuffer>, message: string];
export type Odd = [what: string, bytes: Uint8Array<ArrayBuffer>, tensors: Record<string, [shape: number[], bytes: number[]]>];

const utf8 = (text: string) => new TextEncoder().encode(text);

/** A file of this header, `length` where it lies about it, and data. */
export function file(
  header: string | Uint8Array,
  data: number | number[] = 0,
  length?: bigint | number,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === 'string' ? utf8(header) : header;
  const values = typeof data === 'number' ? Array.from({ length: data }, () => 0) : data;
  const bytes = new Uint8Array(8 + text.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(values, 8 + text.length);
  return bytes;
}

type Part = string | number;
/** An entry by the text of its parts. */
const entry = (dtype: Part, shape: Part, offsets: Part) => `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const u8 = (n: Part, begin: Part, end: Part) => entry('"U8"', `[${n}]`, `[${begin},${end}]`);
/** A file of the one tensor a. */
const one = (dtype: Part, shape: Part, offsets: Part, data: number) => file(`{"a":${entry(dtype, shape, offsets)}}`, data);
const sound = `{"a":${u8(1, 0, 1)}}`;
const start = (n: bigint) => file('{}', 0, n);
const raw = (text: string) => utf8(text);
const bytes = (...values: number[]) => new Uint8Array(values);
const bigEndian = (() => {
  const made = file(sound, 1);
  new DataView(made.buffer).setBigUint64(0, BigInt(sound.length), false);
  return made;
})();

export const BROKEN: Broken[] = [
  // the frame: 8 bytes of length, so many bytes of UTF-8 JSON
  ['a file has 8 bytes of length: none', bytes(), 'at least 8 bytes'],
  ['a file has 8 bytes of length: 7', bytes(2, 0, 0, 0, 0, 0, 0), 'at least 8 bytes'],
  ['the header lies in the file: only its length does', bytes(2, 0, 0, 0, 0, 0, 0, 0), 'a header of 2 bytes'],
  ['the header lies in the file: one byte too long', file('{}', 0, 3), 'a header of 3 bytes'],
  ['the header is at most 100 MB', start(100_000_001n), 'at most 100000000 bytes'],
  ['the length is no 32-bit number', start(1n << 32n), 'at most 100000000 bytes'],
  ['the length is no double', start((1n << 53n) + 1n), 'at most 100000000 bytes'],
  ['the length has no sign', start(1n << 63n), 'at most 100000000 bytes'],
  ['the length does not wrap around with its 8 bytes', start((1n << 64n) - 8n), 'at most 100000000 bytes'],
  ['the length is not all ones', start((1n << 64n) - 1n), 'at most 100000000 bytes'],
  ['the length is little-endian', bigEndian, 'at most 100000000 bytes'],
  ['the header is not cut off', file(sound, 1, sound.length - 1), '"," or "}"'],
  ['the header ends before the data', file(sound, 1, sound.length + 1), 'the end of the text'],
  ['the header is not empty', file('', 0), 'a value'],
  ['the header is not blank', file('   ', 0), 'a value'],
  ['the header has no byte-order mark', file(`\ufeff${sound}`, 1), 'a value'],
  ['the header is UTF-8: a lone byte', file(bytes(0x7b, 0xff, 0x7d)), 'a header in UTF-8'],
  ['the header is UTF-8: overlong', file(bytes(0x7b, 0xc0, 0xa2, 0x7d)), 'a header in UTF-8'],
  ['the header is UTF-8: a surrogate', file(bytes(0x22, 0xed, 0xa0, 0x80, 0x22)), 'a header in UTF-8'],
  ['the header is UTF-8: cut inside a character', file(bytes(0x22, 0xe2, 0x82)), 'a header in UTF-8'],
  ['nothing follows the object: a word', file(`${sound}x`, 1), 'the end of the text'],
  ['nothing follows the object: NUL bytes', file(`${sound}\0\0`, 1), 'the end of the text'],
  ['nothing follows the object: another', file(`${sound}{}`, 1), 'the end of the text'],
  // JSON
  ['the header is an object: an array', file('[]'), 'a JSON object'],
  ['the header is an object: null', file('null'), 'a JSON object'],
  ['the header is an object: a text', file('"{}"'), 'a JSON object'],
  ['the header is an object: a number', file('1'), 'a JSON object'],
  ['the header is an object: true', file('true'), 'a JSON object'],
  ['JSON has double quotes', file("{'a':1}"), 'a key in double quotes'],
  ['JSON has no comma at the end', file(`{"a":${u8(1, 0, 1)},}`, 1), 'a key in double quotes'],
  ['JSON has no comments', file(`{/**/"a":${u8(1, 0, 1)}}`, 1), 'a key in double quotes'],
  ['JSON has no NaN', one('"U8"', '[NaN]', '[0,1]', 1), 'a value'],
  ['JSON is not nested 200,000 deep', file('{"a":'.repeat(200_000)), 'levels of nesting'],
  ['texts hold whole characters: a lone surrogate', file(`{"\\ud800":${u8(1, 0, 1)}}`, 1), 'whole Unicode'],
  ['texts hold no bare control characters', file(`{"a\n":${u8(1, 0, 1)}}`, 1), 'a string'],
  ['a text ends', file('{"a'), 'a string'],
  // names
  ['a name comes once', file(`{"a":${u8(1, 0, 1)},"a":${u8(1, 0, 1)}}`, 1), '"a" twice'],
  ['a name comes once: another entry', file(`{"a":${u8(1, 0, 1)},"a":${u8(1, 1, 2)}}`, 2), '"a" twice'],
  ['a name comes once: escaped', file(`{"a":${u8(1, 0, 1)},"\\u0061":${u8(1, 1, 2)}}`, 2), '"a" twice'],
  ['a field comes once', file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1), '"dtype" twice'],
  ['metadata comes once', file('{"__metadata__":{},"__metadata__":{}}'), '"__metadata__" twice'],
  ['a key of the metadata comes once', file('{"__metadata__":{"k":"1","k":"2"}}'), '"k" twice'],
  ['metadata is texts: a number', file('{"__metadata__":{"k":1}}'), 'text under k'],
  ['metadata is texts: null', file('{"__metadata__":{"k":null}}'), 'text under k'],
  ['metadata is texts: an object', file('{"__metadata__":{"k":{}}}'), 'text under k'],
  ['metadata is an object: an array', file('{"__metadata__":["k"]}'), 'a JSON object for __metadata__'],
  ['metadata is an object: a text', file('{"__metadata__":"k"}'), 'a JSON object for __metadata__'],
  ['a tensor is an object: a text', file('{"a":"U8"}'), 'a JSON object for a'],
  ['a tensor is an object: null', file('{"a":null}'), 'a JSON object for a'],
  ['a tensor is an object: a number', file('{"a":1}'), 'a JSON object for a'],
  ['a tensor is an object: an array of its parts', file('{"a":["U8",[1],[0,1]]}', 1), 'a JSON object for a'],
  // dtypes
  ['a dtype is known', one('"F12"', '[1]', '[0,1]', 1), 'got F12'],
  ['a dtype is written in capitals', one('"f32"', '[1]', '[0,4]', 4), 'got f32'],
  ['a dtype is not empty', one('""', '[1]', '[0,1]', 1), 'a dtype among'],
  ['a dtype is a text: a number', one('7', '[1]', '[0,1]', 1), 'a dtype for a'],
  ['a dtype is a text: null', one('null', '[1]', '[0,1]', 1), 'a dtype for a'],
  ['a dtype is there', file('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), 'a dtype for a'],
  ['a dtype is no property: constructor', one('"constructor"', '[1]', '[0,1]', 1), 'got constructor'],
  ['a dtype is no property: toString', one('"toString"', '[1]', '[0,1]', 1), 'got toString'],
  ['a dtype is no property: __proto__', one('"__proto__"', '[1]', '[0,1]', 1), 'got __proto__'],
  ['a tensor has whole bytes: three values of 4 bits', one('"F4"', '[3]', '[0,2]', 2), 'whole bytes'],
  ['a tensor has whole bytes: two values of 6 bits', one('"F6_E2M3"', '[2]', '[0,2]', 2), 'whole bytes'],
  // shapes
  ['a shape fits its bytes: too many', one('"F16"', '[2]', '[0,2]', 2), '4 bytes for F16'],
  ['a shape fits its bytes: too few', one('"F16"', '[1]', '[0,4]', 4), '2 bytes for F16'],
  ['a shape fits its bytes: none', one('"U8"', '[0]', '[0,1]', 1), '0 bytes for U8'],
  ['a size has no sign', one('"U8"', '[-1]', '[0,1]', 1), 'a shape of integers'],
  ['a size has no sign: two, whose product has none', one('"U8"', '[-2,-2]', '[0,4]', 4), 'a shape of integers'],
  ['a size is whole', one('"U8"', '[1.5]', '[0,1]', 1), 'plain integers'],
  ['a size is written as an integer: 1.0', one('"U8"', '[1.0]', '[0,1]', 1), 'plain integers'],
  ['a size is written as an integer: 1e0', one('"U8"', '[1e0]', '[0,1]', 1), 'plain integers'],
  ['a size is written as an integer: -0', one('"U8"', '[-0]', '[0,0]', 0), 'plain integers'],
  ['a size is a number: a text', one('"U8"', '["1"]', '[0,1]', 1), 'a shape of integers'],
  ['a size is a number: null', one('"U8"', '[null]', '[0,1]', 1), 'a shape of integers'],
  ['a size is a number: true', one('"U8"', '[true]', '[0,1]', 1), 'a shape of integers'],
  ['a shape is flat', one('"U8"', '[[1]]', '[0,1]', 1), 'a shape of integers'],
  ['a shape is a list: a number', one('"U8"', '1', '[0,1]', 1), 'a shape of integers'],
  ['a shape is a list: null', one('"U8"', 'null', '[0,1]', 1), 'a shape of integers'],
  ['a shape is a list: an object', one('"U8"', '{}', '[0,1]', 1), 'a shape of integers'],
  ['a shape is there', file('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1), 'a shape of integers'],
  ['a size is below 2^53', one('"U8"', '[9007199254740993]', '[0,1]', 1), 'a shape of integers'],
  ['the product of sizes is below 2^53', one('"F32"', '[94906267,94906267]', '[0,1]', 1), 'below 2^53'],
  ['the product of sizes does not wrap to 16', one('"U8"', '[4294967296,4294967296,16]', '[0,16]', 16), 'below 2^53'],
  ['bytes are below 2^53', one('"F64"', '[4503599627370496]', '[0,1]', 1), 'below 2^53'],
  ['a size of 0 hides none that is too large', one('"U8"', '[0,4294967296,4294967296]', '[0,0]', 0), 'below 2^53'],
  ['a product of a million sizes ends', one('"U8"', `[${'2,'.repeat(999_999)}2]`, '[0,1]', 1), 'below 2^53'],
  // places
  ['a place is two offsets: one', one('"U8"', '[1]', '[0]', 1), 'data_offsets of two'],
  ['a place is two offsets: three', one('"U8"', '[1]', '[0,1,1]', 1), 'data_offsets of two'],
  ['a place is two offsets: none', one('"U8"', '[0]', '[]', 0), 'data_offsets of two'],
  ['a place is a list: a number', one('"U8"', '[1]', '1', 1), 'data_offsets of two'],
  ['a place is a list: null', one('"U8"', '[1]', 'null', 1), 'data_offsets of two'],
  ['a place is there', file('{"a":{"dtype":"U8","shape":[1]}}', 1), 'data_offsets of two'],
  ['an offset is written as an integer: 1.0', one('"U8"', '[1]', '[0,1.0]', 1), 'plain integers'],
  ['an offset is written as an integer: 0.0', one('"U8"', '[1]', '[0.0,1]', 1), 'plain integers'],
  ['an offset is written as an integer: 1e1', one('"U8"', '[10]', '[0,1e1]', 10), 'plain integers'],
  ['an offset is written as an integer: 1E0', one('"U8"', '[1]', '[0,1E0]', 1), 'plain integers'],
  ['an offset is written as an integer: -0', one('"U8"', '[1]', '[-0,1]', 1), 'plain integers'],
  ['an offset is written without zeros in front', one('"U8"', '[1]', '[0,01]', 1), '"," or "]"'],
  ['an offset is a number', one('"U8"', '[1]', '["0","1"]', 1), 'data_offsets of two'],
  ['an offset has no sign: the end', one('"U8"', '[1]', '[0,-1]', 1), 'data_offsets of two'],
  ['an offset has no sign: the beginning, within the header', one('"U8"', '[4]', '[-4,0]', 0), 'data_offsets of two'],
  ['an offset is below 2^53', one('"U8"', '[1]', '[9007199254740993,9007199254740994]', 1), 'data_offsets of two'],
  ['an offset has 53 bits', one('"U8"', '[1]', '[0,18446744073709551616]', 1), 'data_offsets of two'],
  ['a place ends after it begins', one('"U8"', '[0]', '[1,0]', 1), '0 bytes for U8'],
  ['tensors do not overlap', file(`{"a":${u8(2, 0, 2)},"b":${u8(2, 1, 3)}}`, 3), 'an overlap'],
  ['tensors do not share a place', file(`{"a":${u8(2, 0, 2)},"b":${u8(2, 0, 2)}}`, 2), 'an overlap'],
  ['tensors leave no hole', file(`{"a":${u8(1, 0, 1)},"b":${u8(1, 2, 3)}}`, 3), 'a hole'],
  ['tensors leave no hole at the head', file(`{"a":${u8(1, 1, 2)}}`, 2), 'a hole'],
  ['tensors fill the file: a byte more', file(sound, 2), 'a file of'],
  ['tensors fill the file: nothing but data', file('{}', 1), 'a file of'],
  ['tensors lie in the file: a byte less', file(`{"a":${u8(2, 0, 2)}}`, 1), 'a file of'],
  ['tensors lie in the file: no data', file(`{"a":${u8(2, 0, 2)}}`), 'a file of'],
  [
    '100,000 tensors do not share one place',
    file(`{${Array.from({ length: 100_000 }, (_, i) => `"${i}":${u8(8, 0, 8)}`).join()}}`, 8),
    'an overlap',
  ],
  // files of other kinds
  ['it is no gzip', bytes(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'a header of 559903 bytes'],
  ['it is no zip, as PyTorch saves', raw('PK\u0003\u0004\0\0\u0008\u0008\0\0\0\0'), 'at most 100000000 bytes'],
  ['it is no web page', raw('<!DOCTYPE html><title>404</title>'), 'at most 100000000 bytes'],
  ['it is no pointer of git-lfs', raw('version https://git-lfs.github.com/spec/v1\noid sha256:0'), 'at most 100000000 bytes'],
  ['it is no answer in JSON', raw('{"error":"Repository not found"}'), 'at most 100000000 bytes'],
  ['it is no GGUF', raw('GGUF\u0003\0\0\0\0\0\0\0\0\0\0\0'), 'at most 100000000 bytes'],
];

const long = 'n'.repeat(70_000);
const named = (name: string): Odd => [
  `the name ${name.slice(0, 24)}`,
  file(`{${JSON.stringify(name)}:${u8(1, 0, 1)}}`, [7]),
  { [name]: [[1], [7]] },
];

export const ODD: Odd[] = [
  ['no tensor', file('{}'), {}],
  ['metadata alone', file('{"__metadata__":{"k":"v"}}'), {}],
  ['metadata of null', file('{"__metadata__":null}'), {}],
  ['no dimension', one('"U8"', '[]', '[0,1]', 1), { a: [[], [0]] }],
  ['a size of 0', one('"F32"', '[2,0]', '[0,0]', 0), { a: [[2, 0], []] }],
  [
    'a tensor of no bytes between others',
    file(`{"a":${u8(1, 0, 1)},"b":${u8(0, 1, 1)},"c":${u8(1, 1, 2)}}`, [1, 2]),
    { a: [[1], [1]], b: [[0], []], c: [[1], [2]] },
  ],
  ['a header padded with spaces', file(`${sound}    `, [3]), { a: [[1], [3]] }],
  ['a header with space in front', file(` \n${sound}`, [3]), { a: [[1], [3]] }],
  ['a header with space everywhere', file(sound.replaceAll(/([:,])/g, ' $1\t'), [3]), { a: [[1], [3]] }],
  ['keys in another order', file('{"a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}', [3]), { a: [[1], [3]] }],
  ['tensors in another order', file(`{"b":${u8(1, 1, 2)},"a":${u8(1, 0, 1)}}`, [1, 2]), { b: [[1], [2]], a: [[1], [1]] }],
  ['a field that is not known', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":{}}}', [3]), { a: [[1], [3]] }],
  ['a name escaped', file(`{"\\u0061\\n":${u8(1, 0, 1)}}`, [3]), { 'a\n': [[1], [3]] }],
  [
    'data out of line',
    file(`{"a":${u8(1, 0, 1)},"b":${entry('"BF16"', '[1]', '[1,3]')}}`, [1, 2, 3]),
    { a: [[1], [1]], b: [[1], [2, 3]] },
  ],
  ['NaN and infinity', file(`{"a":${entry('"F16"', '[2]', '[0,4]')}}`, [0, 0x7e, 0, 0x7c]), { a: [[2], [0, 0x7e, 0, 0x7c]] }],
  ['I64', file(`{"a":${entry('"I64"', '[1]', '[0,8]')}}`, [1, 2, 3, 4, 5, 6, 7, 8]), { a: [[1], [1, 2, 3, 4, 5, 6, 7, 8]] }],
  ['F8', file(`{"a":${entry('"F8_E4M3"', '[2]', '[0,2]')}}`, [1, 2]), { a: [[2], [1, 2]] }],
  ['F4', file(`{"a":${entry('"F4"', '[4]', '[0,2]')}}`, [1, 2]), { a: [[4], [1, 2]] }],
  ['F6', file(`{"a":${entry('"F6_E3M2"', '[4]', '[0,3]')}}`, [1, 2, 3]), { a: [[4], [1, 2, 3]] }],
  ['nine dimensions', file(`{"a":${entry('"U8"', '[1,1,1,1,1,1,1,1,1]', '[0,1]')}}`, [3]), { a: [Array(9).fill(1), [3]] }],
  ...[
    '',
    long,
    'ümläut 😀',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    '../../etc/passwd',
    '<img onerror=x>',
    '\u001b[2J',
  ].map(named),
];
