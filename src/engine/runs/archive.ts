// A run as files that another machine goes on with, and back: its record, its curve, samples and receipt for people, the
// last checkpoint, and its text where somebody wants that along. Read back, a stranger may have written them.
import type { RunExportRequest, RunFileEvent, RunSettings, RunText } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type ZipEntry, openZip, readEntry } from '../../formats/zip.ts';
import { show } from '../../json.ts';
import { type GptConfig, toMegabytes } from '../../model/config.ts';
import { parameterCount } from '../../model/parameters.ts';
import { SHA256 } from '../../runBase.ts';
import { curveCsv, samplesText } from '../../runFiles.ts';
import { type SavedFile, jsonFile, textFile } from '../save.ts';
import {
  type StoredCheckpoint,
  lastCheckpoint,
  nameOf,
  savedFilesOf,
  savedModelOf,
  sizeOf,
} from '../training/checkpointStore.ts';
import { FACTORS } from '../training/adapterFiles.ts';
import { OPTIMIZER, WEIGHTS, checkSame } from '../training/checkpoints.ts';
import { toArguments } from '../training/options.ts';
import { TRAINER_STATE, readTrainerState } from '../training/trainerState.ts';
import { edited } from './edits.ts';
import { hashOf } from './hash.ts';
import { otherText, readReceipt, receiptOf, textNeeded } from './receipt.ts';
import { type KeptRun, readRun, restingState, writeRun } from './record.ts';
import { RECORD_BYTES, type RunStore } from './runStore.ts';
import { newModelOf } from './settings.ts';
import { MOST_TEXT_BYTES, readRunText } from './texts.ts';

const RECORD = 'run.json';
const TEXT = 'text.txt';
const RECEIPT = 'receipt.json';
/** Files of a checkpoint that are no tensors: a tokenizer's are the largest. */
const SMALL_BYTES = 32 << 20;
const MOST_FILES = 24;
/** What a file of tensors has beside them. */
const HEADER_BYTES = 4 << 20;
/** A file of a checkpoint: no folder, and none that a system would hide. */
const FILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u;

// ── out ─────────────────────────────────────────────────────────────────────────────────────────

/** The files, one after the other. Throws `training/run`, `training/no-checkpoint`, `training/text`, `storage/…`. */
export async function* exportRun(
  store: RunStore,
  { id, what, text = false }: RunExportRequest,
  signal?: AbortSignal,
): AsyncGenerator<RunFileEvent, void, undefined> {
  const run = await store.get(id);
  const last = await lastCheckpoint(store.checkpoints(id));
  const files = what === 'model' ? modelOf(last) : await allOf(store, run, last, text);
  yield {
    type: 'start',
    files: files.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
    step: last?.step ?? null,
  };
  for (const { name, chunks } of files) {
    signal?.throwIfAborted();
    yield { type: 'file', name };
    for await (const bytes of chunks()) {
      signal?.throwIfAborted();
      yield { type: 'bytes', bytes };
    }
  }
}

function modelOf(last: StoredCheckpoint | null): SavedFile[] {
  if (last) return savedModelOf(last);
  throw new EngineError('No checkpoint of this run is kept, so its model is not there.', {
    code: 'training/no-checkpoint',
    hint: 'Go on with it: one is kept every save_steps steps, and at its end.',
  });
}

async function allOf(
  store: RunStore,
  run: KeptRun,
  last: StoredCheckpoint | null,
  withText: boolean,
): Promise<SavedFile[]> {
  const files = [
    bytesFile(RECORD, writeRun(withText ? run : withoutText(run))),
    jsonFile(RECEIPT, await receiptOf(run, store)),
    textFile('curve.csv', curveCsv(run.points, run.evaluations)),
    textFile('samples.txt', samplesText(run)),
  ];
  if (withText) files.push(bytesFile(TEXT, await store.readText(run.id)));
  if (last) {
    const folder = nameOf(last.step);
    files.push(...savedFilesOf(last).map((file) => ({ ...file, name: `${folder}/${file.name}` })));
  }
  return files;
}

/** A text of somebody's own stays at home, and how it begins does too. When the run goes on, it is read anew. */
function withoutText(run: KeptRun): KeptRun {
  if (run.settings.text.kind !== 'own') return run;
  return { ...run, text: { ...run.text, beginning: [] } };
}

