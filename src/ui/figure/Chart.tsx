// A canvas that follows the store by itself: no component renders while numbers stream into it.
import {
  useEffect,
  useLayoutEffect,
  useRef,
  type CanvasHTMLAttributes,
  type ReactNode,
} from 'react';
import type { StoreApi } from 'zustand/vanilla';
import type { AppState } from '../../state/store.ts';
import { useApp } from '../context.ts';
import { paintCanvas } from './canvas.ts';
import css from './Chart.module.css';
import type { FigureTheme } from './figure.ts';
import type { Painter } from './painter.ts';
import { useTheme } from './useTheme.ts';
import { useWidth } from './useWidth.ts';

export interface ChartProps<S> extends Omit<
  CanvasHTMLAttributes<HTMLCanvasElement>,
  'width' | 'height'
> {
  /** The facts of the state that are drawn; it is drawn again when one of them is another. */
  readonly watch: (state: S) => readonly unknown[];
  /** Whose facts those are; the page's by default. */
  readonly of?: Pick<StoreApi<S>, 'getState' | 'subscribe'>;
  /** Between two drawings, in ms; as often as the screen by default. */
  readonly pauseMs?: number;
  readonly size: (width: number) => { readonly width: number; readonly height: number };
  readonly paint: (painter: Painter, theme: FigureTheme, width: number) => void;
  /** Told how many pixels there are, at first and whenever that changes. */
  readonly onWidth?: (width: number) => void;
}

export function Chart<S = AppState>({
  watch,
  of,
  pauseMs = 0,
  size,
  paint,
  onWidth,
  ...canvasProps
}: ChartProps<S>): ReactNode {
  const page = useApp().store;
  // Where nobody says whose facts, they are the page's.
  const store = of ?? (page as unknown as Pick<StoreApi<S>, 'getState' | 'subscribe'>);
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme(host);
  const width = useWidth(host);
  const draw = useRef(() => {});
  /** What the canvas shows: its pixels, and the facts. */
  const drawn = useRef<readonly unknown[]>([]);

  useEffect(() => {
    if (width > 0) onWidth?.(width);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the width is the news
  }, [width]);

  // What a rendering changes (the place under the pointer, the theme) is drawn with it.
  useLayoutEffect(() => {
    draw.current = () => {
      if (canvas.current === null || theme === null || width === 0) return;
      paintCanvas(canvas.current, size(width), theme, (painter) => paint(painter, theme, width));
      drawn.current = [devicePixelRatio, ...watch(store.getState())];
    };
    draw.current();
  });

  const watched = useRef(watch);
  useEffect(() => {
    watched.current = watch;
  });
  useEffect(() => {
    let frame = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = -Infinity;
    const isDrawn = (): boolean =>
      [devicePixelRatio, ...watched.current(store.getState())].every((fact, i) =>
        Object.is(fact, drawn.current[i]),
      );
    const unsubscribe = store.subscribe(() => {
      if (frame !== 0 || timer !== undefined || isDrawn()) return;
      const wait = last + pauseMs - performance.now();
      if (wait > 0) timer = setTimeout(soon, wait);
      else soon();
    });
    function soon(): void {
      timer = undefined;
      frame = requestAnimationFrame((now) => {
        frame = 0;
        // A rendering that came first has drawn the same.
        if (isDrawn()) return;
        last = now;
        draw.current();
      });
    }
    return () => {
      unsubscribe();
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, [store, pauseMs]);

  return (
    <div ref={host} className={css.chart}>
      <canvas ref={canvas} {...canvasProps} />
    </div>
  );
}
