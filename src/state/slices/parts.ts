// Which parts of the model are switched off. Every question about the text is asked with them off.
import type { DirectAdditions, PartOff, TokenPiece } from '../../api.ts';
import { isSamePart, sortParts, type NextSweep, type Part, type Sweep } from '../facts/parts.ts';
import { createLatest } from '../latest.ts';
import { DEFAULT_SETTINGS, toSamplingOptions } from '../settings.ts';
import { toIds } from '../tokenText.ts';
import { createContinuations } from './continuations.ts';
import { staleness, type Slice, type SliceContext } from './slice.ts';
import { modelOf } from '../facts/model.ts';
import { VIEW } from '../view.ts';

/** Candidates of either distribution that are compared; the bars show as many. */
const TOP = 20;
/** How often a running sweep is painted. */
const SHOWN_MS = 300;

export function createParts(context: SliceContext<'parts'>) {
  const { engine, text, get, set, look, work, together, used, refreshAll } = context;
  const continuations = createContinuations(context);
  let sweeping: AbortController | null = null;
  let sweepEpoch = -1;
  /** What a sweep has measured; shown now and then, and when it ends. */
  let measured: Pick<Sweep, 'deltas' | 'wholes' | 'done'> | null = null;

  const compare = createLatest<void>(async (_, signal) => {
    const { off, selected } = get().view;
    const generating = get().busy.has('run');
    if (off.length === 0 || generating || !context.answerable()) return;
    const at = selected ?? text.pieces.length;
    const isStale = staleness(context, signal);
    try {
      const input = { ids: toIds(text, at), off, top: TOP };
      const comparison = await engine.ask('compare', input, signal);
      if (isStale()) return;
      set({ comparison, comparisonAt: at });
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    }
  });

  function setOff(off: readonly PartOff[]): void {
    compare.cancel();
    continuations.cancel();
    together(() => {
      look({ off: sortParts(off) });
      set({ comparison: null });
      continuations.clear();
    });
    refreshAll();
  }

  /** The token that a sweep watches: the chosen one, the one that stands there, or else the likeliest. */
  async function targetAt(at: number, signal: AbortSignal): Promise<TokenPiece | undefined> {
    const there = get().parts.next.target ?? text.pieces[at];
    if (there !== undefined) return there;
    const options = toSamplingOptions({ ...DEFAULT_SETTINGS, do_sample: false });
    const input = { ids: toIds(text, at), off: get().view.off, options, top: 1 };
    const { top } = await engine.ask('distribution', input, signal);
    return top[0]?.piece;
  }

  async function startSweep(): Promise<void> {
    const { selected, off } = get().view;
    const { by, next } = get().parts;
    const model = modelOf(get());
    const generating = get().busy.has('run');
    if (sweeping !== null || generating || model === null || !context.answerable()) return;
    const controller = new AbortController();
    sweeping = controller;
    sweepEpoch = text.epoch;
    const { signal } = controller;
    const at = selected ?? text.pieces.length;
    const { nLayer, nHead } = model;
    used('sweep');
    const deltas = new Float32Array(nLayer * nHead).fill(Number.NaN);
    const wholes = new Float32Array(nLayer * 2).fill(Number.NaN);
    const known = () => ({ deltas: deltas.slice(), wholes: wholes.slice() });
    const { way } = next;
    const facts = { way, nLayer, nHead, at, by, off, done: 0, running: true, rest: null };
    set({ sweep: null });
    work('sweep', true);
    try {
      const target = await targetAt(at, signal);
      if (target === undefined || signal.aborted) return;
      const ids = toIds(text, at);
      const against = next.against ?? undefined;
      const wanted = { ids, target: target.id, off, ...(against && { against: against.id }) };
      if (way === 'direct') {
        const sums = await engine.ask('directAdditions', wanted, signal);
        if (!signal.aborted) set({ sweep: { ...facts, ...toSweep(sums, nHead), running: false } });
        return;
      }
      const request = { ...wanted, by, signal };
      let lastShown = 0;
      for await (const event of engine.sweep(request)) {
        if (signal.aborted) break;
        const { sweep } = get().parts;
        if (event.type === 'base') {
          set({
            sweep: {
              ...facts,
              ...known(),
              base: event.value,
              target: event.target,
              against: event.against,
            },
          });
        } else if (sweep !== null) {
          const { part, layer, head = 0 } = event;
          if (part === 'head') deltas[layer * nHead + head] = event.delta;
          else wholes[2 * layer + (part === 'mlp' ? 1 : 0)] = event.delta;
          measured = { deltas, wholes, done: event.done };
          const now = performance.now();
          // The last layers' parts come fast, and every repaint takes the processor from the next.
          if (now - lastShown < SHOWN_MS) continue;
          lastShown = now;
          set({ sweep: { ...sweep, ...measured, ...known() } });
        }
      }
    } catch (error) {
      if (!signal.aborted) context.report(error, 'panels');
    } finally {
      if (sweeping === controller) endSweep();
    }
  }

  /** Whatever is done stays; whatever runs ends. */
  function endSweep(): void {
    if (sweeping === null) return;
    sweeping.abort();
    sweeping = null;
    const { sweep } = get().parts;
    if (sweep !== null) set({ sweep: { ...sweep, ...measured, running: false } });
    work('sweep', false);
    measured = null;
  }

  /** Parts that this model does not have: they came with a link, or another model had them. */
  function dropForeign(): void {
    const model = modelOf(get());
    if (model === null) return;
    const { off } = VIEW.fit(get().view, model);
    if (off.length === get().view.off.length) return;
    together(() => {
      look({ off });
      set({ comparison: null });
      continuations.clear();
    });
  }

  const slice: Slice = {
    refresh() {
      dropForeign();
      const { sweep } = get().parts;
      if (sweep !== null && sweepEpoch !== text.epoch) set({ sweep: null });
      // The bars show the whole model beside it, whatever view is open.
      if (get().view.off.length > 0) compare.ask();
      continuations.refresh();
    },
    cancel() {
      compare.cancel();
      continuations.cancel();
      endSweep();
    },
    turn() {
      endSweep();
      continuations.clear();
      set({ sweep: null });
    },
    reset() {
      endSweep();
      continuations.cancel();
      continuations.clear();
      set({
        comparison: null,
        sweep: null,
        next: { ...get().parts.next, target: null, against: null },
      });
    },
  };

  return {
    slice,
    actions: {
      setOff,
      /** Switches a part off, or on again, whatever stands in its place. */
      togglePart(part: PartOff): void {
        const { off } = get().view;
        const others = off.filter((other) => !isSamePart(other, part));
        used('parts');
        setOff(others.length < off.length ? others : [...off, part]);
      },
      /** Switches all of `parts` off, or on again where all of them are off. */
      toggleTogether(parts: readonly Part[]): void {
        const { off } = get().view;
        const { by } = get().parts;
        const isOff = (part: Part): boolean => off.some((one) => isSamePart(one, part));
        used('parts');
        if (parts.every(isOff)) {
          setOff(off.filter((one) => !parts.some((part) => isSamePart(one, part))));
        } else {
          const more = parts.filter((part) => !isOff(part));
          setOff([...off, ...more.map((part) => ({ ...part, by }))]);
        }
      },
      everythingOn(): void {
        if (get().view.off.length > 0) setOff([]);
      },
      /** Every part that is off is from now on replaced like this, and so is the next one. */
      replaceBy(offBy: PartOff['by']): void {
        set({ by: offBy });
        const { off } = get().view;
        if (off.some(({ by }) => by !== offBy)) setOff(off.map((part) => ({ ...part, by: offBy })));
      },
      /** What the next sweep watches, and how; the last one stays until it begins. */
      setNextSweep(patch: Partial<NextSweep>): void {
        set({ next: { ...get().parts.next, ...patch } });
      },
      startSweep: () => void startSweep(),
      stopSweep: endSweep,
    },
  };
}

/** A logit taken apart, as a sweep is shown: a whole attention is the sum of its heads and its bias. */
function toSweep(
  { heads, biases, mlps, embedding, final, total, target, against }: DirectAdditions,
  nHead: number,
): Pick<Sweep, 'deltas' | 'wholes' | 'base' | 'target' | 'against' | 'done' | 'rest'> {
  const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0);
  const wholes = Array.from(mlps, (mlp, l) => [
    sum(heads.subarray(l * nHead, (l + 1) * nHead)) + (biases[l] ?? 0),
    mlp,
  ]).flat();
  return {
    deltas: Float32Array.from(heads),
    wholes: Float32Array.from(wholes),
    base: total,
    target,
    against,
    done: heads.length + wholes.length,
    rest: { embedding, biases: sum(biases) + final },
  };
}
