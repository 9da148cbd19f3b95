// BLAKE2b (RFC 7693) of 16 bytes without a key, in hexadecimal: the digest of all files of gankit.
const INITIAL = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const ORDER = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const COLUMNS = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
  [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];
const WORD = (1n << 64n) - 1n;
const turned = (word, bits) => ((word >> bits) | (word << (64n - bits))) & WORD;

function blake2b(bytes, length = 16) {
  const state = [...INITIAL];
  state[0] ^= 0x01010000n ^ BigInt(length);
  const blocks = Math.max(1, Math.ceil(bytes.length / 128));
  const padded = new Uint8Array(blocks * 128);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  for (let block = 0; block < blocks; block++) {
    const message = Array.from({ length: 16 }, (_, i) => view.getBigUint64(block * 128 + 8 * i, true));
    const last = block === blocks - 1;
    const work = [...state, ...INITIAL];
    work[12] ^= BigInt(last ? bytes.length : (block + 1) * 128);
    if (last) work[14] ^= WORD;
    for (let round = 0; round < 12; round++) {
      COLUMNS.forEach(([a, b, c, d], i) => {
        const order = ORDER[round % 10];
        work[a] = (work[a] + work[b] + message[order[2 * i]]) & WORD;
        work[d] = turned(work[d] ^ work[a], 32n);
        work[c] = (work[c] + work[d]) & WORD;
        work[b] = turned(work[b] ^ work[c], 24n);
        work[a] = (work[a] + work[b] + message[order[2 * i + 1]]) & WORD;
        work[d] = turned(work[d] ^ work[a], 16n);
        work[c] = (work[c] + work[d]) & WORD;
        work[b] = turned(work[b] ^ work[c], 63n);
      });
    }
    for (let i = 0; i < 8; i++) state[i] ^= work[i] ^ work[i + 8];
  }
  const out = new DataView(new ArrayBuffer(64));
  state.forEach((word, i) => out.setBigUint64(8 * i, word, true));
  return Array.from({ length }, (_, i) => out.getUint8(i).toString(16).padStart(2, "0")).join("");
}

// JSON in ASCII, with the digest of all else in the text but white space under "digest".
function withDigest(document) {
  const text = (digest) => JSON.stringify({ ...document, digest }, null, 1)
    .replace(/[\u007f-\uffff]/g, (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0")) + "\n";
  const digest = blake2b(new TextEncoder().encode(text("").replace(/\s+/g, "")));
  return text(digest);
}
