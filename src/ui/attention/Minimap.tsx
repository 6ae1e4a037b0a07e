// Which part of a long map is in sight, and the way to another.
import type { KeyboardEvent, PointerEvent, ReactNode } from 'react';
import type { AttentionMap } from '../../api.ts';
import type { FigureTheme } from '../figure/figure.ts';
import type { Corner } from '../../state/view.ts';
import css from './attention.module.css';
import { paintMinimap } from './matrixDrawing.ts';
import { Plot } from './Plot.tsx';
import { clampCorner, poolOnce } from './weights.ts';

const MINIMAP = 88;

/** The whole triangle, and the square that is in sight: rows and columns move apart from each other. */
export function Minimap({
  theme,
  map,
  corner,
  side,
  onMove,
}: {
  readonly theme: FigureTheme | null;
  readonly map: AttentionMap;
  readonly corner: Corner;
  readonly side: number;
  readonly onMove: (to: Corner) => void;
}): ReactNode {
  const all = poolOnce(map, MINIMAP);
  const at = clampCorner(corner, map.size, side);
  const move = (to: Corner): void => onMove(clampCorner(to, map.size, side));

  function onPointer(event: PointerEvent): void {
    if (event.buttons === 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    move({
      row: ((event.clientY - box.top) / MINIMAP) * map.size - side / 2,
      column: ((event.clientX - box.left) / MINIMAP) * map.size - side / 2,
    });
  }

  function onKeyDown(event: KeyboardEvent): void {
    const step = Math.max(1, Math.floor(side / 4));
    const { row, column } = at;
    if (event.key === 'ArrowLeft') move({ row, column: column - step });
    else if (event.key === 'ArrowRight') move({ row, column: column + step });
    else if (event.key === 'ArrowUp') move({ row: row - step, column });
    else if (event.key === 'ArrowDown') move({ row: row + step, column });
    else if (event.key === 'Home') move({ row: 0, column: 0 });
    else if (event.key === 'End') move({ row: map.size, column: map.size });
    else return;
    event.preventDefault();
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- an application
    <div
      className={css.minimap}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      role="application"
      aria-roledescription="overview"
      aria-label={`The whole map. In sight are rows ${map.firstIndex + at.row + 1} to ${map.firstIndex + at.row + side} and columns ${map.firstIndex + at.column + 1} to ${map.firstIndex + at.column + side}. Arrow keys move what is in sight.`}
      data-testid="minimap"
      onKeyDown={onKeyDown}
    >
      <Plot
        theme={theme}
        watch={(s) => [s.view.scale]}
        draw={(state) => ({
          width: MINIMAP,
          height: MINIMAP,
          paint: (painter, colours) =>
            paintMinimap(painter, colours, MINIMAP, all, state.view.scale, {
              row: at.row / map.size,
              column: at.column / map.size,
              size: side / map.size,
            }),
        })}
        style={{ touchAction: 'none' }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          onPointer(event);
        }}
        onPointerMove={onPointer}
      />
    </div>
  );
}
