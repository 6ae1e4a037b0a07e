// A token on its way through the machine: six seconds, or a step each time somebody asks where motion is not wanted.
import { useEffect, useRef, useState, type RefObject } from 'react';
import type { MachineLayout } from './layout.ts';
import { beginnings, placeOf, TRAVEL_MS, type Stop } from './travel.ts';

export interface Travel {
  /** Index of the stop that the token is at; null while none travels. */
  readonly at: number | null;
  /** Whether it goes by itself. */
  readonly moves: boolean;
  /** Sets it off, or on to the next stop where motion is not wanted; behind the last one it is over. */
  readonly go: () => void;
  readonly end: () => void;
}

/** `dot` is moved without a rendering for every frame. */
export function useTravel(
  stops: readonly Stop[],
  layout: MachineLayout,
  dot: RefObject<SVGElement | null>,
): Travel {
  const [at, setAt] = useState<number | null>(null);
  const [moves, setMoves] = useState(false);
  const frame = useRef(0);
  const newest = useRef(layout);
  useEffect(() => {
    newest.current = layout;
  });
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  function end(): void {
    cancelAnimationFrame(frame.current);
    setMoves(false);
    setAt(null);
  }

  function go(): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      const next = at === null ? 0 : at + 1;
      setAt(next < stops.length ? next : null);
      return;
    }
    const begins = beginnings(stops);
    let start = Number.NaN;
    const move = (now: number): void => {
      if (Number.isNaN(start)) start = now;
      const passed = now - start;
      if (passed >= TRAVEL_MS) {
        end();
        return;
      }
      const here = begins.findLastIndex((begin) => begin <= passed);
      const [from, to] = [begins[here] ?? 0, begins[here + 1] ?? TRAVEL_MS];
      setAt(here);
      place(here, (passed - from) / (to - from));
      frame.current = requestAnimationFrame(move);
    };
    setMoves(true);
    setAt(0);
    frame.current = requestAnimationFrame(move);
  }

  function place(here: number, part: number): void {
    const stop = stops[here];
    if (stop === undefined || dot.current === null) return;
    const [x, y] = placeOf(stop, newest.current);
    const [toX, toY] = placeOf(stops[here + 1] ?? stop, newest.current);
    // It rests a while in each box, and flows through the layers.
    const gone = stop.part === 'layer' ? part : Math.max(0, part * 2 - 1);
    dot.current.setAttribute(
      'transform',
      `translate(${x + (toX - x) * gone} ${y + (toY - y) * gone})`,
    );
  }

  return { at, moves, go, end };
}
