// What a caller may say about loading a model.
import type { DeviceRequest, Dtype, ProgressInfo, Reading, RunStep } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { Patience } from '../../hub/network.ts';
import type { ProcessorOptions } from './processor.ts';

export interface FromPretrainedOptions extends Reading {
  /** By default `fp16` on a graphics card, `fp32` where the processor computes, `q8` where that is too large. */
  readonly dtype?: Dtype;
  /** A wish, or a `GPUDevice` of one's own (Dawn in Node). */
  readonly device?: DeviceRequest | GPUDevice;
  /**
   * True for kernels without barriers, workgroup memory and subgroups, false for those with them, whatever the
   * adapter says it is.
   */
  readonly plain?: boolean;
  /** How the processor computes, where it does. */
  readonly processor?: ProcessorOptions;
  /**
   * How long WebGPU is asked again where it has no adapter, as it has none for a moment after a device was lost; not
   * at all by default. Where `auto` waits in vain, the processor's summary says `standsIn`.
   */
  readonly adapterPatienceMs?: number | undefined;
  /** Branch, tag or commit of a model on a Hub; `main` by default. */
  readonly revision?: string;
  /** What `revision` meant when it was agreed to, 40 hex digits: nothing else is fetched then. */
  readonly commit?: string;
  /** A mirror of the Hub, or a server that has models under the same addresses. */
  readonly host?: string;
  /** What paths are relative to; the page's own address by default. */
  readonly base?: string;
  /**
   * The model that the adapter at `source` was trained on, named as models are: nothing is fetched for an adapter that
   * was not asked for. Not needed where the adapter lies beside its model.
   */
  readonly base_model?: string;
  /** Branch, tag or commit of `base_model` on a Hub; `main` by default. */
  readonly base_revision?: string;
  /** False looks for no adapter beside the weights, which saves a request to a web server. */
  readonly adapter?: false;
  /** Files that were dropped or chosen, instead of what the source names. */
  readonly files?: readonly File[];
  /**
   * A checkpoint that is kept in this browser, or in `cache_dir`, instead of what the source names. Beside `files` it says
   * which step of which run they are.
   */
  readonly run?: RunStep;
  /** False streams a download to the device and keeps nothing. */
  readonly keep?: boolean;
  /** A directory that keeps downloads, in Node. */
  readonly cache_dir?: string;
  /** How often and how soon a broken download is tried again. */
  readonly patience?: Patience;
  readonly progress_callback?: (info: ProgressInfo) => void;
  /** Aborting keeps what came, so that loading again goes on there. */
  readonly signal?: AbortSignal;
}

const DTYPES: readonly Dtype[] = ['fp32', 'fp16', 'q8'];

/** Throws `options/dtype` for what is none. */
export function checkDtype(value: unknown): void {
  if (value === undefined || DTYPES.includes(value as Dtype)) return;
  throw new EngineError(
    `dtype is ${JSON.stringify(value)}; expected ${DTYPES.slice(0, -1).join(', ')} or ${DTYPES.at(-1)}.`,
    { code: 'options/dtype', hint: 'Leave dtype out for what suits this machine.' },
  );
}
