// Looks for a pattern that came with a file. Such a pattern may be made so that looking never ends ("catastrophic
// backtracking"), and a browser's own regular expressions cannot be stopped: this one counts its steps.
import { EngineError } from '../../errors.ts';
import { type CharSet, anyOf, remembered } from './charSets.ts';
import { type Node, type Place, WORD, parsePattern, refused } from './syntax.ts';

type Test = (codePoint: number) => boolean;

/** Where a match lies, in UTF-16 units. */
export type Span = readonly [from: number, to: number];

type Step =
  | { readonly do: 'char'; readonly test: Test }
  /** So many letters of a set, as many as there are or as few. */
  | {
      readonly do: 'run';
      readonly test: Test;
      readonly least: number;
      readonly most: number;
      readonly how: 'greedy' | 'lazy' | 'possessive';
    }
  /** Goes on at `first`, and at `second` where that fails; `begins` knows letters that `first` cannot begin with. */
  | { readonly do: 'split'; first: number; second: number; readonly begins: Test | null }
  | { readonly do: 'jump'; to: number }
  | { readonly do: 'enter'; readonly slot: number }
  /** Leaves a loop whose body read nothing. */
  | { readonly do: 'leave'; readonly slot: number; out: number }
  | { readonly do: 'look'; readonly from: readonly Look[]; readonly wanted: boolean }
  | { readonly do: 'choose'; readonly steps: readonly Step[] }
  | { readonly do: 'at'; readonly place: Place }
  | { readonly do: 'end' };

/** What is looked for, and how many letters before the place where one stands. */
interface Look {
  readonly steps: readonly Step[];
  readonly back: number;
}

/** Programs longer than this are nobody's pattern. */
const MOST_STEPS = 5000;
/** Steps that may be taken for each letter of a text, and besides. */
const STEPS_A_LETTER = 200;
const STEPS_BESIDES = 1_000_000;

const isWord = remembered(WORD);

/** A pattern in Oniguruma's words. Throws `tokenizer/pattern` for one that is not understood. */
export class Pattern {
  readonly #source: string;
  readonly #steps: readonly Step[];
  /** What a match begins with; null where it may be empty. */
  readonly #begins: Test | null;
  /** The one text that matches, where it is one. */
  readonly #only: string | null;
  #left = 0;

  constructor(source: string, only: string | null = null) {
    const node = parsePattern(source);
    this.#source = source;
    this.#steps = new Compiler(source).compile(node);
    this.#begins = beginningOf(node);
    this.#only = only === '' ? null : only;
  }

