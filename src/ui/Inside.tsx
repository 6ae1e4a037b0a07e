// Region C: what happens inside, one question a tab.
import { useState, type KeyboardEvent, type ReactNode } from 'react';
import css from './Inside.module.css';
import { PANELS } from './panels.ts';

export function Inside(): ReactNode {
  const [open, setOpen] = useState(PANELS[0]?.id ?? '');

  function onKeyDown(event: KeyboardEvent<HTMLDivElement>): void {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const at = PANELS.findIndex((panel) => panel.id === open);
    const next = PANELS[(at + by + PANELS.length) % PANELS.length];
    if (next === undefined) return;
    event.preventDefault();
    setOpen(next.id);
    event.currentTarget.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  }

  return (
    <section className={css.inside} aria-labelledby="inside-title">
      <div className={css.tabs}>
        <h2 className={css.heading} id="inside-title">
          Inside
        </h2>
        <div role="tablist" aria-labelledby="inside-title" tabIndex={-1} onKeyDown={onKeyDown}>
          {PANELS.map(({ id, title }) => (
            <button
              key={id}
              id={`tab-${id}`}
              className={css.tab}
              type="button"
              role="tab"
              aria-selected={id === open}
              aria-controls={`panel-${id}`}
              tabIndex={id === open ? 0 : -1}
              onClick={() => setOpen(id)}
            >
              {title}
            </button>
          ))}
        </div>
      </div>
      {PANELS.map(({ id, Panel }) => (
        <div
          key={id}
          id={`panel-${id}`}
          role="tabpanel"
          aria-labelledby={`tab-${id}`}
          hidden={id !== open}
        >
          {id === open && <Panel />}
        </div>
      ))}
    </section>
  );
}
