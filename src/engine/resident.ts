// The one owner of the model that is here. It counts the models, so that whoever asks can say which one is meant, and
// nobody is answered by another.
import { EngineError } from '../errors.ts';

/** What can be here: a GPT2. */
export interface Residing {
  /** Resolves with the reason when its device is gone. */
  readonly lost: Promise<string>;
  dispose(): Promise<void>;
}

export interface Use {
  /** The model that is meant; whichever is here, where it is left out. */
  readonly turn?: number | undefined;
  /** What is stopped fails with this signal's reason, whatever became of the model meanwhile. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The model that is here, and the loads that would replace it.
 *
 * A model that is lost stays here, broken, until a load replaces it. Bringing the same one back stands in this class
 * once it is written: `with` and `stream` know what was asked of which turn and can ask again, and `onLost` is where
 * news of it goes out. Nobody else holds a model longer than an answer takes.
 */
export class Resident<Model extends Residing> {
  #here: { readonly model: Model; readonly turn: number } | null = null;
  /** Whether the device of the model that is here is gone. */
  #isLost = false;
  #disposed = false;
  /** The turn of the load that was asked for last. */
  #asked = 0;
  /** What stops the loads that are under way, by their turns. */
  readonly #loading = new Map<number, AbortController>();
  readonly #hearLost = new Set<(reason: string, turn: number) => void>();

  /**
   * Loads a model and installs it; the one that is here goes only when the new one is ready. `load` is given it, unless
   * its device is lost, and may take from it what it can hold on to before it first waits. Loads are numbered as they
   * are asked for, from `after` + 1 at the least; a number is never given twice. One that is ready later than a load
   * with a higher number is given up, and so is one still under way then: both reject with `engine/superseded`.
   * Rejects with `engine/disposed` once this is disposed, else with what `load` or `signal` says.
   */
  async take(
    load: (signal: AbortSignal, here: Model | null) => Promise<Model>,
    { signal, after = 0 }: { signal?: AbortSignal | undefined; after?: number | undefined } = {},
  ): Promise<{ readonly model: Model; readonly turn: number }> {
    this.checkUsable();
    const turn = Math.max(this.#asked, after) + 1;
    this.#asked = turn;
    const stop = new AbortController();
    this.#loading.set(turn, stop);
    let model: Model;
    try {
      const here = this.#isLost ? null : (this.#here?.model ?? null);
      model = await load(signal ? AbortSignal.any([signal, stop.signal]) : stop.signal, here);
    } catch (error) {
      if (!stop.signal.aborted || signal?.aborted) throw error;
      this.checkUsable();
      throw overtaken();
    } finally {
      this.#loading.delete(turn);
    }
    const previous = this.#here;
    if (this.#disposed || (previous !== null && turn < previous.turn)) {
      await model.dispose();
      this.checkUsable();
      throw overtaken();
    }
    const here = { model, turn };
    this.#here = here;
    this.#isLost = false;
    // Nobody waits any more for what was asked for before.
    for (const [other, older] of this.#loading) if (other < turn) older.abort();
    await previous?.model.dispose();
    const tell = (reason: string): void => {
      if (this.#here !== here || this.#disposed) return;
      for (const hear of this.#hearLost) hear(reason, turn);
    };
    // The answer to the load goes first: who hears of a loss knows the turn.
    void model.lost.then((reason) => {
      if (this.#here === here) this.#isLost = true;
      setTimeout(() => tell(reason));
    });
    return here;
  }

  /**
   * Runs `use` with the model that is here. Rejects with `engine/no-model` where there is none, and with
   * `engine/superseded` where `turn` means another, or where another takes its place before `use` is done.
   */
  async with<T>(use: (model: Model) => T | Promise<T>, { turn, signal }: Use = {}): Promise<T> {
    const here = this.#meant(turn);
    try {
      const answer = await use(here.model);
      this.#checkHere(here.turn);
      return answer;
    } catch (error) {
      // What failed because its model was replaced says so.
      if (!signal?.aborted) this.#checkHere(here.turn);
      throw error;
    }
  }

  /** As `with`, for what comes one by one. */
  async *stream<E>(
    use: (model: Model) => AsyncIterable<E>,
    { turn, signal }: Use = {},
  ): AsyncGenerator<E, void, undefined> {
    const here = this.#meant(turn);
    try {
      for await (const event of use(here.model)) {
        if (!signal?.aborted) this.#checkHere(here.turn);
        yield event;
      }
    } catch (error) {
      if (!signal?.aborted) this.#checkHere(here.turn);
      throw error;
    }
  }

  /** Called when the device of the model that is here is gone. Returns what ends it. */
  onLost(hear: (reason: string, turn: number) => void): () => void {
    this.#hearLost.add(hear);
    return () => this.#hearLost.delete(hear);
  }

  /** Whether the model that is here has lost its device, so that a load now comes just after a loss. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Frees the model and stops the loads; further calls reject with `engine/disposed`. Idempotent. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const loading of this.#loading.values()) loading.abort();
    await this.#here?.model.dispose();
    this.#here = null;
  }

  /** Throws `engine/disposed` once this is disposed. */
  checkUsable(): void {
    if (!this.#disposed) return;
    throw new EngineError('This engine was disposed.', {
      code: 'engine/disposed',
      hint: 'Reload the page.',
    });
  }

  #meant(turn: number | undefined): { readonly model: Model; readonly turn: number } {
    this.checkUsable();
    if (this.#here === null) {
      throw new EngineError('No model is loaded yet.', {
        code: 'engine/no-model',
        hint: 'Wait for the model to load, or load one.',
      });
    }
    if (turn !== undefined) this.#checkHere(turn);
    return this.#here;
  }

  #checkHere(turn: number): void {
    this.checkUsable();
    if (this.#here?.turn === turn) return;
    throw new EngineError('The model that this was asked of is not here any more.', {
      code: 'engine/superseded',
      hint: 'Ask the model that is here now.',
    });
  }
}

function overtaken(): EngineError {
  return new EngineError('Another model was asked for later and is loaded already.', {
    code: 'engine/superseded',
    hint: 'Load this one again if it is still wanted.',
  });
}
