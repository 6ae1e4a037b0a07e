// Tokenizers as people's folders have them: texts become the ids of the reference, and the weights load all the same.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { readTokenizerFiles, toTokenizer } from '../../../src/engine/load/tokenizerOf.ts';
import { answer } from '../../../src/engine/questions/answers.ts';
import type { ModelFolder } from '../../../src/hub/modelFolder.ts';
import { caseFiles, expectedOf, logitError, savedFiles } from '../../support/cases.ts';

/** Whose weights a case without its own has: they are the same. */
const WEIGHTS: Readonly<Record<string, string>> = {
  'tokenizer-add-prefix-space': 'added-existing-word',
  'tokenizer-config-prefix-space': 'added-existing-word',
  'tokenizer-digits': 'added-existing-word',
  'tokenizer-nfc': 'added-existing-word',
  'vocab-one-more-than-model': 'added-existing-word',
  'tokenizer-json-beside-pair': 'special-tokens-in-prompt',
};
const OWN = ['added-existing-word', 'special-tokens-in-prompt', 'tokenizer-ignore-merges'];

/** What starts soonest. */
const PLAINLY = { device: 'cpu', dtype: 'fp32', processor: { wasm: 'none' } } as const;

type Content = string | Uint8Array<ArrayBuffer>;

/** A case's model, with some of its files as they are given here; null leaves one out. */
function load(
  name: string,
  changes: Readonly<Record<string, Content | null>> = {},
  more: Parameters<typeof GPT2.from_pretrained>[1] = {},
): Promise<GPT2> {
  const weights = caseFiles(WEIGHTS[name] ?? name)['model.safetensors'];
  const all = { ...caseFiles(name), 'model.safetensors': weights, ...changes };
  const files = Object.entries(all).flatMap(([file, content]) =>
    content === null ? [] : [new File([content], file)],
  );
  return GPT2.from_pretrained(name, { ...PLAINLY, ...more, files });
}

const read = (name: string): string =>
  readFileSync(new URL(`../../fixtures/cases/${name}`, import.meta.url), 'utf8');

describe.each([...OWN, ...Object.keys(WEIGHTS)])('%s', (name) => {
  test('gives the logits and ids that are right, and again once it was saved', async () => {
    await using model = await load(name);
    const expected = expectedOf(name);
    const { texts } = JSON.parse(read(`${name}/expected.json`)) as { texts: [string, number[]][] };
    expect(texts.length).toBeGreaterThan(0);
    expect(await logitError(model, expected)).toBeLessThan(1e-4);
    const files = await savedFiles(model);
    await using again = await GPT2.from_pretrained('saved', { ...PLAINLY, files });
    expect(await logitError(again, expected)).toBeLessThan(1e-4);
    for (const [text, ids] of texts) {
      expect([text, model.encode(text)]).toEqual([text, ids]);
      expect([text, again.encode(text)]).toEqual([text, ids]);
    }
  });
});

describe('char-vocab-json', () => {
  const text = read('char-vocab-json/vocab.json');
  const { stoi, itos } = JSON.parse(text) as {
    stoi: Record<string, number>;
    itos: Record<string, string>;
  };

  test.each([
    ['vocab.json', text],
    ['vocab.json', JSON.stringify(stoi)],
    ['meta.json', JSON.stringify({ vocab_size: 65, itos, stoi })],
    ['chars.json', JSON.stringify(Object.values(itos))],
    ['meta.json', JSON.stringify({ chars: Object.values(itos) })],
    ['stoi.json', JSON.stringify(stoi)],
    ['itos.json', JSON.stringify(itos)],
    ['itos.json', JSON.stringify(Object.values(itos))],
  ])('reads characters from %s in any shape', async (file, content) => {
    await using model = await load('char-vocab-json', { 'vocab.json': null, [file]: content });
    expect(model.encode('The king')).toEqual([...'The king'].map((letter) => stoi[letter]));
    expect(model.tokenizer?.decode([1, 5, 9, 20])).toBe(
      [1, 5, 9, 20].map((id) => itos[id]).join(''),
    );
    expect(() => model.encode('naïve')).toThrow(/"ï" \(U\+00EF\)/);
  });

  test('in a pickle are none, and the note has the lines that write meta.json', async () => {
    const pickle = new Uint8Array([0x80, 2, 0x7d, 0x71, 0, 0x2e]);
    await using model = await load('char-vocab-json', { 'vocab.json': null, 'meta.pkl': pickle });
    expect(model.tokenizer).toBeNull();
    const [note] = model.summary.notes ?? [];
    expect(note).toMatch(/^meta\.pkl is a Python pickle.* can still be given token ids\./);
    expect(note).toContain('import json, pickle; json.dump(');
  });

  test('has the numbers that are right once its GELU, which no file says, is named', async () => {
    const told = { activation_function: 'gelu_new' } as const;
    await using model = await load('char-vocab-json', {}, told);
    expect(await logitError(model, expectedOf('char-vocab-json'))).toBeLessThan(1e-4);
  });

  test.each([
    ['{"the": 0, "king": 1}', /vocab\.json is no list of characters, and there is no merges\.txt/],
    ['{"a": 0, "b": 0}', /"a" and "b" have the same id 0/],
    ['{', /vocab\.json is not JSON/],
  ])('loads without a tokenizer where vocab.json is %s, and says so', async (content, words) => {
    await using model = await load('char-vocab-json', { 'vocab.json': content });
    expect(model.tokenizer).toBeNull();
    expect(model.summary.notes?.join(' ')).toMatch(words);
    expect((await model.forward([1, 5, 9])).logits.dims).toEqual([1, 3, 65]);
    expect(() => model.encode('a')).toThrow(expect.objectContaining({ code: 'tokenizer/missing' }));
  });
});

