// The model: one machine of four states (facts/model.ts). Whoever wants a model brings it here, for the
// first time, again, or beside the one that runs, which goes on being the model until the new one is there.
import type {
  DeviceRequest,
  Dtype,
  ErrorInfo,
  GpuVerdict,
  LoadOptions,
  ModelSummary,
  RunStep,
} from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { modelOf, type Asked, type Here, type Progress } from '../facts/model.ts';
import { isNameless, type Wish } from '../facts/models.ts';
import { createLatest } from '../latest.ts';
import { hostOf, isHere, isSameName, titleOf, toRequest, type ModelName } from '../modelName.ts';
import type { SliceContext } from './slice.ts';

/** More losses than this within a minute, and the processor takes over. */
const MOST_LOSSES = 2;
const LOSSES_MS = 60_000;
const NOTHING_YET: Progress = { what: 'the model', loaded: 0, total: 0 };

interface ModelOptions extends SliceContext<'model'> {
  /** Absolute address of the model that comes with the page. */
  readonly ownSource: string;
  /** The page's address. */
  readonly base: string;
  /** The model that the address names; undefined for the page's own. */
  readonly wish?: Wish | undefined;
  /** The run that writes ends, and nobody waits for an answer any more. */
  readonly interrupt: (reason: 'lost' | 'replaced') => void;
  /** Everything turns to the model that is here now. */
  readonly settle: (model: ModelSummary, before: ModelSummary | null) => void;
  /** A load is over, for better or worse. */
  readonly ended: (error: unknown) => void;
  /** Loading it would fetch it again, to which nobody agreed: it is offered. */
  readonly offer: (wish: Asked) => void;
}

/** A load whose progress is told to whoever asked for it. */
export interface Beside extends Pick<LoadOptions, 'signal' | 'progress_callback'> {
  /** It is here, and everything is about to turn to it. */
  readonly arrived?: (model: ModelSummary) => void;
}

/** How a model is brought. */
export interface BringOptions {
  readonly check?: boolean;
  /** Why it is loaded again, in words. */
  readonly why?: string | null;
}

