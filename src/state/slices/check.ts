// Whether this device computes the model rightly: known from an earlier visit, or asked once a model, after it can be used and
// once nobody waits for anything. What is asked meanwhile goes first: the engine sees to that, and the check goes on where it was.
import type { ModelSummary } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { modelOf } from '../facts/model.ts';
import { keepCheck, readCheck } from '../keptChecks.ts';
import type { AppState } from '../store.ts';
import type { SliceContext } from './slice.ts';

/** So long nothing has happened on the page before a check begins: the first answers come first. */
const IDLE_MS = 2000;

interface CheckOptions extends SliceContext<'check'> {
  /** Loads the model again, in the next simpler way that computes rightly, where that fetches nothing again. */
  readonly loadSimpler: (why: string) => Promise<void>;
}

export function createCheck({ engine, store, get, set, work, loadSimpler }: CheckOptions) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let controller: AbortController | null = null;

  /** What people and their questions change: while it does, no check begins. */
  const facts = (s: AppState): readonly unknown[] => [
    s.model.at,
    modelOf(s),
    others(s),
    s.run.queued,
    s.text.epoch,
    s.text.length,
    s.text.scored,
    s.view.selected,
    s.view.panel,
    s.run.settings,
    s.view.off,
    s.view.layer,
    s.view.head,
    s.next.distribution,
    s.parts.sweep,
  ];

  function isDue(): boolean {
    const { found, error } = get().check;
    return get().model.at === 'here' && found === null && error === null;
  }

  function isBusy(): boolean {
    return get().run.queued || others(get()) !== '';
  }

  function wait(): void {
    clearTimeout(timer);
    // Who is busy says so again when it ends.
    const mayBegin = controller === null && isDue() && !isBusy();
    if (mayBegin) timer = setTimeout(() => void ask(), IDLE_MS);
  }

  async function ask(): Promise<void> {
    if (!isDue() || isBusy() || controller !== null) return;
    const mine = new AbortController();
    controller = mine;
    work('check', true);
    let failed = false;
    try {
      const found = await engine.ask('selfCheck', {}, mine.signal);
      if (mine.signal.aborted) return;
      set({ found, at: null });
      const model = modelOf(get());
      if (model !== null) keepCheck(model, found);
      failed = !found.passed;
    } catch (error) {
      if (!mine.signal.aborted) set({ error: toErrorInfo(error) });
    } finally {
      controller = null;
      work('check', false);
      if (mine.signal.aborted) wait();
    }
    if (failed) await fallBack();
  }

  async function fallBack(): Promise<void> {
    const { found: first } = get().check;
    await loadSimpler(
      'The self-check found that this device computes this model wrongly. It is being loaded in a simpler way; your text is kept.',
    );
    const { found: second, failed: failedChecks } = get().check;
    // A check that fails only now and then is no less a finding.
    if (first !== null && second?.passed === true && failedChecks.length === 0) {
      set({ failed: [first] });
    }
  }

  store.subscribe((now, before) => {
    // Of a model that goes, nobody needs to know it.
    if (now.model.at !== before.model.at || now.model.here !== before.model.here) {
      controller?.abort();
    }
    const [a, b] = [facts(now), facts(before)];
    if (a.some((fact, i) => fact !== b[i])) wait();
  });

  return {
    /** What another model brings of its own. */
    reset(model: ModelSummary): void {
      const { check, failedChecks } = model;
      const kept = check === undefined ? readCheck(model) : null;
      const found = check ?? kept?.found ?? null;
      set({ found, at: kept?.at ?? null, failed: failedChecks ?? [], error: null });
    },
    actions: {
      /** Asks again at once, after a check that could not be made, or one of an earlier visit. */
      checkModel(): void {
        if (isBusy()) return;
        set({ found: null, at: null, error: null });
        void ask();
      },
    },
  };
}

/** What else takes the engine's time. */
function others({ busy }: AppState): string {
  return [...busy].filter((work) => work !== 'check').join(' ');
}
