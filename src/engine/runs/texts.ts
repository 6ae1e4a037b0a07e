// The text that a run learns from, as bytes, wherever it comes from.
import type { RunText } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';
import { END_OF_TEXT } from '../../text/tokenizer.ts';
import { csvColumn } from './csv.ts';
import { taskText } from './tasks.ts';

/** A page holds the text and its ids; a model that a page trains learns nothing from more. */
export const MOST_TEXT_BYTES = 100_000_000;
/** Of a text that comes with the page: a file's name and no path. */
const BUNDLED = /^[a-z0-9-]{1,40}$/u;

/**
 * The text's UTF-8. `base` is the page's address, for texts that come with it. Throws `training/text`, `training/csv`,
 * `text/encoding`, `network/…`.
 */
export async function readRunText(
  text: RunText,
  base: string,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await bytesOf(text, base, signal);
  if (bytes.length <= MOST_TEXT_BYTES) return bytes;
  throw tooLong(bytes.length);
}

async function bytesOf(
  text: RunText,
  base: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  switch (text.kind) {
    case 'task':
      return encode(taskText(text.name));
    case 'bundled':
      return fetchBundled(text.name, base, signal);
    case 'own': {
      if (typeof text.text === 'string') return encode(text.text);
      if (text.text.size > MOST_TEXT_BYTES) throw tooLong(text.text.size);
      const bytes = new Uint8Array(await text.text.arrayBuffer());
      const isTable = text.column !== undefined || /\.csv$/iu.test(text.text.name);
      if (!isTable) return bytes;
      // Rows are texts of their own: a model does not go on from one to the next.
      return encode(csvColumn(decode(bytes), text.column).join(`\n${END_OF_TEXT}\n`));
    }
  }
}

async function fetchBundled(
  name: string,
  base: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!BUNDLED.test(name)) {
    throw new EngineError(`${show(name)} names no text of the page.`, {
      code: 'training/text',
      hint: 'Take one of the texts that come with it, or one of your own.',
    });
  }
  const url = new URL(`texts/${name}.txt`, base);
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw missing(name, 'the page could not be reached', error);
  });
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  if (!response.ok || isPage) throw missing(name, `the page answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function missing(name: string, why: string, cause?: unknown): EngineError {
  return new EngineError(`The text ${JSON.stringify(name)} could not be fetched: ${why}.`, {
    code: 'training/text',
    hint: 'Try again, or take a text of your own or a task, which need no network.',
    cause,
  });
}

function tooLong(bytes: number): EngineError {
  return new EngineError(
    `The text has ${inMillions(bytes)} MB; a page takes up to ${inMillions(MOST_TEXT_BYTES)} MB.`,
    {
      code: 'training/text',
      hint: 'Take a part of it, or train on all of it in Node: npm run train.',
    },
  );
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EngineError('The table is no UTF-8 text.', {
      code: 'text/encoding',
      hint: 'Save it as CSV in UTF-8: spreadsheets offer that beside plain CSV.',
      cause,
    });
  }
}

/** As people and their systems count a file's bytes. */
function inMillions(bytes: number): string {
  return Math.ceil(bytes / 1e6).toLocaleString('en');
}
