import { describe, expect, it } from 'vitest';
import { hostOf, isHere, nameOfStored, titleOf } from '../../../src/state/modelName.ts';

const BASE = 'https://school.example/glass/';

describe('whom a model’s name reaches', () => {
  it.each([
    ['gpt2', undefined, 'huggingface.co'],
    ['openai-community/gpt2', undefined, 'huggingface.co'],
    ['https://hf.co/openai-community/gpt2', undefined, 'huggingface.co'],
    ['https://elsewhere.example/m', undefined, 'elsewhere.example'],
    ['gpt2', 'mirror.example', 'mirror.example'],
    ['gpt2', 'http://localhost:8000/hub', 'localhost:8000'],
    ['//elsewhere.example/m', undefined, 'elsewhere.example'],
    ['https:elsewhere.example/a/b', undefined, 'elsewhere.example'],
    ['MODELS/mine', undefined, 'huggingface.co'],
    ['models/mine', undefined, null],
    ['./a/b', undefined, null],
    ['/a', undefined, null],
    ['https://school.example/models/mine', undefined, null],
    ['a', undefined, null],
    ['a/b/c', undefined, null],
    ['./models/own', undefined, null],
    ['gpt2', 'https://school.example/hub', null],
    ['https://x.example/a/b/tree/main/c', undefined, 'x.example'],
  ])('%s at %s: %s', (source, host, reached) => {
    const name = { source, ...(host === undefined ? {} : { host }) };
    expect(hostOf(name, BASE)).toBe(reached);
    expect(isHere(name, BASE)).toBe(reached === null);
  });

  it.each([
    ['\\\\elsewhere.example/m', undefined],
    ['../etc', 'mirror.example'],
    ['ftp://a/b', undefined],
    ['https://me:secret@x.example/m', undefined],
    ['gpt2', 'ftp://x.example'],
    ['a b', undefined],
  ])('%s at %s is refused: it reaches nobody, and is no folder of this site', (source, host) => {
    const name = { source, ...(host === undefined ? {} : { host }) };
    expect([hostOf(name, BASE), isHere(name, BASE)]).toEqual([null, false]);
  });
});

describe('names', () => {
  it('of stored models mean the very commit', () => {
    const facts = { key: 'k', revisions: ['main'], bytes: 1, totalBytes: 1, lastUsed: 0 };
    const stored = { ...facts, complete: true, id: 'a/b', commit: 'c'.repeat(40) };
    expect(nameOfStored({ ...stored, host: 'https://huggingface.co' })).toEqual({
      source: 'a/b',
      revision: 'c'.repeat(40),
    });
    expect(nameOfStored({ ...stored, host: 'http://localhost:1' }).host).toBe('http://localhost:1');
  });

  it('have a last part for people', () => {
    expect(titleOf('openai-community/gpt2')).toBe('gpt2');
    expect(titleOf('https://x.example/m/')).toBe('m');
  });
});
