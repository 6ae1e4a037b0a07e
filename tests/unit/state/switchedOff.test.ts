// Switching parts of the shipped model off, as the view asks and says it: the page's state on the real engine.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Engine, PartOff } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import { sweepParts } from '../../../src/engine/questions/sweep.ts';
import { createParts } from '../../../src/state/slices/parts.ts';
import { createAppStore } from '../../../src/state/store.ts';
import { DEFAULT_OPTIONS } from '../../../src/engine/sampling/generate.ts';
import { append } from '../../../src/state/tokenText.ts';
import { comparisonFinding, partingWords } from '../../../src/ui/parts/words.ts';
import { sizeOf } from '../../../src/ui/parts/size.ts';
import { sweepFinding, telling } from '../../../src/ui/parts/sweepWords.ts';
import { change, createContext, toHere } from './toyPage.ts';

const FOX = 'Once upon a time there was a little fox who';
const MLP0: PartOff = { part: 'mlp', layer: 0, by: 'zero' };
const head = (layer: number, n: number): PartOff => ({
  part: 'head',
  layer,
  head: n,
  by: 'zero',
});

let model: GPT2;
beforeAll(async () => {
  const path = new URL('../../../public/models/tales-7m', import.meta.url).pathname;
  model = await GPT2.from_pretrained(path, { device: 'cpu' });
});
afterAll(() => model.dispose());

/** A page with the view open, after `prompt`. */
function open(prompt: string) {
  const generate = vi.fn<Engine['generate']>(({ ids, options, top = 1, signal, off }) =>
    model.events(ids, options, { top }, signal, off),
  );
  const engine = {
    ask: (question: 'compare', input: never, signal: AbortSignal) =>
      answer(model, question, input, signal),
    generate,
    sweep: (request: Parameters<Engine['sweep']>[0]) => sweepParts(model, request),
  } as unknown as Engine;
  const { store, text } = createAppStore(
    { settings: {}, prompt: '', localEngine: false, notes: [] },
    null,
  );
  for (const id of model.encodeTyped(prompt)) append(text, model.vocabulary.pieceOf(id), -1, 1);
  change(store, {
    model: toHere(model.summary),
    text: { tokenised: true, length: text.pieces.length, epoch: text.epoch },
    view: { panel: 'parts' },
  });
  const { slice, actions } = createParts(createContext(engine, store, text).of('parts'));
  const facts = () => store.getState().parts;
  const switchOff = (off: readonly PartOff[]): void => {
    actions.setOff(off);
    slice.refresh();
  };
  const compared = async (off: readonly PartOff[]) => {
    switchOff(off);
    return vi.waitFor(() => {
      const { comparison } = facts();
      if (comparison === null) throw new Error('Not yet compared.');
      return comparison;
    });
  };
  const continued = async (off: readonly PartOff[]) => {
    switchOff(off);
    return vi.waitFor(
      () => {
        const { continuations } = facts();
        if (continuations === null) throw new Error('Not yet written.');
        return continuations;
      },
      { timeout: 5000 },
    );
  };
  return { store, slice, actions, facts, generate, switchOff, compared, continued };
}

/** What the model writes after the fox by itself, the likeliest token always. */
async function written(off: readonly PartOff[]): Promise<number[]> {
  const ids: number[] = [];
  const options = { ...DEFAULT_OPTIONS, max_new_tokens: 12 };
  const stream = model.events(model.encodeTyped(FOX), options, { top: 1 }, undefined, off);
  for await (const event of stream) if (event.type === 'token') ids.push(event.piece.id);
  return ids;
}

describe('switching parts of the shipped model off', () => {
  it('says “nothing to speak of” of a weak head, “clearly” of a strong one', async () => {
    const weak = await open(FOX).compared([head(4, 1)]);
    expect(sizeOf(weak.klBits)).toBe('nothing');
    expect(comparisonFinding(weak, [head(4, 1)], model.config)).toContain('nothing to speak of');
    const strong = await open('Once upon a').compared([head(1, 8)]);
    expect(sizeOf(strong.klBits)).toBe('clearly');
    expect(comparisonFinding(strong, [head(1, 8)], model.config)).toMatch(
      /^With head 1\.8 off, “time” falls from 17\s% to 4\.\d\s%\. The guess moved clearly\./u,
    );
  });

  it('sweeps to the sentence that no head matters and MLP 0 does', async () => {
    const page = open('The king said to his daughter,');
    page.actions.startSweep();
    await vi.waitFor(() => expect(page.facts().sweep?.running).toBe(false), { timeout: 20_000 });
    const sweep = page.facts().sweep!;
    expect(sweep.done).toBe(168);
    expect(sweepFinding(sweep)).toMatch(/No single head matters here .* What does: layer 0’s/u);
    expect(telling(sweep)).toMatchObject({ part: 'mlp', layer: 0 });
  }, 30_000);

  it('writes two continuations, which differ from the first word on without MLP 0', async () => {
    const page = open(FOX);
    const both = await page.continued([MLP0]);
    expect(both.at).toBe(10);
    expect(both.whole).toHaveLength(12);
    expect(both.edited).toHaveLength(12);
    expect(partingWords(both)).toBe('They differ from the first word on.');
    expect(both.whole.map(({ id }) => id)).toEqual(await written([]));
    expect(both.edited.map(({ id }) => id)).toEqual(await written([MLP0]));
  });

  it('writes the same where what is off does nothing, and only while somebody looks', async () => {
    const page = open(FOX);
    const both = await page.continued([head(4, 1)]);
    expect(partingWords(both)).toBe('Both write the same.');
    expect(page.generate).toHaveBeenCalledTimes(2);
    // Known already.
    page.slice.refresh();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(page.generate).toHaveBeenCalledTimes(2);
    page.actions.everythingOn();
    expect(page.facts().continuations).toBeNull();
    change(page.store, { view: { panel: 'lens' } });
    page.switchOff([MLP0]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(page.generate).toHaveBeenCalledTimes(2);
    expect(page.facts().continuations).toBeNull();
  });

  it('gives up what it writes when the parts change', async () => {
    const page = open(FOX);
    page.switchOff([MLP0]);
    await vi.waitFor(() => expect(page.generate).toHaveBeenCalledTimes(1));
    const { signal } = page.generate.mock.calls[0][0];
    page.switchOff([{ ...MLP0, layer: 11 }]);
    expect(signal?.aborted).toBe(true);
    const both = await page.continued([{ ...MLP0, layer: 11 }]);
    expect(both.edited.map(({ id }) => id)).toEqual(await written([{ ...MLP0, layer: 11 }]));
  });
});
