// What somebody chooses before a run: the text, the size, every field; and what the text and a step come to here.
import type { ErrorInfo, RunSettings, RunText, RunTokenizer, TextFacts } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import { isSameJson } from '../../json.ts';
import type { Browser } from './browser.ts';
import { csvColumns, longestColumn } from './csv.ts';
import {
  MOST_KEPT,
  type Asked,
  type DraftFacts,
  type LinkedSettings,
  type OwnText,
  type TrainingState,
} from './facts.ts';
import { goOnArguments } from './base.ts';
import { conflicts, fieldOf, refusal } from './fields.ts';
import { isBusy } from './live.ts';
import {
  DEFAULT_PRESET,
  isOfSource,
  isSameWork,
  parametersOf,
  presetOf,
  rhythmOf,
  tokenizerFor,
  workOf,
  withPreset,
  type Measured,
  type PresetName,
} from './presets.ts';
import { loadedOf, type TrainingContext } from './context.ts';
import { lengthOf, usualSettings, VALIDATION } from './usual.ts';

/** Longer heads of a .csv are no heads. */
const HEAD_BYTES = 65_536;
/** Parameters of what is measured before it is chosen for good. */
const MOST_MEASURED = 30e6;
/** Multiplications of a step that takes longer than its launches do. */
const LEAST_TELLING = 5e8;
const FIRST_TEXT: RunText = { kind: 'bundled', name: 'tales' };

/** `kept` is a text that was pasted before: whoever reloads the page goes on with it. */
export function firstDraft(kept = ''): DraftFacts {
  const { model, arguments: args } = presetOf(DEFAULT_PRESET);
  const own = pasted(kept);
  const isOwnKept = !isEmptyText(own);
  const text = isOwnKept ? own : FIRST_TEXT;
  return {
    settings: {
      text,
      tokenizer: tokenizerFor(text, lengthOf(text)),
      model,
      arguments: args,
      generator: 'philox',
      order: 'random',
      validation: VALIDATION,
      prompt: promptFor(text),
    },
    preset: DEFAULT_PRESET,
    chosen: DEFAULT_PRESET,
    refused: {},
    promptRefused: null,
    ownTokenizer: false,
    own,
    isOwnKept,
    refusedFile: null,
    columns: [],
    link: null,
  };
}

function pasted(text: string): OwnText {
  return { kind: 'own', name: 'My text', text };
}

/** What samples of a text begin with where nobody says. */
function promptFor(text: RunText): string {
  return text.kind === 'bundled' && text.name === 'tales' ? 'Once upon a time' : '';
}

/** What keeps a run from beginning, by field; empty where nothing does. */
export function problemsOf({
  settings,
  refused,
  promptRefused,
}: DraftFacts): Readonly<Record<string, string>> {
  const why = Object.entries(refused).map(([name, one]) => [name, one.why] as const);
  const found = { ...conflicts(settings), ...Object.fromEntries(why) };
  // Where nothing is written the prompt is nobody's.
  const isWritten = settings.arguments['sample_steps'] !== 0;
  return promptRefused !== null && isWritten ? { ...found, prompt: promptRefused } : found;
}

/** Of guessing by frequency: less than that, and every token is the same. */
const LEAST_LOSS = 0.005;

/** Why nothing can be learned from a text with these settings, and what would do; null where something can. */
export function whyNothing(
  { tokens, frequencyLoss }: Pick<TextFacts, 'tokens' | 'frequencyLoss'>,
  { model, arguments: args, validation }: RunSettings,
): string | null {
  const window = Number(args['block_size'] ?? model.n_ctx);
  const needed = Math.ceil((window + 1) / (1 - validation));
  if (tokens < needed) {
    const has = tokens === 1 ? '1 token' : `${tokens.toLocaleString('en')} tokens`;
    return `The text has ${has}; ${needed.toLocaleString('en')} are needed where ${window} are read at a time. Take a longer text, or a smaller block_size (behind More).`;
  }
  if (frequencyLoss < LEAST_LOSS) {
    return 'The text is the same token again and again: there is nothing to learn. Take another one.';
  }
  return null;
}

/** Bytes write everything. */
const MAY_LACK: readonly RunTokenizer['kind'][] = ['characters', 'model'];

/** What the column of a table that is a text is called. */
const TEXT_COLUMN = /^(?:text|content|body|story|sentence)s?$/iu;

