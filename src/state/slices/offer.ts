// Models that come beside the running one: looked up, agreed to, fetched, paused, kept, deleted. The
// running model and the text stay as they are until the new one is ready.
import type { Engine, ErrorInfo, ProgressInfo, Reading } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import type { Asked } from '../facts/model.ts';
import type { Offer, Wish } from '../facts/models.ts';
import {
  hostOf,
  isSameName,
  nameOfStored,
  titleOf,
  toRequest,
  type ModelName,
} from '../modelName.ts';
import { readDownload, writeDownload, type Download } from '../persist.ts';
import type { Beside } from './model.ts';
import type { SliceContext } from './slice.ts';

/** From this size on nothing is fetched without a click. */
const LARGE_BYTES = 64_000_000;
/** A download that broke off this long ago goes on by itself; an older one waits for a click. */
const GOES_ON_MS = 60 * 60 * 1000;
/** How often progress is drawn. */
const PROGRESS_MS = 200;
/** A note stays this long, so that it can be read. */
const NOTE_MS = 8000;

interface OfferOptions extends SliceContext<'models'> {
  /** The page's address. */
  readonly base: string;
  /** A wish with the page's own device and precision where it names none. */
  readonly toAsked: (wish: Wish) => Asked;
  /** Loads it beside the model that runs; everything turns to it. */
  readonly bring: (wish: Asked, load: Beside) => Promise<void>;
  /** What an address asked for was declined: the page goes on with the model it has. */
  readonly declined: () => void;
  /** What is kept changed, and what could not be changed about it. */
  readonly keptChanged: (error?: unknown) => Promise<void>;
}

