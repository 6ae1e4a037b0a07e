// Writing in the text: which tokens stay, whose they are, and what undo, runs and models make of it.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine, GenerateRequest, Input, LoadedModel, TokenPiece } from '../../../src/api.ts';
import { EngineError } from '../../../src/errors.ts';
import { toPlainText } from '../../../src/state/tokenText.ts';
import { toPiece } from './texts.ts';
import { createToyPage } from './toyPage.ts';

const model = {
  turn: 1,
  source: 'x/toy',
  name: 'toy',
  fingerprint: '0123456789abcdef',
  nLayer: 1,
  nHead: 1,
  nCtx: 64,
  vocabSize: 0x110000,
  reads: 'text',
  dtype: 'fp32',
  defaults: {},
  device: { kind: 'cpu' },
} as unknown as LoadedModel;

/** A token is a letter, and the model writes a, b, c … */
function createToy() {
  const tokenize = vi.fn(({ text }: Input<'tokenize'>): Promise<TokenPiece[]> =>
    Promise.resolve([...text].map(toPiece)),
  );
  const requests: GenerateRequest[] = [];
  const engine = {
    load: () => Promise.resolve(model),
    ask: (question: string, input: unknown): Promise<unknown> => {
      if (question === 'tokenize') return tokenize(input as Input<'tokenize'>);
      if (question === 'score') return Promise.resolve({ logprobs: [], ranks: [] });
      return Promise.resolve({ top: [] });
    },
    async *generate(request: GenerateRequest) {
      requests.push(request);
      yield { type: 'start', seed: 1, promptIds: request.ids, firstVisible: 0, promptMs: 1 };
      for (let i = 0; i < request.options.max_new_tokens; i++) {
        await Promise.resolve();
        const piece = toPiece(String.fromCodePoint(97 + i));
        yield { type: 'token', piece, logprob: -1, rank: 1, distribution: null };
      }
      yield { type: 'done', reason: 'length' };
    },
    async *sweep() {},
    onLost: () => () => {},
    dispose: () => Promise.resolve(),
  } as unknown as Engine;
  const { store, text, actions } = createToyPage(engine, { prompt: 'xy' });
  actions.changeSettings({ max_new_tokens: 3 });
  const settled = async (): Promise<void> => {
    await vi.waitFor(() => {
      expect(store.getState().busy.has('run')).toBe(false);
      expect(store.getState().text.tokenised).toBe(true);
    });
  };
  return {
    tokenize,
    requests,
    store,
    text,
    actions,
    settled,
    words: () => toPlainText(text.pieces),
  };
}

