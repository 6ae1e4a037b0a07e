// Region C: what happens inside, one question a tab.
import { useEffect, type KeyboardEvent, type ReactNode } from 'react';
import { useApp, useFacts } from './context.ts';
import css from './Inside.module.css';
import { later } from './later.ts';
import { PANELS } from './panels.ts';
import { modelOf } from '../state/facts/model.ts';

const lookedRun = later(
  async () => (await import('./training/LookedRun.tsx')).LookedRun,
  'The steps of the run',
);

/** The views, and above them the steps of the run where the model is one of them. */
export function Inside(): ReactNode {
  const { isOfRun } = useFacts((s) => ({ isOfRun: modelOf(s)?.origin?.run !== undefined }));
  return (
    <>
      {isOfRun && <lookedRun.Part />}
      <Views />
    </>
  );
}

function Views(): ReactNode {
  const { actions } = useApp();
  const { panel, answered } = useFacts((s) => ({
    panel: s.view.panel,
    answered: s.next.distribution !== null,
  }));
  // A saved id may be of a view that is gone.
  const open = panel === '' || PANELS.some(({ id }) => id === panel) ? panel : PANELS[0]?.id;
  useEffect(() => {
    if (open !== undefined && open !== panel) actions.openPanel(open);
  }, [open, panel, actions]);

  // Once the model has answered, the other views come too: a page that went offline has them all.
  useEffect(() => {
    if (answered) for (const { preload } of PANELS) preload();
  }, [answered]);

  function onKeyDown(event: KeyboardEvent<HTMLDivElement>): void {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const at = PANELS.findIndex(({ id }) => id === open);
    const next = PANELS[(at + by + PANELS.length) % PANELS.length];
    if (next === undefined) return;
    event.preventDefault();
    actions.openPanel(next.id);
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
              tabIndex={id === (open || PANELS[0]?.id) ? 0 : -1}
              onClick={() => actions.openPanel(id)}
            >
              {title}
            </button>
          ))}
        </div>
        <button
          className={css.hide}
          type="button"
          aria-expanded={open !== ''}
          title={open === '' ? undefined : 'Nothing is computed for a view that is closed'}
          onClick={() => actions.openPanel(open === '' ? (PANELS[0]?.id ?? '') : '')}
        >
          {open === '' ? 'Open' : 'Close'}
        </button>
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
