// A base model's tensors with an adapter merged into them while they are read: W + s·B·A a piece of rows at a time, and
// what the adapter stores whole in the base's place.
import { EngineError } from '../../errors.ts';
import type { Weights } from '../../formats/shards.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import type { ConfigFile } from '../configFile.ts';
import { openCheckpoint } from '../openCheckpoint.ts';
import { renamed, withPlainNames, withoutMasks } from '../names.ts';
import type { AdapterConfig } from './adapterConfig.ts';
import { isAdapterAlone, isLora, withoutPeft } from './adapterNames.ts';
import { type AdapterPlan, type Change, planAdapter } from './adapterPlan.ts';
import { adapterAlone } from './refuse.ts';
import { type LowRank, addLowRank, toLowRank } from './lowRank.ts';

/** An adapter's files, opened as often as they are read. */
export interface AdapterFiles {
  readonly config: AdapterConfig;
  /** Whether its tensors lie in the base's own file, beside the layers that they change. */
  readonly isBesideLayers: boolean;
  readonly open: () => Promise<Weights>;
}

export interface Adapted {
  readonly source: TensorSource;
  readonly plan: AdapterPlan;
  /** Checks what was read of the adapter to its end. */
  readonly finish: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Plans the merge and reads the factors, which are small. What the adapter stores whole is read from its file again,
 * piece by piece, before anything of the base: a stream of the base goes forward only. Throws `adapter/…`,
 * `checkpoint/…`, and what opening throws.
 */
export async function withAdapter(
  stored: TensorSource,
  file: ConfigFile,
  { config, isBesideLayers, open }: AdapterFiles,
): Promise<Adapted> {
  if (isBesideLayers && isAdapterAlone([...stored.shapes.keys()])) {
    throw adapterAlone('This is', config);
  }
  // Who has a config and no factors has lost a file.
  if (isBesideLayers && ![...stored.shapes.keys()].some(isOfAdapter)) {
    throw new EngineError(
      'There is adapter_config.json, but no adapter_model.safetensors beside it, nor do its tensors lie in the model’s file.',
      {
        code: 'adapter/tensors',
        hint: 'Put adapter_model.safetensors from the adapter’s own folder beside it (a file of another name is to be named so), or take adapter_config.json away to load the model by itself.',
      },
    );
  }
  const base = openCheckpoint(isBesideLayers ? layersOf(stored) : stored, file);
  const tensorsOf = ({ tensors }: Weights): TensorSource => {
    const plain = withoutMasks(withPlainNames(tensors));
    return isBesideLayers ? only(plain, isOfAdapter) : plain;
  };
  const weights = await open();
  let plan: AdapterPlan;
  let products: ReadonlyMap<string, readonly LowRank[]>;
  try {
    const adapter = tensorsOf(weights);
    plan = planAdapter(adapter, base, file, config);
    products = await readProducts(adapter, plan);
    await weights.finish();
  } finally {
    await weights.close();
  }
  const [wte] = base.layout.namesOf('wte.weight');
  const [head] = base.layout.namesOf('lmHead.weight');
  const wholes = [...plan.changes].filter(([, { whole }]) => whole !== null);
  const replaced = new Set(wholes.map(([name]) => name));
  const kept = new Map<string, string>();
  for (const name of base.source.shapes.keys()) {
    // The base's embedding becomes the head, in its own place in the file.
    if (plan.headIsOldEmbedding && name === wte) kept.set(head, wte);
    else if (!replaced.has(name) && !(plan.headIsOldEmbedding && name === head))
      kept.set(name, name);
  }
  const rest = renamed(base.source, kept);
  const again = wholes.length > 0 ? await open() : null;
  const adapter = again && tensorsOf(again);
  const storedAs = new Map(wholes.map(([name, { whole }]) => [whole, name]));
  const first = new Map<string, string>();
  // In the order of the adapter's file.
  for (const name of adapter?.shapes.keys() ?? []) {
    const place = storedAs.get(name);
    if (place !== undefined) first.set(place, name);
  }
  const whole = adapter && renamed(adapter, first);
  const source: TensorSource = {
    shapes: new Map([...(whole?.shapes ?? []), ...rest.shapes]),
    unreadable: rest.unreadable,
    absent: stored.absent,
    notes: [...(stored.notes ?? []), ...plan.notes],
    async read(name, from = 0, count, into) {
      const of = whole?.shapes.has(name) ? whole : rest;
      const values = await of.read(name, from, count, into);
      const added = products.get(name);
      if (added === undefined) return values;
      // What a source hands out may be its own.
      const own = values.buffer === into?.buffer ? values : values.slice();
      addLowRank(own, from, added);
      return own;
    },
  };
  return {
    source,
    plan,
    finish: async () => again?.finish(),
    close: async () => again?.close(),
  };
}

/** The products by the base's names. The adapter is read from its first tensor to its last. */
async function readProducts(
  adapter: TensorSource,
  { changes }: AdapterPlan,
): Promise<ReadonlyMap<string, readonly LowRank[]>> {
  const wanted = new Set<string>();
  for (const { products, added } of changes.values()) {
    for (const { a, b } of products) wanted.add(a).add(b);
    for (const { name } of added) wanted.add(name);
  }
  const read = new Map<string, Float32Array>();
  for (const name of adapter.shapes.keys()) {
    if (!wanted.has(name)) continue;
    const values = await adapter.read(name);
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      throw new EngineError(`${name} of the adapter has the value ${values[at]} at place ${at}.`, {
        code: 'adapter/not-finite',
        hint: 'The file is damaged, or its training ended in numbers that are none: load another one.',
      });
    }
    read.set(name, values);
  }
  const get = (name: string): Float32Array => read.get(name) ?? new Float32Array(0);
  const toProducts = ({ products, added }: Change): LowRank[] => [
    ...products.map(({ a, b, rank, scale, isInputFirst }) =>
      toLowRank(get(a), get(b), rank, scale, isInputFirst),
    ),
    // A vector is a matrix of one row.
    ...added.map(({ name, scale }) => toLowRank(get(name), new Float32Array([1]), 1, scale, false)),
  ];
  return new Map(
    [...changes]
      .map(([name, change]) => [name, toProducts(change)] as const)
      .filter(([, products]) => products.length > 0),
  );
}

/** What PEFT keeps of a model whose adapter is not merged yet, as if it were a model without. */
function layersOf(stored: TensorSource): TensorSource {
  const names = new Map<string, string>();
  for (const name of withPlainNames(stored).shapes.keys()) {
    if (!isOfAdapter(name)) names.set(withoutPeft(name).replace('.original_module.', '.'), name);
  }
  return renamed(withPlainNames(stored), names);
}

function isOfAdapter(name: string): boolean {
  return isLora(name) || name.includes('.modules_to_save.');
}

function only(source: TensorSource, isWanted: (name: string) => boolean): TensorSource {
  const names = [...source.shapes.keys()].filter(isWanted);
  return renamed(source, new Map(names.map((name) => [name, name])));
}
