// What stands under every chart: its table twin, and the files to take away.
import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { useApp, useFacts } from '../context.ts';
import { formatCount } from '../format.ts';
import type { Figure, Table } from './figure.ts';
import css from './FigureTools.module.css';
import { showFigure } from './shownFigures.ts';
import type { FileKind, Provenance } from './takeAway.ts';
import { readTheme } from './useTheme.ts';

const KINDS: readonly { readonly kind: FileKind; readonly words: string }[] = [
  { kind: 'png', words: 'picture' },
  { kind: 'svg', words: 'drawing' },
  { kind: 'csv', words: 'table' },
  { kind: 'json', words: 'numbers' },
];
/** Longer tables are cut on the page; the CSV has all rows. */
const ROWS_SHOWN = 300;
/** Width of a drawing that is saved, in CSS pixels, whatever the window. */
const SAVED_WIDTH = 900;

export function FigureTools({
  figure,
  provenance,
}: {
  readonly figure: () => Figure;
  /** Where its numbers came from; the page's model and text by default. */
  readonly provenance?: () => Provenance;
}): ReactNode {
  const { store, text } = useApp();
  const host = useRef<HTMLDivElement>(null);
  const [note, setNote] = useState('');

  const newest = useRef(figure);
  useEffect(() => {
    newest.current = figure;
  });
  useEffect(
    () => (host.current === null ? undefined : showFigure(host.current, () => newest.current())),
    [],
  );

  async function save(kind: FileKind): Promise<void> {
    if (host.current === null) return;
    const made = figure();
    const name = `${made.name}.${kind}`;
    try {
      // Files are made rarely: their code comes with the first one.
      const { toFile, toProvenance } = await import('./takeAway.ts');
      const origin = provenance?.() ?? toProvenance(store.getState(), text);
      const theme = readTheme(host.current);
      const blob = await toFile(kind, made, origin, theme, SAVED_WIDTH);
      download(blob, name);
      setNote(`Saved ${name}.`);
    } catch (error) {
      setNote(
        `${name} could not be made: ${error instanceof Error ? error.message : String(error)} The other formats may work.`,
      );
    }
  }

  return (
    <div className={css.tools} ref={host}>
      <TableTwin table={() => figure().table()} />
      <fieldset className={css.save} aria-label="Save this view">
        <span className={css.word}>Save</span>
        {KINDS.map(({ kind, words }) => (
          <button
            key={kind}
            className={css.kind}
            type="button"
            title={`Save as ${kind.toUpperCase()}, a ${words}`}
            onClick={() => void save(kind)}
          >
            {kind.toUpperCase()}
          </button>
        ))}
        <output className={css.note}>{note}</output>
      </fieldset>
    </div>
  );
}

function TableTwin({ table }: { readonly table: () => Table }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className={css.twin} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && <Rows table={table} />}
    </details>
  );
}

function Rows({ table }: { readonly table: () => Table }): ReactNode {
  const id = useId();
  // The table follows the text; while it streams, the numbers of the moment it was opened stay.
  useFacts((s) => ({
    epoch: s.text.epoch,
    selected: s.view.selected,
    ready: !s.busy.has('run'),
    off: s.view.off,
  }));
  const { caption, columns, rows } = table();
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
    <section className={css.scroll} tabIndex={0} aria-labelledby={id}>
      <table>
        <caption id={id}>
          {caption}
          {rows.length > ROWS_SHOWN
            ? ` The first ${ROWS_SHOWN} of ${formatCount(rows.length)} rows; the CSV has all.`
            : ''}
        </caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS_SHOWN).map((row, r) => (
            // Rows have no other name than their place.
            // oxlint-disable-next-line react/no-array-index-key
            <tr key={r}>
              {row.map((value, c) => (
                <td key={columns[c]}>{typeof value === 'number' ? toShown(value) : value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function toShown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return formatCount(value);
  return Math.abs(value) < 0.001 ? value.toExponential(2) : value.toFixed(4);
}

function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the address after this task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
