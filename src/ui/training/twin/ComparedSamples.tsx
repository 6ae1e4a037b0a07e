// What both wrote at the same steps, with the words marked that the other has not.
import type { ReactNode } from 'react';
import type { RunPair } from '../../../state/training/facts.ts';
import controls from '../../controls.module.css';
import { markDiffering, type MarkedPiece } from '../../differingWords.ts';
import { formatCount } from '../../format.ts';
import { MarkedText } from '../../MarkedText.tsx';
import training from '../training.module.css';
import css from './comparison.module.css';
import { samplePairs, type SamplePair } from './differences.ts';
import { samplesFinding, type PairNames } from './words.ts';

const KEY: readonly MarkedPiece[] = [{ text: 'marked', from: 0, differs: true }];

export function ComparedSamples({
  pair,
  names,
}: {
  readonly pair: RunPair;
  readonly names: PairNames;
}): ReactNode {
  const samples = samplePairs(pair.first.samples, pair.twin.samples);
  const isMarked = samples.some(({ first, twin }) => first.text !== twin.text);
  return (
    <section className={css.part} aria-labelledby="twins-samples">
      <div className={css.partHead}>
        <h3 className={controls.title} id="twins-samples">
          What they write
        </h3>
        {isMarked && (
          <p className={controls.quiet}>
            <MarkedText pieces={KEY} />: not in the other
          </p>
        )}
      </div>
      <p className={css.finding} data-testid="twins-samples">
        {samplesFinding(samples)}
      </p>
      {samples.length > 0 && (
        <ol
          className={css.samples}
          reversed
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
          tabIndex={0}
          aria-label="Samples of both, the newest first"
        >
          {samples.map((sample) => (
            <Sample key={sample.step} sample={sample} names={names} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Sample({
  sample,
  names,
}: {
  readonly sample: SamplePair;
  readonly names: PairNames;
}): ReactNode {
  const { step, first, twin } = sample;
  const [mine, other] = markDiffering(first.text, twin.text);
  return (
    <li className={css.sample}>
      <p className={css.sampleStep}>Step {formatCount(step)}</p>
      <Written name={names.first} of="first" prompt={first.prompt} pieces={mine} />
      <Written name={names.twin} of="twin" prompt={twin.prompt} pieces={other} />
    </li>
  );
}

function Written({
  name,
  of,
  prompt,
  pieces,
}: {
  readonly name: string;
  readonly of: 'first' | 'twin';
  readonly prompt: string;
  readonly pieces: readonly MarkedPiece[];
}): ReactNode {
  return (
    <div>
      <p className={css.name} data-of={of}>
        {name}
      </p>
      <p className={training.sampleText}>
        <span className={training.promptPart}>{prompt}</span>
        <MarkedText pieces={pieces} />
      </p>
    </div>
  );
}
