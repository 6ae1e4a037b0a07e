// What a file is that is no safetensors file, by its first bytes, and what to do with it: in one place, for weights
// from a disk, a drop, a web server or a Hub, and for the small files beside them.
import { EngineError } from '../errors.ts';
import type { ByteSource } from './byteSource.ts';

/** What a file was recognised as. */
export interface Recognised {
  /** `lfs`, `html`, `empty`, `json`, `text`, or a format of weights or archives. */
  readonly kind: string;
  /** Says of the file what it is and what to do. */
  readonly error: EngineError;
}

/** Bytes of a file's beginning that are looked at. */
const LOOK_BYTES = 512;

interface Words {
  /** After the file's name. */
  readonly is: string;
  readonly hint: string;
}

/** Where nanoGPT keeps a vocabulary of characters. */
const META = /^meta\.pkl$/i;

const SAVED_AGAIN =
  'model.save_pretrained("converted")  # writes config.json and model.safetensors';

/** By way of transformers, which reads the format where `option` says so. */
function throughTransformers(before: string, option: string): string {
  return [
    before,
    'from transformers import AutoModelForCausalLM',
    `model = AutoModelForCausalLM.from_pretrained("folder", ${option})`,
    SAVED_AGAIN,
  ].join('\n');
}

function pickle(name: string): Words {
  if (META.test(name)) {
    return {
      is: 'is a Python pickle, as nanoGPT keeps the characters of a model, and can run any code when opened',
      hint: [
        'Write it once as meta.json with Python, then put that beside the weights:',
        `import json, pickle; json.dump(pickle.load(open(${JSON.stringify(name)}, "rb")), open("meta.json", "w"))`,
      ].join('\n'),
    };
  }
  const target = name.startsWith('adapter_model.')
    ? 'adapter_model.safetensors'
    : 'model.safetensors';
  return {
    is: 'is a PyTorch pickle, which can run any code when opened',
    hint: [
      `Convert it once with Python, then drop ${target} here:`,
      'import torch; from safetensors.torch import save_file',
      `state = torch.load(${JSON.stringify(name)}, map_location="cpu", weights_only=True); state = state.get("model", state)`,
      `save_file({k: v.clone().contiguous() for k, v in state.items()}, "${target}")`,
    ].join('\n'),
  };
}

const FORMATS: Readonly<Record<string, (name: string) => Words>> = {
  pickle,
  gguf: (name) => ({
    is: 'is a GGUF file, as llama.cpp reads them',
    hint: throughTransformers(
      'Load the model it was made from: its page names it, mostly as the base model. Or convert it once with transformers and gguf, which rounds nothing back:',
      `gguf_file=${JSON.stringify(name)}`,
    ),
  }),
  ggml: () => ({
    is: 'is a GGML file, an older format of llama.cpp and its kin',
    hint: 'Load the model it was made from, as safetensors: its page names it.',
  }),
  onnx: () => ({
    is: 'is an ONNX graph, made for one runtime',
    hint: 'Load the model it was exported from: its repository has model.safetensors, mostly one folder up or under the base model’s name.',
  }),
  llmc: () => ({
    is: 'is a model in the format of llm.c',
    hint: 'Convert it once with llm.c’s own dev/eval/export_hf.py (--input this file, --output a folder), then load that folder.',
  }),
  tflite: () => ({
    is: 'is a TensorFlow Lite graph',
    hint: 'Load the model it was converted from, as safetensors.',
  }),
  hdf5: () => ({
    is: 'is an HDF5 file, as TensorFlow and Keras save weights',
    hint: throughTransformers(
      'Convert it once with transformers 4 and TensorFlow, then load "converted":',
      'from_tf=True',
    ),
  }),
  flax: () => ({
    is: 'holds Flax weights (msgpack)',
    hint: throughTransformers(
      'Convert it once with transformers 4 and Flax, then load "converted":',
      'from_flax=True',
    ),
  }),
  tensorflow: () => ({
    is: 'belongs to a TensorFlow checkpoint',
    hint: 'Convert it once with transformers 4, whose convert_gpt2_original_tf_checkpoint_to_pytorch.py reads OpenAI’s, or load the same model as safetensors.',
  }),
  numpy: () => ({
    is: 'is a NumPy file',
    hint: 'Save its arrays once with safetensors.numpy.save_file, under the names that the model’s code has for them.',
  }),
  archive: () => ({
    is: 'is an archive',
    hint: 'Unpack it, then load the folder with config.json and model.safetensors that is in it.',
  }),
};