export function createModel(options: ModelOptions) {
  const { engine, get, set, together } = options;
  const own: Wish = { source: options.ownSource };
  let loading: AbortController | null = null;
  set({ at: 'none', here: null, wish: toAsked(options.wish ?? own), losses: [] });

  /** A wish with the page's own device and precision where it names none. */
  function toAsked(wish: Wish | Asked): Asked {
    const { device, dtype, byItself = false, linked = false } = get().model.wish;
    const isNamed = wish.device !== undefined;
    return {
      ...wish,
      device: wish.device ?? device,
      dtype: wish.dtype ?? dtype,
      byItself: 'byItself' in wish ? wish.byItself : !isNamed && byItself,
      linked: !isNamed && linked,
    };
  }

  /** Whether the engine has the model that was here last. */
  function goesOn(): boolean {
    const { model } = get();
    return model.at === 'here' || (model.at === 'coming' && model.goesOn);
  }

  /** What ran before goes on being the model, without the change that was refused; false where nothing runs. */
  function stays(refused: Asked | null): boolean {
    const { here, losses } = get().model;
    if (here === null || !goesOn()) return false;
    set({ at: 'here', wish: here.wish, here, refused, losses });
    return true;
  }

  /** The engine's part of bringing a model; both ways of loading end here. */
  async function ask(
    wish: Asked,
    { check = false }: BringOptions,
    { arrived, ...more }: Beside,
  ): Promise<void> {
    const { source, byItself: _, linked: __, texts: ___, ...how } = wish;
    const request = {
      ...how,
      ...(check ? { selfCheck: true } : {}),
      // None lies beside the page's own.
      ...(source === options.ownSource ? { adapter: false as const } : {}),
      ...more,
    };
    const summary = await engine.load(source, request);
    // Whatever was wanted meanwhile: what the engine has is what the page is about.
    options.interrupt('replaced');
    const before = modelOf(get());
    const here: Here = { wish, summary, place: toPlace(wish) };
    const now = Date.now();
    const losses = get().model.losses.filter((at) => now - at < LOSSES_MS);
    together(() => {
      arrived?.(summary);
      set({ at: 'here', wish, here, refused: null, losses });
      options.settle(summary, before);
    });
  }

  async function bring(wish: Asked, beside: Beside): Promise<void> {
    await ask(wish, {}, beside);
    // A load of the old one that was under way has lost to this.
    loading?.abort();
    loading = null;
  }

  /** Loads a model, for the first time or again. What runs goes on being the model if that fails. */
  async function load(wish: Asked = get().model.wish, how: BringOptions = {}): Promise<void> {
    const { why = null } = how;
    loading?.abort();
    const mine = new AbortController();
    loading = mine;
    if (isReload(wish) && (await wouldFetchAgain(wish, why, mine.signal))) return;
    options.interrupt('replaced');
    const comes = (progress: Progress): void => {
      const { here, losses } = get().model;
      set({ at: 'coming', wish, here, goesOn: goesOn(), why, progress, losses });
    };
    comes(NOTHING_YET);
    try {
      await ask(wish, how, {
        signal: mine.signal,
        progress_callback: ({ file, loaded, total }) => {
          const { model } = get();
          if (loading !== mine || model.at !== 'coming') return;
          comes({
            what: file ?? NOTHING_YET.what,
            loaded: loaded ?? model.progress.loaded,
            total: total ?? model.progress.total,
          });
        },
      });
      if (loading === mine) loading = null;
      options.ended(null);
    } catch (error) {
      if (loading !== mine || mine.signal.aborted) return;
      const info = toErrorInfo(error);
      if (info.code === 'engine/superseded') {
        // Another model is here, or about to be, and whoever brought it tells.
        loading = null;
        return;
      }
      const other = fallBack(wish, info);
      if (other !== null) {
        await load(other, how);
        return;
      }
      loading = null;
      // The engine kept what ran before.
      if (!stays(wish)) {
        const { here, losses } = get().model;
        set({ at: 'failed', wish, here, losses });
      }
      options.ended(error);
    }
  }

  /** One load beside the model that runs, and whatever is wanted by the time it is here. */
  const looking = createLatest<Asked>(async (wish) => {
    try {
      await bring(wish, {});
    } catch (error) {
      if (toErrorInfo(error).code === 'engine/superseded') return;
      stays(wish);
      options.ended(error);
    }
  });

  /** The same on a device that is there, or the page's own; null where neither would help. */
  function fallBack(wish: Asked, { code: why, message }: ErrorInfo): Asked | null {
    if (wish.run !== undefined && get().model.here === null) {
      options.note([`${wish.source} cannot be shown again: ${message}`]);
      return toAsked(own);
    }
    if (!/^(webgpu|device)\//u.test(why)) return null;
    const code = get().page.verdict?.code ?? 'ok';
    // No GPU was promised; the processor can do it.
    if (wish.device === 'auto' && code !== 'ok' && code !== 'software') {
      return { ...wish, device: 'cpu', byItself: true };
    }
    if (wish.device !== 'webgpu' || wish.linked !== true) return null;
    options.note([
      `The link asks for WebGPU, which does not work here, so the device is chosen by itself. (${message})`,
    ]);
    return { ...wish, device: 'auto', linked: false };
  }

  /**
   * Whether loading a model again would download it again, because nothing keeps it. Nobody agreed to
   * that: it is offered, and what runs goes on; where nothing runs any more, the page's own model comes.
   */
  async function wouldFetchAgain(
    wish: Asked,
    why: string | null,
    signal: AbortSignal,
  ): Promise<boolean> {
    const kept = await engine.ask('findStored', toRequest(wish)).catch(() => null);
    if (signal.aborted) return true;
    if (kept?.complete) return false;
    options.offer(wish);
    // Also where a load was on its way, which this one ended.
    if (get().model.at === 'here' || stays(null)) return true;
    const meanwhile = `${titleOf(wish.source)} is kept nowhere, so the story model is loaded meanwhile; your text is kept.`;
    const words = why === null ? meanwhile : `${why.replace(/\. .*/u, '.')} ${meanwhile}`;
    void load(toAsked({ ...own, device: wish.device }), { why: words });
    return true;
  }

  /** Whether a model from elsewhere, which was here already, is to be loaded once more. */
  function isReload(wish: Wish): boolean {
    if (isNameless(wish) || hostOf(wish, options.base) === null) return false;
    return modelOf(get())?.origin?.kind === 'hub';
  }

  /**
   * What is here once more, in a simpler way that is checked before it is shown. Nothing is fetched again for it, to
   * which nobody agreed: then what is here stays.
   */
  async function loadSimpler(why: string): Promise<void> {
    const { wish, at } = get().model;
    const isOurs = isNameless(wish) || hostOf(wish, options.base) === null;
    if (!isOurs) {
      const kept = await engine.ask('findStored', toRequest(wish)).catch(() => null);
      if (kept?.complete !== true) return;
    }
    // Another was asked for meanwhile.
    if (at === 'here' && get().model.wish === wish) await load(wish, { check: true, why });
  }

  /** With another device or precision, once it is known which model the page begins with. */
  function reload(
    other: Pick<Asked, 'device' | 'byItself' | 'linked'> | Pick<Asked, 'dtype'>,
  ): void {
    const { model } = get();
    const wish = { ...model.wish, ...other };
    if (model.at === 'none') set({ ...model, wish });
    else void load(wish);
  }

  engine.onLost((reason) => {
    const now = Date.now();
    const { model } = get();
    const losses = [...model.losses.filter((at) => now - at < LOSSES_MS), now];
    const again = losses.length > MOST_LOSSES;
    const cause = reason === '' ? '' : ` (${reason})`;
    const why = again
      ? `The GPU went away repeatedly${cause}. The model is being loaded on the processor instead; your text is kept.`
      : `The GPU went away${cause}. The model is being loaded again; your text is kept.`;
    const wish: Asked = again ? { ...model.wish, device: 'cpu', byItself: true } : model.wish;
    options.interrupt('lost');
    const { here } = model;
    set({ at: 'coming', wish, here, goesOn: false, why, progress: NOTHING_YET, losses });
    void load(wish, { why });
  });

  /** How the address names a model; null for the page's own, and for what no address can name. */
  function toPlace(wish: Wish): ModelName | null {
    const { ownSource, base } = options;
    const { source } = wish;
    if (isNameless(wish) || source === ownSource) return null;
    return isHere(wish, base) ? { source: toPath(source, ownSource) } : toRequest(wish);
  }

  return {
    own,
    toAsked,
    load: async () => load(),
    loadSimpler,
    /** Loads a model beside the one that runs. It is shown as soon as it can be used, and checked afterwards. */
    bring,
    /** Begins with another one than the address names. */
    beginWith: (wish: Wish) => set({ ...get().model, wish: toAsked(wish) }),
    /** What could not be loaded once more, or the change that was refused. */
    again(): void {
      const { model } = get();
      void load(model.at === 'here' ? (model.refused ?? model.wish) : model.wish);
    },
    /** The engine's worker broke and took the model along: the next try loads it, in another worker. */
    gone(): void {
      const { model } = get();
      if (model.at === 'coming') return;
      const { here, losses } = model;
      const wish = model.at === 'here' ? (model.refused ?? model.wish) : model.wish;
      set({ at: 'failed', wish, here, losses });
    },
    isNamed: () => isSameName(get().model.wish, options.wish ?? own),
    judge({ code }: GpuVerdict): void {
      if (code !== 'limits' || get().model.wish.device !== 'auto') return;
      if (modelOf(get())?.device.kind === 'cpu') return;
      // Such a GPU may hand out a device all the same; the kernels would fail on it.
      reload({ device: 'cpu', byItself: true });
    },
    actions: {
      load: async () => load(),
      takeDevice: (device: DeviceRequest) => reload({ device, byItself: false, linked: false }),
      takeDtype: (dtype: Dtype) => reload({ dtype }),
      /**
       * Looks at a step of a run, by the run's name; of many that are asked for while one comes, at the last. `texts` are
       * those of the step that is here where nobody says; `files` those of a step that no store has.
       */
      lookAt(
        run: RunStep,
        name: string,
        texts = get().model.here?.wish.texts,
        files?: readonly File[],
      ): void {
        const source = `${name} · step ${run.step.toLocaleString('en')}`;
        looking.ask(toAsked({ source, run, ...(texts && { texts }), ...(files && { files }) }));
      },
      /** Goes back to the model that comes with the page. */
      takeOwnModel(): void {
        void load(toAsked(own));
      },
      hasOtherModel(): boolean {
        const { wish } = get().model;
        return !isSameName(wish, own) || isNameless(wish);
      },
    },
  };
}

/** A model's path beside the page's own. */
function toPath(source: string, ownSource: string): string {
  const home = ownSource.replace(/models\/[^/]*$/u, '');
  if (source.startsWith(home)) {
    const path = source.slice(home.length);
    // Two parts alone would be an id on the Hub.
    return path.startsWith('models/') ? path : `./${path}`;
  }
  return URL.canParse(source) ? new URL(source).pathname : source;
}
