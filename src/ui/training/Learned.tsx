// The loss of the run that is shown, and below it what its heads do: on one screen, where that can be.
import { useLayoutEffect, useRef, useState, type ReactNode, type RefObject } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import { useSpace } from '../useSpace.ts';
import { useTrainingFacts } from './context.ts';
import { LossCurve } from './LossCurve.tsx';
import { RunHeads } from './Ridges.tsx';
import { roomsFor } from './rooms.ts';
import css from './training.module.css';

/** Under the loss: the table and the files. */
const BELOW = 86;
/** Between both pictures, until it is measured: that, the gap, the title of the heads and their sentence. */
const BETWEEN = 158;
/** Under the ridge. */
const AIR = 8;
/** As in the style sheet: narrower, what the model writes stands between the two. */
const BESIDE = 1200;

/** Heads that the ridge shows, and in how many layers; 0 for none. */
function headsOf(run: ShownRun | null): { readonly heads: number; readonly layers: number } {
  const scores = run?.snapshots.find((one) => one.scores !== null)?.scores;
  return scores
    ? { heads: scores.nLayer * scores.nHead, layers: scores.nLayer }
    : { heads: 0, layers: 0 };
}

/** Pixels from the end of a picture to the beginning of the one below it, however many lines stand there. */
function useBetween(
  first: RefObject<HTMLElement | null>,
  second: RefObject<HTMLElement | null>,
): number {
  const [between, setBetween] = useState(BETWEEN);
  // The second one may not be there yet.
  useLayoutEffect(() => {
    const [above, below] = [first.current, second.current];
    if (above === null || below === null) return;
    const measure = (): void => {
      const gap = below.getBoundingClientRect().top - above.getBoundingClientRect().bottom;
      setBetween(Math.round(gap));
    };
    measure();
    const observer = new ResizeObserver(measure);
    for (const one of [above, below]) observer.observe(one.closest('section') ?? one);
    return () => observer.disconnect();
  });
  return between;
}

export function Learned(): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const ridge = useRef<HTMLDivElement>(null);
  const below = useBetween(frame, ridge) + AIR;
  const { room: both, narrow } = useSpace(frame, below, 0);
  const { heads, layers } = useTrainingFacts((s) => headsOf(s.watch.run));
  const alone = narrow ? both : both + below - BELOW;
  const under = innerWidth < BESIDE ? 0 : heads;
  const rooms = roomsFor(both, alone, under, layers);
  return (
    <div className={css.learned}>
      <LossCurve frame={frame} room={rooms.loss} />
      <RunHeads frame={ridge} row={rooms.row} isFolded={rooms.isFolded} />
    </div>
  );
}
