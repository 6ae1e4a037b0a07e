// Where heads look: the facts and actions of the attention view and of the tint in the text.
import type { AttentionMap, AttentionRows, PartOff } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import {
  frontHead,
  headsOf,
  headName,
  isSameHead,
  MOST_PINS,
  pinWords,
  queryOf,
  shownHeads,
  type HeadRef,
} from '../facts/attention.ts';
import { createPace } from '../pace.ts';
import { toIds } from '../tokenText.ts';
import type { View } from '../view.ts';
import { staleness, type Slice, type SliceContext } from './slice.ts';
import { modelOf, type Here } from '../facts/model.ts';

type Kind = 'rows' | 'map' | 'atlas' | 'names' | 'probe';

interface Need {
  readonly kind: Kind;
  /** The same for the same question. */
  readonly key: string;
  readonly ask: (signal: AbortSignal) => Promise<void>;
}

/** What may take its time. */
const SLOW = 'slow';
type Lane = 'rows' | 'map' | typeof SLOW;

/** Of each lane one question is on its way, and the engine lets them take turns: a map is asked for beside the rows. */
const laneOf = (kind: Kind): Lane => (kind === 'rows' || kind === 'map' ? kind : SLOW);

/** While tokens stream: how old an answer may be before it is asked for again. */
const STREAM_MS = { rows: 250, map: 1000, atlas: 1000 } as const;
/** What may take its time takes all cores: after a step of a run the page draws first. */
const REST_MS = 250;
/** Maps that are kept, in weights: all heads of a short text, a few of a long one. */
const CACHED_WEIGHTS = 6_000_000;

