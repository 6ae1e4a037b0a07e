// The adapter of a model: beside its weights, or in a place of its own together with the model that the caller names.
import type { AdapterFacts, ModelOrigin } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import {
  ADAPTER_CONFIG,
  type ModelFolder,
  type StoredAdapter,
  parseJsonFile,
} from '../../hub/modelFolder.ts';
import { openModel } from '../../hub/open.ts';
import type { OpenOptions } from '../../hub/where.ts';
import type { AdapterPlan } from '../../model/adapters/adapterPlan.ts';
import { adapterAlone, refuseAdapterBeside } from '../../model/adapters/refuse.ts';
import type { AdapterFiles } from '../../model/adapters/withAdapter.ts';

/** A model's folder, and an adapter that is merged into it. */
export interface Pair {
  readonly model: ModelFolder;
  /** The adapter's own folder, where that is another. */
  readonly beside: ModelFolder | null;
  /**
   * Null where there is no adapter. Rejects with `adapter/base` for one without a model, with `adapter/config` and
   * `adapter/unsupported` for one that is not merged here. Settles while the model's other files come.
   */
  readonly adapter: Promise<AdapterFiles | null>;
}

interface PairOptions {
  readonly base_model?: string;
  readonly base_revision?: string;
  readonly adapter?: false;
}

/**
 * What lies in a folder that was opened: a model, an adapter beside it, or an adapter alone, whose model is opened
 * then if the caller names it. Throws `adapter/none`, and as `openModel` does.
 */
export async function pairOf(
  folder: ModelFolder,
  { base_model, base_revision, adapter }: PairOptions,
  place: OpenOptions,
): Promise<Pair> {
  const finding = adapter === false ? Promise.resolve(null) : findAdapter(folder);
  if (base_model === undefined) {
    const checked = finding.then(async (found) => {
      const files = found && (await toFiles(found));
      if (files && !found.hasModel) throw adapterAlone(`${folder.name} is`, files.config);
      return files;
    });
    checked.catch(() => {});
    return { model: folder, beside: null, adapter: checked };
  }
  const found = await finding;
  if (!found) {
    throw new EngineError(`${folder.name} holds no adapter: it has no ${ADAPTER_CONFIG}.`, {
      code: 'adapter/none',
      hint: 'Leave base_model out to load a model by itself.',
    });
  }
  const adapterFiles = await toFiles(found);
  const { files: _, commit: __, run: ___, ...elsewhere } = place;
  const model = await openModel(base_model, { ...elsewhere, revision: base_revision });
  return {
    model,
    beside: folder,
    adapter: Promise.resolve({ ...adapterFiles, isBesideLayers: false }),
  };
}

/** Throws `adapter/scale` and `adapter/unsupported` for one that lies beside the model without its config. */
async function findAdapter(folder: ModelFolder): Promise<StoredAdapter | null> {
  const found = await folder.openAdapter();
  if (found) return found;
  for (const [file, shapes] of (await folder.shapesBeside?.()) ?? []) {
    refuseAdapterBeside(file, shapes);
  }
  return null;
}

async function toFiles({ config, isBesideLayers, open }: StoredAdapter): Promise<AdapterFiles> {
  const json = parseJsonFile(config, ADAPTER_CONFIG);
  // Few models come with an adapter.
  const { readAdapterConfig } = await import('../../model/adapters/adapterConfig.ts');
  return { config: readAdapterConfig(json), isBesideLayers, open };
}

/** Whose tokenizer is the model's: the adapter's own folder may have one with more tokens. */
export async function tokenizerFolder({ model, beside }: Pair): Promise<ModelFolder> {
  if (!beside) return model;
  const own =
    (await beside.read('tokenizer.json', true)) ?? (await beside.read('vocab.json', true));
  return own ? beside : model;
}

/** What is said of a model and its adapter. */
export function pairFacts(
  { model, beside }: Pair,
  plan: AdapterPlan | null,
): { readonly name: string; readonly origin: ModelOrigin; readonly adapter?: AdapterFacts } {
  const { name, origin } = model;
  if (!plan) return { name, origin };
  // The sum is that of the model's own file, which this one is not any more.
  const { sha256: _, ...changed } = origin;
  const { ranks, alphas, matrices } = plan;
  const adapter = {
    name: (beside ?? model).name,
    ...(beside ? { origin: beside.origin } : {}),
    ranks,
    alphas,
    matrices,
  };
  return {
    name: beside ? `${name} + ${beside.name}` : name,
    origin: changed,
    adapter,
  };
}
