// Patterns as tokenizer files write them, in Oniguruma's words (Ruby syntax, Unicode), parsed to a tree. What cannot be
// told apart (captures, names of groups) is dropped; what is not understood is refused by name.
import { EngineError } from '../../errors.ts';
import { STILL_IDS } from '../tokenizer.ts';
import { type CharSet, anyOf, both, not, oneOf, property, ranges } from './charSets.ts';

export type Node =
  | { readonly is: 'char'; readonly set: CharSet }
  | { readonly is: 'sequence' | 'choice'; readonly of: readonly Node[] }
  | {
      readonly is: 'repeat';
      readonly node: Node;
      readonly least: number;
      readonly most: number;
      readonly how: 'greedy' | 'lazy' | 'possessive';
    }
  | { readonly is: 'look'; readonly node: Node; readonly behind: boolean; readonly wanted: boolean }
  | { readonly is: 'atomic'; readonly node: Node }
  | { readonly is: 'at'; readonly place: Place };

/** Where something may be without any letter being read. */
export type Place =
  | 'textStart'
  | 'textEnd'
  | 'lineStart'
  | 'lineEnd'
  | 'lastLine'
  | 'word'
  | 'inWord';

/** Deeper groups are nobody's pattern, and would exhaust the stack. */
const MOST_DEEP = 100;
const MOST_REPEATS = 1000;
const MOST_LENGTH = 5000;