export function createDraft({
  trainer,
  get,
  set,
  setRead,
  setCost,
  say,
  stillMs,
  browser,
}: TrainingContext<'draft'> & {
  readonly browser: Browser;
  /** How long somebody has to be still before anything is read or measured for them. */
  readonly stillMs: number;
  readonly setRead: (facts: { readonly read: Asked<TextFacts> }) => void;
  readonly setCost: (facts: Partial<TrainingState['cost']>) => void;
}) {
  const setText = (asked: Asked<TextFacts>): void => setRead({ read: asked });
  const setEstimate = (estimate: Asked<Measured>): void => setCost({ estimate });
  let reading = new AbortController();
  let measuring = new AbortController();
  /** Apart: a field that changes has its step measured anew, and the text in hand is read all the same. */
  let readTimer: ReturnType<typeof setTimeout> | undefined;
  let measureTimer: ReturnType<typeof setTimeout> | undefined;
  /** What a file has taken the place of, until it is read. */
  let replaced: { readonly file: File; readonly draft: DraftFacts } | null = null;

  const settings = (): RunSettings => get().draft.settings;

  function change(next: RunSettings, facts: Partial<DraftFacts> = {}): void {
    set({ ...facts, settings: next });
  }

  /** Asks for the text's facts anew, and then for what a step takes. */
  function read(): void {
    reading.abort();
    measuring.abort();
    reading = new AbortController();
    clearTimeout(readTimer);
    clearTimeout(measureTimer);
    const { text } = settings();
    // What another text's tokens cannot write, these may.
    set({ promptRefused: null });
    if (isEmptyText(text)) {
      setText({ at: 'none' });
      setEstimate({ at: 'none' });
      return;
    }
    setText({ at: 'coming' });
    const { signal } = reading;
    readTimer = setTimeout(() => void readNow(signal), text.kind === 'own' ? stillMs : 0);
  }

  /** A model's own goes with it; GPT-2's is nobody's usual one: whoever has it wants it. */
  function keepsTokenizer(): boolean {
    const { ownTokenizer, chosen } = get().draft;
    const { base, tokenizer } = settings();
    return base !== undefined || ownTokenizer || isOfSource(chosen) || tokenizer.kind === 'gpt2';
  }

  async function readNow(signal: AbortSignal): Promise<void> {
    const { text, tokenizer, base } = settings();
    try {
      const from = base === undefined ? {} : { base, loaded: loadedOf(get()) };
      const facts = await trainer().ask('readText', { text, tokenizer, ...from }, signal);
      if (signal.aborted) return;
      const better = tokenizerFor(text, facts.characters);
      if (!keepsTokenizer() && !isSameJson(better, tokenizer)) {
        change({ ...settings(), tokenizer: better });
        await readNow(signal);
        return;
      }
      replaced = null;
      setText({ at: 'here', value: facts });
      void checkPrompt();
      // Whoever chose the text was still before it was read.
      measure(0);
    } catch (error) {
      if (signal.aborted) return;
      const info = toErrorInfo(error);
      if (
        replaced !== null &&
        isOfFile(info) &&
        text.kind === 'own' &&
        text.text === replaced.file
      ) {
        const { draft } = replaced;
        replaced = null;
        refuseFile(info, draft);
        return;
      }
      setText({ at: 'failed', error: info });
      setEstimate({ at: 'none' });
    }
  }

  /** Asks whether the text's tokens can write the prompt, and says so at its field. */
  async function checkPrompt(): Promise<void> {
    const { prompt, tokenizer } = settings();
    const { read: text } = get().text;
    if (text.at !== 'here' || !MAY_LACK.includes(tokenizer.kind)) return;
    const info = await trainer()
      .ask('checkPrompt', { prompt })
      .catch(() => null);
    // Whoever has gone on typing, or has taken another text, is told of that.
    if (settings().prompt !== prompt || get().text.read !== text) return;
    set({ promptRefused: info && `${info.message} ${info.hint}` });
  }

  /** The file is not taken: what it would have taken the place of stays, or comes back. */
  function refuseFile(error: ErrorInfo, back?: DraftFacts): void {
    if (back !== undefined) {
      const { text, tokenizer, prompt } = back.settings;
      const { own, columns, isOwnKept } = back;
      change({ ...settings(), text, tokenizer, prompt }, { own, columns, isOwnKept });
      read();
    }
    set({ refusedFile: error });
    say(error.message);
  }

  /** Runs that end, other tabs and stored models change it. */
  function lookForRoom(): void {
    void browser.freeBytes().then((free) => setCost({ freeBytes: free }));
  }

  /** Makes some steps of what is chosen, unless the same steps were made already. */
  function measure(waitMs = stillMs): void {
    lookForRoom();
    measuring.abort();
    clearTimeout(measureTimer);
    setCost({ planned: null });
    const text = get().text.read;
    if (text.at !== 'here' || Object.keys(problemsOf(get().draft)).length > 0) return;
    const { vocabSize } = text.value;
    const { last } = get().cost;
    if (last !== null && last.vocabSize === vocabSize && isSameWork(last.settings, settings())) {
      setEstimate({ at: 'here', value: last });
      return;
    }
    // To draw them alone takes longer than anybody who chooses waits: its time is reckoned.
    const { base, model } = settings();
    const isLarge = base === undefined && parametersOf(model, vocabSize) > MOST_MEASURED;
    if (isLarge) setEstimate({ at: 'none' });
    // While a run has the device, a measurement would be of half of it.
    if (isBusy(get())) return setEstimate({ at: 'none' });
    measuring = new AbortController();
    const { signal } = measuring;
    if (isLarge && !isOfSource(get().draft.preset)) void plan(settings(), vocabSize, signal);
    if (isLarge && last !== null) return;
    if (!isLarge) setEstimate({ at: 'coming' });
    // Something has to be measured that it can be reckoned from.
    const of = isLarge ? withPreset(settings(), DEFAULT_PRESET) : settings();
    measureTimer = setTimeout(() => void measureNow(of, vocabSize, signal), waitMs);
  }

  /** What it takes, and whether that is there, is counted; where it cannot be, Train says why. */
  async function plan(of: RunSettings, vocabSize: number, signal: AbortSignal): Promise<void> {
    const found = await trainer()
      .ask('planRun', { settings: of, vocabSize }, signal)
      .catch(() => null);
    if (found !== null && !signal.aborted) setCost({ planned: found.training });
  }

  async function measureNow(
    of: RunSettings,
    vocabSize: number,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const from = of.base === undefined ? {} : { loaded: loadedOf(get()) };
      const asked = { settings: of, vocabSize, ...from };
      const estimate = await trainer().ask('estimate', asked, signal);
      if (signal.aborted) return;
      const found = { settings: of, vocabSize, estimate };
      const { last } = get().cost;
      // What a step of very little work takes says nothing of others, and where there is no memory none was made.
      const tells = estimate.steps > 0 && (last === null || workOf(of, vocabSize) >= LEAST_TELLING);
      setCost({
        last: tells ? found : last,
        estimate: isSameWork(of, settings()) ? { at: 'here', value: found } : { at: 'none' },
      });
    } catch (error) {
      if (!signal.aborted) setEstimate({ at: 'failed', error: toErrorInfo(error) });
    }
  }

  /** Takes another text; its tokenizer follows unless one was chosen by hand. */
  function takeText(text: RunText, columns: readonly string[] = []): void {
    const tokenizer = keepsTokenizer() ? settings().tokenizer : tokenizerFor(text, lengthOf(text));
    const own = text.kind === 'own' ? { own: text, columns } : {};
    const taken = { ...own, refusedFile: null };
    change({ ...settings(), text, tokenizer, prompt: promptFor(text) }, taken);
    read();
  }

  return {
    read,
    measure,
    lookForRoom,
    /** The page has another model: it may be what could not be read. */
    loadedChanged(): void {
      const { loaded, text } = get();
      const { base } = settings();
      const isIt = base !== undefined && loaded.now?.base.fingerprint === base.fingerprint;
      if (isIt && text.read.at === 'failed') read();
    },
    /** A run takes the device: what is measured now would be wrong. */
    yield: () => measuring.abort(),
    actions: {
      chooseText: (text: RunText) =>
        takeText(text, text === get().draft.own ? get().draft.columns : []),
      /** What stands in the field for it, which is kept; '' throws it away. */
      pasteText(text: string): void {
        set({ isOwnKept: browser.keepText(text) });
        takeText(pasted(text));
      },
      /** The text that was pasted before it is there again. */
      takeFileAway(): void {
        const kept = browser.keptText();
        set({ isOwnKept: kept !== '' });
        takeText(pasted(kept));
      },
      async takeFile(file: File): Promise<void> {
        if (!/\.(?:txt|md|csv)$/iu.test(file.name)) {
          refuseFile({
            code: 'training/file',
            message: `${file.name} is no text this workspace reads.`,
            hint: 'Drop a .txt, a .md or a .csv, or paste the text itself.',
          });
          return;
        }
        const isTable = /\.csv$/iu.test(file.name);
        const head = isTable ? await file.slice(0, HEAD_BYTES).text() : '';
        const columns = csvColumns(head);
        const column = columns.find((name) => TEXT_COLUMN.test(name)) ?? longestColumn(head);
        replaced = { file, draft: get().draft };
        takeText(
          {
            kind: 'own',
            name: file.name.replace(/\.[^.]+$/u, ''),
            text: file,
            ...(column === undefined ? {} : { column }),
          },
          columns,
        );
      },
      chooseColumn(column: string): void {
        const { text } = settings();
        if (text.kind !== 'own') return;
        const taken = { ...text, column };
        change({ ...settings(), text: taken }, { own: taken });
        read();
      },
      choosePreset(name: PresetName): void {
        const { preset, ownTokenizer } = get().draft;
        const now = settings();
        const { read: told } = get().text;
        let next = withPreset(now, name);
        // A model that was gone on with had its own tokenizer.
        const isOwn = ownTokenizer && now.base === undefined;
        if (!isOfSource(name)) {
          const characters = told.at === 'here' ? told.value.characters : lengthOf(now.text);
          // A source's model brought its own tokenizer and generator; others have what they had before.
          if (!isOwn) next = { ...next, tokenizer: tokenizerFor(now.text, characters) };
          if (isOfSource(preset)) next = { ...next, generator: 'philox' };
        }
        const facts = {
          preset: name,
          chosen: name,
          refused: {},
          ownTokenizer: isOwn && !isOfSource(name),
        };
        change(next, facts);
        if (isSameJson(next.tokenizer, now.tokenizer)) measure();
        else read();
      },
      /** In place of a size: the model that the page has loaded, with its own sizes and tokenizer. */
      goOnWithLoaded(): void {
        const { loaded, draft } = get();
        if (loaded.now === null || loaded.now.whyNot !== null) return;
        const { base, model } = loaded.now;
        // Whoever comes with settings for this very model keeps them.
        if (draft.settings.base?.fingerprint === base.fingerprint) return;
        const next = { ...draft.settings, base, model, arguments: goOnArguments(model) };
        const tokenizer = { kind: 'model' } as const;
        change({ ...next, tokenizer, generator: 'philox' }, { preset: null, refused: {} });
        read();
      },
      /** PyTorch's generator draws pieces at random, and in no other order. */
      drawAs(generator: RunSettings['generator']): void {
        const now = settings();
        change({ ...now, generator, order: generator === 'torch' ? 'random' : now.order });
        measure();
      },
      setPrompt(prompt: string): void {
        change({ ...settings(), prompt }, { promptRefused: null });
        void checkPrompt();
      },
      setField(name: string, typed: string): void {
        const field = fieldOf(name);
        if (field === undefined) return;
        const why = refusal(field, typed);
        const { [name]: _, ...others } = get().draft.refused;
        if (why !== null) {
          set({ refused: { ...others, [name]: { typed, why } } });
          return;
        }
        const before = settings();
        const isTokenizer = name === 'tokenizer' || name === 'vocab_size';
        change(follow(name, before, field.write(before, typed)), {
          refused: others,
          ...(isTokenizer ? { ownTokenizer: true } : { preset: null }),
        });
        if (isTokenizer) read();
        else measure();
      },
      /** All fields as the text and the size that are chosen bring them. */
      takeUsual(): void {
        const { draft, text } = get();
        const preset = draft.settings.base === undefined ? draft.chosen : null;
        change(usualSettings(draft, text.read), { preset, refused: {}, ownTokenizer: false });
        read();
      },
      /** Settings that came with a link: they wait for whoever followed it. */
      takeLink({ settings: linked, notes }: LinkedSettings): void {
        change(linked, { preset: null, refused: {}, ownTokenizer: true, link: notes });
        read();
      },
      dismissLink: () => set({ link: null }),
      /** The settings of a run that was, to change and run anew; a text of somebody's own lies beside them. */
      async takeSettings(taken: RunSettings, id: string): Promise<void> {
        change(taken, { preset: null, refused: {}, ownTokenizer: true });
        read();
        const { text } = taken;
        if (text.kind !== 'own' || !isEmptyText(text)) return;
        try {
          const kept = await trainer().ask('textOf', { id });
          const whole = kept.size > MOST_KEPT ? new File([kept], text.name) : await kept.text();
          if (settings().text === text) takeText({ ...text, text: whole });
        } catch (error) {
          if (settings().text === text) refuseFile(toErrorInfo(error));
        }
      },
    },
  };
}

/** Fields that were equal to one that changes go with it, where they would not fit any more. */
function follow(name: string, before: RunSettings, after: RunSettings): RunSettings {
  const args = after.arguments;
  if (name === 'n_ctx' && Number(args['block_size']) === before.model.n_ctx) {
    return { ...after, arguments: { ...args, block_size: after.model.n_ctx } };
  }
  if (name === 'max_steps') {
    const was = rhythmOf(Number(before.arguments[name]));
    const now = Object.entries(rhythmOf(Number(args[name])));
    const moved = now.filter(([one]) => args[one] === was[one]);
    return { ...after, arguments: { ...args, ...Object.fromEntries(moved) } };
  }
  if (name === 'learning_rate' && Number(args['min_lr']) > Number(args['learning_rate'])) {
    return { ...after, arguments: { ...args, min_lr: Number(args['learning_rate']) / 10 } };
  }
  return after;
}

export function isEmptyText(text: RunText): boolean {
  return text.kind === 'own' && typeof text.text === 'string' && text.text.trim() === '';
}

/** Whether it is about the file itself, and not about what it would be cut with. */
function isOfFile({ code }: ErrorInfo): boolean {
  return code === 'training/text' || code === 'training/csv' || code === 'text/encoding';
}
