// How values of other people's files are quoted in errors.
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/model/configFile.ts';
import { readAdapterConfig } from '../../src/model/adapters/adapterConfig.ts';
import { parseShardIndex } from '../../src/formats/shards.ts';
import { parseSafetensorsHeader } from '../../src/formats/safetensors.ts';
import { readTokenizerJson } from '../../src/text/tokenizerJson.ts';
import { show } from '../../src/json.ts';

const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

describe('a quoted value', () => {
  for (const [value, text] of [
    [NaN, 'NaN'],
    ['relu', '"relu"'],
    [undefined, 'nothing'],
    [null, 'null'],
    [{ a: [1, 'b'] }, '{"a":[1,"b"]}'],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], '[1,2,3,4,5,6,7,8,"…"]'],
    ['x'.repeat(41), `"${'x'.repeat(40)}…"`],
    [[[[[[1]]]]], '[[[["…"]]]]'],
  ] as const) {
    it(`reads ${text.slice(0, 30)}`, () => expect(show(value)).toBe(text));
  }

  it('is short of anything', () => {
    const wide = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}`.repeat(99), 'v']));
    expect(show(wide).length).toBeLessThan(100);
    expect(show(JSON.parse(DEEP))).toBe('[[[["…"]]]]');
  });

  it('may lie a thousand levels deep in any file', () => {
    const deep: unknown = JSON.parse(DEEP);
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const header = bytes(`12345678{"a":{"dtype":"F32","shape":${DEEP},"data_offsets":[0,4]}}`);
    new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
    const tokenizer = (model: string): string => `{"model":${model}}`;
    for (const [read, code] of [
      [() => readConfigFile({ n_head: deep }), 'config/unsupported'],
      [() => readConfigFile({ model_type: deep }), 'config/unsupported'],
      [() => readConfigFile({ quantization_config: deep }), 'config/unsupported'],
      [() => readAdapterConfig({ peft_type: deep }), 'adapter/unsupported'],
      [() => readAdapterConfig({ peft_type: 'LORA', r: deep }), 'adapter/config'],
      [() => parseShardIndex(bytes(`{"weight_map":{"a":${DEEP}}}`), 'i'), 'safetensors/index'],
      [() => parseSafetensorsHeader(header, header.length + 4), 'safetensors/shape'],
      [() => readTokenizerJson(tokenizer(DEEP)), 'tokenizer/unsupported'],
      [
        () => readTokenizerJson(tokenizer(`{"type":"BPE","vocab":{"a":${DEEP}},"merges":[]}`)),
        'tokenizer/vocab',
      ],
      [
        () => readTokenizerJson(tokenizer(`{"type":"BPE","vocab":{"a":0},"merges":[${DEEP}]}`)),
        'tokenizer/merges',
      ],
    ] as const) {
      expect(read).toThrow(expect.objectContaining({ code }));
    }
  });
});
