// Whether a model is computed rightly, and what its precision costs.
import type { DeviceSummary, Dtype } from './device.ts';

/** What the precision of the weights costs, measured on this model over a fixed text. */
export interface PrecisionCost {
  readonly dtype: Dtype;
  /** Tokens of the text; each is a position that is compared. */
  readonly tokens: number;
  /** Share of positions where the most probable token is that of fp32, 0 to 1. */
  readonly top1: number;
  /** Mean KL(fp32 ‖ this precision) of a position, in bits. */
  readonly klBits: number;
  /** Largest difference between two logits. */
  readonly maxDifference: number;
  /** Bytes that were loaded beside the model meanwhile; 0 for fp32 itself. */
  readonly referenceBytes: number;
  readonly ms: number;
}

/** Whether this device computes this model rightly, by a few prompts. */
export interface SelfCheck {
  readonly passed: boolean;
  /**
   * Logits that are shipped for this checkpoint; or what others published of it, and the plain meanings
   * of the kernels; else these alone, from the same weights.
   */
  readonly against: 'reference' | 'published' | 'meanings';
  /** Share of positions with the same most probable token, 0 to 1. */
  readonly top1: number;
  /** Mean KL of a position, in bits. */
  readonly klBits: number;
  /** Largest difference between two logits; NaN where one is no number. */
  readonly maxDifference: number;
  readonly dtype: Dtype;
  readonly device: DeviceSummary;
  readonly ms: number;
  /** All of this and more in lines of text, to be copied. */
  readonly report: string;
}