describe('a tokenizer that cannot be read', () => {
  test.each([
    ['tokenizer.json', '{', /tokenizer\.json is no JSON object/],
    ['tokenizer.json', '{"model": {"type": "Magic"}}', /the model is "Magic"/],
    ['vocab.json', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n', /LFS/],
    [
      'tokenizer_config.json',
      '{"added_tokens_decoder": {"0": {"content": "<s>", "lstrip": null, "special": "true"}}}',
      /^tokenizer_config\.json: the token "<s>" has the special "true"; expected true or false\. The model cannot read text without a tokenizer\. The model can still be given token ids\.$/,
    ],
    ['tokenizer_config.json', '[]', /tokenizer_config\.json is no JSON object/],
  ])('(%s is %s) leaves the weights as they are', async (file, content, words) => {
    await using model = await load('tokenizer-json-beside-pair', { [file]: content });
    expect(await logitError(model, expectedOf('tokenizer-json-beside-pair'))).toBeLessThan(1e-4);
    expect(model.summary.notes?.[0]).toMatch(words);
    await expect(
      model.generate('a', { max_new_tokens: 1 })[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({ code: 'tokenizer/missing' });
  });
});

test('files of a tokenizer that are nested as deeply as they are long cost the tokenizer alone', async () => {
  const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const token = `{"0": {"content": "a", "lstrip": ${nested}}}`;
  for (const [file, content, words] of [
    ['tokenizer.json', `{"model": ${nested}}`, /the model is \[\[/],
    ['tokenizer.json', `{"model": {"type": "BPE", "vocab": {"a": ${nested}}}}`, /"a" has the id/],
    ['tokenizer_config.json', `{"added_tokens_decoder": ${token}}`, /the lstrip \[\[/],
    ['special_tokens_map.json', nested, /is no JSON object/],
  ] as const) {
    const { tokenizer, note } = await toTokenizer(
      {
        texts: new Map([
          ['tokenizer.json', '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}'],
          [file, content],
        ]),
      },
      300,
    );
    expect(tokenizer).toBeNull();
    expect(note).toMatch(words);
  }
});

describe('control words', () => {
  const words = '<|user|>the <|endoftext|>';

  test('are tokens to the library, unless it is told otherwise', async () => {
    await using model = await load('special-tokens-in-prompt');
    expect(model.encode(words)).toEqual([300, 84, 257, 221, 0]);
    expect(model.encode('<|user|>', { allowedSpecial: [] })).toHaveLength(7);
    const first = async (options: object): Promise<number> => {
      for await (const { logprob } of model.generate('<|user|>', { max_new_tokens: 1, ...options }))
        return logprob;
      return NaN;
    };
    expect(await first({})).not.toBe(await first({ allowedSpecial: [] }));
  });

  test('are tokens in a typed text, but for the end of a text, and may be text', async () => {
    await using model = await load('special-tokens-in-prompt');
    expect(model.summary.controlWords).toEqual(['<|user|>', '<|assistant|>', '<pad>']);
    const pieces = await answer(model, 'tokenize', { text: words });
    expect(pieces[0]).toEqual({ id: 300, bytes: [], text: '<|user|>', special: true });
    expect(pieces.map(({ id }) => id)).not.toContain(0);
    const plain = await answer(model, 'tokenize', { text: words, controlWords: false });
    expect(plain.some(({ special }) => special)).toBe(false);
  });
});

test('GPT-2 with rows that were added takes GPT-2’s tokenizer for the first 50,257', async () => {
  for (const rows of [50257, 50258, 50260, 50304, 51200]) {
    const { tokenizer, note } = await toTokenizer({ texts: new Map() }, rows);
    expect(tokenizer?.vocabSize).toBe(50257);
    expect(note === undefined).toBe(rows === 50257 || rows === 50304);
  }
  for (const rows of [50256, 52000]) {
    expect(await toTokenizer({ texts: new Map() }, rows)).toMatchObject({ tokenizer: null });
  }
});

test('GPT-2’s tokenizer is taken with what stands beside a vocabulary that is not there', async () => {
  const found = async (rows: number, files: Readonly<Record<string, object>>) => {
    const bytes = (file: string): Uint8Array | null =>
      file in files ? new TextEncoder().encode(JSON.stringify(files[file])) : null;
    const folder = { read: (file: string) => Promise.resolve(bytes(file)) } as ModelFolder;
    const texts = await readTokenizerFiles(folder, Promise.resolve({ vocabSize: rows }));
    return toTokenizer(texts, rows);
  };
  const added = { '<|user|>': 50257, '<|bot|>': 50258, '<pad>': 50259 };
  const named = await found(50260, { 'added_tokens.json': added });
  expect(named.tokenizer?.encode('Hello<|user|>')).toEqual([15496, 50257]);
  expect(named.note).toBe(
    "It came without a vocabulary: its first 50,257 tokens are taken for GPT-2's, together with its own added_tokens.json.",
  );
  const half = await found(50260, {
    'tokenizer_config.json': { add_prefix_space: true, pad_token: '<pad>' },
  });
  expect(half.tokenizer?.encode('Hello<pad>')).toEqual([18435, 50257]);
  const other = await found(50304, {
    'tokenizer_config.json': { tokenizer_class: 'GPTNeoXTokenizer' },
  });
  expect(other).toMatchObject({ tokenizer: null });
  expect(other.note).toMatch(/speaks of a GPTNeoXTokenizer, whose vocabulary is not there\./);
  expect(half.note).toMatch(/tokenizer_config\.json\. What 2 of the 3 after them are called/);
});
