// What each head is known for, from the statistics of its attention map.
import type { Behaviour, HeadScores } from '../../api.ts';
import { type MapSummary, readMapSummary } from '../../model/attentionMaps.ts';
import type { GptConfig } from '../../model/config.ts';
import type { Gpt } from '../../model/gpt.ts';
import { Session } from '../../model/session.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { uniform } from '../sampling/random.ts';

/** Random tokens of the probe, which then come a second time. */
const PROBE_TOKENS = 32;

export interface ProbeOptions {
  /** What comes twice in it, where the model knows repetition in another shape than one after the other. */
  readonly text?: string | undefined;
  /** Reads `text`. */
  readonly tokenizer: Tokenizer | null;
  readonly signal?: AbortSignal | undefined;
}

/** What heads do on random tokens that come twice; or on a text, where the model sees all of it at once. */
export async function measureHeads(
  model: Gpt,
  { text, tokenizer, signal }: ProbeOptions,
): Promise<HeadScores> {
  const read = text === undefined ? undefined : tokenizer?.encode(text);
  const isRead = read !== undefined && read.length <= model.config.nCtx;
  const ids = isRead ? read : probeIds(model.config);
  const scores = new ScoreSheet(model.config, ids);
  const session = new Session(model, { capacity: ids.length });
  try {
    await session.append([ids], { signal });
    for (let layer = 0; layer < model.config.nLayer; layer++) {
      signal?.throwIfAborted();
      scores.add(layer, (await readMapSummary(session, layer, ids.length, null)).statistics);
    }
  } finally {
    session.dispose();
  }
  return { ...scores.result(), ...(isRead && text !== undefined && { on: text }) };
}

/** Distinct random ids, the same every time, and then once more. */
function probeIds({ nCtx, vocabSize }: GptConfig): number[] {
  const count = Math.max(1, Math.min(PROBE_TOKENS, Math.floor(nCtx / 2), vocabSize));
  const once = new Set<number>();
  for (let n = 0; once.size < count; n++) once.add(Math.floor(uniform(0, n) * vocabSize));
  return [...once, ...once].slice(0, nCtx);
}

const WEIGHTS = ['previous', 'first', 'duplicate', 'induction', 'local'] as const;

/** Averages of the rows that can show a behaviour. */
export class ScoreSheet {
  readonly #config: GptConfig;
  readonly #size: number;
  /** Rows that can show each behaviour. */
  readonly #rows: Readonly<Record<Behaviour, readonly number[]>>;
  readonly #scores: Readonly<Record<Behaviour, Float32Array>>;
  readonly #entropyBits: Float32Array;

  constructor(config: GptConfig, ids: readonly number[]) {
    this.#config = config;
    this.#size = ids.length;
    const first = new Map<number, number>();
    ids.forEach((id, t) => first.has(id) || first.set(id, t));
    const where = (can: (t: number) => boolean): number[] =>
      Array.from(ids.keys()).filter((t) => can(t));
    // The first token has nothing to choose from: its row says nothing about a head.
    const later = where((t) => t >= 1);
    const repeated = where((t) => (first.get(ids[t]) ?? t) < t);
    this.#rows = {
      previous: later,
      first: later,
      duplicate: repeated,
      induction: repeated,
      local: where((t) => t >= 8),
      broad: later,
    };
    const create = (): Float32Array => new Float32Array(config.nLayer * config.nHead).fill(NaN);
    this.#scores = {
      previous: create(),
      first: create(),
      duplicate: create(),
      induction: create(),
      local: create(),
      broad: create(),
    };
    this.#entropyBits = create();
  }

  /** Takes the statistics of a layer's heads. */
  add(layer: number, statistics: MapSummary['statistics']): void {
    const { nHead } = this.#config;
    for (let h = 0; h < nHead; h++) {
      const row = h * this.#size;
      const at = layer * nHead + h;
      // Rounding may leave a hair less than nothing where all weight is on one token.
      const entropy = (t: number): number => Math.max(0, statistics.entropy[row + t]);
      for (const what of WEIGHTS) {
        this.#scores[what][at] = mean(this.#rows[what], (t) => statistics[what][row + t]);
      }
      this.#scores.broad[at] = mean(this.#rows.broad, (t) => entropy(t) / Math.log2(t + 1));
      this.#entropyBits[at] = mean(
        Array.from({ length: this.#size }, (_, t) => t),
        entropy,
      );
    }
  }

  result(): HeadScores {
    const { nLayer, nHead } = this.#config;
    const scores = this.#scores;
    return { nLayer, nHead, size: this.#size, scores, entropyBits: this.#entropyBits };
  }
}

/** NaN of no rows at all. */
function mean(rows: readonly number[], value: (t: number) => number): number {
  let sum = 0;
  for (const t of rows) sum += value(t);
  return sum / rows.length;
}