/** Ends of names, where a file's first bytes say nothing. */
const BY_NAME: readonly (readonly [ending: RegExp, format: string])[] = [
  [/\.(?:bin|pt|pth|ckpt|pkl)$/i, 'pickle'],
  [/\.gguf$/i, 'gguf'],
  [/\.ggml$/i, 'ggml'],
  [/\.onnx(?:_data)?$/i, 'onnx'],
  [/\.tflite$/i, 'tflite'],
  [/\.(?:h5|hdf5|keras)$/i, 'hdf5'],
  [/\.msgpack$/i, 'flax'],
  [/\.(?:ckpt(?:-\d+)?\.(?:index|meta)|data-\d+-of-\d+)$/i, 'tensorflow'],
  [/\.np[yz]$/i, 'numpy'],
  [/\.(?:zip|tar|tgz|gz|bz2|xz|zst|7z|rar)$/i, 'archive'],
];

/** What a file is by its name alone; null for names that say nothing, and for safetensors. */
export function byName(name: string): Recognised | null {
  const format = BY_NAME.find(([ending]) => ending.test(name))?.[1];
  return format === undefined ? null : recognised(name, format);
}

/**
 * What a file is by its first bytes (some hundred of them are enough) and its size in bytes, null where nobody knows
 * it. Null for what is none of the known formats, which a damaged safetensors file may be.
 */
export function whatItIs(name: string, bytes: Uint8Array, size: number | null): Recognised | null {
  if (size === 0) {
    return {
      kind: 'empty',
      error: wrong(name, 'empty', 'is empty: 0 bytes', 'Download or copy the file again.'),
    };
  }
  const start = bytes.subarray(0, LOOK_BYTES);
  const format = formatOf(name, start);
  if (format !== null) return recognised(name, format);
  const text = textOf(start);
  return text === null ? null : ofText(name, text);
}

/**
 * The error in words of what the file is, if it is something else than safetensors; else as it was. `seen` are its
 * first bytes, as far as they were read.
 */
export async function explained(
  error: unknown,
  name: string,
  file: ByteSource,
  seen: Uint8Array,
): Promise<unknown> {
  if (!isAboutHeader(error)) return error;
  const bytes = [...seen.subarray(0, LOOK_BYTES)];
  // A stream may end at any byte, and says so only then.
  while (bytes.length < Math.min(LOOK_BYTES, file.size)) {
    const next = await file.read(bytes.length, 1).catch(() => null);
    if (next === null) break;
    bytes.push(next[0]);
  }
  return explainedBy(error, name, Uint8Array.from(bytes), file.size);
}

/** As `explained`, from the first bytes alone. */
export function explainedBy(
  error: unknown,
  name: string,
  start: Uint8Array,
  size: number | null,
): unknown {
  if (!isAboutHeader(error)) return error;
  const found = whatItIs(name, start, size);
  if (found) return found.error;
  const named = byName(name);
  // Many programs call a file .bin; a pickle is known by its bytes.
  return (named?.kind === 'pickle' ? ofNoFormat(name, start) : named?.error) ?? error;
}

/** Throws for a small file that is something else than the text it should be: a pointer, a web page, a format of weights. */
export function checkText(name: string, bytes: Uint8Array): void {
  const found = whatItIs(name, bytes, bytes.length);
  if (found !== null && !['json', 'text', 'empty'].includes(found.kind)) throw found.error;
}

function isAboutHeader(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code.startsWith('safetensors/');
}

function ofNoFormat(name: string, start: Uint8Array): EngineError {
  const bytes = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0'));
  return wrong(
    name,
    'unknown',
    `is of no format that is known here, and no pickle of PyTorch: it begins with the bytes ${bytes.join(' ')}`,
    'Convert it to safetensors with the program that wrote it, or download the file again if it should be something else.',
  );
}

function recognised(name: string, format: string): Recognised {
  const { is, hint } = FORMATS[format](name);
  return { kind: format, error: wrong(name, format, is, hint) };
}

function wrong(name: string, kind: string, is: string, hint: string): EngineError {
  // What is quoted may bring its own.
  return new EngineError(`${name} ${is.replace(/\.+$/, '')}.`, { code: `files/${kind}`, hint });
}

