// A run's way out: its model for other programs, all of it for another machine, its numbers and words for people.
import { useState, type ReactNode } from 'react';
import type { RunPoint } from '../../api.ts';
import { firstSettings } from '../../runFiles.ts';
import type { OutFacts, ShownRun } from '../../state/training/facts.ts';
import { firstLosses, linkHref, writeLink } from '../../state/training/link.ts';
import { torchCell, whyNoCell } from '../../state/training/torchCell.ts';
import { usualDetails, wholeModel } from '../../runModel.ts';
import controls from '../controls.module.css';
import { CopyButton } from '../CopyButton.tsx';
import { formatCount } from '../format.ts';
import { formatOf, formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Problem } from './Problem.tsx';
import css from './TakeAway.module.css';

export function TakeAway(): ReactNode {
  const { run, at, out } = useTrainingFacts((s) => ({
    run: s.watch.run,
    at: s.watch.at,
    out: s.out,
  }));
  if (run === null || at === 'preparing') return null;
  // A paused one has written its record down, and moves nothing.
  const rests = at === 'resting' || at === 'paused';
  return (
    <section className={css.out} aria-labelledby="take-away" data-testid="take-away">
      <h3 className={controls.title} id="take-away">
        Take it away
      </h3>
      {!rests && (
        <p className={controls.quiet} id="take-later">
          While it runs: its curve, its samples and its link. The rest when it is paused or has
          ended.
        </p>
      )}
      <dl className={css.list}>
        <Model run={run} rests={rests} now={out.now} />
        <Whole run={run} rests={rests} now={out.now} />
        <Small run={run} rests={rests} />
        <Link run={run} />
        {run.settings.generator === 'torch' && <Cell run={run} />}
      </dl>
      {out.now !== null && <Progress now={out.now} />}
      {out.error !== null && <Problem error={out.error} />}
      {out.last?.id === run.id && <Saved last={out.last} run={run} />}
    </section>
  );
}

function Way({
  name,
  words,
  children,
}: {
  readonly name: string;
  readonly words: ReactNode;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <div className={css.way}>
      <dt>{name}</dt>
      <dd className={css.words}>{words}</dd>
      <dd className={css.tools}>{children}</dd>
    </div>
  );
}

/** A button that says why it does nothing, where it does nothing. */
function Tool({
  off,
  later = false,
  onClick,
  children,
}: {
  readonly off: boolean;
  /** Whether it waits until the run rests. */
  readonly later?: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <button
      className={controls.button}
      type="button"
      aria-disabled={off}
      aria-describedby={later ? 'take-later' : undefined}
      onClick={() => {
        if (!off) onClick();
      }}
    >
      {children}
    </button>
  );
}

/** Whose class computes what a run's model does, from the files that are saved of it. */
function readerOf({ settings: { model } }: ShownRun): 'transformers' | 'notebook' | 'page' {
  const { layer_norm_denominator, ...whole } = wholeModel(model);
  if (layer_norm_denominator === 'variance') return 'transformers';
  const own = usualDetails({ kind: 'notebook', n_embd: model.n_embd });
  return IN_ITS_CLASS.every((name) => whole[name] === own[name]) ? 'notebook' : 'page';
}

/** What the notebook's class has no argument for. */
const IN_ITS_CLASS = [
  'n_inner',
  'activation_function',
  'layer_norm_epsilon',
  'scale_attn_weights',
  'scale_attn_by_inverse_layer_idx',
] as const;

/** What opens the folder in Python; null where nothing there computes what it does. */
function pythonLine(run: ShownRun, folder: string): string | null {
  if (run.settings.base?.lora !== undefined) {
    return `PeftModel.from_pretrained(model, "./${folder}")`;
  }
  return {
    transformers: `GPT2LMHeadModel.from_pretrained("./${folder}")`,
    notebook: `model.load_state_dict(load_file("./${folder}/model.safetensors"), strict=False)`,
    page: null,
  }[readerOf(run)];
}

interface WayFacts {
  readonly run: ShownRun;
  readonly rests: boolean;
  readonly now: OutFacts['now'];
}

function Model({ run, rests, now }: WayFacts): ReactNode {
  const { actions } = useTraining();
  const hasWeights = run.kept.length > 0;
  const off = !rests || now !== null || !hasWeights;
  const { base } = run.settings;
  const reader = {
    transformers: 'transformers and this page read',
    notebook: 'the notebook’s GPTModel reads',
    page: 'this page reads',
  }[readerOf(run)];
  return (
    <Way
      name="Model"
      words={
        rests && !hasWeights
          ? 'None yet: no checkpoint of this run is kept. One is at every save_steps steps and at its end, where that is not 0 and there is room.'
          : base?.lora === undefined
            ? `A folder that ${reader}: the weights of its last checkpoint, bit for bit, in 32 bit (${formatSize(4 * run.parameters)}).`
            : `The adapter of its last checkpoint: a folder that PEFT, and this page, read beside ${base.name}.`
      }
    >
      {'showDirectoryPicker' in window && (
        <Tool
          off={off}
          later={!rests}
          onClick={() => actions.takeAway({ what: 'model', to: 'folder' })}
        >
          Model to a folder…
        </Tool>
      )}
      <Tool off={off} later={!rests} onClick={() => actions.takeAway({ what: 'model', to: 'zip' })}>
        Model as .zip
      </Tool>
    </Way>
  );
}

