// What people type, and what it means.
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { type AddressOptions, HUB, parseAddress } from '../../src/modelAddress.ts';

const BASE = 'https://page.example/play/';

describe('an address', () => {
  const meant: [string, AddressOptions, string][] = [
    ['openai-community/gpt2', {}, `${HUB} openai-community/gpt2 main`],
    [' gpt2 ', {}, `${HUB} openai-community/gpt2 main`],
    ['gpt2-xl', {}, `${HUB} openai-community/gpt2-xl main`],
    ['distilgpt2', { revision: 'v1.0' }, `${HUB} distilbert/distilgpt2 v1.0`],
    ['a/b', { revision: 'refs/pr/1' }, `${HUB} a/b refs/pr/1`],
    ['https://huggingface.co/openai-community/gpt2', {}, `${HUB} openai-community/gpt2 main`],
    ['https://hf.co/gpt2', {}, `${HUB} openai-community/gpt2 main`],
    ['https://huggingface.co/a/b/tree/main', {}, `${HUB} a/b main`],
    ['https://huggingface.co/a/b/blob/e7da7f2/config.json', {}, `${HUB} a/b e7da7f2`],
    ['https://huggingface.co/a/b/resolve/v2/model.safetensors?download=true', {}, `${HUB} a/b v2`],
    ['https://huggingface.co/a/b/tree/main', { revision: 'x' }, `${HUB} a/b x`],
    [
      'https://huggingface.co/a/b',
      { host: 'https://mirror.example/' },
      'https://mirror.example a/b main',
    ],
    ['https://mirror.example/a/b/resolve/main/config.json', {}, 'https://mirror.example a/b main'],
    ['gpt2', { host: 'localhost:8000' }, 'http://localhost:8000 openai-community/gpt2 main'],
    ['gpt2', { host: 'https://[::1]:8000' }, 'https://[::1]:8000 openai-community/gpt2 main'],
    [
      'gpt2',
      { host: '[::1]:80', base: 'http://[::1]/x' },
      'http://[::1] openai-community/gpt2 main',
    ],
    ['gpt2', { host: '[::1]:80', base: undefined }, 'http://[::1] openai-community/gpt2 main'],
    ['own', { host: 'school.example/hub/' }, 'https://school.example/hub own main'],
    ['models/tales-7m', {}, `${BASE}models/tales-7m/`],
    ['./a/b', {}, `${BASE}a/b/`],
    ['../models/x', {}, 'https://page.example/models/x/'],
    ['/models/x', {}, 'https://page.example/models/x/'],
    ['tales-7m', {}, `${BASE}tales-7m/`],
    ['a/b/c', {}, `${BASE}a/b/c/`],
    ['http://127.0.0.1:8000/my model?x#y', {}, 'http://127.0.0.1:8000/my%20model/'],
    ['https://x.example/m/model.safetensors', {}, 'https://x.example/m/'],
    ['https://x.example/m/config.json', {}, 'https://x.example/m/'],
  ];
  for (const [source, options, expected] of meant) {
    test(`${source} ${JSON.stringify(options)} is ${expected}`, () => {
      const address = parseAddress(source, { base: BASE, ...options });
      const words =
        address.kind === 'hub'
          ? `${address.host} ${address.id} ${address.revision}`
          : address.kind === 'folder'
            ? address.url.href
            : address.path;
      expect(words).toBe(expected);
    });
  }

  const refused: [string, AddressOptions, string][] = [
    ['', {}, 'network/url'],
    ['ftp://x.example/m', {}, 'network/scheme'],
    ['file:///etc/passwd', {}, 'network/scheme'],
    ['gpt2', { host: '[::1]:8000' }, 'hub/host'],
    ['gpt2', { host: 'http://[::1]:8000/hub' }, 'hub/host'],
    ['http://[::1]:8000/m', {}, 'hub/host'],
    ['data:text/plain,x', {}, 'network/scheme'],
    ['javascript:alert(1)', {}, 'network/scheme'],
    ['blob:https://x.example/1', {}, 'network/scheme'],
    ['https://user:secret@x.example/m', {}, 'network/credentials'],
    ['https://', {}, 'network/url'],
    ['owner/../other', {}, 'hub/id'],
    ['owner/..', {}, 'hub/id'],
    ['owner/%2e%2e', {}, 'hub/id'],
    ['owner\\name', {}, 'hub/id'],
    ['C:\\models\\gpt2', {}, 'hub/id'],
    ['https://huggingface.co/a/../../etc', {}, 'hub/id'],
    ['https://huggingface.co/a/%2e%2e/b', {}, 'hub/id'],
    ['https://huggingface.co/a/b/c', {}, 'hub/id'],
    ['https://huggingface.co/', {}, 'hub/id'],
    ['../x', { host: 'localhost:1' }, 'hub/id'],
    ['/x', { host: 'localhost:1' }, 'hub/id'],
    ['a/b/c', { host: 'localhost:1' }, 'hub/id'],
    ['a/..b', { host: 'localhost:1' }, 'hub/id'],
    ['gpt2', { revision: '../../x' }, 'hub/revision'],
    ['gpt2', { revision: '' }, 'hub/revision'],
    ['gpt2', { revision: 'a b' }, 'hub/revision'],
    ['gpt2', { host: 'ftp://x.example' }, 'hub/host'],
    ['gpt2', { host: 'https://x.example/?q' }, 'hub/host'],
    ['gpt2', { host: 'https://u:p@x.example' }, 'network/credentials'],
    ['gpt2', { host: '' }, 'hub/host'],
    ['https://x.example/m', { host: 'https://y.example' }, 'hub/host'],
  ];
  for (const [source, options, code] of refused) {
    test(`${source} ${JSON.stringify(options)} is refused: ${code}`, () => {
      let error: unknown = null;
      try {
        parseAddress(source, { base: BASE, ...options });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).code).toBe(code);
      expect((error as EngineError).hint).not.toBe('');
    });
  }

  test('in Node is a path, unless it is an id or has http in front', () => {
    expect(parseAddress('/tmp/model')).toEqual({ kind: 'path', path: '/tmp/model' });
    expect(parseAddress('file:///tmp/model')).toEqual({ kind: 'path', path: '/tmp/model' });
    expect(parseAddress('C:\\models\\x')).toEqual({ kind: 'path', path: 'C:\\models\\x' });
    expect(parseAddress('a/b').kind).toBe('hub');
    expect(parseAddress('http://x.example/m').kind).toBe('folder');
  });
});