function bytesFile(name: string, bytes: Uint8Array<ArrayBuffer>): SavedFile {
  return {
    name,
    sizeBytes: bytes.length,
    async *chunks() {
      yield await Promise.resolve(bytes.slice());
    },
  };
}

// ── in ──────────────────────────────────────────────────────────────────────────────────────────

interface Brought {
  /** What it is called here. */
  readonly id: string;
  readonly file: Blob;
  /** Where its own is not in the file. */
  readonly text?: RunText | undefined;
}

/**
 * Keeps a run that was taken away. All that can be checked is checked before anything is kept; whatever fails later,
 * nothing stays. Throws `training/file`, `training/text-needed`, `training/text-other`, `training/checkpoint`,
 * `training/options`, `training/storage-full`, `zip/…`.
 */
export async function importRun(
  store: RunStore,
  { id, file, text }: Brought,
  base: string,
  signal?: AbortSignal,
): Promise<void> {
  const entries = entriesOf(await openZip(file));
  const run = await recordOf(entries);
  const checkpoint = await checkpointOf(entries, run);
  if (checkpoint) await checkWeights(entries, checkpoint, signal);
  const bytes = await textOf(entries, run, { base, text, signal });
  try {
    await store.writeText(id, new Blob([bytes]));
    const snapshots: KeptRun['snapshots'][number][] = [];
    if (checkpoint) {
      const { step, files } = checkpoint;
      const kept = await store.checkpoints(id).write(step, files, signal);
      // The one step that can be looked at at once: its weights as they are. Of an adapter they are no model.
      if (!run.settings.base?.lora) {
        const seen = await store.snapshots(id).write(step, savedModelOf(kept), signal);
        const before = run.snapshots.find((one) => one.step === step);
        snapshots.push({ step, sizeBytes: sizeOf(seen), scores: before?.scores ?? null });
      }
    }
    signal?.throwIfAborted();
    // From here on it counts.
    await store.write({ ...run, id, snapshots, state: restingState(run) });
  } catch (error) {
    await store.discard(id).catch(() => {});
    throw error;
  }
}

/** By name, without the folder that all of them lie in. */
function entriesOf(all: readonly ZipEntry[]): ReadonlyMap<string, ZipEntry> {
  const record = all.find(({ name }) => name === RECORD || /^[^/]+\/run\.json$/u.test(name));
  if (!record) {
    throw new EngineError(`This archive has no ${RECORD}: it is not a run.`, {
      code: 'training/file',
      hint: 'Choose the .zip that “Save the run” at a run gives. A model’s folder is opened under “Models”.',
    });
  }
  const folder = record.name.slice(0, -RECORD.length);
  return new Map(
    all
      .filter(({ name }) => name.startsWith(folder))
      .map((entry) => [entry.name.slice(folder.length), entry]),
  );
}

/** Throws `training/file`, `training/options`, `config/…`. */
async function recordOf(entries: ReadonlyMap<string, ZipEntry>): Promise<KeptRun> {
  const entry = entries.get(RECORD);
  const run = entry && entry.sizeBytes <= RECORD_BYTES ? readRun(await readEntry(entry)) : null;
  if (!run || !SHA256.test(run.text.sha256)) {
    throw new EngineError(`Its ${RECORD} is not the record of a run that this page reads.`, {
      code: 'training/file',
      hint: 'A newer page may have written it: reload this one, or export the run again.',
    });
  }
  // What could never go on is refused with what is wrong, not when somebody presses the button.
  toArguments(run.settings.arguments, run.settings.model.n_ctx);
  return run;
}

