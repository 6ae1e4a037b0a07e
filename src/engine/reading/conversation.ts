// A text and what the model has read of it: the cache follows the text.
import type { Gpt } from '../../model/gpt.ts';
import { readLogits } from '../../model/reads.ts';
import type { Session } from '../../model/session.ts';
import type { PartsOff } from '../../model/partsOff.ts';
import { windowStart } from '../../window.ts';
import { OwnSession, type SwitchOff } from './ownSession.ts';
import { Turns } from './turns.ts';

/** What the model made of a text. */
export interface Read {
  /** Logits after the last token, (V). */
  readonly logits: Float32Array;
  /** Tokens computed anew; the rest came from the cache. */
  readonly computed: number;
  /** Index into the text of the first token that the model sees. */
  readonly firstVisible: number;
}

/** Reads texts with a model, or with one that has some parts off. */
export interface Reader {
  /** Where the model's window starts for a text of `length` tokens. */
  windowFor(length: number): number;
  /**
   * Brings the cache to the window of `ids`, computing only what it lacks, and gives the logits
   * after the last of them. `ids` must not be empty. With `isWhole` the window is as long as the context, whatever
   * that costs whoever goes on from there.
   */
  follow(
    ids: readonly number[],
    options?: { signal?: AbortSignal; isWhole?: boolean },
  ): Promise<Read>;
  /**
   * Brings the cache to the window of `ids`, which starts at `firstVisible`, and lets `use` read
   * from the session before anybody else may. The cache may hold more tokens than the window.
   */
  look<T>(
    ids: readonly number[],
    options: { signal?: AbortSignal },
    use: (firstVisible: number, session: Session) => Promise<T>,
  ): Promise<T>;
}

/**
 * A text and what the model has read of it: one session whose cache follows the text as it is
 * edited, grown, or outgrows the context. Several readers may take turns, with different texts and
 * different parts off: each call brings the cache to what it names, so the worst that interleaving
 * costs is time. Dispose it before its model.
 */
export class Conversation {
  readonly #gpt: Gpt;
  readonly #session: OwnSession;
  readonly #turns = new Turns();
  #firstVisible = 0;
  /** Logits after the first `length` tokens in the cache. */
  #known: { length: number; logits: Float32Array } | null = null;

  constructor(gpt: Gpt, switchOff: SwitchOff) {
    this.#gpt = gpt;
    this.#session = new OwnSession(gpt, switchOff);
  }

  /** A reader of the model with these parts off, whoever else takes turns. */
  readerFor(off: PartsOff): Reader {
    return {
      windowFor: (length) => windowStart(length, this.#gpt.config.nCtx),
      follow: (ids, { signal, isWhole = false } = {}) =>
        this.#turns.take(async () => {
          const { nCtx } = this.#gpt.config;
          const first = isWhole ? Math.max(0, ids.length - nCtx) : windowStart(ids.length, nCtx);
          const { session, firstVisible, computed } = await this.#bring(ids, first, off, signal);
          const logits = await this.#logitsAt(session, ids.length - firstVisible);
          return { logits, computed, firstVisible };
        }),
      look: (ids, { signal }, use) =>
        this.#turns.take(async () => {
          const first = windowStart(ids.length, this.#gpt.config.nCtx);
          const { session, firstVisible } = await this.#bring(ids, first, off, signal);
          return use(firstVisible, session);
        }),
    };
  }

  /**
   * Lets `use` take over what is known of some text with these parts off, before anybody else may read. Nothing is
   * computed for it; where nothing is known, it is not called.
   */
  async lend(off: PartsOff, use: (session: Session) => Promise<void>): Promise<void> {
    await this.#turns.take(async () => {
      const session = this.#session.known(off);
      if (session !== null) await use(session);
    });
  }

  /** Frees the session; what waits fails with `engine/disposed`. Idempotent. */
  dispose(): void {
    this.#session.dispose();
  }

  /** Logits after the first `length` tokens of the cache. */
  async #logitsAt(session: Session, length: number): Promise<Float32Array> {
    if (this.#known?.length !== length) {
      const rows: Float32Array[] = [];
      await readLogits(session, 0, length - 1, 1, (row) => rows.push(row.logits));
      this.#known = { length, logits: rows[0] };
    }
    return this.#known.logits;
  }

  /** Brings the cache to the window of `ids` from `firstVisible` on, computing only what it lacks. */
  async #bring(
    ids: readonly number[],
    firstVisible: number,
    off: PartsOff,
    signal: AbortSignal | undefined,
  ): Promise<{ session: Session; computed: number; firstVisible: number }> {
    signal?.throwIfAborted();
    const session = await this.#session.take(off);
    if (firstVisible !== this.#firstVisible) {
      session.truncate(0);
      this.#firstVisible = firstVisible;
    }
    const visible = ids.slice(firstVisible);
    const common = session.commonPrefix(visible);
    // All of it may be in the cache, and more, which stays: the text may be on its way there.
    if (common === visible.length) return { session, computed: 0, firstVisible };
    session.truncate(common);
    this.#known = null;
    const rest = visible.slice(common);
    // The logits cost little beside the blocks, and whoever reads a text mostly wants them.
    const [logits] = await session.append([rest], { lastLogits: true, signal });
    this.#known = { length: visible.length, logits };
    return { session, computed: rest.length, firstVisible };
  }
}