export function createOffer(options: OfferOptions) {
  const { engine, get, set, base, say, together } = options;
  let working: AbortController | null = null;
  /** Something else was loaded meanwhile; the offer goes on when that is done. */
  let interrupted = false;

  function patch(change: Partial<Offer>): void {
    const { offer } = get().models;
    if (offer !== null) set({ offer: { ...offer, ...change } });
  }

  function show(wish: Wish, change: Partial<Offer>): void {
    const fresh = { plan: null, stored: null, progress: null, error: null } as const;
    set({ offer: { wish, status: 'asked', fromAddress: false, ...fresh, ...change } });
  }

  /** Ends an attempt: what went wrong is shown, and said once. */
  function fail(error: ErrorInfo): void {
    patch({ status: 'failed', error });
    say(error.message);
  }

  function stopWork(): void {
    working?.abort();
    working = null;
    interrupted = false;
  }

  // ── looking up, and agreeing ────────────────────────────────────────────────────────────────

  /** Asks what loading would fetch. What is here already, or small and on this site, is loaded at once. */
  async function lookUp(wish: Wish, isNamed = false): Promise<void> {
    stopWork();
    const controller = new AbortController();
    working = controller;
    show(wish, { status: 'looking', fromAddress: isNamed });
    try {
      const asked = whatIsFetched(wish);
      const plan = await engine.ask('planModel', asked, controller.signal);
      if (working !== controller) return;
      working = null;
      patch({ status: 'known', plan });
      const isSmall = hostOf(asked, base) === null && (plan.totalBytes ?? Infinity) < LARGE_BYTES;
      if (plan.kind === 'stored' || isSmall) await bring();
    } catch (error) {
      if (working !== controller) return;
      working = null;
      fail(toErrorInfo(error));
    }
  }

  // ── fetching ────────────────────────────────────────────────────────────────────────────────

  /** Fetches and loads what is offered; goes on where an earlier try ended. */
  async function bring(change: Partial<Wish> = {}): Promise<void> {
    const { offer } = get().models;
    if (offer === null) return;
    // The click agrees to what was shown, whatever the branch means by now.
    const wish = { ...offer.wish, ...change, ...agreedTo(offer) };
    const asked = options.toAsked(wish);
    stopWork();
    const controller = new AbortController();
    working = controller;
    patch({ wish, status: 'arriving', error: null });
    remember(wish, false);
    const release = holdDownload();
    say(`Loading ${titleOf(wish.source)}.`);
    let last = 0;
    let noted = { note: '', at: -Infinity };
    const onProgress = (progress: ProgressInfo): void => {
      const now = performance.now();
      const { note = noted.note, status } = progress;
      const matters = note !== noted.note || status === 'ready';
      if (note !== noted.note) noted = { note, at: now };
      if (working !== controller || (now - last < PROGRESS_MS && !matters)) return;
      last = now;
      const shown = note !== '' && now - noted.at < NOTE_MS ? { note } : {};
      // What says nothing of bytes leaves those that are known.
      const known = progress.allTotal === undefined ? get().models.offer?.progress : null;
      patch({ progress: { ...known, ...progress, ...shown } });
    };
    try {
      await options.bring(asked, {
        signal: controller.signal,
        progress_callback: onProgress,
        arrived({ name }): void {
          // Pausing and cancelling may come too late.
          const isWanted = working === controller;
          if (isWanted) working = null;
          if (isWanted || get().models.offer?.wish === wish) {
            forget();
            set({ offer: null, choosing: false });
          }
          say(`${name} is loaded.`);
        },
      });
      if (get().kept.stored !== null) void options.keptChanged();
    } catch (error) {
      if (working !== controller) return;
      working = null;
      const info = toErrorInfo(error);
      if (info.code === 'engine/superseded') {
        // By the running model, which was loaded again. If that is done already, nobody else goes on.
        interrupted = true;
        if (get().model.at !== 'coming') goOn();
        return;
      }
      forget();
      fail(info);
    } finally {
      release();
    }
  }

  /** What was interrupted by loading the running model again goes on. */
  function goOn(): void {
    if (interrupted) void bring();
  }

  function pause(): void {
    const { offer } = get().models;
    if (offer?.status !== 'arriving') return;
    stopWork();
    patch({ status: 'paused' });
    remember(offer.wish, true);
  }

  /** Drops the offer; and what came of it, where it is given up half-way. After a failure that is kept. */
  async function cancel(): Promise<void> {
    const { offer } = get().models;
    if (offer === null) return;
    const began = offer.status === 'arriving' || offer.status === 'paused';
    stopWork();
    forget();
    set({ offer: null });
    if (offer.fromAddress) options.declined();
    if (!began || offer.wish.files !== undefined) return;
    try {
      const part = await engine.ask('findStored', toRequest(offer.wish));
      // What was complete before is no part of this.
      if (part !== null && !part.complete) await deletePatiently(engine, part.key);
    } catch (error) {
      await options.keptChanged(error);
    }
    if (get().kept.stored !== null) await options.keptChanged();
  }

  function remember(wish: Wish, paused: boolean): void {
    if (wish.files !== undefined || wish.keep === false || hostOf(wish, base) === null) return;
    // What nothing keeps cannot go on.
    if (get().models.offer?.plan?.keptIn === 'memory') return;
    writeDownload({ ...toRequest(wish), commit: wish.commit, paused, at: Date.now() });
  }

  function forget(): void {
    writeDownload(null);
  }

  /** A download that a reload or a crash broke off: it was agreed to, so it goes on. */
  async function resumeBroken(except: Wish | null): Promise<void> {
    const broken = readDownload();
    const { offer } = get().models;
    if (broken === null) return;
    if (offer === null) {
      const wish = toRequest(broken);
      if (except !== null && isSameName(wish, except)) return;
      show(agreed(wish, broken), { status: 'paused' });
    } else if (offer.status !== 'paused' || !isSameName(offer.wish, broken)) return;
    const { wish } = get().models.offer ?? {};
    const isFresh = !broken.paused && Date.now() - broken.at < GOES_ON_MS;
    // Another tab may be at it: this one does not join unasked.
    const goesOn = isFresh && !(await isDownloading());
    if (wish === undefined || get().models.offer?.wish !== wish) return;
    if (goesOn) void bring();
    else void showPart(wish);
  }

  /** How much of a broken download is here; nobody is asked. */
  async function showPart(wish: Wish): Promise<void> {
    const stored = await engine.ask('findStored', toRequest(wish)).catch(() => null);
    if (get().models.offer?.wish === wish) patch({ stored });
  }

  /**
   * What an address asks for. True where it is to be loaded at once, as the page's first model; else the
   * page starts with its own, and the visitor is asked.
   */
  async function takeAddress(wish: Wish): Promise<boolean> {
    if (hostOf(wish, base) === null) {
      let plan;
      try {
        plan = await engine.ask('planModel', toRequest(wish));
      } catch {
        // Loading says the same, where the page has its words for it.
        return true;
      }
      if (plan.totalBytes !== null && plan.totalBytes < LARGE_BYTES) return true;
      show(wish, { status: 'known', plan, fromAddress: true });
      return false;
    }
    const kept = await engine.ask('findStored', toRequest(wish)).catch(() => null);
    if (kept?.complete) return true;
    const broken = readDownload();
    const isAgreed = broken !== null && isSameName(broken, wish);
    // It goes on once the page's own model is there, which would break it off.
    const meant = isAgreed ? agreed(wish, broken) : wish;
    show(meant, { status: isAgreed ? 'paused' : 'asked', fromAddress: true, stored: kept });
    return false;
  }

  return {
    takeAddress,
    resumeBroken,
    /** Shows what fetching a model would take, and waits for a click. */
    offer: (wish: Wish) => void lookUp(wish),
    goOn,
    /** Whether what an address asked for may still come. */
    mayCome: () => get().models.offer?.fromAddress ?? false,
    actions: {
      chooseModel(): void {
        set({ choosing: true });
        void options.keptChanged();
      },
      closeModels: () => set({ choosing: false }),
      /** Files that were dropped cannot be opened. */
      refuseFiles(failed: Offer & { readonly error: ErrorInfo }): void {
        together(() => {
          set({ offer: failed });
          say(failed.error.message);
        });
      },
      lookUpModel: (wish: Wish) => void lookUp(wish),
      lookUpOffer(): void {
        const { offer } = get().models;
        if (offer !== null) void lookUp(offer.wish, offer.fromAddress);
      },
      /** The click that agrees to a download, or goes on with one. */
      fetchModel: (change?: Partial<Wish>) => void bring(change),
      pauseModel: pause,
      cancelModel: () => void cancel(),
      openFiles(files: readonly File[], title: string): void {
        stopWork();
        show({ source: title, files }, { status: 'known' });
        void bring();
      },
      /** Loads what is there again, or what could not be loaded without, read as somebody says. */
      takeReading(reading: Reading): void {
        show({ ...get().model.wish, ...reading }, { status: 'known' });
        void bring();
      },
      openStored(key: string): void {
        const found = get().kept.stored?.find((model) => model.key === key);
        if (found === undefined) return;
        void lookUp(nameOfStored(found));
      },
    },
  };
}

