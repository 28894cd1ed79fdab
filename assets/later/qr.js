// Makes QR codes by ISO/IEC 18004: byte mode, error correction M. It uses no document.

/** Of each version from 1 on, for error correction M: its correction codewords per block, and its blocks (table 9). */
const CORRECTION = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
  26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
];
const BLOCKS = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
  17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
];
const LAST_VERSION = BLOCKS.length;
/** Generators of the check bits of the format and of the version, and the mask of the format. */
const [FORMAT, FORMAT_MASK, VERSION] = [0x537, 0x5412, 0x1f25];
/** What fills the space after the data. */
const PADDING = [0xec, 0x11];

/** Which modules a mask inverts (table 10). @type {((row: number, column: number) => boolean)[]} */
const MASKS = [
  (row, column) => (row + column) % 2 === 0,
  (row) => row % 2 === 0,
  (_, column) => column % 3 === 0,
  (row, column) => (row + column) % 3 === 0,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0,
  (row, column) => row * column % 2 + row * column % 3 === 0,
  (row, column) => (row * column % 2 + row * column % 3) % 2 === 0,
  (row, column) => ((row + column) % 2 + row * column % 3) % 2 === 0,
];

/** Powers of 2 in the field of 256 elements with the polynomial 0x11d. */
const POWERS = [1];
while (POWERS.length < 255) {
  const next = (POWERS.at(-1) ?? 0) * 2;
  POWERS.push(next > 255 ? next ^ 0x11d : next);
}
const LOGS = new Map(POWERS.map((power, log) => [power, log]));

/** A product in the field. @param {number} a @param {number} b @returns {number} */
function times(a, b) {
  return a === 0 || b === 0 ? 0 : POWERS[((LOGS.get(a) ?? 0) + (LOGS.get(b) ?? 0)) % 255] ?? 0;
}

/**
 * The modules of a code without its quiet zone, row by row; `true` is dark.
 * @param {string} text @param {number} [mask] chosen by the rules if it is not given
 * @returns {boolean[][] | null} null if the text is too long
 */
export function qrOf(text, mask) {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= LAST_VERSION; version += 1) {
    const code = new Code(version);
    const data = dataOf(bytes, version, code.space - correctionOf(version));
    if (!data) continue;
    code.fill(withCorrection(data, version, code.space));
    return code.masked(mask);
  }
  return null;
}

/** All correction codewords of a version. @param {number} version */
const correctionOf = (version) => (CORRECTION[version - 1] ?? 0) * (BLOCKS[version - 1] ?? 0);

/** The data codewords: mode, length, text, end and padding. @param {Uint8Array} bytes @param {number} version @param {number} space in bytes */
function dataOf(bytes, version, space) {
  const lengthBits = version < 10 ? 8 : 16;
  if (4 + lengthBits + bytes.length * 8 > space * 8) return null;
  const bits = [...bitsOf(4, 4), ...bitsOf(bytes.length, lengthBits)];
  for (const byte of bytes) bits.push(...bitsOf(byte, 8));
  bits.push(...Array(Math.min(4, space * 8 - bits.length)).fill(0));
  while (bits.length % 8) bits.push(0);
  const data = Array.from({ length: bits.length / 8 }, (_, at) => parseInt(bits.slice(at * 8, at * 8 + 8).join(''), 2));
  for (let at = 0; data.length < space; at += 1) data.push(PADDING[at % 2] ?? 0);
  return data;
}

/** The bits of a number, the highest first. @param {number} number @param {number} count */
const bitsOf = (number, count) => Array.from({ length: count }, (_, at) => number >> count - 1 - at & 1);

/** Divides data into blocks, adds their correction and interleaves them. @param {number[]} data @param {number} version @param {number} space */
function withCorrection(data, version, space) {
  const [count, length] = [BLOCKS[version - 1] ?? 1, CORRECTION[version - 1] ?? 0];
  const divisor = divisorOf(length);
  const short = Math.floor(space / count) - length;
  // The last blocks are longer by one.
  const firstLong = count - space % count;
  const blocks = Array.from({ length: count }, (_, at) => {
    const from = at * short + Math.max(0, at - firstLong);
    return data.slice(from, from + short + (at < firstLong ? 0 : 1));
  });
  return [...interleaved(blocks), ...interleaved(blocks.map((block) => remainder(block, divisor)))];
}

