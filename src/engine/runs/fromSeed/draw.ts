// The notebook's model drawn from its seed, as the page follows it.
import type { DeviceRequest, DrawEvent, DrawRequest, LogitsRow } from '../../../api.ts';
import { EngineError } from '../../../errors.ts';
import type { Device } from '../../../gpu/device.ts';
import { openDevice } from '../../load/openDevice.ts';
import type { ProcessorOptions } from '../../load/processor.ts';
import { Queue } from '../queue.ts';
import { pairOf } from './digits.ts';
import { PRINTED, WHOLE, drawWhole } from './drawn.ts';
import { columnsOf, drawNarrow } from './narrow.ts';

/** Between two words about how far it is. */
const TOLD_MS = 125;

/** Numbers of the notebook's print, in its order. */
export const THERE: readonly string[] =
  PRINTED.printed.join('\n').match(/-?\d\.\d{4}e[+-]\d\d/gu) ?? [];

/** Nothing stays allocated. Throws `device/…`, and the signal's reason. */
export async function* draw(
  { which, device = 'auto' }: DrawRequest,
  processor: ProcessorOptions | undefined,
  signal?: AbortSignal,
): AsyncGenerator<DrawEvent, void, undefined> {
  const news = new Queue<DrawEvent>();
  const begin = performance.now();
  yield { type: 'preparing', what: 'Taking memory', share: null };
  const opened = await openExact(device, processor);
  try {
    const tell = (event: DrawEvent): void => news.push(event);
    const drawing =
      which === 'whole' ? whole(opened, tell, signal) : drawNarrow(opened, tell, signal);
    drawing.then(
      () => news.end(),
      (error: unknown) => news.end({ error }),
    );
    try {
      yield* news.read();
    } finally {
      // Whoever leaves ends it; its memory goes when it has heard.
      await drawing.catch(() => {});
    }
    signal?.throwIfAborted();
    const seconds = (performance.now() - begin) / 1000;
    yield { type: 'done', seconds, device: opened.summary };
  } finally {
    opened.dispose();
  }
}

/** A device; the processor's kernels are those that give the same numbers everywhere, where they run: they are compared. */
async function openExact(
  wish: DeviceRequest,
  processor: ProcessorOptions | undefined,
): Promise<Device> {
  if (processor?.wasm === undefined) {
    try {
      return await openDevice(wish, { processor: { ...processor, wasm: 'exact' } });
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'options/wasm')) throw error;
    }
  }
  return openDevice(wish, { processor });
}

async function whole(
  device: Device,
  tell: (event: DrawEvent) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let told = -Infinity;
  const onDrawing = (share: number): void => {
    const now = performance.now();
    if (share < 1 && now - told < TOLD_MS) return;
    told = now;
    tell(
      share < 1
        ? { type: 'preparing', what: 'Drawing its weights', share }
        : { type: 'preparing', what: 'Reading two prompts', share: null },
    );
  };
  const rows = await drawWhole(device, onDrawing, signal);
  tell({ type: 'logits', columns: columnsOf(WHOLE.vocabSize), rows: besidePrinted(rows) });
}

/** What was computed here beside what the notebook printed. */
export function besidePrinted(rows: readonly (readonly (readonly number[])[])[]): LogitsRow[][] {
  let at = 0;
  return rows.map((each, b) =>
    each.map((logits, t) => ({
      token: PRINTED.tokens[b][t],
      logits: logits.map((here) => pairOf(THERE[at++], here)),
    })),
  );
}