function Whole({ run, rests, now }: WayFacts): ReactNode {
  const { actions } = useTraining();
  const [withText, setWithText] = useState(false);
  const { text, base } = run.settings;
  const isOwn = text.kind === 'own';
  return (
    <Way
      name="Run"
      words={
        <>
          One file that this page opens on any machine and goes on from: settings, curve, samples,
          receipt and the last checkpoint.
          {base?.lora !== undefined && ` It needs ${base.name} there, beside which it learns.`}
          {isOwn && ' What the model wrote, which may quote your text, stands in it.'}
          <label className={css.tick}>
            <input
              type="checkbox"
              checked={withText}
              onChange={(event) => setWithText(event.target.checked)}
            />
            <span>
              with its text, {formatCount(run.text.characters)} characters
              {isOwn && '; without it the other machine asks for it'}
            </span>
          </label>
        </>
      }
    >
      <Tool
        off={!rests || now !== null}
        later={!rests}
        onClick={() => actions.takeAway({ what: 'run', to: 'zip', text: withText })}
      >
        Save the run
      </Tool>
    </Way>
  );
}

function Small({ run, rests }: Pick<WayFacts, 'run' | 'rests'>): ReactNode {
  const { actions } = useTraining();
  const { edits = [], base } = run.settings;
  const isEdited = edits.length > 0;
  return (
    <>
      <Way name="Curve" words="Loss, rate and gradient norm of each step, for a spreadsheet.">
        <Tool off={run.step === 0} onClick={() => actions.saveCurve()}>
          Curve as CSV
        </Tool>
      </Way>
      <Way name="Samples" words="All that it wrote on the way, each under its step.">
        <Tool off={run.samples.length === 0} onClick={() => actions.saveSamples()}>
          Samples as text
        </Tool>
      </Way>
      <Way
        name="Receipt"
        words={`What anybody needs to make the same run and see whether it is: settings, losses, hashes of the text and the weights${base === undefined ? '' : ', and on what weights it stands'}. Of the text it holds nothing${isEdited ? ' but what was changed in it' : ''}.`}
      >
        <Tool off={!rests || run.step === 0} later={!rests} onClick={() => actions.saveReceipt()}>
          Receipt
        </Tool>
      </Way>
    </>
  );
}

function Link({ run }: { readonly run: ShownRun }): ReactNode {
  const { curve } = useTraining();
  const link = writeLink(firstSettings(run), firstLosses(run, curve));
  const { text, base } = run.settings;
  const isOwn = text.kind === 'own';
  const href = (): string => linkHref(link);
  const words = isOwn
    ? 'None: a text of your own stays on your machine. Send the run, or its receipt and the text.'
    : link === null
      ? 'None: what is changed in its text is too long for an address.'
      : `All settings: whoever follows it ${base === undefined ? '' : `needs ${base.name}, on whose weights it stands, `}presses Train, gets the same run from its seed, and sees whether its first losses are the same there.${run.changes.length > 0 ? ' As it began; what was changed on the way is not in it.' : ''}`;
  return (
    <Way name="Link" words={words}>
      {link !== null && (
        <CopyButton className={controls.button} text={href} words="Copy link" done="Link copied" />
      )}
    </Way>
  );
}

/** For runs that draw as PyTorch does. */
function Cell({ run }: { readonly run: ShownRun }): ReactNode {
  const { actions, curve } = useTraining();
  const points = (): RunPoint[] =>
    Array.from({ length: curve.length }, (_, i) => curve.at(i)).filter((point) => point !== null);
  const why = whyNoCell(run, points());
  if (why.length > 0) return <Way name="PyTorch" words={`No cell. ${why.join(' ')}`} />;
  return (
    <Way
      name="PyTorch"
      words="A cell for a notebook: the same seed and settings in PyTorch on a processor, with the first losses asserted. It reads its text from text.txt, beside it."
    >
      <CopyButton
        className={controls.button}
        text={() => torchCell(run, points())}
        words="Copy the cell"
        done="Cell copied"
      />
      <Tool off={false} onClick={() => actions.saveText()}>
        Save text.txt
      </Tool>
    </Way>
  );
}

function Progress({ now }: { readonly now: NonNullable<OutFacts['now']> }): ReactNode {
  const { actions } = useTraining();
  const { file, done, total } = now;
  return (
    <div className={css.progress}>
      <progress aria-label="Saved so far" max={total || 1} value={done} />
      <span className={controls.number}>
        {total === 0 ? 'Getting ready…' : formatOf(done, total)} {file}
      </span>
      <button className={controls.button} type="button" onClick={() => actions.cancelTaking()}>
        Cancel
      </button>
    </div>
  );
}

function Saved({
  last: { what, to, name, bytes, step },
  run,
}: {
  readonly last: NonNullable<OutFacts['last']>;
  readonly run: ShownRun;
}): ReactNode {
  const line = pythonLine(run, name.replace(/\.zip$/u, ''));
  return (
    <div className={css.saved} data-testid="taken">
      <p>
        {to === 'zip' ? 'Downloaded as ' : 'Written into the folder '}
        <b>{name}</b>, {formatSize(bytes)}
        {step === null ? '' : `, as step ${formatCount(step)} left it`}.{' '}
        {what === 'run'
          ? 'On the other machine: “Open a run” under the list of runs.'
          : line === null
            ? 'This page opens it under “Models”; no class of transformers or of the notebook computes what it does.'
            : `In Python${to === 'zip' ? ', once unpacked' : ''}:`}
      </p>
      {what === 'model' && line !== null && (
        <pre>
          <code>{line}</code>
        </pre>
      )}
    </div>
  );
}
