// What other programs write into generation_config.json, and what is made of it.
import { describe, expect, it } from 'vitest';
import { readDefaults } from '../../../src/engine/load/defaults.ts';
import { DEFAULT_SETTINGS, withDefaults } from '../../../src/state/settings.ts';

async function settingsOf(file: object): Promise<ReturnType<typeof withDefaults>> {
  const bytes = new TextEncoder().encode(JSON.stringify(file));
  const { defaults } = await readDefaults({ read: () => Promise.resolve(bytes) });
  return withDefaults(defaults);
}

describe('generation_config.json', () => {
  const greedy = { do_sample: false };
  for (const [what, file, own] of [
    ['a temperature of 0', { do_sample: true, temperature: 0 }, greedy],
    ['the same alone', { temperature: 0, transformers_version: '4.44.2' }, greedy],
    ['a top-k that is off in vLLM’s way', { do_sample: true, top_k: -1 }, { top_k: 0 }],
    ['a top-k that is off in transformers’ way', { top_k: 0 }, { top_k: 0 }],
    ['a length that nobody chose', { max_new_tokens: 0 }, {}],
    ['no sampling', { do_sample: false, temperature: 0.7 }, { ...greedy, temperature: 0.7 }],
  ] as const) {
    it(`may hold ${what}`, async () => {
      expect(await settingsOf(file)).toEqual({
        settings: { ...DEFAULT_SETTINGS, ...own },
        notes: [],
      });
    });
  }

  for (const [what, text, problem] of [
    ['nothing', '', 'is not JSON: '],
    ['half an object', '{"temperature": 0.7,', 'is not JSON: '],
    ['quoted otherwise', "{'temperature': 0.7}", 'is not JSON: '],
    ['a web page', '<!doctype html><html></html>', 'is a web page'],
    ['a list', '[]', 'is no JSON object'],
  ] as const) {
    it(`is not used where it is ${what}, and a note says so`, async () => {
      const bytes = new TextEncoder().encode(text);
      const { defaults, note } = await readDefaults({ read: () => Promise.resolve(bytes) });
      expect(defaults).toEqual({});
      expect(note).toContain(`generation_config.json ${problem}`);
      expect(note).toMatch(/\. The model’s own settings for writing are not used/);
    });
  }
});
