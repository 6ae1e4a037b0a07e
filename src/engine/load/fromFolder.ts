// From the name of a model to a loaded one: the files of its folder, a device, and the weights on it.
import type { Assumption, ModelOrigin, Reading } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { Weights } from '../../formats/shards.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { type ModelFolder, parseJsonFile } from '../../hub/modelFolder.ts';
import { openModel } from '../../hub/open.ts';
import type { OpenOptions } from '../../hub/where.ts';
import { type ConfigFile, readConfigFile } from '../../model/configFile.ts';
import type { AdapterPlan } from '../../model/adapters/adapterPlan.ts';
import { compileEarly } from '../../model/load.ts';
import { pairFacts, pairOf, tokenizerFolder } from './adapterOf.ts';
import { hold, letGo } from './holders.ts';
import { askedOfRun, isSameConfig } from './ofRun.ts';
import { openDevice } from './openDevice.ts';
import { readDefaults } from './defaults.ts';
import { type Loaded, fromTensors } from './loaded.ts';
import { type FromPretrainedOptions, checkDtype } from './options.ts';
import { PartReporter } from './progress.ts';
import { toldOf, vocabSizeOf } from './told.ts';
import { readTokenizerFiles, toTokenizer } from './tokenizerOf.ts';

/**
 * What `GPT2.from_pretrained` promises. Where `beside` is loaded, and is another step of the same run that was asked for
 * in the same way, its device, its pipelines and its tokenizer serve both: only weights are read.
 */
export async function fromFolder(
  source: string,
  options: FromPretrainedOptions,
  beside?: Loaded,
): Promise<Loaded> {
  checkDtype(options.dtype);
  // The first thing to fail stops the others: nobody downloads weights for a missing adapter.
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const reporter = new PartReporter(options.progress_callback);
  const { revision, commit, host, base, files, run, keep, cache_dir, patience } = options;
  const place: OpenOptions = {
    revision,
    commit,
    host,
    base,
    files,
    run,
    keep,
    cache_dir,
    patience,
  };
  const how = {
    ...place,
    signal,
    progress_callback: options.progress_callback && reporter.report,
  };
  const asked = askedOfRun(options);
  const other = asked !== null && beside?.ofRun?.asked === asked ? beside.ofRun : null;
  // At once, because whoever has loaded it may dispose it while the folder is being opened.
  let opened = beside && other ? Promise.resolve(hold(beside.device)) : null;
  const folders: ModelFolder[] = [];
  let early: Promise<Weights> | null = null;
  try {
    const named = await openModel(source, how);
    folders.push(named);
    const pair = await pairOf(named, options, how);
    const folder = pair.model;
    folders.unshift(folder);
    const reading = readConfig(folder).catch(async (error: unknown) => {
      // An adapter alone says what it is.
      await pair.adapter;
      throw error;
    });
    // What a Hub sends is kept, so it is asked for once it is known to be of use; elsewhere everything at once.
    if (folder.origin.kind === 'hub') await Promise.all([reading, pair.adapter]);
    // A step of a run is small, and opening it takes as long as reading it: its weights need not wait for its config.
    early = other && folder.openWeights();
    early?.catch(() => {});
    const common = other && isSameConfig(other.config, await reading) ? other : null;
    let opening = opened;
    if (!common || !opening) {
      await opening?.then(letGo);
      opening = openDevice(options.device, {
        plain: options.plain,
        processor: options.processor,
        patienceMs: options.adapterPatienceMs,
        signal,
      });
      opened = opening;
      // What goes wrong here goes wrong again, in words, once the weights are here.
      Promise.all([opening, reading])
        .then(([device, config]) => compileEarly(device, config, options.dtype))
        .catch(() => {});
    }
    const small = common
      ? ([common.tokenizerFiles, common.extra] as const)
      : Promise.all([
          tokenizerFolder(pair).then((owner) => readTokenizerFiles(owner, reading)),
          readDefaults(folder),
        ]);
    const ready = Promise.all([reading, opening, small]);
    const load = async (tensors: TensorSource, plan: AdapterPlan | null): Promise<Loaded> => {
      const [config, device, [tokenizerFiles, extra]] = await ready;
      const told = toldOf(plan ? plan.file : config, options);
      const found =
        common?.tokenizer ?? (await toTokenizer(tokenizerFiles, vocabSizeOf(tensors, told)));
      const notes = [...(tensors.notes ?? []), found.note, extra.note].filter(
        (note) => note !== undefined,
      );
      const loaded = await fromTensors(reporter.watch(tensors), {
        device,
        ownsDevice: true,
        dtype: options.dtype,
        source,
        ...pairFacts(pair, plan),
        again: async (wanted) => {
          const kept = await keptCommit(named.origin, place);
          const keptBase = pair.beside && (await keptCommit(folder.origin, place));
          const same = {
            ...place,
            ...(kept !== null && { revision: kept }),
            ...(pair.beside && {
              base_model: options.base_model,
              base_revision: keptBase ?? undefined,
            }),
            ...(options.adapter === false && { adapter: options.adapter }),
          };
          const { device: wish, plain, processor } = options;
          // What was decided once is not measured again.
          const decided = readingOf(loaded.assumed, options);
          return fromFolder(source, {
            ...same,
            ...decided,
            device: wish,
            plain,
            processor,
            ...wanted,
          });
        },
        ...(asked !== null && {
          ofRun: { asked, config, tokenizerFiles, tokenizer: found, extra },
        }),
        tokenizer: found.tokenizer,
        tokenizerAdvice: found.advice,
        tokenizerFiles: tokenizerFiles.texts.size > 0 ? tokenizerFiles.texts : null,
        file: { ...told, eosTokenIds: extra.eosTokenIds ?? config.eosTokenIds },
        defaults: extra.defaults,
        notes,
        onMeasure: () => {
          const note = `Reading a text, to find what the files of ${folder.name} do not say…`;
          reporter.report({ status: 'progress', name: folder.name, note });
        },
        signal,
      });
      return loaded;
    };
    const openWeights = (): Promise<Weights> => {
      const weights = early ?? folder.openWeights();
      early = null;
      return weights.catch(async (error: unknown) => {
        // Of a folder that lacks both, config.json is missed first.
        await reading;
        await pair.adapter;
        if (options.files === undefined) await folder.read('config.json');
        throw error;
      });
    };
    const merged = async (tensors: TensorSource): Promise<Loaded> => {
      const adapter = await pair.adapter;
      if (!adapter) return load(tensors, null);
      const { withAdapter } = await import('../../model/adapters/withAdapter.ts');
      const {
        source: all,
        plan,
        finish,
        close,
      } = await withAdapter(tensors, await reading, adapter);
      let loaded: Loaded | null = null;
      try {
        loaded = await load(all, plan);
        await finish();
        return loaded;
      } catch (error) {
        loaded?.gpt.dispose();
        throw error;
      } finally {
        await close();
      }
    };
    const recover = async (error: unknown): Promise<boolean> =>
      (await folder.recover(error)) || (folder !== named && (await named.recover(error)));
    const loaded = await uploaded(recover, openWeights, ready, merged, () => stop.abort());
    options.progress_callback?.({ status: 'ready', name: folder.name });
    return loaded;
  } catch (error) {
    stop.abort();
    await opened?.then(letGo, () => {});
    await early?.then(
      (weights) => weights.close(),
      () => {},
    );
    throw error;
  } finally {
    for (const folder of folders) await folder.close();
  }
}