  /** Exactly this text. */
  static ofText(text: string): Pattern {
    const source = text.replaceAll(
      /[\\^$.*+?()[\]{}|&#\s-]/gu,
      (c) => `\\x{${(c.codePointAt(0) ?? 0).toString(16)}}`,
    );
    return new Pattern(source, text);
  }

  /** All matches, from left to right, none in another. Throws `tokenizer/pattern` where it takes too many steps. */
  findAll(text: string): Span[] {
    if (this.#only !== null) return placesOf(this.#only, text);
    const spans: Span[] = [];
    const begins = this.#begins;
    this.#left = STEPS_BESIDES + STEPS_A_LETTER * text.length;
    let last = -1;
    for (let start = 0; start <= text.length;) {
      if (begins && !isLetter(begins, text, start)) {
        start += widthAt(text, start);
        continue;
      }
      const end = this.#run(this.#steps, text, start);
      if (end > start || (end === start && last !== start)) {
        spans.push([start, end]);
        last = end;
      }
      start = end > start ? end : start + widthAt(text, start);
    }
    return spans;
  }

  /** End of a match that begins at `start`; -1 where there is none. */
  #run(steps: readonly Step[], text: string, start: number): number {
    /** Places to go on from where a way has failed, three numbers each: step, position, least position or slot. */
    const ways: number[] = [];
    const slots: number[] = [];
    let pc = 0;
    let at = start;
    for (;;) {
      if (--this.#left < 0) throw this.#tooSlow();
      const step = steps[pc];
      let isFine = true;
      switch (step.do) {
        case 'char':
          isFine = at < text.length && step.test(text.codePointAt(at) ?? 0);
          if (isFine) at += widthAt(text, at);
          pc++;
          break;
        case 'run': {
          const { test, least, most, how } = step;
          const first = at;
          let floor = at;
          let count = 0;
          const goal = how === 'lazy' ? least : most;
          while (count < goal && at < text.length && test(text.codePointAt(at) ?? 0)) {
            at += widthAt(text, at);
            if (++count <= least) floor = at;
          }
          this.#left -= (at - first) >> 3;
          isFine = count >= least;
          if (isFine && how === 'greedy' && at > floor) ways.push(pc, at, floor);
          if (isFine && how === 'lazy' && count < most) ways.push(pc, at, count);
          pc++;
          break;
        }
        case 'split':
          if (step.begins && !isLetter(step.begins, text, at)) {
            pc = step.second;
            break;
          }
          ways.push(step.second, at, -1);
          pc = step.first;
          break;
        case 'jump':
          pc = step.to;
          break;
        case 'enter':
          ways.push(-1 - step.slot, slots[step.slot] ?? -1, -1);
          slots[step.slot] = at;
          pc++;
          break;
        case 'leave':
          pc = slots[step.slot] === at ? step.out : pc + 1;
          break;
        case 'look':
          isFine = step.from.some((look) => this.#looks(look, text, at)) === step.wanted;
          pc++;
          break;
        case 'choose': {
          const end = this.#run(step.steps, text, at);
          isFine = end >= 0;
          if (isFine) at = end;
          pc++;
          break;
        }
        case 'at':
          isFine = isAt(step.place, text, at);
          pc++;
          break;
        case 'end':
          return at;
      }
      if (isFine) continue;
      // Back to where another way is open.
      for (;;) {
        if (ways.length === 0) return -1;
        const more = ways.pop() ?? -1;
        at = ways.pop() ?? 0;
        pc = ways.pop() ?? 0;
        if (pc >= 0) {
          const run = steps[pc];
          if (run.do === 'run' && more >= 0) {
            if (!this.#resume(run, text, at, more, pc, ways)) continue;
            at = this.#at;
            pc++;
          }
          break;
        }
        slots[-1 - pc] = at;
      }
    }
  }

  /** Where `#resume` has gone on from. */
  #at = 0;

  /** Takes one letter less, or of a lazy run one more. */
  #resume(
    { test, most, how }: Extract<Step, { do: 'run' }>,
    text: string,
    at: number,
    more: number,
    pc: number,
    ways: number[],
  ): boolean {
    if (how === 'greedy') {
      this.#at = at - widthBefore(text, at);
      if (this.#at > more) ways.push(pc, this.#at, more);
      return true;
    }
    if (at >= text.length || !test(text.codePointAt(at) ?? 0)) return false;
    this.#at = at + widthAt(text, at);
    if (more + 1 < most) ways.push(pc, this.#at, more + 1);
    return true;
  }

  #looks({ steps, back }: Look, text: string, at: number): boolean {
    let from = at;
    for (let i = 0; i < back; i++) {
      if (from === 0) return false;
      from -= widthBefore(text, from);
    }
    // What is behind is of one length, so that it ends here.
    return this.#run(steps, text, from) >= 0;
  }

  #tooSlow(): EngineError {
    return refused(this.#source, 0, 'it takes too many steps on this text');
  }
}

/** Where a text stands in another. */
function placesOf(part: string, text: string): Span[] {
  const spans: Span[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    spans.push([at, at + part.length]);
  }
  return spans;
}

function isLetter(test: Test, text: string, at: number): boolean {
  return at < text.length && test(text.codePointAt(at) ?? 0);
}

/** UTF-16 units of the character at a place; 1 at the end. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

function widthBefore(text: string, at: number): number {
  const isPair = at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xffff;
  return isPair ? 2 : 1;
}

function isAt(place: Place, text: string, at: number): boolean {
  const before = at > 0 && isWord(text.codePointAt(at - widthBefore(text, at)) ?? 0);
  switch (place) {
    case 'textStart':
      return at === 0;
    case 'textEnd':
      return at === text.length;
    case 'lineStart':
      return at === 0 || text[at - 1] === '\n';
    case 'lineEnd':
      return at === text.length || text[at] === '\n';
    case 'lastLine':
      return at === text.length || (at === text.length - 1 && text[at] === '\n');
    case 'word':
    case 'inWord': {
      const after = at < text.length && isWord(text.codePointAt(at) ?? 0);
      return (before !== after) === (place === 'word');
    }
  }
}

class Compiler {
  readonly #source: string;
  #count = 0;
  #slots = 0;

  constructor(source: string) {
    this.#source = source;
  }

  compile(node: Node): Step[] {
    const steps: Step[] = [];
    this.#add(node, steps);
    this.#push(steps, { do: 'end' });
    return steps;
  }

  #push<S extends Step>(steps: Step[], step: S): S {
    if (++this.#count > MOST_STEPS)
      throw refused(this.#source, 0, 'it is larger than any pattern is');
    steps.push(step);
    return step;
  }

  #add(node: Node, steps: Step[]): void {
    switch (node.is) {
      case 'char':
        this.#push(steps, { do: 'char', test: remembered(node.set) });
        return;
      case 'sequence':
        for (const each of node.of) this.#add(each, steps);
        return;
      case 'choice': {
        const ends: { to: number }[] = [];
        for (const [i, each] of node.of.entries()) {
          if (i === node.of.length - 1) {
            this.#add(each, steps);
            continue;
          }
          const split = this.#push(steps, {
            do: 'split',
            first: steps.length + 1,
            second: 0,
            begins: beginningOf(each),
          });
          this.#add(each, steps);
          ends.push(this.#push(steps, { do: 'jump', to: 0 }));
          split.second = steps.length;
        }
        for (const end of ends) end.to = steps.length;
        return;
      }
      case 'repeat':
        this.#repeat(node, steps);
        return;
      case 'look': {
        const choices = node.behind && node.node.is === 'choice' ? node.node.of : [node.node];
        const from = choices.map((each) => {
          const back = node.behind ? lengthOf(each) : 0;
          if (back === null)
            throw refused(this.#source, 0, 'it looks back over texts of any length');
          return { steps: this.compile(each), back };
        });
        this.#push(steps, { do: 'look', from, wanted: node.wanted });
        return;
      }
      case 'atomic':
        this.#push(steps, { do: 'choose', steps: this.compile(node.node) });
        return;
      case 'at':
        this.#push(steps, { do: 'at', place: node.place });
    }
  }

  #repeat({ node, least, most, how }: Extract<Node, { is: 'repeat' }>, steps: Step[]): void {
    if (node.is === 'char') {
      this.#push(steps, { do: 'run', test: remembered(node.set), least, most, how });
      return;
    }
    if (how === 'possessive') {
      const greedy: Node = { is: 'repeat', node, least, most, how: 'greedy' };
      this.#push(steps, { do: 'choose', steps: this.compile(greedy) });
      return;
    }
    for (let i = 0; i < least; i++) this.#add(node, steps);
    const begin = (): Extract<Step, { do: 'split' }> =>
      this.#push(steps, { do: 'split', first: 0, second: 0, begins: null });
    const close = (split: { first: number; second: number }, body: number, out: number): void => {
      [split.first, split.second] = how === 'lazy' ? [out, body] : [body, out];
    };
    if (most === Infinity) {
      const top = steps.length;
      const split = begin();
      const slot = this.#slots++;
      this.#push(steps, { do: 'enter', slot });
      this.#add(node, steps);
      const leave = this.#push(steps, { do: 'leave', slot, out: 0 });
      this.#push(steps, { do: 'jump', to: top });
      leave.out = steps.length;
      close(split, top + 1, steps.length);
      return;
    }
    const splits: [{ first: number; second: number }, number][] = [];
    for (let i = least; i < most; i++) {
      splits.push([begin(), steps.length]);
      this.#add(node, steps);
    }
    for (const [split, body] of splits) close(split, body, steps.length);
  }
}

/** Letters that a node can begin with; null where it may read none. */
function beginningOf(node: Node): Test | null {
  const { sets, mayBeEmpty } = beginnings(node);
  return mayBeEmpty ? null : remembered(anyOf(sets));
}

function beginnings(node: Node): { sets: readonly CharSet[]; mayBeEmpty: boolean } {
  switch (node.is) {
    case 'char':
      return { sets: [node.set], mayBeEmpty: false };
    case 'look':
    case 'at':
      return { sets: [], mayBeEmpty: true };
    case 'atomic':
      return beginnings(node.node);
    case 'repeat': {
      const { sets, mayBeEmpty } = beginnings(node.node);
      return { sets, mayBeEmpty: mayBeEmpty || node.least === 0 };
    }
    case 'sequence': {
      const sets: CharSet[] = [];
      for (const each of node.of) {
        const first = beginnings(each);
        sets.push(...first.sets);
        if (!first.mayBeEmpty) return { sets, mayBeEmpty: false };
      }
      return { sets, mayBeEmpty: true };
    }
    case 'choice': {
      const all = node.of.map(beginnings);
      return {
        sets: all.flatMap(({ sets }) => sets),
        mayBeEmpty: all.some(({ mayBeEmpty }) => mayBeEmpty),
      };
    }
  }
}

/** Letters that a node reads, where they are always as many. */
function lengthOf(node: Node): number | null {
  switch (node.is) {
    case 'char':
      return 1;
    case 'look':
    case 'at':
      return 0;
    case 'atomic':
      return lengthOf(node.node);
    case 'repeat': {
      const one = lengthOf(node.node);
      return one !== null && node.least === node.most ? one * node.least : null;
    }
    case 'sequence':
    case 'choice': {
      const lengths = node.of.map(lengthOf);
      if (lengths.includes(null)) return null;
      const all = lengths as number[];
      if (node.is === 'sequence') return all.reduce((sum, each) => sum + each, 0);
      return all.every((each) => each === all[0]) ? all[0] : null;
    }
  }
}