export function createAttention(context: SliceContext<'attention'>) {
  const { engine, store, text, get, set, look, sees, together, answers } = context;
  /** Asking costs a stream a seventh of its time; how old an answer may be, its kind says. */
  const pace = createPace({ backOff: 6, leastMs: 0 });

  /** Maps by head, the oldest first; `seen` tokens were there when they were asked for. */
  const known = new Map<string, { readonly map: AttentionMap; readonly seen: number }>();
  /** Maps of the step of the run that was looked at before: shown until the one that is here has answered. */
  let before: ReadonlyMap<string, AttentionMap> = new Map();
  /** Whose heads were probed. */
  let probed: Here | null = null;
  /** What `known`, the rows and the atlas are about. */
  let about: { readonly epoch: number; readonly off: readonly PartOff[] } | null = null;
  let rowsOf = '';
  let atlasOf = '';
  /** Tokens of the text whose heads have names. */
  let namedOf = 0;
  let restUntil = -Infinity;
  let resting: ReturnType<typeof setTimeout> | undefined;
  const failed = new Set<string>();
  /** The question of each lane that is on its way. */
  const running = new Map<Lane, AbortController>();
  const last: Record<Kind, number> = {
    rows: -Infinity,
    map: -Infinity,
    atlas: -Infinity,
    names: -Infinity,
    probe: -Infinity,
  };

  const isOpen = (): boolean => get().view.panel === 'attention';
  const isCurrent = (): boolean =>
    about !== null && about.epoch === text.epoch && about.off === context.off();

  /** What is known of another text, or with other parts off, says nothing of this one. */
  function forget(): void {
    if (isCurrent()) return;
    about = { epoch: text.epoch, off: context.off() };
    before = new Map();
    known.clear();
    failed.clear();
    rowsOf = '';
    atlasOf = '';
    forgetNames();
  }

  /** A name is of one text: what stands in another's place would be untrue. */
  function forgetNames(): void {
    namedOf = 0;
    if (get().attention.names !== null) set({ names: null });
  }

  // ── asking ──────────────────────────────────────────────────────────────────────────────────

  /** All that is to be asked now, the most urgent first. */
  function needs(): readonly Need[] {
    const state = get();
    const { length } = text.pieces;
    if (!context.answerable() || length === 0) return [];
    forget();
    if (!isOpen()) return closedNeeds();
    const streaming = state.busy.has('run');
    const now = performance.now();
    if (streaming && !pace.due()) return [];
    const due = (kind: keyof typeof STREAM_MS, missing: boolean): boolean =>
      !streaming || now - last[kind] >= (missing ? STREAM_MS.rows : STREAM_MS[kind]);

    const query = queryOf(state, length);
    const found: Need[] = [];
    if (rowsOf !== rowsKey(query) && query >= state.text.firstVisible && due('rows', false)) {
      found.push(rowsNeed(query));
    }
    // The head in front first, then the one that was asked for longest ago.
    const heads = shownHeads(headsOf(state)).toSorted((a, b) => seenOf(a) - seenOf(b));
    for (const ref of [frontHead(headsOf(state)), ...heads]) {
      if (seenOf(ref) < length && due('map', seenOf(ref) === 0)) found.push(mapNeed(ref));
    }
    // Scores are read from the atlas too, but only once nothing streams.
    const wantsAtlas = !streaming || state.view.mode === 'patterns';
    if (wantsAtlas && atlasOf !== atlasKey() && due('atlas', false)) found.push(atlasNeed());
    if (!streaming && now >= restUntil) {
      if (namedOf !== length) found.push(namesNeed());
      if (probed !== state.model.here) found.push(probeNeed());
    }
    // A stream has time for one question: the most urgent kind alone would keep all others waiting.
    const overdue = (kind: Kind): number =>
      kind === 'probe' || kind === 'names' ? 0 : now - last[kind] - STREAM_MS[kind];
    if (streaming) found.sort((a, b) => overdue(b.kind) - overdue(a.kind));
    return found.filter((need) => !failed.has(need.key));
  }

  /** With the view closed a pinned head still tints what it looks at, once somebody points. */
  function closedNeeds(): readonly Need[] {
    const state = get();
    if (state.busy.has('run') || state.view.pins.length === 0 || state.text.hovered === null)
      return [];
    const ref = frontHead(headsOf(state));
    const need = mapNeed(ref);
    return seenOf(ref) < text.pieces.length && !failed.has(need.key) ? [need] : [];
  }

  /** One question a lane at a time; while tokens stream one at all, what somebody waits for before what takes its time. */
  function pump(): void {
    const streaming = get().busy.has('run');
    if (streaming && running.size > 0) return;
    const wanted = needs();
    const next = wanted.find(({ kind }) => laneOf(kind) !== SLOW) ?? wanted[0];
    for (const need of streaming && next ? [next] : wanted) {
      if (!running.has(laneOf(need.kind))) void run(need);
    }
  }

  async function run(need: Need): Promise<void> {
    const lane = laneOf(need.kind);
    const controller = new AbortController();
    running.set(lane, controller);
    last[need.kind] = performance.now();
    try {
      const ask = async (): Promise<void> => need.ask(controller.signal);
      // What was asked at rest took nothing from a stream that began meanwhile.
      await (get().busy.has('run') ? pace.timed(ask) : ask());
    } catch (error) {
      if (!controller.signal.aborted) {
        failed.add(need.key);
        // The window moved on while the question was on its way.
        if (toErrorInfo(error).code !== 'inspect/position') context.report(error, 'panels');
      }
    }
    running.delete(lane);
    // A stream calls again with its next token.
    if (!get().busy.has('run')) pump();
    if (isAnswered()) answers.end();
  }

  /** Whether all that is there soon has come: names and the probe take their time. */
  function isAnswered(): boolean {
    const { length } = text.pieces;
    const isKnown = rowsOf !== '' && atlasOf === atlasKey();
    return isKnown && shownHeads(headsOf(get())).every((ref) => seenOf(ref) >= length);
  }

  /** Asks, and drops the answer where the text or the parts have changed. */
  async function fresh<A>(asked: Promise<A>, signal: AbortSignal): Promise<A | null> {
    const isStale = staleness(context, signal);
    const answer = await asked;
    return isStale() ? null : answer;
  }

  const looked = () => ({ ids: toIds(text), off: context.off() });

  /** Rows of a window that has moved on are of another question. */
  const rowsKey = (query: number, first = get().text.firstVisible): string => `${query} ${first}`;

  function rowsNeed(query: number): Need {
    return {
      kind: 'rows',
      key: `rows ${rowsKey(query)}`,
      async ask(signal) {
        const rows = await fresh(
          engine.ask('attentionRows', { ...looked(), query }, signal),
          signal,
        );
        if (rows === null) return;
        const { firstIndex } = rows;
        rowsOf = rowsKey(query, firstIndex);
        together(() => {
          answers.tell(() => set({ rows }));
          // A stream says itself where its window begins.
          if (!get().busy.has('run')) sees(firstIndex);
        });
      },
    };
  }

  function mapNeed(ref: HeadRef): Need {
    const { layer, head } = ref;
    return {
      kind: 'map',
      key: `map ${layer}.${head} ${text.pieces.length}`,
      async ask(signal) {
        const seen = text.pieces.length;
        const map = await fresh(
          engine.ask('attention', { ...looked(), layer, head }, signal),
          signal,
        );
        if (map === null) return;
        remember(ref, map, seen);
        together(() => {
          answers.tell(publishMaps);
          if (!get().busy.has('run')) sees(map.firstIndex);
        });
      },
    };
  }

  const atlasKey = (): string => `${text.pieces.length} ${get().attention.cells}`;

  function atlasNeed(): Need {
    return {
      kind: 'atlas',
      key: `atlas ${atlasKey()}`,
      async ask(signal) {
        const key = atlasKey();
        const { cells } = get().attention;
        const atlas = await fresh(engine.ask('atlas', { ...looked(), cells }, signal), signal);
        if (atlas === null) return;
        atlasOf = key;
        answers.tell(() => set(namedOf === 0 ? { atlas, names: null } : { atlas }));
      },
    };
  }

  /** What the model that is here is measured on, where its run says so. */
  function standIn(): { readonly standIn?: string } {
    const on = get().model.here?.wish.texts?.probe;
    return on === undefined ? {} : { standIn: on };
  }

  function namesNeed(): Need {
    return {
      kind: 'names',
      key: `names ${text.pieces.length}`,
      async ask(signal) {
        const { length } = text.pieces;
        const names = await fresh(
          engine.ask('headNames', { ...looked(), ...standIn() }, signal),
          signal,
        );
        if (names === null) return;
        namedOf = length;
        set({ names });
      },
    };
  }

  function probeNeed(): Need {
    return {
      kind: 'probe',
      key: 'probe',
      async ask(signal) {
        const { here } = get().model;
        const { standIn: on } = standIn();
        const probe = await engine.ask('probeHeads', on === undefined ? {} : { text: on }, signal);
        if (get().model.here !== here) return;
        probed = here;
        set({ probe });
      },
    };
  }

  // ── maps ────────────────────────────────────────────────────────────────────────────────────

  /** Tokens that were there when the head's map was asked for; 0 without a map. */
  function seenOf(ref: HeadRef): number {
    return known.get(headName(ref))?.seen ?? 0;
  }

  function remember(ref: HeadRef, map: AttentionMap, seen: number): void {
    const key = headName(ref);
    known.delete(key);
    known.set(key, { map, seen });
    let weights = 0;
    for (const { map: one } of known.values()) weights += one.weights.length;
    const wanted = new Set(
      [...shownHeads(headsOf(get())), frontHead(headsOf(get()))].map(headName),
    );
    for (const [old, { map: one }] of known) {
      if (weights <= CACHED_WEIGHTS) break;
      if (wanted.has(old)) continue;
      known.delete(old);
      weights -= one.weights.length;
    }
  }

  /** Puts the maps of the shown heads into the store; the one in front stays until the next is there. */
  function publishMaps(): void {
    const state = get();
    if (!isCurrent()) return;
    const mapOf = (ref: HeadRef): AttentionMap | undefined =>
      known.get(headName(ref))?.map ?? before.get(headName(ref));
    const maps = shownHeads(headsOf(state))
      .map(mapOf)
      .filter((map) => map !== undefined);
    const attention = mapOf(frontHead(headsOf(state))) ?? state.attention.front;
    const same =
      maps.length === state.attention.maps.length &&
      maps.every((m, i) => m === state.attention.maps[i]);
    if (same && attention === state.attention.front) return;
    set({ front: attention, ...(same ? {} : { maps }) });
  }

  store.subscribe((now, old) => {
    const heads =
      now.attention.preview !== old.attention.preview ||
      now.view.pins !== old.view.pins ||
      now.view.layer !== old.view.layer ||
      now.view.head !== old.view.head;
    if (heads) publishMaps();
    if (
      heads ||
      now.view.panel !== old.view.panel ||
      now.view.selected !== old.view.selected ||
      now.view.mode !== old.view.mode ||
      (now.text.hovered !== old.text.hovered && !isOpen())
    ) {
      if (!now.busy.has('run')) pump();
    }
  });

  const slice: Slice = {
    refresh() {
      if (text.pieces.length === 0) {
        set({ front: null, maps: [], rows: null, atlas: null, names: null });
      } else if (!isCurrent() && !isOpen()) {
        // Nobody asks for new ones now, and the old ones would tint the wrong words.
        set({ front: null, maps: [], rows: null });
      }
      failed.clear();
      pump();
    },
    onToken: () => pump(),
    cancel() {
      for (const controller of running.values()) controller.abort();
    },
    turn() {
      const shown = [...known].map(([head, { map }]) => [head, map] as const);
      before = new Map(isCurrent() ? [...before, ...shown] : []);
      known.clear();
      failed.clear();
      rowsOf = '';
      atlasOf = '';
      // An atlas that still shows the step before has its names as long.
      if (isOpen()) namedOf = 0;
      else forgetNames();
      restUntil = performance.now() + REST_MS;
      clearTimeout(resting);
      resting = setTimeout(() => {
        restUntil = -Infinity;
        if (!get().busy.has('run')) pump();
      }, REST_MS);
    },
    reset() {
      about = null;
      probed = null;
      failed.clear();
      set({
        probe: null,
        names: null,
        front: null,
        maps: [],
        rows: null,
        atlas: null,
        preview: null,
        gaveWay: null,
      });
    },
  };

  // ── actions ─────────────────────────────────────────────────────────────────────────────────

  /** Puts a head into focus; what is pinned stays pinned. */
  function focusHead({ layer, head }: HeadRef): void {
    together(() => {
      look({ layer, head });
      set({ preview: null, gaveWay: null });
    });
    context.used('attention');
  }

  /** The newest of them comes into focus, unless another is to stay there. */
  function setPins(pins: readonly HeadRef[], focus: HeadRef | undefined = pins.at(-1)): void {
    const unique = pins.filter((pin, i) => pins.findIndex((one) => isSameHead(one, pin)) === i);
    const kept = unique.slice(-MOST_PINS).map(({ layer, head }) => ({ layer, head }));
    together(() => {
      look({ pins: kept, ...(focus && { layer: focus.layer, head: focus.head }) });
      set({ gaveWay: null });
    });
  }

  function moveBy(layers: number, heads: number): void {
    const { layer, head } = get().view;
    const model = modelOf(get());
    const { nLayer, nHead } = model ?? { nLayer: 1, nHead: 1 };
    focusHead({
      layer: (layer + layers + nLayer) % nLayer,
      head: (head + heads + nHead) % nHead,
    });
  }

  /** What was recorded of the text that stands: shown until the model has answered itself. */
  function show(rows: AttentionRows, map: AttentionMap): void {
    forget();
    remember(map, map, text.pieces.length);
    together(() => {
      set({ rows });
      publishMaps();
    });
  }

  return {
    slice,
    show,
    actions: {
      setAttention(patch: Partial<Omit<View, 'panel' | 'selected' | 'pins' | 'off'>>): void {
        const { layer = get().view.layer, head = get().view.head, ...rest } = patch;
        if (Object.keys(rest).length > 0) look(rest);
        if (patch.layer !== undefined || patch.head !== undefined) focusHead({ layer, head });
      },
      focusHead,
      setPins,
      /** Pins a head beside the others, or takes it away again; the oldest gives way to a fourth, and it is said. */
      togglePin(ref: HeadRef): void {
        const { pins, layer, head } = get().view;
        context.used('attention');
        context.used('pin');
        if (pins.some((pin) => isSameHead(pin, ref))) {
          const left = pins.filter((pin) => !isSameHead(pin, ref));
          setPins(left, isSameHead(ref, { layer, head }) ? left.at(-1) : { layer, head });
          set({ preview: null });
          return;
        }
        const gaveWay = pins.length < MOST_PINS ? undefined : pins[0];
        setPins([...pins, ref]);
        if (gaveWay === undefined) return;
        set({ gaveWay });
        context.say(
          `${pinWords(ref, gaveWay)} Put ${headName(gaveWay)} back: the button above the maps.`,
        );
      },
      /** The head that gave way stands in its old place again, and the one that was pinned last goes. */
      takePinBack(): void {
        const { gaveWay } = get().attention;
        if (gaveWay !== null) setPins([gaveWay, ...get().view.pins.slice(0, -1)]);
      },
      previewHead(preview: HeadRef | null): void {
        const old = get().attention.preview;
        if (old === preview || (old !== null && preview !== null && isSameHead(old, preview))) {
          return;
        }
        set({ preview });
      },
      /** One head on or back, round the corner at the ends. */
      moveHead: (by: number): void => moveBy(0, by),
      moveLayer: (by: number): void => moveBy(by, 0),
      /** Row and column under the pointer; the text shows both. */
      hoverAttention(hoveredRow: number | null, hoveredColumn: number | null = null): void {
        const old = get().attention;
        if (hoveredRow === old.hoveredRow && hoveredColumn === old.hoveredColumn) return;
        set({ hoveredRow, hoveredColumn });
      },
      /** How many cells a side a tile of the atlas has room for. */
      fitAtlas(room: number): void {
        const cells = Math.max(4, Math.min(64, Math.floor(room)));
        if (cells === get().attention.cells) return;
        set({ cells });
        if (!get().busy.has('run')) pump();
      },
    },
  };
}
