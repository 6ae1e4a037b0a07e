// What a processor may be told, and what it refuses.
import { expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/load/openDevice.ts';
import { createProcessor } from '../../../src/engine/load/processor.ts';

it.each([0, -1, 1.5, NaN, Infinity, 65, 1e9, '2'])('refuses %s threads', async (count) => {
  const processor = { threads: count as number };
  const refused = {
    code: 'options/threads',
    message: expect.stringContaining(String(count)) as string,
  };
  await expect(createProcessor(processor)).rejects.toMatchObject(refused);
  // On a machine with a GPU too: the next one may have none.
  await expect(openDevice('webgpu', { processor })).rejects.toMatchObject(refused);
});

it('refuses kernels that it does not know', async () => {
  for (const wasm of ['fast', '', true, null])
    await expect(createProcessor({ wasm: wasm as never })).rejects.toMatchObject({
      code: 'options/wasm',
      message: `wasm is ${JSON.stringify(wasm)}; expected relaxed, exact or none.`,
    });
});
