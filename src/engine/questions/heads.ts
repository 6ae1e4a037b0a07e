// What heads look at: one token's rows, an atlas of every map, and what each head is known for.
import type { Answer, AttentionAtlas, Behaviour, HeadScores, Input } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type MapSummary, readAttentionRows, readMapSummary } from '../../model/attentionMaps.ts';
import type { GptConfig } from '../../model/config.ts';
import { startingIds } from '../sampling/generate.ts';
import type { GPT2 } from '../gpt2.ts';
import { uniform } from '../sampling/random.ts';

/** Random tokens of the probe, which then come a second time. */
const PROBE_TOKENS = 32;

/** Where token `query` looks, in every head. Throws `inspect/position` where there is no such row. */
export function attentionRows(
  model: GPT2,
  { ids, query, off }: Input<'attentionRows'>,
  signal: AbortSignal | undefined,
): Promise<Answer<'attentionRows'>> {
  const text = startingIds(ids, model.bosTokenId);
  return model.conversation(off).look(text, { signal }, async (firstIndex, session) => {
    checkPosition(query, firstIndex, text.length);
    const size = query - firstIndex + 1;
    const weights = await readAttentionRows(session, query - firstIndex);
    const { nLayer, nHead } = model.config;
    return { nLayer, nHead, query, firstIndex, size, weights };
  });
}

function checkPosition(position: number, firstIndex: number, length: number): void {
  if (Number.isInteger(position) && position >= firstIndex && position < length) return;
  throw new EngineError(
    `Token ${position} is not seen by the model: it sees ${firstIndex} to ${length - 1}.`,
    { code: 'inspect/position', hint: 'Counting starts at 0; choose a token that it sees.' },
  );
}

/**
 * Every head's map as a thumbnail of at most `cells` a side, and its scores. Other readers of the
 * conversation may take turns between two layers.
 */
export async function attentionAtlas(
  model: GPT2,
  { ids, cells, off }: Input<'atlas'>,
  signal: AbortSignal | undefined,
): Promise<AttentionAtlas> {
  if (!(Number.isInteger(cells) && cells >= 1)) {
    throw new EngineError(`cells is ${cells}; expected a whole number from 1 on.`, {
      code: 'inspect/size',
      hint: 'Ask for as many cells a side as a thumbnail has pixels.',
    });
  }
  const text = startingIds(ids, model.bosTokenId);
  const conversation = model.conversation(off);
  const firstIndex = conversation.windowFor(text.length);
  const visible = text.slice(firstIndex);
  const size = visible.length;
  const block = Math.ceil(size / cells);
  const side = Math.ceil(size / block);
  const { nLayer, nHead } = model.config;
  const thumbnails = new Float32Array(nLayer * nHead * side * side);
  const scores = new ScoreSheet(model.config, visible);
  for (let layer = 0; layer < nLayer; layer++) {
    const summary = await conversation.look(text, { signal }, (_, session) =>
      readMapSummary(session, layer, size, block),
    );
    thumbnails.set(summary.thumbnails, layer * nHead * side * side);
    scores.add(layer, summary.statistics);
  }
  return { ...scores.result(), firstIndex, cells: side, block, thumbnails };
}

const probed = new WeakMap<GPT2, HeadScores>();

/** What heads do on random tokens that come twice, measured once a model. */
export async function probeHeads(model: GPT2, signal?: AbortSignal): Promise<HeadScores> {
  const scores = probed.get(model) ?? (await measureHeads(model, signal));
  probed.set(model, scores);
  // A copy, because answers are given away: their arrays may move to another thread.
  return structuredClone(scores);
}

async function measureHeads(model: GPT2, signal?: AbortSignal): Promise<HeadScores> {
  const ids = probeIds(model.config);
  const scores = new ScoreSheet(model.config, ids);
  const session = model.model.createSession({ capacity: ids.length });
  try {
    await session.append([ids], { signal });
    for (let layer = 0; layer < model.config.nLayer; layer++) {
      signal?.throwIfAborted();
      scores.add(layer, (await readMapSummary(session, layer, ids.length, null)).statistics);
    }
  } finally {
    session.dispose();
  }
  return scores.result();
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
class ScoreSheet {
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
