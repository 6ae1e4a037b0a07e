import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, withDefaults } from '../../../src/state/settings.ts';

describe('settings that a model brings', () => {
  it('stand in for the page’s own', () => {
    const { settings, notes } = withDefaults({ temperature: 0.3, top_k: 0, max_new_tokens: 7 });
    expect(settings).toEqual({
      ...DEFAULT_SETTINGS,
      temperature: 0.3,
      top_k: 0,
      max_new_tokens: 7,
    });
    expect(notes).toEqual([]);
  });

  it('are clamped like those of an address, with a note for each', () => {
    const { settings, notes } = withDefaults({ temperature: 9, top_p: 1.5, top_k: 40.4 });
    expect(settings).toEqual({ ...DEFAULT_SETTINGS, temperature: 5, top_p: 1, top_k: 40 });
    expect(notes).toEqual([
      'generation_config.json: temperature 9 is outside 0.05 to 5; 5 is used.',
      'generation_config.json: top_k 40.4 is outside whole numbers from 0 to 100000; 40 is used.',
      'generation_config.json: top_p 1.5 is outside 0.01 to 1; 1 is used.',
    ]);
  });

  it('are greedy at a temperature of 0, whatever stands beside it', () => {
    for (const beside of [{}, { do_sample: true }, { do_sample: false }]) {
      const { settings, notes } = withDefaults({ ...beside, temperature: 0 });
      expect(settings).toEqual({ ...DEFAULT_SETTINGS, do_sample: false });
      expect(notes).toEqual([]);
    }
  });
});
