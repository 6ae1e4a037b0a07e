// The notebook's model, drawn from its seed as PyTorch draws it: what the page asks for, and what it is told.
import type { DeviceRequest, DeviceSummary } from './device.ts';

export interface DrawRequest {
  /** The notebook's own 163,009,536 parameters, or the same class as narrow as PyTorch's numbers of it are kept here. */
  readonly which: 'whole' | 'narrow';
  readonly device?: DeviceRequest;
}

/** A number that PyTorch gave, and the same one here. */
export interface NumberPair {
  /** As PyTorch prints it: four decimals and an exponent. */
  readonly there: string;
  readonly here: string;
  /** How far they are apart, in units of the last digit; NaN where that here is none. */
  readonly off: number;
  /** By how much what was computed here differs from what is printed there. */
  readonly difference: number;
  /** Whether float32 tells no more: the digits that differ depend on the order in which sums were taken. */
  readonly isUntold: boolean;
}

/** Logits of one token: of the vocabulary's first three, and of its last three. */
export interface LogitsRow {
  readonly token: string;
  readonly logits: readonly NumberPair[];
}

/** What drawing comes to, in order. */
export type DrawEvent =
  | { readonly type: 'preparing'; readonly what: string; readonly share: number | null }
  /** Of the narrow one, whose weights PyTorch gave: tensors, and those that are the same to the bit. */
  | { readonly type: 'weights'; readonly tensors: number; readonly same: number }
  /** A list a text. */
  | {
      readonly type: 'logits';
      /** Of the vocabulary, by number. */
      readonly columns: readonly number[];
      readonly rows: readonly (readonly LogitsRow[])[];
    }
  /** Of the narrow one, which is trained too: nats a token, before each step. */
  | { readonly type: 'step'; readonly step: number; readonly there: number; readonly here: number }
  | { readonly type: 'done'; readonly seconds: number; readonly device: DeviceSummary };
