// Numbers and tokens in words for people.
import type { ModelSummary, TokenPiece } from '../api.ts';

/** Keeps a number and its unit on one line. */
const NB = '\u00A0';

const whole = new Intl.NumberFormat('en');

export function formatCount(value: number): string {
  return whole.format(value);
}

/** 0.4217 → `42 %`; small ones keep two digits, tiny ones say so. */
export function formatPercent(probability: number): string {
  if (probability <= 0) return `0${NB}%`;
  const percent = probability * 100;
  if (percent >= 99.95 && percent < 100) return `>${NB}99.9${NB}%`;
  if (percent >= 10) return `${percent.toFixed(percent >= 99.5 ? 1 : 0)}${NB}%`;
  if (percent >= 1) return `${percent.toFixed(1)}${NB}%`;
  if (percent >= 0.01) return `${percent.toFixed(2)}${NB}%`;
  return `<${NB}0.01${NB}%`;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}

/** Files up to this size are there before anybody could read how far they are. */
export const SMALL_BYTES = 100_000;

export function formatParameters(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} B`;
  if (count >= 1e8) return `${(count / 1e6).toFixed(0)} M`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  return formatCount(count);
}

export function formatSpeed(tokensPerSecond: number): string {
  return `${tokensPerSecond >= 10 ? tokensPerSecond.toFixed(0) : tokensPerSecond.toFixed(1)} tokens/s`;
}

/** A token in one line: spaces at the ends and control characters become visible marks. */
export function tokenLabel(piece: TokenPiece): string {
  if (piece.special) return piece.text;
  const text = piece.text
    .replaceAll('\r', '␍')
    .replaceAll('\n', '↵')
    .replaceAll('\t', '⇥')
    .replaceAll(
      /[\p{Cc}\p{Cf}]/gu,
      (c) => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
    );
  if (/^ +$/u.test(text)) return '␣'.repeat(text.length);
  return text.replace(/^ /u, '').replace(/ $/u, '␣');
}

/**
 * A token as a sentence names it: “fox”, or ‹"› where it holds quotation marks itself, and ‹new line› where
 * there is nothing to see.
 */
export function quoteToken(piece: TokenPiece): string {
  return quote(piece, tokenLabel(piece));
}

/** The same where a leading space tells ` the` from `the`: “·the”. */
export function quoteAxisToken(piece: TokenPiece): string {
  return quote(piece, tokenAxisLabel(piece));
}

function quote({ text, special }: TokenPiece, label: string): string {
  if (text.trim() === '' && !special) return `‹${whitespaceName(text)}›`;
  const isQuote = /["“”„«»‹›]|^\W*['‘’]\W*$/u.test(label);
  return isQuote ? `‹${label}›` : `“${label}”`;
}

/** White space in words: `new line`, `3 spaces`. */
export function whitespaceName(text: string): string {
  if (text === '') return 'nothing';
  const newlines = text.split('\n').length - 1;
  if (newlines > 0) return newlines === 1 ? 'new line' : `${newlines} new lines`;
  if (/^\t+$/u.test(text)) return text.length === 1 ? 'tab' : `${text.length} tabs`;
  return text.length === 1 ? 'space' : `${text.length} spaces`;
}

/** For axes and rows, where a leading space tells ` the` from `the`. */
export function tokenAxisLabel(piece: TokenPiece): string {
  const label = tokenLabel(piece);
  return piece.text.startsWith(' ') && !/^ +$/u.test(piece.text) ? `·${label}` : label;
}

export function formatBytesHex(piece: TokenPiece): string {
  return piece.bytes.map((b) => b.toString(16).toUpperCase().padStart(2, '0')).join(' ');
}

/** Bits of surprise: how many yes-or-no questions the token was worth. */
export function toBits(logprob: number): number {
  return -logprob / Math.LN2;
}

/** Says what kind of model this is, in the words the page must never leave out. */
export function modelKind(model: ModelSummary | null, wanted: string): string {
  if ((model?.name ?? wanted) === 'tales-7m') return 'tiny story model, not GPT-2';
  if (model === null) return '';
  if (model.nEmbd >= 768 && model.vocabSize >= 50257 && model.nCtx >= 1024) return 'GPT-2 layout';
  return 'small model with GPT-2’s layout, not GPT-2';
}

export function deviceWords(model: ModelSummary): string {
  if (model.device.kind === 'cpu') return 'on the processor';
  return model.device.isSoftware ? 'on WebGPU' : 'on the GPU';
}

/** Whether keys have Apple's names here. */
export function isMac(): boolean {
  return /Mac|iPhone|iPad/u.test(navigator.userAgent);
}

/** A divergence, which is small and never said to be nothing where it is not. */
export function formatBits(bits: number): string {
  return bits > 0 && bits < 0.001 ? '< 0.001' : bits.toFixed(3);
}
