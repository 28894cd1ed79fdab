// The regular expressions of a script, and how many steps a backtracking engine
// takes with each. Steps do not depend on how fast the machine is. Engines do
// better in places, never worse.

import assert from 'node:assert/strict';

/** Characters to try: of each kind that the page's expressions know. */
const SAMPLES = [...'aZ_09 \n\t`*@#/:.,-+~()[]{}<>"\'\\?!%&=|^$;b中éäЖαש\u0301\u202e\u200d😀。\u00a0\u000b'];

/**
 * The expression literals of a script: a slash where a value may begin.
 * @param {string} source @returns {{source: string, flags: string}[]}
 */
export function expressionsOf(source) {
  const found = [];
  let before = '';
  /** Braces that are open, in each template that the place is in. @type {number[]} */
  const templates = [];
  /** The text of a template, up to its end or to the next code in it. */
  const textFrom = (at) => {
    const [text] = /^(?:\\[^]|\$(?!\{)|[^\\`$])*/.exec(source.slice(at));
    const isCode = source.startsWith('${', at + text.length);
    if (isCode) templates.push(0);
    before = isCode ? '{' : ')';
    return at + text.length + (isCode ? 2 : 1);
  };
  for (let at = 0; at < source.length;) {
    const rest = source.slice(at);
    if (rest[0] === '`' || rest[0] === '}' && templates.at(-1) === 0) {
      if (rest[0] === '}') templates.pop();
      at = textFrom(at + 1);
      continue;
    }
    const skipped = /^(\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)/.exec(rest)?.[0];
    if (skipped) {
      at += skipped.length;
      continue;
    }
    const text = /^('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")/.exec(rest)?.[0];
    const literal = isValueNext(before) && /^\/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+)\/([a-z]*)/.exec(rest);
    if (literal) found.push({ source: literal[1], flags: literal[2] });
    const word = /^[\w$]+/.exec(rest)?.[0];
    before = literal ? ')' : text ?? word ?? rest[0];
    if (templates.length > 0 && '{}'.includes(before)) templates[templates.length - 1] += before === '{' ? 1 : -1;
    at += literal ? literal[0].length : before.length;
  }
  return found;
}

/** Whether what follows a token is a value, not an operator. */
const isValueNext = (token) => /^(return|typeof|case|of|in|)$/.test(token) || /^[([{,;:=!?&|+*%<>}~^-]$/.test(token);

/** A node: one character, one after the other, one of several, a repetition, a border, a look around. */
class Parser {
  constructor({ source, flags }) {
    this.source = source;
    this.flags = flags.replace(/[gyd]/g, '');
    this.samples = [...new Set([...SAMPLES, ...source])];
    this.at = 0;
  }

  parse() {
    const node = this.alternatives();
    assert.equal(this.at, this.source.length, `not understood: ${this.source.slice(this.at)}`);
    return node;
  }

  take(text) {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  alternatives() {
    const options = [this.sequence()];
    while (this.take('|')) options.push(this.sequence());
    return options.length === 1 ? options[0] : { kind: 'any', options };
  }

  sequence() {
    const parts = [];
    while (this.at < this.source.length && !/[|)]/.test(this.source[this.at])) parts.push(this.repeated());
    return { kind: 'all', parts };
  }

  repeated() {
    const of = this.atom();
    const [quantifier, sign, from, comma, to] = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})/.exec(this.source.slice(this.at)) ?? [];
    if (quantifier === undefined) return of;
    this.at += quantifier.length;
    const [min, max] = sign ? { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[sign]
      : [Number(from), comma ? Number(to || Infinity) : Number(from)];
    return { kind: 'repeat', of, min, max, isLazy: this.take('?') };
  }

  atom() {
    for (const [mark, ahead, wanted] of [['(?=', true, true], ['(?!', true, false], ['(?<=', false, true], ['(?<!', false, false]]) {
      if (!this.take(mark)) continue;
      const of = this.alternatives();
      assert(this.take(')'));
      return { kind: 'look', of, ahead, wanted };
    }
    if (this.take('(')) {
      if (!this.take('?:')) assert(!this.take('?'), 'a kind of group that is not understood');
      const of = this.alternatives();
      assert(this.take(')'));
      return of;
    }
    if (this.take('^')) return { kind: 'border', test: (text, at) => at === 0 };
    if (this.take('$')) return { kind: 'border', test: (text, at) => at === text.length };
    if (this.take('\\b')) return { kind: 'border', test: (text, at) => /\w/.test(text[at - 1] ?? '') !== /\w/.test(text[at] ?? '') };
    const [char] = /^(\[(?:\\.|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\x..|\\u\{[^}]*\}|\\u....|\\.|[^])/u.exec(this.source.slice(this.at));
    assert(!/^\\[1-9k]/.test(char), 'a reference back is not linear');
    this.at += char.length;
    const one = new RegExp(`^${char}$`, this.flags);
    const known = new Map();
    const test = (c) => {
      if (!known.has(c)) known.set(c, one.test(c));
      return known.get(c);
    };
    return { kind: 'char', test, samples: this.samples.filter(test).slice(0, 2) };
  }
}

export const parse = (expression) => new Parser(expression).parse();

const all = (node) => [node, ...(node.options ?? node.parts ?? (node.of ? [node.of] : [])).flatMap(all)];

/** Counts the steps of all matches of an expression in a text, as `matchAll` looks for them. */
export function steps(tree, text, most = Infinity) {
  const chars = [...text];
  let count = 0;
  const step = () => {
    count += 1;
    if (count > most) throw new RangeError('too many steps');
  };
  const run = (node, at, then) => {
    step();
    switch (node.kind) {
      case 'char': return at < chars.length && node.test(chars[at]) ? then(at + 1) : -1;
      case 'border': return node.test(chars, at) ? then(at) : -1;
      case 'look': return looks(node, at) === node.wanted ? then(at) : -1;
      case 'any':
        for (const option of node.options) {
          const end = run(option, at, then);
          if (end >= 0) return end;
        }
        return -1;
      case 'all': {
        const next = (index, from) => (index === node.parts.length ? then(from) : run(node.parts[index], from, (to) => next(index + 1, to)));
        return next(0, at);
      }
      default: return node.of.kind === 'char' ? repeatChar(node, at, then) : repeat(node, at, 0, then);
    }
  };
  const looks = ({ of, ahead }, at) => {
    if (ahead) return run(of, at, (end) => end) >= 0;
    // A look back of the page is one character long.
    return at > 0 && run(of, at - 1, (end) => (end === at ? end : -1)) >= 0;
  };
  const repeatChar = ({ of, min, max, isLazy }, at, then) => {
    let taken = 0;
    const more = () => {
      step();
      return taken < max && at + taken < chars.length && of.test(chars[at + taken]);
    };
    while (taken < min && more()) taken += 1;
    if (taken < min) return -1;
    if (!isLazy) while (more()) taken += 1;
    for (;;) {
      const end = then(at + taken);
      if (end >= 0) return end;
      if (isLazy ? !more() : taken === min) return -1;
      taken += isLazy ? 1 : -1;
      step();
    }
  };
  const repeat = (node, at, taken, then) => {
    const again = () => (taken < node.max ? run(node.of, at, (to) => (to === at ? -1 : repeat(node, to, taken + 1, then))) : -1);
    if (taken < node.min) return again();
    if (node.isLazy) {
      const end = then(at);
      return end >= 0 ? end : again();
    }
    const end = again();
    return end >= 0 ? end : then(at);
  };
  for (let at = 0; at <= chars.length;) {
    const end = run(tree, at, (to) => to);
    at = end > at ? end : at + 1;
  }
  return count;
}

/** Beginnings, what is repeated, and ends that may make an expression go back over and over. */
export function attacks(tree) {
  const nodes = all(tree);
  const letters = [...new Set(nodes.flatMap(({ samples }) => samples ?? []))].slice(0, 12);
  const none = SAMPLES.find((char) => !letters.includes(char)) ?? '\u0001';
  const walks = walk(tree);
  const beginnings = [...new Set(['', ...walks.flatMap((whole) => [...whole].map((_, length, chars) => chars.slice(0, length + 1).join('')))])].slice(0, 12);
  const pumps = [...new Set([
    ...letters, none,
    ...letters.flatMap((a) => letters.map((b) => a + b)),
    ...beginnings.filter((text) => text.length > 1),
    ...beginnings.map((text) => text + none),
    ...beginnings.map((text) => `${text} `),
  ])];
  return beginnings.flatMap((begin) => pumps.flatMap((pump) => ['', `${none}\n`].map((end) => [begin, pump, end])));
}

/** Short texts that match, one for each branch. */
function walk(node) {
  switch (node.kind) {
    case 'char': return [node.samples[0] ?? ''];
    case 'any': return node.options.flatMap(walk).slice(0, 8);
    case 'all': return node.parts.reduce((texts, part) => texts.flatMap((text) => walk(part).map((more) => text + more)).slice(0, 8), ['']);
    case 'repeat': return walk(node.of).map((text) => text.repeat(Math.max(node.min, 1)));
    default: return [''];
  }
}

/** Steps that a linear expression may take with each character. */
export const budget = (tree) => all(tree).reduce((sum, { max }) => sum + 3 + (Number.isFinite(max) ? max : 0), 10) * 3;

/** The worst attack of `length` characters; undefined if an expression stays within its budget with all. */
export function worst(tree, length) {
  const most = budget(tree) * length;
  return attacks(tree).find(([begin, pump, end]) => {
    const text = begin + pump.repeat(Math.ceil(length / pump.length)) + end;
    try {
      steps(tree, text, most * 1.1);
      return false;
    } catch (error) {
      if (error instanceof RangeError) return true;
      throw error;
    }
  });
}
