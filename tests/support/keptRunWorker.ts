// As keptRun.ts, in a worker: the browser writes through synchronous handles there.
import { type KeptAnswer, type KeptOrder, keepOne } from './keptRun.ts';

const post = (answer: KeptAnswer | 'hangs'): void => globalThis.postMessage(answer);

globalThis.onmessage = async ({ data }: MessageEvent<KeptOrder>): Promise<void> => {
  post(await keepOne(data, () => post('hangs')));
};
