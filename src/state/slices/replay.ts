// A text that came with a link, and whether this machine would write the same: it is generated once
// more along the recorded runs, beside the text and without touching it.
import type { Engine, ModelSummary, TokenPiece } from '../../api.ts';
import { commonLength, createTree, currentOf, type Tree } from '../branches.ts';
import type { LiveCheck } from '../facts/replay.ts';
import { identityOf, type ModelName } from '../modelName.ts';
import type { RecordedText, Recording } from '../replay.ts';
import { countWritten, type RunRecord } from '../runs.ts';
import { takeSnapshot, toPlainText, type Snapshot } from '../tokenText.ts';
import { formatLink, type Link } from '../urlState.ts';
import { VIEW } from '../view.ts';
import type { Slice, SliceContext } from './slice.ts';
import type { TextSlice } from './text/text.ts';

interface ReplayOptions extends SliceContext<'replay'> {
  readonly writing: TextSlice;
  readonly recording: Recording | undefined;
  /** The loaded model as links name it; null for the page's own, undefined where no link can. */
  readonly modelName: () => ModelName | null | undefined;
  /** Whether the loaded model is the one that the address names. */
  readonly isNamed: () => boolean;
}

export function createReplay(options: ReplayOptions) {
  const { engine, text, get, set, together, note, writing } = options;
  let waiting = options.recording;
  /** What the link says that was written, whatever becomes of the text. */
  let original: { readonly pieces: readonly TokenPiece[]; readonly runs: readonly RunRecord[] } = {
    pieces: [],
    runs: [],
  };
  let running: AbortController | null = null;

  /** Shows the recorded text once its model is there. False where there is none to show. */
  async function show(model: ModelSummary): Promise<boolean> {
    const recording = waiting;
    waiting = undefined;
    if (recording === undefined || !get().replay.asRecorded) return false;
    if (!options.isNamed()) {
      note(['The recorded tokens belong to another model; only the prompt is used.']);
      return false;
    }
    const { texts, here } = recording;
    const known = texts.filter(({ ids }) => ids.every((id) => id < model.vocabSize));
    const shown = texts[here];
    if (shown === undefined || !known.includes(shown)) {
      note([`${model.name} does not know all of the recorded tokens; only the prompt is used.`]);
      set({ asRecorded: false });
      return false;
    }
    const distinct = [...new Set(known.flatMap(({ ids }) => ids))];
    const pieces = await engine.ask('pieces', { ids: distinct });
    if (!get().replay.asRecorded) return false;
    const byId = new Map(distinct.map((id, i) => [id, pieces[i]]));
    const notes: string[] = [];
    if (known.length < texts.length) {
      const lost = texts.length - known.length;
      notes.push(
        `${lost} recorded ${lost === 1 ? 'branch has' : 'branches have'} tokens that ${model.name} does not know; left out.`,
      );
    }
    const tree: Tree = {
      ...createTree(),
      branches: known.map((one, i) => ({
        id: i + 1,
        snapshot: toSnapshot(one, byId, model),
        runStart: one.runs.at(-1)?.start ?? null,
      })),
      current: known.indexOf(shown) + 1,
    };
    const view = VIEW.fit(recording.view, model);
    const { off: wantedOff, pins } = recording.view;
    if (view.off.length < wantedOff.length || view.pins.length < pins.length) {
      notes.push(
        `The link names heads or parts that ${model.name} does not have; they are left out.`,
      );
    }
    const { snapshot } = currentOf(tree);
    if (countWritten(snapshot.runs) < countWritten(shown.runs)) {
      notes.push(
        'Some tokens were written with parts off that this model does not have; they cannot run live.',
      );
    }
    original = snapshot;
    const off = snapshot.runs.map((run) => run.off.length);
    const { length } = snapshot.pieces;
    const selected = view.selected !== null && view.selected < length ? view.selected : null;
    together(() => {
      note(notes);
      writing.showTree(tree, { ...view, selected });
      set({
        asRecorded: true,
        live: null,
        recorded: {
          written: countWritten(snapshot.runs),
          length,
          branches: tree.branches.length,
          seeds: [...new Set(snapshot.runs.filter((r) => r.settings.do_sample).map((r) => r.seed))],
          partsOff: Math.max(0, ...off),
          model: model.name,
        },
      });
    });
    return true;
  }

  // ── run live ────────────────────────────────────────────────────────────────────────────────

  async function runLive(): Promise<void> {
    if (running !== null || get().model.at !== 'here') return;
    const controller = new AbortController();
    running = controller;
    const of = countWritten(original.runs);
    let live: LiveCheck = { status: 'running', done: 0, of, difference: null };
    const tell = (patch: Partial<LiveCheck>): void => {
      live = { ...live, ...patch };
      if (running === controller) set({ live });
    };
    tell({});
    try {
      for await (const [index, here] of rewrite(engine, original, controller.signal)) {
        const recorded = original.pieces[index];
        if (recorded === undefined) break;
        if (here?.id !== recorded.id) {
          tell({ status: 'differs', difference: { index, recorded, here } });
          break;
        }
        tell({ done: live.done + 1 });
      }
      if (live.status === 'running') tell({ status: live.done === of ? 'agrees' : 'stopped' });
    } catch (error) {
      options.report(error, 'panels');
    } finally {
      if (live.status === 'running') tell({ status: 'stopped' });
      if (running === controller) {
        running = null;
        options.say(wordsOf(live));
      }
      // Ends the stream where it stopped at a difference.
      controller.abort();
    }
  }

  function stopLive(): void {
    running?.abort();
    running = null;
    const { live } = get().replay;
    if (live?.status === 'running') set({ live: { ...live, status: 'stopped' } });
  }

  // ── the link ────────────────────────────────────────────────────────────────────────────────

  /** Everything there is to see now, as a fragment. */
  function makeLink(): Link & { readonly written: number; readonly branches: number } {
    const { prompt, tokenised } = get().text;
    const { settings } = get().run;
    const { wish } = get().model;
    const tree = writing.tree();
    const texts = tree.branches.map(({ id, snapshot }): RecordedText => {
      const { pieces, promptCount, runs } =
        id === tree.current ? takeSnapshot(text, prompt) : snapshot;
      return { ids: pieces.map((piece) => piece.id), promptCount, runs };
    });
    const recording: Recording = {
      texts,
      here: Math.max(
        0,
        tree.branches.findIndex(({ id }) => id === tree.current),
      ),
      view: get().view,
    };
    const hasTokens = tokenised && text.pieces.length > 0;
    const name = options.modelName();
    // Tokens of a model that nobody else can name mean nothing elsewhere.
    const isShown = hasTokens && name !== undefined;
    // What the page chose by itself another page chooses for itself.
    const device = wish.byItself === true || wish.device === 'auto' ? undefined : wish.device;
    const chosen = { device, dtype: wish.dtype };
    const link = formatLink(settings, prompt, name ?? null, isShown ? recording : null, chosen);
    return { ...link, written: countWritten(text.runs), branches: texts.length };
  }

  const slice: Slice = {
    refresh() {},
    cancel() {},
    reset: stopLive,
  };

  return {
    slice,
    /** The page is no longer as its address recorded it. */
    departs(): void {
      if (get().replay.asRecorded) set({ asRecorded: false });
    },
    show,
    /** Whether a recorded text waits for its model. */
    waits: () => waiting !== undefined && get().replay.asRecorded,
    stopLive,
    actions: {
      runLive: () => void runLive(),
      stopLive,
      dismissRecording(): void {
        stopLive();
        set({ recorded: null, live: null });
      },
      makeLink,
      /** Whether the text still begins with all that was recorded. */
      showsRecording: (): boolean =>
        commonLength(original.pieces, text.pieces) === original.pieces.length,
    },
  };
}