/** @param {number[][]} blocks */
const interleaved = (blocks) =>
  Array.from({ length: Math.max(...blocks.map(({ length }) => length)) }, (_, at) => blocks.flatMap((block) => block[at] ?? [])).flat();

/** The product of (x - 2^n) for n below a degree, without its first coefficient. @param {number} degree */
function divisorOf(degree) {
  let product = [1];
  for (let n = 0; n < degree; n += 1) {
    const shifted = [0, ...product.map((value) => times(value, POWERS[n] ?? 0))];
    product = [...product, 0].map((value, at) => value ^ (shifted[at] ?? 0));
  }
  return product.slice(1);
}

/** The Reed-Solomon correction of a block. @param {number[]} block @param {number[]} divisor */
function remainder(block, divisor) {
  let rest = /** @type {number[]} */ (Array(divisor.length).fill(0));
  for (const value of block) {
    const factor = value ^ (rest[0] ?? 0);
    rest = [...rest.slice(1), 0].map((kept, at) => kept ^ times(divisor[at] ?? 0, factor));
  }
  return rest;
}

/** A number with the check bits of a BCH code. @param {number} number @param {number} generator @param {number} bits of the check */
function checked(number, generator, bits) {
  let rest = number << bits;
  for (let bit = 31 - Math.clz32(rest); rest >> bits; bit = 31 - Math.clz32(rest)) rest ^= generator << bit - bits;
  return number << bits | rest;
}

/** One code while it is made. */
class Code {
  #version;
  #size;
  /** @type {boolean[][]} */
  #dark;
  /** Modules that have no data. @type {boolean[][]} */
  #fixed;

