// The story of a first visit as the model that comes with the page writes it: for the script that records it, and for
// the test that holds the record to it.
import { readFileSync } from 'node:fs';
import type { Distribution, TokenPiece } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { identityOf } from '../../src/state/modelName.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../../src/state/settings.ts';
import { EXAMPLES, STORY } from '../../src/state/store.ts';
import type { Story } from '../../src/state/story.ts';
import { FIRST_VIEW } from '../../src/state/view.ts';

const TALES = new URL('../../public/models/tales-7m', import.meta.url).pathname;
const FILES = ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];
/** As many candidates as the bars show. */
const TOP = 20;

export async function recordStory(): Promise<Story> {
  const engine = new LocalEngine();
  const files = FILES.map((name) => new File([readFileSync(`${TALES}/${name}`)], name));
  const model = await engine.load('tales-7m', { device: 'cpu', files });
  const prompt = EXAMPLES[0] ?? '';
  const pieces: TokenPiece[] = [...(await engine.ask('tokenize', { text: prompt }))];
  const promptCount = pieces.length;
  const settings = toSamplingOptions(DEFAULT_SETTINGS);
  const options = { ...settings, max_new_tokens: STORY.written, seed: STORY.seed, stop: [] };
  const start = pieces.map(({ id }) => id);
  for await (const event of engine.generate({ ids: start, options })) {
    if (event.type === 'token') pieces.push(event.piece);
  }
  const ids = pieces.map(({ id }) => id);
  const { logprobs, ranks } = await engine.ask('score', { ids });
  const next: Distribution[] = [];
  for (let at = 0; at <= ids.length; at++) {
    const asked = { ids: ids.slice(0, at), options: settings, top: TOP };
    next.push(await engine.ask('distribution', asked));
  }
  const { layer, head } = FIRST_VIEW;
  const rows = await engine.ask('attentionRows', { ids, query: ids.length - 1 });
  const map = await engine.ask('attention', { ids, layer, head });
  const lens = await engine.ask('lens', { ids, from: 0, count: ids.length });
  await engine.dispose();
  const runs = [{ start: promptCount, end: pieces.length, seed: STORY.seed, settings, off: [] }];
  const scores = { logprobs: Array.from(logprobs), ranks: Array.from(ranks) };
  const owner = identityOf(model);
  const snapshot = { prompt, promptCount, pieces, ...scores, runs, owner };
  return { snapshot, next, rows, map, lens };
}
