// How strongly words are tinted for the word that looks at them.
import { frontHead, headsOf } from '../../state/facts/attention.ts';
import type { AppState } from '../../state/store.ts';

type Facts = Pick<AppState, 'attention' | 'view'>;

/** Less than this cannot be seen. */
const LEAST = 0.01;
/** What is left of the first token's tint where it is dimmed. */
const DIMMED = 0.35;

/** Strength of the tint by token index, 0 … 1, for the token `query`; empty where nothing is tinted. */
export function lookOf(state: Facts, query: number): Map<number, number> {
  const looks = new Map<number, number>();
  // With another view open the text is about that view, unless a head was pinned to it.
  if (state.view.panel !== 'attention' && state.view.pins.length === 0) return looks;
  const { rows, front: attention } = state.attention;
  const { layer, head } = frontHead(headsOf(state));
  let firstIndex = 0;
  let row: Float32Array;
  const q = query - (attention?.firstIndex ?? 0);
  const ofFront = attention?.layer === layer && attention.head === head;
  if (attention !== null && ofFront && q >= 0 && q < attention.size) {
    ({ firstIndex } = attention);
    row = attention.weights.subarray(q * attention.size, q * attention.size + q + 1);
  } else if (rows?.query === query) {
    // The newest token's row is there before the head's next map.
    ({ firstIndex } = rows);
    const from = (layer * rows.nHead + head) * rows.size;
    row = rows.weights.subarray(from, from + rows.size);
  } else return looks;
  row.forEach((weight, k) => {
    if (weight <= LEAST) return;
    // Steps, so that a tint changes only where somebody can see it.
    const look = Math.sqrt(Math.round(weight * 50) / 50);
    looks.set(k + firstIndex, k === 0 && row.length > 1 && state.view.dim ? look * DIMMED : look);
  });
  return looks;
}
