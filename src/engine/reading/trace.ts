// What flowed through the model while it read a text, kept on the processor: the residual stream at
// every depth of every position, the size of what each part added, and what the lens made of it.
import { EngineError } from '../../errors.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { Session } from '../../model/session.ts';
import { lensRowsPerPass, readTopTokens } from '../../model/lens.ts';
import { NOTHING_OFF, type PartsOff } from '../../model/partsOff.ts';
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
  readonly id: number;
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
 * Follows a text as a conversation does (same window, what stays the same is kept), in a session of
 * its own that comes with the first question and grows with the text. Callers take turns. Dispose
 * it before its model.
 */
export class Trace {
  readonly #model: Gpt;
  readonly #session: OwnSession;
  readonly #turns = new Turns();
  /** What was off when the positions were read. */
  #off = NOTHING_OFF;
  #firstVisible = 0;
  readonly #positions: TracedPosition[] = [];

  constructor(model: Gpt, switchOff: SwitchOff) {
    this.#model = model;
    this.#session = new OwnSession(model, switchOff);
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
          await this.#bring(ids, off, end, signal);
          const positions = this.#positions.slice(start - firstIndex, end - firstIndex);
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
    await this.#bring(ids, off, position + 1, signal);
    return this.#positions[position - first];
  }

  /** Frees the session; what waits fails with `engine/disposed`. Idempotent. */
  dispose(): void {
    this.#session.dispose();
  }

  /** Brings the trace to the positions of `ids` before `until`, computing only what it lacks. */
  async #bring(
    ids: readonly number[],
    off: PartsOff,
    until: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    const positions = this.#positions;
    const firstVisible = windowStart(ids.length, this.#model.config.nCtx);
    if (firstVisible !== this.#firstVisible || off.key !== this.#off.key) positions.length = 0;
    this.#firstVisible = firstVisible;
    this.#off = off;
    const visible = ids.slice(firstVisible);
    let common = 0;
    while (common < positions.length && positions[common].id === visible[common]) common++;
    // Of a text that is only shorter, what follows stays: the text may be on its way there.
    if (common < visible.length) positions.length = common;

    const wanted = until - firstVisible;
    if (positions.length >= wanted) return;
    const session = await this.#session.take(off);
    session.truncate(Math.min(positions.length, session.commonPrefix(visible)));
    // A session that was made anew reads again what is known of the text already.
    const known = visible.slice(session.length, positions.length);
    if (known.length > 0) await session.append([known], { signal });
    const step = this.#model.workspace.tokensPerPass(1);
    while (positions.length < wanted) {
      signal?.throwIfAborted();
      const end = Math.min(positions.length + step, wanted);
      positions.push(...(await this.#record(session, visible.slice(positions.length, end))));
    }
  }

  /** Reads more tokens, and keeps what flows. */
  async #record(session: Session, ids: readonly number[]): Promise<TracedPosition[]> {
    const { nLayer, nEmbd } = this.#model.config;
    const fresh = ids.map((id): TracedPosition => ({
      id,
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
