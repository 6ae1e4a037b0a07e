// Regular expressions of module names, as PEFT's rank_pattern and alpha_pattern have them: the part of Python's syntax
// that names need, tried in time that grows with the name and not beyond, because a stranger wrote the expression.

/** Fits a name from its beginning, or from behind a dot, to its end: `re.match(rf"(.*\.)?({pattern})$", name)`. */
export type NamePattern = (name: string) => boolean;

const MOST_CHARS = 300;
const MOST_STATES = 4000;

/** A step of the machine: takes a character and goes on, or goes on in two ways, or asks where it is. */
type State =
  | { readonly kind: 'take'; readonly fits: (char: string) => boolean; to: number }
  | { readonly kind: 'split'; a: number; b: number }
  | { readonly kind: 'begin' | 'end'; to: number }
  | { readonly kind: 'done' };

/** Makes the states that come before `next`; gives the first of them. */
type Part = (next: number) => number;

/** The pattern; null for an expression that is not understood. */
export function toNamePattern(pattern: string): NamePattern | null {
  if (pattern.length > MOST_CHARS) return null;
  const states: State[] = [{ kind: 'done' }];
  const add = (state: State): number => {
    if (states.length >= MOST_STATES) throw new SyntaxError('too large');
    return states.push(state) - 1;
  };
  let start: number;
  try {
    start = new Parser(pattern, add).parse()(0);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return (name) => {
    for (let from = 0; from >= 0; from = nextPart(name, from)) {
      if (runs(states, start, name, from)) return true;
    }
    return false;
  };
}

/** Where the next part of a dotted name begins; −1 after the last. */
function nextPart(name: string, from: number): number {
  const dot = name.indexOf('.', from);
  return dot < 0 ? -1 : dot + 1;
}

/** Whether the machine comes to its end with the name's, in all ways at once. */
function runs(states: readonly State[], start: number, name: string, from: number): boolean {
  let now = new Set<number>();
  const enter = (into: Set<number>, first: number, at: number): void => {
    const waiting = [first];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (into.has(id)) continue;
      into.add(id);
      const state = states[id];
      if (state.kind === 'split') waiting.push(state.a, state.b);
      else if (state.kind === 'begin' && at === 0) waiting.push(state.to);
      else if (state.kind === 'end' && at === name.length) waiting.push(state.to);
    }
  };
  enter(now, start, from);
  for (let at = from; at < name.length && now.size > 0; at++) {
    const then = new Set<number>();
    for (const id of now) {
      const state = states[id];
      if (state.kind === 'take' && state.fits(name[at])) enter(then, state.to, at + 1);
    }
    now = then;
  }
  return now.has(0);
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  D: /\D/,
  w: /\w/,
  W: /\W/,
  s: /\s/,
  S: /\S/,
};

class Parser {
  #at = 0;
  readonly #text: string;
  readonly #add: (state: State) => number;

  constructor(text: string, add: (state: State) => number) {
    this.#text = text;
    this.#add = add;
  }

  parse(): Part {
    const all = this.#alternatives();
    if (this.#at < this.#text.length) throw new SyntaxError('a bracket that was not opened');
    return all;
  }

  #alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#takes('|')) parts.push(this.#sequence());
    return parts.reduceRight((rest, part) => (next) => {
      const [a, b] = [part(next), rest(next)];
      return this.#add({ kind: 'split', a, b });
    });
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at])) {
      parts.push(this.#repeated(this.#atom()));
    }
    return (next) => parts.reduceRight((to, part) => part(to), next);
  }

  #repeated(part: Part): Part {
    const optional = (inner: Part): Part => {
      return (next) => this.#add({ kind: 'split', a: inner(next), b: next });
    };
    const often: Part = (next) => {
      const loop = { kind: 'split' as const, a: 0, b: next };
      const id = this.#add(loop);
      loop.a = part(id);
      return id;
    };
    let whole = part;
    const [counted, least, comma, most] = /^\{(\d{1,2})(,?)(\d{0,2})\}/.exec(this.#rest()) ?? [];
    if (this.#takes('*')) whole = often;
    else if (this.#takes('+')) whole = (next) => part(often(next));
    else if (this.#takes('?')) whole = optional(part);
    else if (counted !== undefined) {
      this.#at += counted.length;
      const times = Number(least);
      const extra = most === '' ? 0 : Number(most) - times;
      const tail: Part[] =
        comma === ''
          ? []
          : most === ''
            ? [often]
            : Array.from({ length: extra }, () => optional(part));
      const all = [...Array.from({ length: times }, () => part), ...tail];
      whole = (next) => all.reduceRight((to, each) => each(to), next);
    } else if (this.#rest().startsWith('{')) throw new SyntaxError('a brace');
    else return part;
    // Lazy or not, the same names fit.
    this.#takes('?');
    if ('*+?{'.includes(this.#text[this.#at] ?? ' ')) throw new SyntaxError('two repeats');
    return whole;
  }

  #atom(): Part {
    const char = this.#text[this.#at++];
    if (char === '(') {
      if (this.#rest().startsWith('?') && !this.#rest().startsWith('?:'))
        throw new SyntaxError('(?');
      if (this.#rest().startsWith('?:')) this.#at += 2;
      const inside = this.#alternatives();
      if (!this.#takes(')')) throw new SyntaxError('an open bracket');
      return inside;
    }
    if (char === '^') return (to) => this.#add({ kind: 'begin', to });
    if (char === '$') return (to) => this.#add({ kind: 'end', to });
    if (char === '.') return this.#take(() => true);
    if (char === '[') return this.#take(this.#set());
    if ('*+?{'.includes(char)) throw new SyntaxError('nothing to repeat');
    return this.#take(char === '\\' ? this.#escaped() : (other) => other === char);
  }

  #set(): (char: string) => boolean {
    const isNegative = this.#takes('^');
    const fits: ((char: string) => boolean)[] = [];
    while (fits.length === 0 || this.#text[this.#at] !== ']') {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new SyntaxError('an open set');
      const end = this.#text[this.#at] === '-' ? this.#text[this.#at + 1] : undefined;
      if (char === '\\') fits.push(this.#escaped());
      else if (end !== undefined && end !== ']') {
        this.#at += 2;
        if (end === '\\' || end < char) throw new SyntaxError('a range');
        fits.push((other) => other >= char && other <= end);
      } else fits.push((other) => other === char);
    }
    this.#at++;
    return (char) => fits.some((each) => each(char)) !== isNegative;
  }

  #escaped(): (char: string) => boolean {
    const char = this.#text[this.#at++];
    const known = CLASSES[char];
    if (known !== undefined) return (other) => known.test(other);
    // Letters and digits mean something else to Python: boundaries, groups.
    if (char === undefined || /[A-Za-z0-9]/.test(char)) throw new SyntaxError('an escape');
    return (other) => other === char;
  }

  #take(fits: (char: string) => boolean): Part {
    return (to) => this.#add({ kind: 'take', fits, to });
  }

  #takes(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }
}