/**
 * Uploads the weights of a folder once `ready` is, and checks all of them; what was damaged on its way
 * is fetched once more. What else fails fails for good; nothing stays open then. `stop` ends what is on its way.
 */
async function uploaded(
  recover: ModelFolder['recover'],
  openWeights: () => Promise<Weights>,
  ready: Promise<unknown>,
  load: (tensors: TensorSource) => Promise<Loaded>,
  stop: () => void,
): Promise<Loaded> {
  let mayRecover = true;
  ready.catch(() => (mayRecover = false));
  for (;;) {
    const opening = openWeights();
    let loaded: Loaded | null = null;
    try {
      const [weights] = await Promise.all([opening, ready]);
      try {
        loaded = await load(weights.tensors);
        await weights.finish();
        return loaded;
      } finally {
        await weights.close();
      }
    } catch (error) {
      // The device stays for another try.
      loaded?.gpt.dispose();
      if (mayRecover && (await recover(error))) continue;
      stop();
      await opening.then(
        (weights) => weights.close(),
        () => {},
      );
      throw error;
    }
  }
}

/**
 * The commit under which all of a Hub's model is kept; null for models from elsewhere. Throws `engine/not-kept`:
 * it may never have been kept, or was deleted since. Folders of other sites never are: who once agreed to a
 * download did not agree to another.
 */
async function keptCommit(origin: ModelOrigin, place: OpenOptions): Promise<string | null> {
  const { kind, id, host, commit, keptIn } = origin;
  if (kind === 'hub' && host !== null && commit !== null) {
    const { isKept } = await import('../../hub/hubs.ts');
    if (keptIn !== 'memory' && (await isKept({ kind, host, id, commit }, place))) return commit;
  } else {
    const page = globalThis.location as Location | undefined;
    if (keptIn !== 'memory' || host === page?.origin) return null;
  }
  throw new EngineError(`${id} is not kept here, and would be downloaded again.`, {
    code: 'engine/not-kept',
    hint: 'Load it from a folder on this machine, or from a Hub in a window that keeps files.',
  });
}

/** How a model was read, as options that read it so again. */
function readingOf(assumed: readonly Assumption[] = [], told: Reading): Reading {
  const { nHead, layer_norm_denominator, activation_function } = told;
  const decided = Object.fromEntries(assumed.map(({ key, value }) => [key, value]));
  return { nHead, layer_norm_denominator, activation_function, ...decided };
}

/**
 * `config.json`; whoever saved weights alone has none. On the web it is what tells a model's folder from any other
 * address, before anything large is waited for.
 */
async function readConfig(folder: ModelFolder): Promise<ConfigFile> {
  const bytes = await folder.read('config.json', folder.origin.keptIn === 'disk');
  return bytes ? readConfigFile(parseJsonFile(bytes, 'config.json')) : {};
}
