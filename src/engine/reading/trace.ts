// What flowed through the model while it read a text, kept on the processor: the residual stream at
// every depth of every position, the size of what each part added, and what the lens made of it.
import { EngineError } from '../../errors.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { Session } from '../../model/session.ts';
import { lensRowsPerPass, readTopTokens } from '../../model/lens.ts';
import { NOTHING_OFF, type PartsOff } from '../../model/partsOff.ts';
import type { Conversation } from './conversation.ts';
import { OwnSession, type SwitchOff } from './ownSession.ts';
import { Turns } from './turns.ts';
import { windowStart } from '../../window.ts';

/** The lens at one position: the most probable token at each depth (L + 1), and ln of its probability. */
export interface LensColumn {
  readonly tokens: Uint32Array;
  readonly logprobs: Float32Array;
}

/** What is kept of one position. */
export interface TracedPosition {
  /** (L + 1) rows of (C): before each block, and after the last. */
  readonly residual: readonly Float32Array[];
  /** (L) Euclidean norm of what attention adds. */
  readonly attention: Float32Array;
  /** (L) Euclidean norm of what the MLP adds. */
  readonly mlp: Float32Array;
  /** Null until somebody asks. */
  lens: LensColumn | null;
}

/** Looks at what flows through the model, or through one that has some parts off. */
export interface TraceReader {
  /**
   * What is kept of one position of `ids`. Throws `inspect/position` where the model does not see
   * it, and `tokens/…`.
   */
  position(ids: readonly number[], position: number, signal?: AbortSignal): Promise<TracedPosition>;
  /**
   * The lens at positions `from` to `until` of `ids`, as far as the model sees them; stops between
   * a few rows when `signal` aborts, and what is done until then is kept.
   */
  columns(
    ids: readonly number[],
    from: number,
    until: number,
    signal?: AbortSignal,
  ): Promise<{ firstIndex: number; from: number; columns: readonly LensColumn[] }>;
}

/**
 * Follows a text as a conversation does (same window, what stays the same is kept), in a session of its own that
 * comes with the first question. It reads those positions alone that somebody looks at: what the conversation has
 * read of the text before them is copied and not computed again. Callers take turns. Dispose it before its model.
 */
export class Trace {
  readonly #model: Gpt;
  readonly #session: OwnSession;
  readonly #conversation: Conversation;
  readonly #turns = new Turns();
  /** What was off when the positions were read. */
  #off = NOTHING_OFF;
  #firstVisible = 0;
  /** The text that the positions are of, from the first that the model sees. */
  #ids: readonly number[] = [];
  /** Those that were looked at, counted from there. */
  readonly #positions = new Map<number, TracedPosition>();

  /** `conversation` has the same parts off, or may have. */
  constructor(model: Gpt, switchOff: SwitchOff, conversation: Conversation) {
    this.#model = model;
    this.#session = new OwnSession(model, switchOff);
    this.#conversation = conversation;
  }

