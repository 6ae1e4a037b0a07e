// The keyboard's way from box to box.
import type { Station } from './words.ts';

/** Where an arrow key leads: along the layers to the same part of the next one, across them to the next part. */
export function stepFrom(
  stations: readonly Station[],
  from: number,
  key: string,
  isWide: boolean,
): number | null {
  const last = stations.length - 1;
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  const by =
    key === 'ArrowRight' || key === 'ArrowDown'
      ? 1
      : key === 'ArrowLeft' || key === 'ArrowUp'
        ? -1
        : 0;
  if (by === 0) return null;
  const station = stations[from];
  if (station === undefined || !('layer' in station) || station.layer < 0) {
    return Math.max(0, Math.min(last, from + by));
  }
  // The boxes of a layer stand one after the other: attention, MLP, guess. Before them the first guess, behind the odds.
  const isAlong = isWide === (key === 'ArrowRight' || key === 'ArrowLeft');
  if (isAlong) return Math.max(FIRST_GUESS, Math.min(last - 1, from + 3 * by));
  const next = stations[from + by];
  const isSame = next !== undefined && 'layer' in next && next.layer === station.layer;
  return isSame ? from + by : from;
}

/** Behind words, pieces and numbers. */
const FIRST_GUESS = 3;
