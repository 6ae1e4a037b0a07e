// A canvas that follows the store by itself: it is painted in an animation frame after what it watches has
// changed, and says in data attributes what it shows. No component renders for that.
import { useEffect, useLayoutEffect, useRef, type ComponentProps, type ReactNode } from 'react';
import type { AppState } from '../../state/store.ts';
import { useApp } from '../context.ts';
import { paintCanvas } from '../figure/canvas.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Painter } from '../figure/painter.ts';

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly paint: (painter: Painter, theme: FigureTheme) => void;
  /** What is drawn, for whoever reads the page: becomes `data-…` of the canvas. */
  readonly facts?: Readonly<Record<string, string | number>>;
  /** All that the picture hangs on, but for the theme: where each is what it was, nothing is painted. Absent: always. */
  readonly hangsOn?: readonly unknown[];
}

interface PlotProps extends Omit<ComponentProps<'canvas'>, 'ref' | 'width' | 'height'> {
  readonly theme: FigureTheme | null;
  /** It is painted again when one of these is another. */
  readonly watch: (state: AppState) => readonly unknown[];
  readonly draw: (state: AppState) => Drawing | null;
}

export function Plot({ theme, watch, draw, ...rest }: PlotProps): ReactNode {
  const { store } = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef({ watch, paint: () => {} });
  const painted = useRef<readonly unknown[]>([]);

  useLayoutEffect(() => {
    const paint = (): void => {
      const element = canvas.current;
      if (element === null || theme === null) return;
      const drawing = draw(store.getState());
      if (drawing === null || drawing.width <= 0) return;
      const { width, height, hangsOn } = drawing;
      const now = [element, theme, devicePixelRatio, width, height, ...(hangsOn ?? [{}])];
      if (now.every((one, i) => Object.is(one, painted.current[i]))) return;
      painted.current = now;
      paintCanvas(element, drawing, theme, (painter) => drawing.paint(painter, theme));
      const drawn = Number(element.dataset.drawn ?? 0) + 1;
      Object.assign(element.dataset, drawing.facts, { drawn: String(drawn) });
    };
    latest.current = { watch, paint };
    // What a rendering brings (a size, a crosshair) is painted with it.
    paint();
  });

  useEffect(() => {
    let frame = 0;
    let before = latest.current.watch(store.getState());
    const unsubscribe = store.subscribe((state) => {
      const now = latest.current.watch(state);
      if (now.every((fact, i) => Object.is(fact, before[i]))) return;
      before = now;
      if (frame !== 0) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        latest.current.paint();
      });
    });
    return () => {
      unsubscribe();
      cancelAnimationFrame(frame);
    };
  }, [store]);

  return <canvas ref={canvas} {...rest} />;
}