  /** A reader of the model with these parts off, whoever else takes turns. */
  readerFor(off: PartsOff): TraceReader {
    return {
      position: (ids, position, signal) =>
        this.#turns.take(() => this.#position(ids, off, position, signal)),
      columns: (ids, from, until, signal) =>
        this.#turns.take(async () => {
          const firstIndex = windowStart(ids.length, this.#model.config.nCtx);
          const start = Math.min(ids.length, Math.max(firstIndex, from));
          const end = Math.max(start, Math.min(ids.length, until));
          const positions = await this.#read(ids, off, start, end, signal);
          const dark = positions.filter(({ lens }) => !lens);
          await this.#look(dark, signal);
          const columns = positions.flatMap(({ lens }) => lens ?? []);
          return { firstIndex, from: start, columns };
        }),
    };
  }

  async #position(
    ids: readonly number[],
    off: PartsOff,
    position: number,
    signal: AbortSignal | undefined,
  ): Promise<TracedPosition> {
    const first = windowStart(ids.length, this.#model.config.nCtx);
    if (!Number.isInteger(position) || position < first || position >= ids.length) {
      throw new EngineError(
        `Token ${position} is not among those that the model sees: ${first} to ${ids.length - 1}.`,
        { code: 'inspect/position', hint: 'Choose a token that is not greyed out.' },
      );
    }
    const [found] = await this.#read(ids, off, position, position + 1, signal);
    return found;
  }

  /** Frees the session; what waits fails with `engine/disposed`. Idempotent. */
  dispose(): void {
    this.#session.dispose();
  }

  /** Positions `from` … `until` of `ids`, all of them in sight; reads those that are not known. */
  async #read(
    ids: readonly number[],
    off: PartsOff,
    from: number,
    until: number,
    signal: AbortSignal | undefined,
  ): Promise<TracedPosition[]> {
    signal?.throwIfAborted();
    const firstVisible = windowStart(ids.length, this.#model.config.nCtx);
    const visible = ids.slice(firstVisible);
    this.#follow(visible, firstVisible, off);
    const wanted = Array.from({ length: until - from }, (_, i) => from - firstVisible + i);
    const step = this.#model.workspace.tokensPerPass(1);
    for (const start of wanted) {
      if (this.#positions.has(start)) continue;
      let end = start + 1;
      while (end < until - firstVisible && end < start + step && !this.#positions.has(end)) end++;
      signal?.throwIfAborted();
      const session = await this.#sessionBefore(start, visible, off, signal);
      const fresh = await this.#record(session, visible.slice(start, end));
      fresh.forEach((position, i) => this.#positions.set(start + i, position));
    }
    return wanted.flatMap((at) => this.#positions.get(at) ?? []);
  }

  /** Forgets what is not true of this text. Of one that is only shorter, all stays: it may be on its way there. */
  #follow(visible: readonly number[], firstVisible: number, off: PartsOff): void {
    if (firstVisible !== this.#firstVisible || off.key !== this.#off.key) {
      this.#positions.clear();
      this.#ids = [];
    }
    this.#firstVisible = firstVisible;
    this.#off = off;
    let common = 0;
    while (common < visible.length && this.#ids[common] === visible[common]) common++;
    if (common === visible.length) return;
    for (const at of this.#positions.keys()) if (at >= common) this.#positions.delete(at);
    this.#ids = visible;
  }

  /** The session with the first `length` tokens of the text in it, and no more. */
  async #sessionBefore(
    length: number,
    visible: readonly number[],
    off: PartsOff,
    signal: AbortSignal | undefined,
  ): Promise<Session> {
    const session = await this.#session.take(off);
    const before = visible.slice(0, length);
    session.truncate(session.commonPrefix(before));
    if (session.length < length) {
      await this.#conversation.lend(off, async (other) => {
        const known = other.commonPrefix(before);
        if (known > session.length) await session.adopt(other, known);
      });
    }
    const rest = before.slice(session.length);
    if (rest.length > 0) await session.append([rest], { signal });
    return session;
  }

  /** Reads more tokens, and keeps what flows. */
  async #record(session: Session, ids: readonly number[]): Promise<TracedPosition[]> {
    const { nLayer, nEmbd } = this.#model.config;
    const fresh = ids.map((): TracedPosition => ({
      residual: Array.from({ length: nLayer + 1 }, () => new Float32Array(nEmbd)),
      attention: new Float32Array(nLayer),
      mlp: new Float32Array(nLayer),
      lens: null,
    }));
    const rowOf = (values: Float32Array, r: number): Float32Array =>
      values.subarray(r * nEmbd, (r + 1) * nEmbd);
    const middles: Float32Array[] = [];
    await session.append([ids], {
      taps: {
        onHidden: (depth, _from, values) => {
          fresh.forEach(({ residual }, r) => residual[depth].set(rowOf(values, r)));
        },
        onMiddle: (layer, _from, values) => {
          middles[layer] = values;
        },
      },
    });
    middles.forEach((values, layer) => {
      fresh.forEach(({ residual, attention, mlp }, r) => {
        const middle = rowOf(values, r);
        attention[layer] = distance(middle, residual[layer]);
        mlp[layer] = distance(residual[layer + 1], middle);
      });
    });
    return fresh;
  }

  /** Computes the lens at some positions, in chunks of whole rows. */
  async #look(
    positions: readonly TracedPosition[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const depths = this.#model.config.nLayer + 1;
    const rows = positions.flatMap(({ residual }) => residual);
    const tokens = new Uint32Array(rows.length);
    const logprobs = new Float32Array(rows.length);
    const step = lensRowsPerPass(this.#model);
    let done = 0;
    for (let start = 0; start < rows.length; start += step) {
      signal?.throwIfAborted();
      const end = Math.min(start + step, rows.length);
      const part = await readTopTokens(this.#model, rows.slice(start, end));
      tokens.set(part.tokens, start);
      logprobs.set(part.logprobs, start);
      for (; (done + 1) * depths <= end; done++) {
        const [from, to] = [done * depths, (done + 1) * depths];
        positions[done].lens = {
          tokens: tokens.slice(from, to),
          logprobs: logprobs.slice(from, to),
        };
      }
    }
  }
}

/** Euclidean norm of a − b. */
function distance(a: Float32Array, b: Float32Array): number {
  let squares = 0;
  for (let c = 0; c < a.length; c++) squares += (a[c] - b[c]) ** 2;
  return Math.sqrt(squares);
}
