// Who reads with a model: the whole one and the edited one, each with a cache that follows the text; and what is
// measured of a model once.
import type { HeadNames, HeadScores, PartOff } from '../../api.ts';
import type { Arena } from '../../gpu/device.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { Session } from '../../model/session.ts';
import { type PartMeans, type PartsOff, toPartsOff } from '../../model/partsOff.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { Conversation, type Reader } from './conversation.ts';
import type { InProbe } from './headNames.ts';
import { Once, OncePer } from './once.ts';
import { Trace, type TraceReader } from './trace.ts';

/** Those who follow one text. */
interface Followers {
  readonly conversation: Conversation;
  readonly trace: Trace;
}

/** Everything that reads with one model. Dispose it before the model. */
export class Readers {
  readonly #gpt: Gpt;
  readonly #tokenizer: Tokenizer | null;
  readonly #whole: Followers;
  readonly #edited: Followers;
  readonly #partMeans = new Once<PartMeans>();
  /** Where the means lie. */
  #means: Arena | null = null;
  /** By what they are measured on; random tokens where it is undefined. */
  readonly #headScores = new OncePer<string | undefined, HeadScores>();
  readonly #inProbe = new Once<InProbe>();
  /** By what they are read in; plain English where it is undefined. */
  readonly #standInNames = new OncePer<string | undefined, HeadNames>();

  /** `tokenizer` reads the text over which parts are averaged. */
  constructor(gpt: Gpt, tokenizer: Tokenizer | null) {
    this.#gpt = gpt;
    this.#tokenizer = tokenizer;
    const create = (): Followers => {
      const conversation = new Conversation(gpt, this.switchOff);
      return { conversation, trace: new Trace(gpt, this.switchOff, conversation) };
    };
    this.#whole = create();
    this.#edited = create();
  }

  /**
   * A cache that follows whatever text is asked about. With parts off it is another one, so that the whole
   * model and the edited one do not disturb each other. Throws `inspect/head`, `inspect/layer`, `inspect/part`.
   */
  conversation(off: readonly PartOff[]): Reader {
    const set = toPartsOff(off, this.#gpt.config);
    return this.#followers(set).conversation.readerFor(set);
  }

  /** What flows through the model while it reads, kept apart for whoever looks. Throws as `conversation` does. */
  trace(off: readonly PartOff[]): TraceReader {
    const set = toPartsOff(off, this.#gpt.config);
    return this.#followers(set).trace.readerFor(set);
  }

  #followers(off: PartsOff): Followers {
    return off.key === '' ? this.#whole : this.#edited;
  }

  /** Switches parts of a session off, and all others on; what it read with others off, it forgets. */
  readonly switchOff = async (session: Session, off: PartsOff): Promise<void> => {
    if (off.key === session.off.key) return;
    const byMean = off.parts.some(({ by }) => by === 'mean');
    session.setPartsOff(off, byMean ? await this.partMeans() : null);
    session.truncate(0);
  };

  /** What every part puts out on average over a reference text; measured once, when asked for. */
  partMeans(): Promise<PartMeans> {
    return this.#partMeans.get(async () => {
      const arena = this.#gpt.device.createArena('means');
      this.#means = arena;
      try {
        const { measurePartMeans } = await import('../../model/partMeans.ts');
        const { referenceIds } = await import('./referenceText.ts');
        const ids = referenceIds(this.#tokenizer, this.#gpt.config);
        return await measurePartMeans(this.#gpt, arena, ids);
      } catch (error) {
        arena.dispose();
        throw error;
      }
    });
  }

  /** What heads do on random tokens that come twice, or on a text; measured once, when asked for. */
  headScores(text?: string, signal?: AbortSignal): Promise<HeadScores> {
    return this.#headScores.get(text, async () => {
      const { measureHeads } = await import('./headScores.ts');
      return measureHeads(this.#gpt, { text, tokenizer: this.#tokenizer, signal });
    });
  }

  /** The words that each head, and each of its shuffles, looks at; measured once, when asked for. */
  inProbe(signal?: AbortSignal): Promise<InProbe> {
    return this.#inProbe.get(async () => {
      const { readProbe } = await import('./headNames.ts');
      return readProbe(this.#gpt, this.#tokenizer, signal);
    });
  }

  /** What heads are called for where a text is too short: in the line `on`, or in plain English; measured once. */
  standInNames(on?: string, signal?: AbortSignal): Promise<HeadNames> {
    return this.#standInNames.get(on, async () => {
      const { nameByStandIn } = await import('./headNames.ts');
      const own = await this.inProbe(signal);
      return nameByStandIn(this.#gpt, this.#tokenizer, { on, own, signal });
    });
  }

  /** Frees all of it; what waits fails with `engine/disposed`. Idempotent. */
  dispose(): void {
    for (const { conversation, trace } of [this.#whole, this.#edited]) {
      conversation.dispose();
      trace.dispose();
    }
    this.#means?.dispose();
  }
}