/** Its files, none of them read but the one that says where the run stood; null where there is none. */
async function checkpointOf(
  entries: ReadonlyMap<string, ZipEntry>,
  { settings, text, step: last }: KeptRun,
): Promise<{ readonly step: number; readonly files: readonly SavedFile[] } | null> {
  const steps = [...entries.keys()].flatMap((name) => {
    const [, step] = /^checkpoint-(0|[1-9]\d{0,14})\//u.exec(name) ?? [];
    return step === undefined ? [] : [Number(step)];
  });
  if (steps.length === 0) return null;
  const step = Math.max(...steps);
  const folder = `${nameOf(step)}/`;
  const state = entries.get(folder + TRAINER_STATE);
  if (!state) throw strange(`has no ${TRAINER_STATE}`);
  const found = readTrainerState(await readEntry(state));
  const config = shapeOf(settings, text.vocabSize, found.config);
  const weights = 4 * parameterCount(config) + HEADER_BYTES;
  const files: SavedFile[] = [];
  for (const [path, entry] of entries) {
    if (!path.startsWith(folder)) continue;
    const name = path.slice(folder.length);
    const most =
      { [WEIGHTS]: weights, [FACTORS]: weights, [OPTIMIZER]: 2 * weights }[name] ?? SMALL_BYTES;
    if (!FILE.test(name) || name === 'manifest.json') throw strange(`has a file ${show(path)}`);
    if (entry.sizeBytes > most) {
      throw strange(
        `has ${show(path)} of ${toMegabytes(entry.sizeBytes)}, and a model of these settings takes up to ${toMegabytes(most)} there`,
      );
    }
    files.push({ name, sizeBytes: entry.sizeBytes, chunks: () => entry.chunks() });
  }
  if (files.length > MOST_FILES) throw strange(`has ${files.length} files`);
  checkSame(found.config, config, nameOf(step));
  if (found.step !== step || step > last) {
    throw strange(`is of step ${found.step}, and the run of step ${last}`);
  }
  for (const needed of [settings.base?.lora ? FACTORS : WEIGHTS, OPTIMIZER]) {
    if (!files.some(({ name }) => name === needed))
      throw strange(`has no ${needed} of step ${step}`);
  }
  return { step, files };
}

/** They are those of the receipt that lies beside them. */
async function checkWeights(
  entries: ReadonlyMap<string, ZipEntry>,
  { step, files }: { readonly step: number; readonly files: readonly SavedFile[] },
  signal: AbortSignal | undefined,
): Promise<void> {
  const entry = entries.get(RECEIPT);
  if (!entry) throw strange(`has no ${RECEIPT}`);
  if (entry.sizeBytes > RECORD_BYTES) {
    throw strange(`has a ${RECEIPT} of ${toMegabytes(entry.sizeBytes)}`);
  }
  const { weights } = await readReceipt(new Blob([await readEntry(entry)]));
  if (weights === null || weights.step !== step) return;
  const learned = files.find(({ name }) => name === WEIGHTS || name === FACTORS);
  if (learned && (await hashOf(learned.chunks(), signal)) === weights.sha256) return;
  throw strange('has other weights than its receipt names');
}

/** A run that goes on has the shape of the model that it goes on from; of that, the settings say the sizes alone. */
function shapeOf({ model, base }: RunSettings, vocabSize: number, stored: GptConfig): GptConfig {
  const { config } = newModelOf(model, vocabSize);
  if (!base) return config;
  const { nCtx, nLayer, nHead, nEmbd } = config;
  return { ...stored, vocabSize, nCtx, nLayer, nHead, nEmbd };
}

/** Throws `training/text-needed`, `training/text-other`, `training/text`, `training/edit`. */
async function textOf(
  entries: ReadonlyMap<string, ZipEntry>,
  { settings, text: facts }: KeptRun,
  {
    base,
    text,
    signal,
  }: {
    readonly base: string;
    readonly text: RunText | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Uint8Array<ArrayBuffer>> {
  const inside = entries.get(TEXT);
  let bytes: Uint8Array<ArrayBuffer>;
  if (inside) {
    if (inside.sizeBytes > MOST_TEXT_BYTES) {
      throw strange(`has a text of ${toMegabytes(inside.sizeBytes)}`);
    }
    bytes = await readEntry(inside);
  } else if (text) bytes = await readRunText(text, base, signal);
  else if (settings.text.kind === 'own') throw textNeeded(settings.text.name, facts.sha256);
  else bytes = await readRunText(settings.text, base, signal);
  const learned = learnedOf(bytes, settings.edits);
  if (learned === null || (await hashOf(learned, signal)) !== facts.sha256) {
    throw otherText(settings.text, facts.sha256);
  }
  return bytes;
}

/** Null where what was changed in the text does not stand in this one. */
function learnedOf(bytes: Uint8Array<ArrayBuffer>, edits: RunSettings['edits'] = []) {
  try {
    return edits.length === 0 ? bytes : edited(bytes, edits);
  } catch {
    return null;
  }
}

function strange(what: string): EngineError {
  return new EngineError(`The run’s file ${what}.`, {
    code: 'training/file',
    hint: 'Nothing of it was kept. Export the run again on the machine that it comes from.',
  });
}