/** Known to the other tabs of this page. */
const DOWNLOADING = 'glass-gpt.downloading';

/** Says to other tabs that one downloads; call what it gives when that ends. */
function holdDownload(): () => void {
  if (typeof navigator !== 'object' || navigator.locks === undefined) return () => {};
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  navigator.locks.request(DOWNLOADING, { mode: 'shared' }, async () => held).catch(() => {});
  return release;
}

async function isDownloading(): Promise<boolean> {
  if (typeof navigator !== 'object' || navigator.locks === undefined) return false;
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === DOWNLOADING);
}

/** A download that was just stopped holds its files for a moment. */
async function deletePatiently(engine: Engine, key: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await engine.ask('deleteStored', { key });
      return;
    } catch (error) {
      if (toErrorInfo(error).code !== 'storage/busy' || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What of a wish comes from elsewhere: of an adapter that was dropped, the model that it is merged into. */
function whatIsFetched(wish: Wish): ModelName {
  const { files, base_model, base_revision, host } = wish;
  if (files === undefined || base_model === undefined) return toRequest(wish);
  return toRequest({ source: base_model, revision: base_revision, host });
}

/** The commits that the plan showed: nothing else is fetched after a click. */
function agreedTo({ wish, plan }: Offer): Pick<Wish, 'commit' | 'base_revision'> {
  const commit = plan?.commit ?? wish.commit;
  if (wish.files !== undefined && wish.base_model !== undefined) {
    return commit === undefined ? {} : { base_revision: commit };
  }
  const base = plan?.baseCommit ?? wish.base_revision;
  return {
    ...(commit === undefined ? {} : { commit }),
    ...(base === undefined ? {} : { base_revision: base }),
  };
}

/** A wish at the commit to which a download that broke off had come. */
function agreed(wish: Wish, { commit }: Download): Wish {
  return commit === undefined ? wish : { ...wish, commit };
}
