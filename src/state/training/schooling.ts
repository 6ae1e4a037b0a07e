// Take something out of a run's schooling: which passage, how often it stands there, and the twin that learns without it.
import type { RunRecord, RunRequest, TextEdit } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { unmade } from '../../runChanges.ts';
import type { TrainingContext } from './context.ts';
import { twinName } from './edits.ts';
import type { SchoolingFacts } from './facts.ts';

export const SCHOOLING_NOTHING: SchoolingFacts = {
  of: null,
  what: 'remove',
  passage: '',
  by: '',
  find: '',
  most: 0,
  hits: { at: 'none' },
  found: { at: 'none' },
};

/** What keeps a twin from being made, in words; null where nothing does. */
export function whyNoTwin({ what, passage, by, found }: SchoolingFacts): string | null {
  if (what === 'nothing') return null;
  if (passage === '') return 'Say which passage first.';
  if (found.at === 'failed') return `${found.error.message} ${found.error.hint ?? ''}`.trim();
  if (found.at !== 'here' || found.value.passage !== passage) return 'Looking it up…';
  if (found.value.times === 0) {
    return 'It does not stand in the text. Copy it as it stands there, line breaks and quotation marks included.';
  }
  if (what === 'replace' && by === passage) return 'The same would stand in its place.';
  return null;
}

/** Places that are shown at first, and so many more each time. */
const SOME = 6;

export function createSchooling({
  trainer,
  get,
  set,
  stillMs,
  begin,
}: TrainingContext<'schooling'> & {
  readonly stillMs: number;
  readonly begin: (request: RunRequest) => void;
}) {
  let asking: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let finding: AbortController | null = null;
  let findTimer: ReturnType<typeof setTimeout> | undefined;

  async function find(): Promise<void> {
    const { of, find: words, most } = get().schooling;
    finding?.abort();
    if (of === null) return;
    if (words.trim() === '') return set({ hits: { at: 'none' } });
    const mine = (finding = new AbortController());
    try {
      const hits = await trainer().ask('findText', { id: of, find: words, most }, mine.signal);
      if (!mine.signal.aborted) set({ hits: { at: 'here', value: { ...hits, find: words } } });
    } catch (error) {
      if (!mine.signal.aborted) set({ hits: { at: 'failed', error: toErrorInfo(error) } });
    }
  }

  async function look(passage: string | readonly [number, number]): Promise<void> {
    const { of } = get().schooling;
    clearTimeout(timer);
    asking?.abort();
    if (of === null) return;
    const mine = (asking = new AbortController());
    try {
      const facts = await trainer().ask('passage', { id: of, passage }, mine.signal);
      if (mine.signal.aborted) return;
      set({ passage: facts.passage, found: { at: 'here', value: facts } });
    } catch (error) {
      if (!mine.signal.aborted) set({ found: { at: 'failed', error: toErrorInfo(error) } });
    }
  }

  return {
    actions: {
      /** Whatever was written for another run is gone. */
      schoolingOf(id: string): void {
        if (get().schooling.of === id) return;
        clearTimeout(findTimer);
        finding?.abort();
        set({ ...SCHOOLING_NOTHING, of: id });
        void look('');
      },
      setPassage(passage: string): void {
        set({ passage });
        // What was asked before is out of date at once.
        asking?.abort();
        clearTimeout(timer);
        timer = setTimeout(() => void look(passage), stillMs);
      },
      /** A place in the text becomes the passage. */
      takePassage: (from: number, to: number) => void look([from, to]),
      setFind(words: string): void {
        set({ find: words, most: SOME });
        finding?.abort();
        clearTimeout(findTimer);
        findTimer = setTimeout(() => void find(), stillMs);
      },
      findMore(): void {
        set({ most: get().schooling.most + SOME });
        void find();
      },
      setEdit: (what: SchoolingFacts['what']) => set({ what }),
      setInstead: (by: string) => set({ by }),
      /** The same run once more, with this one difference. */
      trainTwin(): void {
        const { run } = get().watch;
        const { schooling } = get();
        if (run === null || run.id !== schooling.of || whyNoTwin(schooling) !== null) return;
        const edit = editOf(schooling);
        const edits = [...(run.settings.edits ?? []), ...(edit === null ? [] : [edit])];
        begin({
          run: {
            settings: { ...run.settings, edits },
            name: twinName(run, edit),
            twinOf: run.id,
            ...changesOf(run),
          },
        });
      },
    },
  };
}

/** What a twin repeats of the changes on a run's way: all of them, or none where one cannot be made so. */
export function changesOf(
  run: Pick<RunRecord, 'settings' | 'changes'>,
): Pick<RunRecord, 'changes'> | null {
  const changes = run.changes.filter(({ step }) => step > 0);
  return changes.length > 0 && unmade(run) === null ? { changes } : null;
}

function editOf({ what, passage, by }: SchoolingFacts): TextEdit | null {
  if (what === 'nothing') return null;
  return what === 'replace' ? { what, passage, by } : { what, passage };
}