/** Generates every recorded run anew; yields what comes at each index, null for an end. */
async function* rewrite(
  engine: Engine,
  { pieces, runs }: { readonly pieces: readonly TokenPiece[]; readonly runs: readonly RunRecord[] },
  signal: AbortSignal,
): AsyncGenerator<[index: number, here: TokenPiece | null]> {
  for (const { start, end, seed, settings, off } of runs) {
    const ids = pieces.slice(0, start).map(({ id }) => id);
    const options = { ...settings, seed, max_new_tokens: end - start, stop: [] };
    let at = start;
    for await (const event of engine.generate({ ids, options, off, signal, top: 1 })) {
      if (signal.aborted) return;
      if (event.type === 'token') yield [at++, event.piece];
      if (event.type === 'done' && event.reason === 'eos') yield [at, null];
    }
    if (signal.aborted) return;
  }
}

function toSnapshot(
  { ids, promptCount, runs }: RecordedText,
  byId: ReadonlyMap<number, TokenPiece | undefined>,
  model: ModelSummary,
): Snapshot {
  const pieces = ids.map((id) => byId.get(id)).filter((piece) => piece !== undefined);
  return {
    prompt: toPlainText(pieces.slice(0, promptCount)),
    promptCount,
    pieces,
    logprobs: pieces.map(() => Number.NaN),
    ranks: pieces.map(() => 0),
    runs: runs.filter(({ off }) =>
      off.every(({ layer, head = 0 }) => layer < model.nLayer && head < model.nHead),
    ),
    owner: identityOf(model),
  };
}

function wordsOf({ status, done, of }: LiveCheck): string {
  if (status === 'agrees') return `This machine agrees: ${done} of ${of} tokens.`;
  if (status === 'differs') return `This machine differs after ${done} of ${of} tokens.`;
  return 'Stopped.';
}