const LINE_END = oneOf('\n');
const CONTROLS = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['f', '\f'],
  ['v', '\v'],
  ['a', '\u0007'],
  ['e', '\u001B'],
]);
const HEX = ranges([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
/** Letters of words: `\w`. */
export const WORD = anyOf([property('Alphabetic'), property('M'), property('Nd'), property('Pc')]);
const CLASSES = new Map<string, CharSet>([
  ['s', property('White_Space')],
  ['d', property('Nd')],
  ['w', WORD],
  ['h', HEX],
]);
const POSIX = new Map<string, CharSet>([
  ['alpha', property('Alphabetic')],
  ['digit', property('Nd')],
  ['alnum', anyOf([property('Alphabetic'), property('Nd')])],
  ['lower', property('Lowercase')],
  ['upper', property('Uppercase')],
  ['space', property('White_Space')],
  ['blank', anyOf([property('Zs'), oneOf('\t')])],
  ['punct', anyOf([property('P'), property('S')])],
  ['cntrl', property('Cc')],
  ['word', WORD],
  ['xdigit', HEX],
]);

/** What a letter in a pattern means now. */
interface Flags {
  readonly ignoreCase: boolean;
  /** Oniguruma's `m`: a dot is a line end, too. */
  readonly dotAll: boolean;
  /** Blanks and comments in the pattern are none of it. */
  readonly extended: boolean;
}

/** The pattern as a tree. Throws `tokenizer/pattern`. */
export function parsePattern(source: string): Node {
  if (source.length > MOST_LENGTH) throw refused(source, 0, 'it is longer than any pattern is');
  return new Parser(source).parse();
}

export function refused(source: string, at: number, problem: string): EngineError {
  const shown = source.length > 80 ? `${source.slice(0, 80)}…` : source;
  return new EngineError(
    `tokenizer.json: the pattern ${shown} cannot be used: ${problem} (at ${at}).`,
    {
      code: 'tokenizer/pattern',
      hint: STILL_IDS,
    },
  );
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Node {
    const node = this.#choice({ ignoreCase: false, dotAll: false, extended: false });
    if (this.#at < this.#source.length) throw this.#error('a bracket closes that none opens');
    return node;
  }

  #error(problem: string): EngineError {
    return refused(this.#source, this.#at, problem);
  }

  #peek(): string {
    const codePoint = this.#source.codePointAt(this.#at);
    return codePoint === undefined ? '' : String.fromCodePoint(codePoint);
  }

  #next(): string {
    const character = this.#peek();
    if (character === '') throw this.#error('it ends too early');
    this.#at += character.length;
    return character;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(outer: Flags): Node {
    if (++this.#depth > MOST_DEEP) throw this.#error('its groups are too deep');
    let flags = outer;
    const choices: Node[] = [];
    let sequence: Node[] = [];
    for (;;) {
      const next = this.#peek();
      if (next === '' || next === ')') break;
      if (next === '|') {
        this.#at++;
        choices.push({ is: 'sequence', of: sequence });
        sequence = [];
        continue;
      }
      if (flags.extended && this.#skipBlank()) continue;
      const inline = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(
        this.#source.slice(this.#at, this.#at + 12),
      );
      if (inline) {
        this.#at += inline[0].length;
        flags = withFlags(flags, inline[1], inline[2] ?? '');
        continue;
      }
      sequence.push(this.#quantified(this.#atom(flags)));
    }
    this.#depth--;
    choices.push({ is: 'sequence', of: sequence });
    return choices.length === 1 ? choices[0] : { is: 'choice', of: choices };
  }

  #skipBlank(): boolean {
    const blank = /^(?:\s|#[^\n]*)/.exec(this.#source.slice(this.#at));
    if (!blank) return false;
    this.#at += blank[0].length;
    return true;
  }

  #quantified(first: Node): Node {
    let node = first;
    for (;;) {
      const range = /^(?:([*+?])|\{(\d*)(,?)(\d*)\})/.exec(
        this.#source.slice(this.#at, this.#at + 24),
      );
      if (!range || range[0] === '{}' || range[0] === '{,}') return node;
      this.#at += range[0].length;
      const [, sign, from, comma, to] = range;
      const least = sign === undefined ? Number(from) : sign === '+' ? 1 : 0;
      let most = sign === '?' ? 1 : Infinity;
      if (sign === undefined) most = comma === '' ? least : to === '' ? Infinity : Number(to);
      if (least > MOST_REPEATS || (most !== Infinity && most > MOST_REPEATS)) {
        throw this.#error(`more than ${MOST_REPEATS} repetitions`);
      }
      if (most < least) throw this.#error('a range that ends before it begins');
      // In Ruby's syntax a plus makes only the signs possessive.
      let how: 'greedy' | 'lazy' | 'possessive' = 'greedy';
      if (this.#take('?')) how = 'lazy';
      else if (sign !== undefined && this.#take('+')) how = 'possessive';
      node = { is: 'repeat', node, least, most, how };
    }
  }

  #atom(flags: Flags): Node {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group(flags);
      case '[':
        return { is: 'char', set: this.#class(flags) };
      case '.':
        return { is: 'char', set: flags.dotAll ? not(oneOf('')) : not(LINE_END) };
      case '^':
        return { is: 'at', place: 'lineStart' };
      case '$':
        return { is: 'at', place: 'lineEnd' };
      case '\\':
        return this.#escape(flags);
      case '*':
      case '+':
      case '?':
        throw this.#error('there is nothing to repeat');
      default:
        return { is: 'char', set: folded(oneOf(character), flags) };
    }
  }

  #group(flags: Flags): Node {
    if (this.#take('?#')) {
      const end = this.#source.indexOf(')', this.#at);
      if (end < 0) throw this.#error('a comment does not end');
      this.#at = end + 1;
      return { is: 'sequence', of: [] };
    }
    const inner = (wanted = flags): Node => {
      const node = this.#choice(wanted);
      if (!this.#take(')')) throw this.#error('a group does not end');
      return node;
    };
    if (!this.#take('?')) return inner();
    for (const [sign, behind, wanted] of [
      ['=', false, true],
      ['!', false, false],
      ['<=', true, true],
      ['<!', true, false],
    ] as const) {
      if (this.#take(sign)) return { is: 'look', node: inner(), behind, wanted };
    }
    if (this.#take('>')) return { is: 'atomic', node: inner() };
    const opening = /^(?:([imx]*)(?:-([imx]*))?:|<[A-Za-z_]\w*>)/.exec(
      this.#source.slice(this.#at, this.#at + 80),
    );
    if (!opening) throw this.#error('a group of an unknown kind');
    this.#at += opening[0].length;
    return inner(withFlags(flags, opening[1] ?? '', opening[2] ?? ''));
  }

  #escape(flags: Flags): Node {
    const start = this.#at;
    const letter = this.#next();
    const places: Record<string, Place> = {
      A: 'textStart',
      z: 'textEnd',
      Z: 'lastLine',
      b: 'word',
      B: 'inWord',
    };
    if (Object.hasOwn(places, letter)) return { is: 'at', place: places[letter] };
    if (letter === 'R') {
      const pair: Node = {
        is: 'sequence',
        of: ['\r', '\n'].map((one) => ({ is: 'char', set: oneOf(one) })),
      };
      const single: Node = {
        is: 'char',
        set: anyOf([ranges([0x0a, 0x0d], [0x2028, 0x2029]), oneOf('\u0085')]),
      };
      return { is: 'atomic', node: { is: 'choice', of: [pair, single] } };
    }
    this.#at = start;
    return { is: 'char', set: folded(this.#escapedSet(), flags) };
  }

  /** What an escape stands for that is one letter; the backslash is read already. */
  #escapedSet(): CharSet {
    const letter = this.#next();
    const known = CLASSES.get(letter);
    if (known) return known;
    const positive = CLASSES.get(letter.toLowerCase());
    if (positive && letter !== letter.toLowerCase()) return not(positive);
    if (letter === 'p' || letter === 'P') return this.#property(letter === 'P');
    const control = CONTROLS.get(letter);
    if (control !== undefined) return oneOf(control);
    if (letter === 'x' || letter === 'u') {
      const digits = (
        letter === 'x' ? /^(?:\{([\dA-Fa-f]{1,6})\}|([\dA-Fa-f]{1,2}))/ : /^()([\dA-Fa-f]{4})/
      ).exec(this.#source.slice(this.#at, this.#at + 9));
      const codePoint = digits ? Number.parseInt(digits[1] || digits[2], 16) : NaN;
      if (!digits || !(codePoint <= 0x10ffff)) throw this.#error('an escape without its digits');
      this.#at += digits[0].length;
      return oneOf(String.fromCodePoint(codePoint));
    }
    if (letter === '0') return oneOf('\0');
    if (/[A-Za-z0-9]/.test(letter)) throw this.#error(`\\${letter} is not understood`);
    return oneOf(letter);
  }

  #property(isNegative: boolean): CharSet {
    const name = /^\{(\^?)([A-Za-z_ 0-9=-]{1,60})\}/.exec(
      this.#source.slice(this.#at, this.#at + 66),
    );
    if (!name) throw this.#error('\\p without a name in braces');
    const set = POSIX.get(name[2].toLowerCase()) ?? property(name[2]);
    if (!set.isKnown) throw this.#error(`nobody knows \\p{${name[2]}}`);
    this.#at += name[0].length;
    return isNegative === (name[1] === '^') ? set : not(set);
  }

  /** A class in brackets; the opening one is read already. */
  #class(flags: Flags): CharSet {
    if (++this.#depth > MOST_DEEP) throw this.#error('its classes are too deep');
    const isNegative = this.#take('^');
    let all: CharSet | null = null;
    let members: CharSet[] = [];
    /** Joins what stood before `&&`. */
    const close = (): void => {
      const union = anyOf(members);
      all = all === null ? union : both(all, union);
      members = [];
    };
    for (let isFirst = true; ; isFirst = false) {
      if (this.#peek() === ']' && !isFirst) break;
      if (this.#take('&&')) {
        close();
        continue;
      }
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at, this.#at + 20));
      if (posix) {
        const set = POSIX.get(posix[2]);
        if (!set) throw this.#error(`nobody knows [:${posix[2]}:]`);
        this.#at += posix[0].length;
        members.push(posix[1] === '^' ? not(set) : set);
        continue;
      }
      if (this.#take('[')) {
        members.push(this.#class(flags));
        continue;
      }
      const low = this.#member();
      if (this.#peek() !== '-' || this.#source[this.#at + 1] === ']' || low.only === undefined) {
        members.push(low);
        continue;
      }
      this.#at++;
      const high = this.#member();
      if (high.only === undefined) {
        members.push(low, oneOf('-'), high);
        continue;
      }
      if (high.only < low.only) throw this.#error('a range that ends before it begins');
      members.push(ranges([low.only, high.only]));
    }
    this.#at++;
    this.#depth--;
    close();
    const set = folded(all ?? oneOf(''), flags);
    return isNegative ? not(set) : set;
  }

  #member(): CharSet {
    const character = this.#next();
    if (character !== '\\') return oneOf(character);
    if (this.#take('b')) return oneOf('\b');
    return this.#escapedSet();
  }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const has = (name: string, before: boolean): boolean =>
    on.includes(name) || (before && !off.includes(name));
  return {
    ignoreCase: has('i', flags.ignoreCase),
    dotAll: has('m', flags.dotAll),
    extended: has('x', flags.extended),
  };
}

/** A set that takes either case of its letters, where that is asked. */
function folded(set: CharSet, { ignoreCase }: Flags): CharSet {
  if (!ignoreCase) return set;
  const one = (text: string): number | undefined => {
    const codePoint = text.codePointAt(0) ?? 0;
    return text.length === (codePoint > 0xffff ? 2 : 1) ? codePoint : undefined;
  };
  return {
    isKnown: true,
    has(codePoint) {
      if (set.has(codePoint)) return true;
      const character = String.fromCodePoint(codePoint);
      const upper = character.toUpperCase();
      return [character.toLowerCase(), upper, upper.toLowerCase()].some((other) => {
        const single = one(other);
        return single !== undefined && set.has(single);
      });
    },
  };
}
