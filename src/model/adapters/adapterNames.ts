// What the tensors of a LoRA adapter are, by their names: as PEFT writes them, with an adapter's name in them or without,
// and as they lie beside the layers of a model that was saved before it was merged.
import { EngineError } from '../../errors.ts';

/** A tensor of an adapter. */
export type AdapterTensor =
  /** One of the two factors of a module: B·A is added to its weight. Of an embedding, `isTable`. */
  | {
      readonly kind: 'factor';
      readonly module: string;
      readonly factor: 'A' | 'B';
      readonly isTable: boolean;
    }
  /** Added to the bias of the module. */
  | { readonly kind: 'bias'; readonly module: string }
  /** Takes the place of a tensor of the base; `isTrained` where it is a copy of its own, trained beside the base's. */
  | {
      readonly kind: 'whole';
      readonly module: string;
      readonly leaf: string;
      readonly isTrained: boolean;
    }
  /** The base's own, kept by PEFT beside what takes its place. */
  | { readonly kind: 'original' };

/** Whether a tensor of this name belongs to a LoRA, wherever it lies. */
export function isLora(name: string): boolean {
  return /(?:^|\.)lora_/.test(name) || isBookLora(name);
}

/** The same in the book of the notebook's model, whose layers are wrapped as `linear` beside `lora`. */
export function isBookLora(name: string): boolean {
  return /\.lora\.[AB]$/.test(name);
}

/** Parts of names that one other kind of adapter alone has. */
const OTHER_KINDS: readonly (readonly [part: RegExp, kind: string])[] = [
  [/(?:^|\.)ia3_l\b/, 'IA³'],
  [/(?:^|\.)hada_w[12]_/, 'LoHa'],
  [/(?:^|\.)lokr_[wt]/, 'LoKr'],
  [/(?:^|\.)vera_(?:lambda|A|B)/, 'VeRA'],
  [/(?:^|\.)b?oft_[rRs]/, 'OFT'],
  [/(?:^|\.)vblora_/, 'VB-LoRA'],
  [/(?:^|\.)fourierft_spectrum/, 'FourierFT'],
  [/(?:^|\.)hra_u/, 'HRA'],
  [
    /(?:^|\.)(?:adapters|adapter_(?:down|up)|(?:output|attention|mh|cross)_adapters?)\./,
    'bottleneck (AdapterHub)',
  ],
  [/^prompt_embeddings$|(?:^|\.)prompt_(?:encoder|embedding|tuning)\./, 'prompt or prefix tuning'],
];

/** Which kind of adapter, other than LoRA, these names belong to; null for none. */
export function otherKind(names: readonly string[]): { kind: string; name: string } | null {
  for (const [part, kind] of OTHER_KINDS) {
    const name = names.find((each) => part.test(each));
    if (name !== undefined) return { kind, name };
  }
  return null;
}

/** Whether a file of these names holds an adapter and no model: nothing but LoRA is of a block's attention. */
export function isAdapterAlone(names: readonly string[]): boolean {
  const ofModel = /(?:^|\.)(?:h|blocks|trf_blocks)\.0\.(?:attn|att)\..*(?:weight|original\d*)$/;
  return (
    names.some(isLora) &&
    !names.some(
      (name) => !isLora(name) && !name.includes('.modules_to_save.') && ofModel.test(name),
    )
  );
}

/** The same name without what PEFT put around the model, and around a layer. */
export function withoutPeft(name: string): string {
  return name.replace(/^base_model\.(?:model\.)?/, '').replaceAll('.base_layer.', '.');
}

const FACTOR =
  /^(.+)\.lora_(embedding_)?([AB])(?:\.(?!(?:weight|bias)$)([^.]+))?(?:\.(weight|bias))?$/;
const SAVED = /^(.+)\.modules_to_save(?:\.(?!(?:weight|bias)$)([^.]+))?\.([^.]+)$/;

/** Tells the tensors of one adapter; a second one in the same file is refused. */
export class AdapterNames {
  #adapter: string | null = null;

  /** `name` without wrappers. Throws `adapter/unsupported` for what belongs to no plain LoRA, `adapter/several`. */
  read(name: string): AdapterTensor {
    const inModel = name.replace(/^base_model\.(?:model\.)?/, '');
    const [, module, table, factor, adapter, leaf] = FACTOR.exec(inModel) ?? [];
    if (module !== undefined) {
      this.#check(adapter, name);
      if (leaf === 'bias') {
        if (factor === 'B' && table === undefined)
          return { kind: 'bias', module: withoutPeft(module) };
        throw unsupported(name);
      }
      return {
        kind: 'factor',
        module: withoutPeft(module),
        factor: factor === 'A' ? 'A' : 'B',
        isTable: table !== undefined,
      };
    }
    const [, saved, savedBy, savedLeaf] = SAVED.exec(inModel) ?? [];
    if (saved !== undefined) {
      this.#check(savedBy, name);
      return { kind: 'whole', module: saved, leaf: savedLeaf, isTrained: true };
    }
    if (inModel.includes('.original_module.')) return { kind: 'original' };
    if (isLora(inModel) || inModel.includes('.token_adapter.')) throw unsupported(name);
    const plain = withoutPeft(inModel);
    const dot = plain.lastIndexOf('.');
    return {
      kind: 'whole',
      module: plain.slice(0, dot),
      leaf: plain.slice(dot + 1),
      isTrained: false,
    };
  }

  #check(adapter: string | undefined, name: string): void {
    if (adapter === undefined) return;
    this.#adapter ??= adapter;
    if (this.#adapter === adapter) return;
    throw new EngineError(
      `The file holds two adapters, ${this.#adapter} and ${adapter} (${name}); one is merged at a time.`,
      {
        code: 'adapter/several',
        hint: 'Save the adapter that is meant by itself: model.save_pretrained("adapter", selected_adapters=["…"]).',
      },
    );
  }
}

function unsupported(name: string): EngineError {
  const what = name.includes('lora_magnitude_vector')
    ? 'DoRA, which scales each output by a length of its own'
    : 'a kind of adapter that is not merged here';
  return new EngineError(`${name} belongs to ${what}.`, {
    code: 'adapter/unsupported',
    hint: 'Merge it where it was made (merge_and_unload in PEFT), and load the merged model.',
  });
}
