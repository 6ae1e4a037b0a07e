// What a run is made of and from: its text as the model sees it, and the model.
import { Fragment, type ReactNode } from 'react';
import type { RunBase, RunModel, RunTokenizer } from '../../api.ts';
import { saidDetails } from '../../runModel.ts';
import { loraParameters } from '../../state/training/base.ts';
import controls from '../controls.module.css';
import { formatCount, formatParameters } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Seen } from './TextChoice.tsx';
import css from './training.module.css';
import { claimedWords, deviceTitle, sizeWords, textTitle } from './words.ts';

const PIECES: Readonly<Record<RunTokenizer['kind'], string>> = {
  bpe: 'pairs of bytes',
  bytes: 'bytes',
  characters: 'letters',
  gpt2: 'tokens of GPT-2',
  model: 'tokens that the model had',
};

/** The model that it went on from. */
function From({
  base: { name, sha256, lora },
  model,
}: {
  readonly base: RunBase;
  readonly model: RunModel;
}): ReactNode {
  return (
    <>
      It began as <b>{name}</b>
      {sha256 !== undefined && (
        <>
          {' '}
          (SHA-256 of its weights <code title={sha256}>{sha256.slice(0, 12)}…</code>)
        </>
      )}
      {lora === undefined
        ? ', and all of it learns'
        : `; beside it learns a LoRA of rank ${lora.r}, alpha ${lora.lora_alpha}: ${formatCount(loraParameters(model, lora.r))} parameters`}
      .{' '}
    </>
  );
}

/** What is said of it beside its sizes: all else is as its kind has it. */
function Details({ model }: { readonly model: RunModel }): ReactNode {
  return saidDetails(model).map((name) => (
    <Fragment key={name}>
      , <code>{name}</code> {String(model[name])}
    </Fragment>
  ));
}

/** What it is made of and from. */
export function Made(): ReactNode {
  const { actions } = useTraining();
  const { id, settings, text, parameters, memory, device, at, claimed, hasWeights } =
    useTrainingFacts((s) => ({
      id: s.watch.run?.id,
      claimed: s.watch.run?.claimed ?? 0,
      hasWeights: (s.watch.run?.kept.length ?? 0) > 0,
      settings: s.watch.run?.settings,
      text: s.watch.run?.text,
      parameters: s.watch.run?.parameters ?? 0,
      memory: s.watch.memory,
      device: s.watch.device,
      at: s.watch.at,
    }));
  if (id === undefined || settings === undefined || text === undefined) return null;
  const { model, base, tokenizer, arguments: args } = settings;
  return (
    <section className={css.made} aria-label="What it is made of">
      <Seen facts={text} />
      <div>
        <h3 className={controls.title}>What learns it</h3>
        <p className={css.about}>
          {textTitle(settings.text)}, in {PIECES[tokenizer.kind]}.{' '}
          {base !== undefined && <From base={base} model={model} />}
          {sizeWords(model)} with {model.n_head} heads and {model.n_ctx} tokens of context
          {base === undefined && <Details model={model} />}: {formatParameters(parameters)}{' '}
          parameters
          {memory === null ? '' : `, ${formatSize(memory.total)} of memory`}
          {device === null ? '' : `, on ${deviceTitle(device)}`}. Each step reads{' '}
          {String(args['per_device_train_batch_size'])} × {String(args['block_size'])} tokens; seed{' '}
          {String(args['seed'])}.
        </p>
        {claimed > 0 && (
          <p className={css.about} data-testid="run-claimed">
            {claimedWords(claimed, hasWeights)}
          </p>
        )}
        {at === 'resting' && (
          <button
            className={controls.link}
            type="button"
            onClick={() => {
              void actions.takeSettings(settings, id);
              actions.close();
            }}
          >
            Begin anew with these settings
          </button>
        )}
      </div>
    </section>
  );
}
