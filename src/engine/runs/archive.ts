// A run as files that another machine goes on with, and back: its record, its curve, samples and receipt for people, the
// last checkpoint, and its text where somebody wants that along. Read back, a stranger may have written them.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
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
import { OPTIMIZER, WEIGHTS } from '../training/checkpoints.ts';
import { toArguments } from '../training/options.ts';
import { checkSame } from '../training/restore.ts';
import { TRAINER_STATE, readTrainerState } from '../training/trainerState.ts';
import { checkCurveOf, checkReceiptOf, checkRecord } from './claims.ts';
import { edited } from './edits.ts';
import { hashOf } from './hash.ts';
import { otherText, readReceipt, receiptOf, textNeeded } from './receipt.ts';
import { type KeptRun, readRun, restingState, writeRun } from './record.ts';
import { RECORD_BYTES, type RunStore } from './runStore.ts';
import { nameAmong, newModelOf } from './settings.ts';
import { MOST_TEXT_BYTES, readRunText } from './texts.ts';

const RECORD = 'run.json';
const TEXT = 'text.txt';
const RECEIPT = 'receipt.json';
const CURVE = 'curve.csv';
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
    textFile(CURVE, curveCsv(run.points, run.evaluations)),
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
 * Keeps a run that was taken away. All that can be checked is checked before anything is kept, but for the weights, which
 * are read once: their hash is known when they are written. Whatever fails, nothing stays. Throws `training/file`, `training/text-needed`, `training/text-other`, `training/checkpoint`,
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
  const weights = await checkBeside(entries, run, checkpoint);
  const bytes = await textOf(entries, run, { base, text, signal });
  try {
    await store.writeText(id, new Blob([bytes]));
    const snapshots: KeptRun['snapshots'][number][] = [];
    if (checkpoint) {
      const { step, files } = checkpoint;
      const read = hashing(files);
      const kept = await store.checkpoints(id).write(step, read.files, signal);
      if (read.hash() !== weights) throw strange('has other weights than its receipt names');
      // The one step that can be looked at at once: its weights as they are. Of an adapter they are no model.
      if (!run.settings.base?.lora) {
        const seen = await store.snapshots(id).write(step, savedModelOf(kept), signal);
        const before = run.snapshots.find((one) => one.step === step);
        snapshots.push({ step, sizeBytes: sizeOf(seen), scores: before?.scores ?? null });
      }
    }
    signal?.throwIfAborted();
    // From here on it counts.
    const name = nameAmong(run.name, await store.list());
    await store.write({ ...run, id, name, snapshots, state: restingState(run), claimed: run.step });
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
  const bytes = entry && entry.sizeBytes <= RECORD_BYTES ? await readEntry(entry) : null;
  const run = bytes && readRun(bytes);
  if (!run || !SHA256.test(run.text.sha256)) {
    throw new EngineError(`Its ${RECORD} is not the record of a run that this page reads.`, {
      code: 'training/file',
      hint: 'A newer page may have written it: reload this one, or export the run again.',
    });
  }
  // What could never go on is refused with what is wrong, not when somebody presses the button.
  toArguments(run.settings.arguments, run.settings.model.n_ctx);
  checkRecord(bytes, run);
  return run;
}

/** Its files, none of them read but the one that says where the run stood; null where there is none. */
async function checkpointOf(
  entries: ReadonlyMap<string, ZipEntry>,
  { settings, text, step: last, parameters }: KeptRun,
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
  const count = parameterCount(config);
  const weights = 4 * count + HEADER_BYTES;
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
  if (parameters !== count) {
    throw strange(`says ${parameters} parameters, and a model of its settings has ${count}`);
  }
  if (found.step !== step || step > last) {
    throw strange(`is of step ${found.step}, and the run of step ${last}`);
  }
  for (const needed of [settings.base?.lora ? FACTORS : WEIGHTS, OPTIMIZER]) {
    if (!files.some(({ name }) => name === needed))
      throw strange(`has no ${needed} of step ${step}`);
  }
  return { step, files };
}

/** Record, receipt and curve say the same. The hash that the weights have to have; '' where there are none. */
async function checkBeside(
  entries: ReadonlyMap<string, ZipEntry>,
  run: KeptRun,
  checkpoint: { readonly step: number } | null,
): Promise<string> {
  const small = async (name: string): Promise<Uint8Array<ArrayBuffer> | null> => {
    const entry = entries.get(name);
    if (!entry) return null;
    if (entry.sizeBytes <= RECORD_BYTES) return readEntry(entry);
    throw strange(`has a ${name} of ${toMegabytes(entry.sizeBytes)}`);
  };
  const told = await small(RECEIPT);
  if (!told) throw strange(`has no ${RECEIPT}`);
  const receipt = await readReceipt(new Blob([told]));
  checkReceiptOf(run, receipt);
  const curve = await small(CURVE);
  if (curve) checkCurveOf(run, curve);
  const { weights } = receipt;
  if (weights?.step !== checkpoint?.step) {
    throw strange(
      `has weights of step ${checkpoint?.step ?? 'none'}, and its receipt those of step ${weights?.step ?? 'none'}`,
    );
  }
  return weights?.sha256 ?? '';
}

/** The same files; what was learned is hashed while somebody reads it, so that it is read once. */
function hashing(files: readonly SavedFile[]): {
  readonly files: readonly SavedFile[];
  readonly hash: () => string;
} {
  const sum = sha256.create();
  async function* chunks(file: SavedFile): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for await (const chunk of file.chunks()) {
      sum.update(chunk);
      yield chunk;
    }
  }
  return {
    files: files.map((file) =>
      file.name === WEIGHTS || file.name === FACTORS
        ? { ...file, chunks: () => chunks(file) }
        : file,
    ),
    hash: () => bytesToHex(sum.digest()),
  };
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