  /** @param {number} version */
  constructor(version) {
    this.#version = version;
    this.#size = 17 + 4 * version;
    const empty = () => Array.from({ length: this.#size }, () => /** @type {boolean[]} */ (Array(this.#size).fill(false)));
    this.#dark = empty();
    this.#fixed = empty();
    this.#drawPatterns();
    // Reserves their modules.
    this.#drawFormat(0);
    this.#drawVersion();
  }

  /** The codewords that have a place. */
  get space() {
    return Math.floor(this.#fixed.flat().filter((isFixed) => !isFixed).length / 8);
  }

  /** Places the codewords in pairs of columns, from the right, up and down. @param {number[]} codewords */
  fill(codewords) {
    const bits = codewords.flatMap((codeword) => bitsOf(codeword, 8));
    const size = this.#size;
    let next = 0;
    for (let pair = 0; pair < (size - 1) / 2; pair += 1) {
      // The column of the timing pattern is left out.
      const right = size - 1 - 2 * pair - (size - 1 - 2 * pair <= 6 ? 1 : 0);
      for (let step = 0; step < size; step += 1) {
        const row = pair % 2 ? step : size - 1 - step;
        for (const column of [right, right - 1]) {
          if (this.#fixed[row]?.[column]) continue;
          this.#set(row, column, bits[next] === 1);
          next += 1;
        }
      }
    }
  }

  /** The modules with a mask, by default that with the lowest penalty. @param {number} [mask] */
  masked(mask) {
    const candidates = (mask === undefined ? [...MASKS.keys()] : [mask]).map((number) => {
      this.#drawFormat(number);
      return this.#dark.map((line, row) => line.map((isDark, column) =>
        isDark !== (!this.#fixed[row]?.[column] && Boolean(MASKS[number]?.(row, column)))));
    });
    const penalties = candidates.map(penaltyOf);
    return candidates[penalties.indexOf(Math.min(...penalties))] ?? null;
  }

  #drawPatterns() {
    const size = this.#size;
    for (let at = 0; at < size; at += 1) {
      this.#fix(6, at, at % 2 === 0);
      this.#fix(at, 6, at % 2 === 0);
    }
    for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) this.#drawSquares(row, column, 4, [0, 1, 3]);
    const centres = this.#alignment;
    const [first, last] = [centres[0], centres.at(-1)];
    for (const row of centres) {
      for (const column of centres) {
        const isFinder = row === first && column === first || row === first && column === last || row === last && column === first;
        if (!isFinder) this.#drawSquares(row, column, 2, [0, 2]);
      }
    }
  }

  /** Concentric squares. @param {number | undefined} row @param {number | undefined} column @param {number} radius @param {number[]} dark their radii that are dark */
  #drawSquares(row = 0, column = 0, radius, dark) {
    for (let y = -radius; y <= radius; y += 1) {
      for (let x = -radius; x <= radius; x += 1) this.#fix(row + y, column + x, dark.includes(Math.max(Math.abs(x), Math.abs(y))));
    }
  }

  /** Rows and columns of the centres of alignment patterns: the first is 6, the others have even distances from the last one. */
  get #alignment() {
    if (this.#version === 1) return [];
    const count = Math.floor(this.#version / 7) + 2;
    const last = this.#size - 7;
    // Version 32 does not follow the rule of the others.
    const step = this.#version === 32 ? 26 : Math.ceil((last - 6) / (count - 1) / 2) * 2;
    return [6, ...Array.from({ length: count - 1 }, (_, at) => last - step * (count - 2 - at))];
  }

  /** Twice, beside the finder patterns. @param {number} mask */
  #drawFormat(mask) {
    const size = this.#size;
    // Error correction M has the bits 00.
    const bits = bitsOf(checked(mask, FORMAT, 10) ^ FORMAT_MASK, 15).reverse();
    for (const [at, bit] of bits.entries()) {
      const isDark = bit === 1;
      // The timing pattern takes one place.
      const near = at < 6 ? at : at + 1;
      if (at < 8) this.#fix(near, 8, isDark);
      else this.#fix(8, at === 8 ? 7 : 14 - at, isDark);
      if (at < 8) this.#fix(8, size - 1 - at, isDark);
      else this.#fix(size - 15 + at, 8, isDark);
    }
    this.#fix(size - 8, 8, true);
  }

  #drawVersion() {
    if (this.#version < 7) return;
    for (const [at, bit] of bitsOf(checked(this.#version, VERSION, 12), 18).reverse().entries()) {
      const [near, far] = [Math.floor(at / 3), this.#size - 11 + at % 3];
      this.#fix(near, far, bit === 1);
      this.#fix(far, near, bit === 1);
    }
  }

  /** @param {number} row @param {number} column @param {boolean} isDark */
  #fix(row, column, isDark) {
    const line = this.#fixed[row];
    if (!line || column < 0 || column >= this.#size) return;
    line[column] = true;
    this.#set(row, column, isDark);
  }

  /** @param {number} row @param {number} column @param {boolean} isDark */
  #set(row, column, isDark) {
    const line = this.#dark[row];
    if (line) line[column] = isDark;
  }
}

/** How hard a code is to read (section 7.8.3). @param {boolean[][]} modules */
function penaltyOf(modules) {
  const size = modules.length;
  const rows = modules.map((line) => line.map(Number).join(''));
  const columns = rows.map((_, column) => rows.map((line) => line[column]).join(''));
  let penalty = 0;
  for (const line of [...rows, ...columns]) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) penalty += run.length - 2;
    // Like a finder pattern, with light modules before or after.
    for (const like of ['10111010000', '00001011101']) {
      for (let at = line.indexOf(like); at >= 0; at = line.indexOf(like, at + 1)) penalty += 40;
    }
  }
  for (let row = 1; row < size; row += 1) {
    for (let column = 1; column < size; column += 1) {
      const block = new Set([modules[row]?.[column], modules[row]?.[column - 1], modules[row - 1]?.[column], modules[row - 1]?.[column - 1]]);
      if (block.size === 1) penalty += 3;
    }
  }
  const dark = modules.flat().filter(Boolean).length;
  return penalty + Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size)) * 10;
}
