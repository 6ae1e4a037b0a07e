// What is taken away of a run: its curve, samples and receipt as small files; its model and all of it as large ones.
import type { RunExportRequest, RunFileEvent } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { curveCsv, firstSettings, samplesText } from '../../runFiles.ts';
import { pickFolder } from '../slices/saving.ts';
import type { TrainingContext } from './context.ts';
import type { Curve } from './curve.ts';
import type { OutFacts, ShownRun } from './facts.ts';
import { firstLosses, linkHref, writeLink } from './link.ts';

export const OUT_NOTHING: OutFacts = { now: null, last: null, error: null };

type Small = 'curve' | 'samples' | 'receipt' | 'text';

interface TakeWish {
  readonly what: RunExportRequest['what'];
  readonly to: 'folder' | 'zip';
  /** Of a run: whether its own text goes along. */
  readonly text?: boolean;
}

export function createOut({
  trainer,
  get,
  set,
  say,
  curve,
}: TrainingContext<'out'> & { readonly curve: Curve }) {
  let controller: AbortController | null = null;

  /** Small, and made at once. */
  async function save(what: Small): Promise<void> {
    const { run } = get().watch;
    if (run === null) return;
    set({ error: null });
    try {
      const { text, type, ending } = await fileOf(what, run);
      const { download, toFileName } = await import('../saveTarget.ts');
      const name = what === 'text' ? 'text.txt' : `${toFileName(`${run.name} ${what}`)}.${ending}`;
      download(new Blob([text], { type }), name);
      say(`Saved as ${name}.`);
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }

  async function fileOf(what: Small, run: ShownRun) {
    if (what === 'curve') {
      const points = Array.from({ length: curve.length }, (_, i) => curve.at(i));
      const text = curveCsv(
        points.filter((point) => point !== null),
        run.evaluations,
      );
      return { text, type: 'text/csv', ending: 'csv' };
    }
    if (what === 'samples') return { text: samplesText(run), type: 'text/plain', ending: 'txt' };
    if (what === 'text') {
      const text = await trainer().ask('textOf', { id: run.id });
      return { text, type: 'text/plain', ending: 'txt' };
    }
    const receipt = await trainer().ask('receipt', { id: run.id });
    const text = `${JSON.stringify(receipt, null, 2)}\n`;
    return { text, type: 'application/json', ending: 'json' };
  }

  async function write(
    run: ShownRun,
    { what, to, text = false }: TakeWish,
    picked: Promise<FileSystemDirectoryHandle> | null,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const { writeFiles } = await import('../writeFiles.ts');
      const attempt = (inMemory: boolean) =>
        writeFiles<Extract<RunFileEvent, { type: 'start' }>>(
          trainer().exportRun({ id: run.id, what, text }, signal),
          {
            title: what === 'run' ? `${run.name} run` : run.name,
            to,
            picked,
            signal,
            inMemory,
            tell: (now) => set({ now: { what, ...now } }),
          },
        );
      // What found no room in the storage finds none there for its archive.
      let written = await attempt(run.unkept === true);
      const isFull = written.at === 'failed' && written.error.code === 'save/space';
      if (isFull && to === 'zip' && run.unkept !== true) written = await attempt(true);
      if (written.at === 'done') {
        const { name, bytes } = written;
        const { step } = written.start;
        set({ last: { id: run.id, what, to, name, bytes, step } });
        say(`Saved as ${name}.`);
      } else if (written.at === 'failed') set({ error: written.error });
      else if (signal.aborted) say('Saving was cancelled; nothing is left of it.');
    } catch (error) {
      // Its code could not be fetched.
      set({ error: toErrorInfo(error) });
    } finally {
      controller = null;
      set({ now: null });
    }
  }

  return {
    actions: {
      /** All settings of the run that is shown, or of what is chosen, in an address; and what it holds, in words. */
      makeLink(): { href: string; words: string } {
        const { watch, draft } = get();
        const { run } = watch;
        const settings = run === null ? draft.settings : firstSettings(run);
        const link = writeLink(settings, run === null ? [] : firstLosses(run, curve));
        const why =
          settings.text.kind === 'own'
            ? 'a text of your own stays on your machine'
            : 'what is changed in the text is too long for an address';
        const words =
          link === null
            ? `It leads to this workspace and holds no settings: ${why}.`
            : run === null
              ? 'It holds all settings that are chosen here: whoever follows it presses Train.'
              : `It holds all settings of “${run.name}” and its first losses: whoever follows it presses Train, and sees whether they are the same there.`;
        return { href: linkHref(link), words };
      },
      saveCurve: () => void save('curve'),
      saveSamples: () => void save('samples'),
      saveReceipt: () => void save('receipt'),
      /** Under the name by which the cell for PyTorch asks for it. */
      saveText: () => void save('text'),
      /** Call it in a click: a browser lets nobody choose a folder otherwise. */
      takeAway(wish: TakeWish): void {
        const { run } = get().watch;
        if (run === null || controller !== null) return;
        const picked = wish.to === 'folder' ? pickFolder() : null;
        // Whoever picks nothing is told below; until then nobody listens.
        picked?.catch(() => {});
        controller = new AbortController();
        set({ now: { what: wish.what, file: '', done: 0, total: 0 }, last: null, error: null });
        void write(run, wish, picked, controller.signal);
      },
      cancelTaking: () => controller?.abort(),
    },
  };
}
