// What computes, and how weights are stored there.

/**
 * Storage format of the weights; arithmetic is always f32. `q8` keeps matrices as int8 with a scale for
 * every 32 of them.
 */
export type Dtype = 'fp32' | 'fp16' | 'q8';

/** Which device to compute on; `auto` takes WebGPU where a hardware adapter is, else the processor. */
export type DeviceRequest = 'auto' | 'webgpu' | 'cpu';

/** What computes, in facts the page can put into words. */
export interface DeviceSummary {
  readonly kind: 'webgpu' | 'cpu';
  /** True when the "GPU" is a program on the processor (SwiftShader, llvmpipe, WARP). */
  readonly isSoftware: boolean;
  /**
   * True of a processor that stands in for a GPU: one was lost, and no adapter answered in the time that `auto` waits
   * then. There may be one again by now.
   */
  readonly standsIn?: boolean;
  /** True where weights take the memory of 32 bit whatever their precision: plain loops read them unpacked. */
  readonly unpacks?: boolean;
  /** Short name for people, for example `SwiftShader (software)` or `This computer's processor`. */
  readonly label: string;
  readonly vendor: string;
  readonly architecture: string;
  /** What the driver says of the adapter; of a processor what computes, as of when the model was loaded. */
  readonly description: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Why WebGPU can or cannot be used here; the page has words and next steps for each code. */
export interface GpuVerdict {
  readonly code: 'ok' | 'software' | 'no-api' | 'insecure' | 'no-adapter' | 'limits';
  /** Name of the adapter when there is one. */
  readonly adapter?: string;
  /** For `limits`: which limit, what is needed and what the adapter offers. */
  readonly limit?: { readonly name: string; readonly needed: number; readonly offered: number };
}