describe('what is written in the text', () => {
  let toy: ReturnType<typeof createToy>;
  const facts = () => toy.store.getState().text;
  beforeEach(async () => {
    toy = createToy();
    await toy.actions.load();
    await toy.settled();
    toy.actions.generate();
    await toy.settled();
    expect(toy.words()).toBe('xyabc');
  });

  it('behind the prompt stays what stood after it, and is nobody’s run; Regenerate writes on behind it', async () => {
    toy.actions.editText('xyaQbc', { from: 2, to: 4, words: 'aQb' }, true);
    expect(facts()).toMatchObject({ edited: 'xyaQbc', tokenised: false });
    await toy.settled();
    expect(toy.words()).toBe('xyaQbc');
    expect(facts()).toMatchObject({ edited: null, prompt: 'xy', promptCount: 2, runStart: 4 });
    expect(toy.text.runs).toMatchObject([{ start: 2, end: 3 }]);
    // The letter before was scored in the same context, the others were not.
    expect(toy.text.logprobs.slice(2)).toEqual([-1, Number.NaN, Number.NaN, Number.NaN]);
    toy.actions.regenerate();
    await toy.settled();
    expect(toy.words()).toBe('xyaQabc');
    expect(facts().branches.map(({ length }) => length)).toEqual([6, 7]);
    toy.actions.undo();
    toy.actions.undo();
    expect(toy.words()).toBe('xyabc');
    expect(toy.text.runs).toMatchObject([{ start: 2, end: 5 }]);
    toy.actions.redo();
    expect(toy.words()).toBe('xyaQbc');
  });

  it('in the prompt is of the prompt, also where it takes of what the model wrote', async () => {
    toy.actions.editText('xQyabc', { from: 0, to: 2, words: 'xQy' }, true);
    await toy.settled();
    expect(facts()).toMatchObject({ prompt: 'xQy', promptCount: 3, length: 6, runStart: null });
    expect(toy.text.runs).toEqual([]);
    toy.actions.editText('xQc', { from: 1, to: 6, words: 'Qc' }, true);
    await toy.settled();
    expect(facts()).toMatchObject({ prompt: 'xQc', promptCount: 3, length: 3 });
    // Alone it is the prompt, wherever it is written.
    toy.actions.editText('xQc!', { from: 2, to: 3, words: 'c!' }, true);
    await toy.settled();
    expect(facts()).toMatchObject({ prompt: 'xQc!', promptCount: 4 });
    toy.actions.editText('', { from: 0, to: 4, words: '' }, true);
    await toy.settled();
    expect(facts()).toMatchObject({ prompt: '', promptCount: 0, length: 0 });
    for (let i = 0; i < 4; i++) toy.actions.undo();
    expect(toy.words()).toBe('xyabc');
  });

  it('letter by letter is one step for undo, and back to the same loses nothing', async () => {
    const { undoDepth } = facts();
    toy.actions.editText('xyabc1', { from: 4, to: 5, words: 'c1' }, true);
    await toy.settled();
    toy.actions.editText('xyabc12', { from: 5, to: 6, words: '12' }, false);
    await toy.settled();
    expect(facts().undoDepth).toBe(undoDepth + 1);
    toy.actions.undo();
    expect(toy.words()).toBe('xyabc');
    toy.actions.editText('xyabc', { from: 4, to: 5, words: 'c' }, true);
    await toy.settled();
    expect(toy.text.runs).toMatchObject([{ start: 2, end: 5 }]);
    expect(toy.text.logprobs[4]).toBe(-1);
  });

  it('is what is stored, undone and generated from before its tokens are known', async () => {
    toy.actions.editText('xyabc!', { from: 4, to: 5, words: 'c!' }, true);
    expect(toy.actions.snapshot()).toMatchObject({ prompt: 'xyabc!', pieces: [] });
    toy.actions.generate();
    await toy.settled();
    expect(toy.words()).toBe('xyabc!abc');
    expect(toy.requests.at(-1)?.ids).toEqual([...'xyabc!'].map((letter) => letter.codePointAt(0)));
    toy.actions.editText('!', { from: 0, to: 9, words: '!' }, true);
    toy.actions.undo();
    expect(toy.words()).toBe('xyabc!abc');
    await toy.settled();
    expect(toy.words()).toBe('xyabc!abc');
    toy.actions.redo();
    await toy.settled();
    expect(toy.words()).toBe('!');
  });

  it('gives way to a text that somebody takes, and stands again behind a lesson', async () => {
    toy.actions.editText('xyabc!', { from: 4, to: 5, words: 'c!' }, true);
    toy.actions.beginStep('lesson', {}, undefined);
    await toy.settled();
    expect(toy.words()).toBe('lesson');
    toy.actions.learn(0);
    await toy.settled();
    expect(toy.words()).toBe('xyabc!');
  });

  it('in a branch leaves the others', async () => {
    toy.actions.changeSettings({ seed: 5 });
    toy.actions.regenerate();
    await toy.settled();
    toy.actions.changeSettings({ max_new_tokens: 1 });
    toy.actions.editText('xyabZ', { from: 4, to: 5, words: 'Z' }, true);
    await toy.settled();
    const { length } = facts().branches;
    toy.actions.regenerate();
    await toy.settled();
    expect(facts().branches.length).toBeGreaterThanOrEqual(length);
    expect(toy.words()).toBe('xyabZa');
  });

  it('is the prompt where the model cannot read it, and says so', async () => {
    toy.tokenize.mockImplementation(({ text }) =>
      text.includes('ß')
        ? Promise.reject(
            new EngineError('There is no ß.', { code: 'tokenizer/byte', hint: 'Write ss.' }),
          )
        : Promise.resolve([...text].map(toPiece)),
    );
    toy.actions.editText('xyaßbc', { from: 2, to: 3, words: 'aß' }, true);
    await vi.waitFor(() => expect(facts().unread).toContain('There is no ß.'));
    expect(facts()).toMatchObject({ prompt: 'xyaßbc', length: 0, edited: null });
    toy.actions.editText('xyabc', { from: 0, to: 0, words: 'xyabc' }, false);
    await toy.settled();
    expect(facts()).toMatchObject({ prompt: 'xyabc', promptCount: 5, unread: null });
    toy.actions.undo();
    expect(toy.words()).toBe('xyabc');
    expect(toy.text.promptCount).toBe(2);
  });
});

it('before a model is there it is the prompt, which the model reads when it comes', async () => {
  const toy = createToy();
  toy.actions.editText('xy, my own', { from: 0, to: 0, words: 'xy, my own' }, true);
  expect(toy.store.getState().text).toMatchObject({
    prompt: 'xy, my own',
    edited: null,
    tokenised: false,
  });
  await toy.actions.load();
  await toy.settled();
  expect(toy.words()).toBe('xy, my own');
  toy.actions.undo();
  await toy.settled();
  expect(toy.words()).toBe('xy');
});
