// Reading that nobody waits for: in short steps, so that whoever is waited for goes first.
import type { Session, Taps } from './session.ts';

/** Work that gives way. */
export interface Background {
  /** Stands between its steps: resolves when the next one may begin, and throws where none is to. */
  pause(): Promise<void>;
  /** Milliseconds that it has taken so far, its pauses left out. */
  readonly ms: number;
}

/** Tokens that a processor reads in a step; a graphics card reads all of them. */
const PROCESSOR_TOKENS = 4;

/** Reads ids at the end of a session; with the logits after the last of them, (V), if they are wanted. */
export async function readInBackground(
  session: Session,
  ids: readonly number[],
  background: Background,
  options: { readonly lastLogits?: boolean; readonly taps?: Taps } = {},
): Promise<Float32Array[]> {
  const { device } = session.model;
  const step = device.summary.kind === 'cpu' ? PROCESSOR_TOKENS : ids.length;
  let logits: Float32Array[] = [];
  for (let from = 0; from < ids.length; from += step) {
    await background.pause();
    const isLast = from + step >= ids.length;
    const { taps, lastLogits = false } = options;
    const asked = { taps, lastLogits: lastLogits && isLast };
    logits = await session.append([ids.slice(from, from + step)], asked);
    await device.idle();
  }
  return logits;
}