/** A format by its magic number; null where there is none. */
function formatOf(name: string, b: Uint8Array): string | null {
  const has = (at: number, ...bytes: number[]): boolean =>
    bytes.every((byte, i) => b[at + i] === byte);
  const says = (at: number, text: string): boolean => has(at, ...new TextEncoder().encode(text));
  // The length of a header, and its brace: that is safetensors, though it may be damaged.
  if (has(4, 0, 0, 0, 0, 0x7b)) return null;
  if (says(0, 'GGUF')) return 'gguf';
  // Their magic numbers are words in the order of little-endian machines.
  if (['lmgg', 'tjgg', 'fmgg', 'algg'].some((magic) => says(0, magic))) return 'ggml';
  // The number 20240326, with which its files of weights begin.
  if (has(0, 0xc6, 0xd7, 0x34, 0x01)) return 'llmc';
  if (has(0, 0x89) && says(1, 'HDF\r\n')) return 'hdf5';
  if (says(4, 'TFL3')) return 'tflite';
  if (has(0, 0x93) && says(1, 'NUMPY')) return 'numpy';
  if (has(0, 0x50, 0x4b, 3, 4)) return zipFormat(name, b);
  if (has(0, 0x80) && b[1] >= 2 && b[1] <= 5) return 'pickle';
  // ir_version, then the producer's name with its length.
  if (has(0, 0x08) && b[1] >= 1 && b[1] <= 0x20 && b[2] === 0x12 && isWord(b, 4, b[3])) {
    return 'onnx';
  }
  // A map of few entries, whose first key is a short text.
  if (b[0] > 0x80 && b[0] < 0x90 && (b[1] & 0xe0) === 0xa0 && isWord(b, 2, b[1] & 0x1f)) {
    return 'flax';
  }
  const isPacked =
    has(0, 0x1f, 0x8b) ||
    has(0, 0x28, 0xb5, 0x2f, 0xfd) ||
    has(0, 0xfd, 0x37, 0x7a, 0x58, 0x5a) ||
    has(0, 0x37, 0x7a, 0xbc, 0xaf) ||
    says(0, 'BZh') ||
    says(0, 'Rar!') ||
    says(257, 'ustar');
  return isPacked ? 'archive' : null;
}

/** What a ZIP holds, by the name of its first file: PyTorch, NumPy and Keras write such, too. */
function zipFormat(name: string, b: Uint8Array): string {
  const length = b[26] + 256 * b[27];
  const first = new TextDecoder().decode(b.subarray(30, Math.min(30 + length, b.length)));
  if (first.endsWith('.npy')) return 'numpy';
  if (/(?:^|\/)(?:data\.pkl|\.format_version|byteorder|version)$/.test(first)) return 'pickle';
  if (/\.keras$/i.test(name)) return 'hdf5';
  return first === '' || byName(name)?.kind === 'pickle' ? 'pickle' : 'archive';
}

function isWord(b: Uint8Array, at: number, length: number): boolean {
  const word = new TextDecoder().decode(b.subarray(at, at + length));
  return word.length > 0 && /^[\w./-]+$/.test(word);
}

/** The beginning as text, if it reads as one throughout. */
function textOf(start: Uint8Array): string | null {
  // The last character may be cut.
  const text = new TextDecoder().decode(start, { stream: true }).replace(/^\uFEFF/, '');
  // oxlint-disable-next-line no-control-regex -- that is what tells bytes from a text
  return text === '' || /[\u0000-\u0008\u000e-\u001f\u007f\uFFFD]/.test(text) ? null : text;
}

function ofText(name: string, text: string): Recognised | null {
  const said = (kind: string, is: string, hint: string): Recognised => ({
    kind,
    error: wrong(name, kind, is, hint),
  });
  if (/^version https:\/\/(?:git-lfs|hawser)\.github\.com\//.test(text)) {
    const size = Number(/^size (\d{1,15})$/m.exec(text)?.[1] ?? NaN);
    const of = Number.isNaN(size) ? '' : ` of ${sizeWords(size)}`;
    return said(
      'lfs',
      `is a Git LFS pointer: a few lines that stand for the file itself${of}`,
      'Run "git lfs install" and "git lfs pull" in the repository it came from, or download this file by itself from the model’s page.',
    );
  }
  const line = text.trim().replaceAll(/\s+/g, ' ').slice(0, 80);
  if (/^\s*<(?:!doctype\s+html|html|head|body)\b/i.test(text)) {
    return said(
      'html',
      'is a web page that was saved under this name',
      'Download the file itself: on a Hub by the arrow beside its name, or under /resolve/ where the address says /blob/.',
    );
  }
  const hint = 'Download the file again; a server may have sent this in its place.';
  if (/^\s*[{[]/.test(text))
    return said('json', `is a text in JSON, and no weights: ${line}`, hint);
  // One word may be anything.
  if (!/\S\s+\S/.test(text)) return null;
  return said('text', `is a text, and no weights: ${line}`, hint);
}

function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  if (bytes < 999_500) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 999_500_000 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
