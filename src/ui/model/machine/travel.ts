// Where a token stops on its way through the machine, and when.
import type { MachineLayout } from './layout.ts';

/** Where it stops: at a box, or at a layer with all its boxes; layer −1 is before the first. */
export type Stop =
  | { readonly part: 'words' | 'pieces' | 'numbers' | 'odds' | 'dice' }
  | { readonly part: 'layer'; readonly layer: number };

export const TRAVEL_MS = 6000;
/** Of these, for each stop that is no layer. */
const STOP_MS = 560;

export function stopsOf(nLayer: number): readonly Stop[] {
  return [
    { part: 'words' },
    { part: 'pieces' },
    { part: 'numbers' },
    ...Array.from({ length: nLayer + 1 }, (_, d): Stop => ({ part: 'layer', layer: d - 1 })),
    { part: 'odds' },
    { part: 'dice' },
  ];
}

/** When each stop begins, in milliseconds; the layers share what the others leave. */
export function beginnings(stops: readonly Stop[]): readonly number[] {
  const layers = stops.filter(({ part }) => part === 'layer').length;
  const each = (TRAVEL_MS - STOP_MS * (stops.length - layers)) / layers;
  let at = 0;
  return stops.map(({ part }) => {
    const begins = at;
    at += part === 'layer' ? each : STOP_MS;
    return begins;
  });
}

export function placeOf(stop: Stop, layout: MachineLayout): readonly [x: number, y: number] {
  if (stop.part === 'layer') return layout.stream[stop.layer + 1] ?? [0, 0];
  const { x, y, width, height } = layout[stop.part];
  return [x + width / 2, y + height / 2];
}
