// From a text's bytes to what a run learns from: a tokenizer, ids, and what is said of them.
import type { RunTokenizer, TextEdit, TextFacts } from '../../api.ts';
import { Breath } from '../../breath.ts';
import { EngineError } from '../../errors.ts';
import { trainCharacters } from '../../text/training/characterTrainer.ts';
import type { TrainerProgress } from '../../text/training/trained.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { vocabularyOf } from '../load/vocabulary.ts';
import { type Corpus, checkVocabulary, readCorpus } from '../training/corpus.ts';
import type { Ids } from '../training/tokenIds.ts';
import type { KnownBase } from './bases.ts';
import { edited } from './edits.ts';
import { hashOf } from './hash.ts';

/** Tokens that are shown of a text's beginning. */
const SHOWN = 300;
/** Ids that are counted at once. */
const COUNTED = 1 << 16;

export interface PreparedText {
  /** What is read, edits included. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly corpus: Corpus;
  readonly tokenizer: Tokenizer;
  /** The tokenizer's; null for GPT-2's own. */
  readonly files: ReadonlyMap<string, string> | null;
  readonly facts: TextFacts;
}

/** Told while it lasts: what is being done, and which share of it is. */
export type Preparing = (what: string, share: number | null) => void;

/**
 * Makes the tokenizer of a text, edits the text, reads it with the tokenizer and counts. Throws `training/text`,
 * `training/edit`, `text/encoding`, `tokenizer/…`.
 */
export async function prepareText(
  whole: Uint8Array<ArrayBuffer>,
  kind: RunTokenizer,
  { edits = [], base = null, tell = () => {}, signal }: PrepareOptions = {},
): Promise<PreparedText> {
  const { tokenizer, files } = base
    ? { tokenizer: base.tokenizer, files: base.tokenizerFiles }
    : await tokenizerOf(new Blob([whole]), kind, tell, signal);
  const bytes = edits.length === 0 ? whole : edited(whole, edits);
  const text = new Blob([bytes]);
  const onProgress = ({ share }: { share: number | null }): void =>
    tell('Reading the text as tokens', share);
  const reading = readCorpus(text, tokenizer, { onProgress, signal });
  const corpus = await (base ? reading.catch((error) => refuseText(error, base)) : reading);
  if (base) checkVocabulary(corpus.ids, base.config.vocabSize);
  if (corpus.ids.length === 0) {
    throw new EngineError('The text is empty.', {
      code: 'training/text',
      hint: 'Paste or choose a text that the model shall learn from.',
    });
  }
  const vocabulary = vocabularyOf(tokenizer);
  const vocabSize = base?.config.vocabSize ?? tokenizer.vocabSize;
  const beginning = new Uint32Array(Math.min(SHOWN, corpus.ids.length));
  corpus.ids.copyTo(beginning, 0, 0, beginning.length);
  const facts: TextFacts = {
    characters: corpus.characters,
    tokens: corpus.ids.length,
    vocabSize,
    documents: corpus.documents.length,
    evenLoss: Math.log(vocabSize),
    frequencyLoss: await frequencyLoss(corpus.ids, vocabSize, signal),
    beginning: [...beginning].map((id) => vocabulary.pieceOf(id)),
    sha256: await hashOf(bytes, signal),
  };
  return { bytes, corpus, tokenizer, files, facts };
}

/** Most runs read characters. */
const bytePairs = () => import('../../text/training/bytePairTrainer.ts');

interface PrepareOptions {
  readonly edits?: readonly TextEdit[];
  /** The model that is to go on with it, whose tokenizer reads it. */
  readonly base?: Pick<KnownBase, 'name' | 'config' | 'tokenizer' | 'tokenizerFiles'> | null;
  readonly tell?: Preparing;
  readonly signal?: AbortSignal | undefined;
}

async function tokenizerOf(
  text: Blob,
  kind: RunTokenizer,
  tell: Preparing,
  signal: AbortSignal | undefined,
): Promise<Pick<PreparedText, 'tokenizer' | 'files'>> {
  const onProgress = (progress: TrainerProgress): void =>
    progress.stage === 'read'
      ? tell('Looking at the text', progress.share)
      : tell('Finding pieces of words', progress.tokens / progress.vocab_size);
  switch (kind.kind) {
    case 'characters':
      return trainCharacters(text, { onProgress, signal });
    case 'bytes':
      return (await bytePairs()).createBytes();
    case 'gpt2': {
      const { loadGpt2Tokenizer } = await import('../../text/gpt2Tokenizer.ts');
      return { tokenizer: await loadGpt2Tokenizer(), files: null };
    }
    case 'bpe':
      return (await bytePairs()).trainBytePairs(text, {
        vocab_size: kind.vocab_size,
        onProgress,
        signal,
      });
    case 'model':
      throw new EngineError('No model is named whose tokenizer could be taken.', {
        code: 'training/base',
        hint: 'Choose the model that the run goes on from, or another tokenizer.',
      });
  }
}

/** A model of letters knows few of them, and what it knows stays as it is. */
function refuseText(error: unknown, { name }: { readonly name: string }): never {
  if (!(error instanceof EngineError) || error.code !== 'tokenizer/byte') throw error;
  throw new EngineError(error.message.replace('The tokenizer', `The tokenizer of ${name}`), {
    code: error.code,
    hint: 'Take such characters out of the text, or train a new model, which gets a tokenizer of this text.',
    cause: error,
  });
}

/** −Σ p ln p over how often each token comes, in nats a token. */
async function frequencyLoss(
  ids: Ids,
  vocabSize: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const counts = new Float64Array(vocabSize);
  const breath = new Breath();
  const part = new Uint32Array(COUNTED);
  for (let from = 0; from < ids.length; from += COUNTED) {
    const count = Math.min(COUNTED, ids.length - from);
    ids.copyTo(part, 0, from, count);
    for (let i = 0; i < count; i++) counts[part[i]]++;
    if (breath.isDue) await breath.take(signal);
  }
  let loss = 0;
  for (const count of counts) {
    if (count > 0) loss -= (count / ids.length) * Math.log(count / ids.length);
  }
  return loss;
}
