// What the model would say if it ended after each block: a window of columns, one cell in full, and how
// one word fares through the depths.
import type { LensColumns, PartOff, TokenPiece } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { isUnseen, lensFocus, type LensView } from '../facts/lens.ts';
import { createLatest } from '../latest.ts';
import { createPace } from '../pace.ts';
import { toIds } from '../tokenText.ts';
import { staleness, type Slice, type SliceContext } from './slice.ts';
import { modelOf } from '../facts/model.ts';

/** Most columns in one question. */
const CHUNK = 8;
const CELL_TOP = 10;
const TYPING_MS = 250;

interface Column {
  readonly tokens: Uint32Array;
  readonly logprobs: Float32Array;
}

export function createLens(context: SliceContext<'lens'>) {
  const { engine, text, get, set, together } = context;
  const pace = createPace();
  /** Columns that are known, by token index; a text that only grows leaves them true. */
  const known = new Map<number, Column>();
  /** Those of the step of the run that was looked at before: shown until the one that is here has answered. */
  let before: ReadonlyMap<number, Column> = new Map();
  /** Another map for every answer that knows more: what is in the store never changes. */
  let pieces: ReadonlyMap<number, TokenPiece> = new Map();
  /** What the known columns are about. */
  let about: { epoch: number; off: readonly PartOff[]; first: number } | null = null;
  let typing: ReturnType<typeof setTimeout> | undefined;

  const isOpen = (): boolean => get().view.panel === 'lens';

  function isCurrent(): boolean {
    if (about === null || about.epoch !== text.epoch || about.off !== context.off()) return false;
    const { firstVisible } = get().text;
    const generating = get().busy.has('run');
    // A stream tells of its window a little later than an answer does.
    return generating ? about.first >= firstVisible : about.first === firstVisible;
  }

  /** Puts the columns in sight into the store, known or not. */
  function publish(): void {
    const { length } = text.pieces;
    const { firstVisible } = get().text;
    const { shown: lens } = get().lens;
    const model = modelOf(get());
    // Of a recorded text columns are known before its model is there.
    const depths = model === null ? sizeOf(known) : model.nLayer + 1;
    if (depths === 0 || length === 0) {
      if (lens !== null) set({ shown: null });
      return;
    }
    const first = Math.min(firstVisible, length - 1);
    const { room, from: wanted } = get().lens;
    const from = windowFrom({ wanted, room, first, length });
    const count = Math.min(room, length - from);
    const tokens = new Uint32Array(count * depths);
    const logprobs = new Float32Array(count * depths).fill(Number.NaN);
    if (isCurrent()) {
      for (let c = 0; c < count; c++) {
        const column = known.get(from + c) ?? before.get(from + c);
        if (column === undefined) continue;
        tokens.set(column.tokens, c * depths);
        logprobs.set(column.logprobs, c * depths);
      }
    }
    set({ shown: { from, count, depths, tokens, logprobs, pieces } });
  }

  function take(answer: LensColumns): void {
    if (!isCurrent() || about?.first !== answer.firstIndex) {
      known.clear();
      before = new Map();
      pieces = new Map();
      about = { epoch: text.epoch, off: context.off(), first: answer.firstIndex };
    }
    const { depths } = answer;
    for (let c = 0; c < answer.count; c++) {
      known.set(answer.from + c, {
        tokens: answer.tokens.slice(c * depths, (c + 1) * depths),
        logprobs: answer.logprobs.slice(c * depths, (c + 1) * depths),
      });
    }
    const unknown = answer.pieces.filter(({ id }) => !pieces.has(id));
    if (unknown.length > 0) {
      pieces = new Map([...pieces, ...unknown.map((piece) => [piece.id, piece] as const)]);
    }
  }

  /**
   * Columns in sight that are not known, those near the focus first: one, so that something is there soon, then two,
   * four, and so on up to a chunk.
   */
  function nextChunk(): { from: number; count: number } | null {
    const { shown: lens } = get().lens;
    if (lens === null) return null;
    const current = isCurrent();
    const isKnown = (i: number): boolean => current && known.has(i);
    const end = lens.from + lens.count;
    const focus = Math.max(lens.from, Math.min(end - 1, lensFocus(get())));
    let near: number | null = null;
    for (let away = 0; away < lens.count && near === null; away++) {
      for (const i of [focus - away, focus + away]) {
        if (near === null && i >= lens.from && i < end && !isKnown(i)) near = i;
      }
    }
    if (near === null) return null;
    // While tokens stream, the next question is due in a second: this one asks for all it may.
    const doubled = (current ? known.size : 0) + 1;
    const most = get().busy.has('run') ? CHUNK : Math.min(CHUNK, doubled);
    let from = near;
    let to = near + 1;
    while (to - from < most && from > lens.from && !isKnown(from - 1)) from -= 1;
    while (to - from < most && to < end && !isKnown(to)) to += 1;
    return { from, count: to - from };
  }

  /** A window that moved on while the question was on its way is no failure. */
  function tell(error: unknown): void {
    if (toErrorInfo(error).code !== 'inspect/position') context.report(error, 'panels');
  }

  const grid = createLatest<void>(async (_, signal) => {
    for (;;) {
      if (!isOpen() || !context.answerable()) return;
      publish();
      const chunk = nextChunk();
      if (chunk === null) return;
      const isStale = staleness(context, signal);
      try {
        const input = { ids: toIds(text), off: context.off(), ...chunk };
        const answer = await pace.timed(() => engine.ask('lens', input, signal));
        if (isStale()) return;
        const { firstVisible } = get().text;
        const generating = get().busy.has('run');
        const isWhole = !generating && text.pieces.length === input.ids.length;
        const moved = isWhole && firstVisible !== answer.firstIndex;
        together(() => {
          if (moved) context.sees(answer.firstIndex);
          take(answer);
          publish();
        });
        // Another answer would be as empty, unless the window is known only now.
        if (answer.count === 0 && !moved) return;
      } catch (error) {
        if (!signal.aborted) tell(error);
        return;
      }
      // A stream has the device to itself until the next question is due.
      if (get().busy.has('run')) return;
    }
  });

  /** A question about one place; its answer is dropped where the text or the parts have changed. */
  async function fresh<A>(ask: () => Promise<A>, signal: AbortSignal): Promise<A | null> {
    const isStale = staleness(context, signal);
    try {
      const answer = await ask();
      return isStale() ? null : answer;
    } catch (error) {
      if (!signal.aborted) tell(error);
      return null;
    }
  }

  const cell = createLatest<void>(async (_, signal) => {
    const { at: lensAt } = get().lens;
    const { firstVisible } = get().text;
    if (!isOpen() || !context.answerable() || lensAt === null) return;
    if (lensAt.position < firstVisible) {
      set({ cell: null });
      return;
    }
    const input = { ids: toIds(text), off: context.off(), ...lensAt, top: CELL_TOP };
    const lensCell = await fresh(() => engine.ask('lensCell', input, signal), signal);
    if (lensCell !== null && get().lens.at === lensAt) set({ cell: lensCell });
  });

  const curve = createLatest<void>(async (_, signal) => {
    const [first] = get().lens.pieces;
    if (!isOpen() || !context.answerable() || first === undefined) return;
    const position = lensFocus(get());
    if (position < 0) return;
    if (isUnseen(get())) {
      set({ curve: null });
      return;
    }
    const input = { ids: toIds(text), off: context.off(), position, token: first.id };
    const lensCurve = await fresh(() => engine.ask('lensCurve', input, signal), signal);
    if (lensCurve !== null && get().lens.pieces[0]?.id === first.id) set({ curve: lensCurve });
  });

  const norms = createLatest<void>(async (_, signal) => {
    const position = lensFocus(get());
    if (!isOpen() || !context.answerable() || position < 0) return;
    if (isUnseen(get())) {
      set({ norms: null });
      return;
    }
    const input = { ids: toIds(text), off: context.off(), position };
    const answer = await fresh(() => engine.ask('residualNorms', input, signal), signal);
    if (answer !== null) set({ norms: answer });
  });

  const word = createLatest<void>(async (_, signal) => {
    const { word: lensWord, spaced: lensSpaced } = get().lens;
    const { at: phase } = get().model;
    if (phase !== 'here') return;
    const typed = lensWord === '' ? '' : lensSpaced ? ` ${lensWord}` : lensWord;
    try {
      const found =
        typed === '' ? [] : await engine.ask('tokenize', { text: typed, isWithin: true }, signal);
      if (signal.aborted || get().lens.word !== lensWord || get().lens.spaced !== lensSpaced)
        return;
      set({ pieces: found, isCut: true, ...(found.length === 0 ? { curve: null } : {}) });
      curve.ask();
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  function askAll(): void {
    if (!isOpen()) return;
    grid.ask();
    cell.ask();
    curve.ask();
    norms.ask();
  }

  /** The window and the open cell follow the selected token; what is known of another text goes. */
  function follow(): void {
    const { at: lensAt, shown: lens, follows, epoch, room } = get().lens;
    const { selected } = get().view;
    const { length } = text.pieces;
    if (epoch !== text.epoch) set({ epoch: text.epoch, cell: null, curve: null, norms: null });
    if (selected !== follows) {
      const position = selected ?? length - 1;
      set({
        follows: selected,
        from: selected === null ? null : keepInSight(position, lens, room),
      });
      if (lensAt !== null) {
        set({ at: length === 0 ? null : { position, depth: lensAt.depth }, cell: null });
      }
    }
    const now = get().lens.at;
    if (now !== null && now.position >= length) set({ at: null, cell: null });
  }

  const slice: Slice = {
    refresh() {
      if (!isOpen()) return;
      together(() => {
        follow();
        publish();
      });
      askAll();
      const { word: lensWord, pieces: lensPieces, isCut } = get().lens;
      if (lensWord !== '' && (lensPieces.length === 0 || !isCut)) word.ask();
    },
    onToken() {
      if (!isOpen() || grid.busy || !pace.due()) return;
      grid.ask();
    },
    cancel() {
      for (const one of [grid, cell, curve, norms, word]) one.cancel();
    },
    turn() {
      before = new Map([...before, ...known]);
      known.clear();
    },
    reset() {
      known.clear();
      before = new Map();
      pieces = new Map();
      about = null;
      word.cancel();
      set({
        shown: null,
        at: null,
        cell: null,
        curve: null,
        pieces: [],
        norms: null,
        // Another model may cut the word otherwise; it is asked once that model can be.
        isCut: false,
      });
    },
  };

  return {
    slice,
    /** What was recorded of the text that stands: shown until the model has answered itself. */
    show(columns: LensColumns): void {
      take(columns);
      if (isOpen()) publish();
    },
    actions: {
      /** How many columns there is room for. */
      fitLens(columns: number): void {
        const room = Math.max(1, Math.floor(columns));
        if (room === get().lens.room) return;
        set({ room });
        if (!isOpen()) return;
        publish();
        grid.ask();
      },
      /** Shows the columns from this token on. */
      scrollLens(from: number): void {
        const last = text.pieces.length - get().lens.room;
        set({ from: from >= last ? null : Math.max(0, Math.round(from)) });
        publish();
        grid.ask();
      },
      /** Opens a cell in full; null closes it. */
      openLens(at: { readonly position: number; readonly depth: number } | null): void {
        const { length } = text.pieces;
        const depths = (modelOf(get())?.nLayer ?? sizeOf(known) - 1) + 1;
        together(() => {
          if (at === null || length === 0) set({ at: null, cell: null });
          else {
            const first = Math.min(get().text.firstVisible, length - 1);
            const position = clamp(at.position, first, length - 1);
            const isNewest = position === length - 1 && get().busy.has('run');
            const { shown, room } = get().lens;
            set({
              at: { position, depth: clamp(at.depth, 0, depths - 1) },
              cell: null,
              from: isNewest ? null : keepInSight(position, shown, room),
            });
            context.used('lens');
          }
          publish();
        });
        askAll();
      },
      /** Follows the first token of a word through the depths. */
      followWord(typed: string, spaced = get().lens.spaced): void {
        set({ word: typed, spaced, isCut: false });
        clearTimeout(typing);
        typing = setTimeout(() => word.ask(), TYPING_MS);
      },
    },
  };
}

/** Where the window begins: as wished, but within the tokens that the model sees. */
export function windowFrom({
  wanted,
  room,
  first,
  length,
}: {
  readonly wanted: number | null;
  readonly room: number;
  readonly first: number;
  readonly length: number;
}): number {
  const last = Math.max(first, length - room);
  return wanted === null ? last : clamp(wanted, first, last);
}

/** Depths of the columns; 0 where there are none. */
function sizeOf(columns: ReadonlyMap<number, Column>): number {
  for (const { tokens } of columns.values()) return tokens.length;
  return 0;
}

/** A window that has the token in it, moved no further than needed. */
function keepInSight(position: number, lens: LensView | null, room: number): number {
  if (lens === null) return position - Math.floor(room / 2);
  if (position < lens.from) return position;
  if (position >= lens.from + room) return position - room + 1;
  return lens.from;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
