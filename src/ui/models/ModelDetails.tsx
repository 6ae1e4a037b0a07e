// All about the model that runs: what it is, where it came from, what it computes with.
import { Fragment, type ReactNode } from 'react';
import type { AdapterFacts, ModelOrigin, ModelSummary } from '../../api.ts';
import { stepsToGpu } from '../advice.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatBytes, formatCount, formatParameters, formatSpeed, modelKind } from '../format.ts';
import { CloseSign } from '../icons.tsx';
import css from './ModelDetails.module.css';
import { useBusy, type Busy } from './busy.ts';
import { CheckBadge } from './CheckBadge.tsx';
import { Precision } from './Precision.tsx';
import { SaveModel } from './SaveModel.tsx';
import { Word } from '../words/Word.tsx';
import { modelOf, wantedOf } from '../../state/facts/model.ts';

/** Comes with them: whoever is offline by then is told all the same. */
export { CheckNotice } from './CheckNotice.tsx';

export function ModelDetails(): ReactNode {
  const { actions } = useApp();
  const { model, wanted } = useFacts((s) => ({ model: modelOf(s), wanted: wantedOf(s) }));
  const { busy, why, arriving } = useBusy();
  const name = model?.name ?? wanted;
  return (
    <>
      <div className={css.head}>
        <h2>{name}</h2>
        <button
          className={controls.button}
          type="button"
          popoverTarget="model-details"
          popoverTargetAction="hide"
          onClick={() => actions.chooseModel()}
        >
          Choose another model…
        </button>
        <button
          className={css.close}
          type="button"
          popoverTarget="model-details"
          popoverTargetAction="hide"
          aria-label="Close"
        >
          <CloseSign />
        </button>
      </div>
      <p className={css.about}>
        {name === 'tales-7m'
          ? 'A tiny story model, not GPT-2. It has GPT-2’s architecture in small, was raised on old fairy tales, writes sentences that sound like them and soon loses the thread.'
          : model === null
            ? 'Not loaded.'
            : `${modelKind(model, wanted)}.`}
      </p>
      {model !== null && <CheckBadge />}
      {model !== null && <Facts model={model} />}
      {why !== '' && (
        <p className={css.blocked} id="model-blocked">
          {why}
        </p>
      )}
      <Precision busy={busy} why={why} />
      <Device busy={busy} why={why} />
      <SaveModel arriving={arriving} />
    </>
  );
}

function Facts({ model }: { model: ModelSummary }): ReactNode {
  const { speed } = useFacts((s) => ({ speed: s.run.last?.tokensPerSecond ?? 0 }));
  const { origin } = model;
  return (
    <>
      <dl className={css.list}>
        <dt>Size</dt>
        <dd>
          {formatParameters(model.parameterCount)} <Word id="parameters">parameters</Word>,{' '}
          {formatBytes(model.memoryBytes)} in <Word id="precision">{model.dtype}</Word>
        </dd>
        <dt>Shape</dt>
        <dd>
          {model.nLayer} <Word id="layers">{model.nLayer === 1 ? 'layer' : 'layers'}</Word>,{' '}
          {model.nHead} <Word id="heads">{model.nHead === 1 ? 'head' : 'heads'}</Word>,{' '}
          <Word id="width">width</Word> {model.nEmbd}
        </dd>
        <dt>Sees</dt>
        <dd>
          {formatCount(model.nCtx)} tokens <Word id="context">at a time</Word>, of{' '}
          {formatCount(model.vocabSize)} it knows
        </dd>
        <dt>Computed by</dt>
        <dd>
          {model.device.label}
          {/* An adapter's description is its name once more. */}
          {model.device.kind === 'cpu' && (
            <>
              <br />
              {model.device.description}
            </>
          )}
        </dd>
        <dt>Speed</dt>
        <dd>{speed > 0 ? formatSpeed(speed) : 'shown after the first run'}</dd>
        {origin !== undefined && <Origin origin={origin} />}
        {model.adapter !== undefined && (
          <>
            <dt>Adapter</dt>
            <dd>{adapterWords(model.adapter)}</dd>
          </>
        )}
        {model.notes?.map((note) => (
          <Fragment key={note}>
            <dt>Note</dt>
            <dd className={css.words}>{note}</dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}

/** `LoRA my-adapter, r 8, α 16, merged into 24 matrices`, and where it is from. */
function adapterWords({ name, ranks, alphas, matrices, origin }: AdapterFacts): string {
  const range = (values: readonly number[]): string =>
    values.length < 2 ? String(values[0]) : `${values[0]} to ${values.at(-1)}`;
  const numbers = ranks.length === 0 ? '' : `, r ${range(ranks)}, α ${range(alphas)}`;
  const place = origin?.kind === 'hub' ? ` (${origin.id})` : '';
  const count = matrices === 1 ? '1 matrix' : `${matrices} matrices`;
  const merged = matrices === 0 ? 'modules of its own' : `merged into ${count}`;
  return `LoRA ${name}${place}${numbers}, ${merged}`;
}

function Origin({ origin }: { origin: ModelOrigin }): ReactNode {
  const { kind, id, host, commit, isVerified, note, run } = origin;
  return (
    <>
      <dt>Came from</dt>
      <dd>
        {run !== undefined
          ? `a run in this browser, after ${formatSteps(run.step)}`
          : kind === 'files'
            ? `your files: ${id}`
            : kind === 'hub'
              ? id
              : placeWords(id)}
        {kind === 'hub' && host !== null && (
          <>
            <br />
            {host.replace(/^https:\/\//u, '')}
            {commit !== null && ` @ ${commit.slice(0, 7)}`}
          </>
        )}
      </dd>
      <dt>Kept</dt>
      <dd>{keptWords(origin)}</dd>
      {kind === 'hub' && (
        <>
          <dt>Checked</dt>
          <dd>
            {isVerified
              ? 'every byte of the weights, by SHA-256'
              : 'not: this host gives no checksums'}
          </dd>
        </>
      )}
      {note !== undefined && (
        <>
          <dt>Note</dt>
          <dd className={css.words}>{note}</dd>
        </>
      )}
    </>
  );
}

/** A folder's address, short where it is on this site. */
function placeWords(id: string): string {
  if (!URL.canParse(id)) return id;
  const { origin, pathname, host } = new URL(id);
  return origin === location.origin ? `this site: ${pathname}` : `${host}${pathname}`;
}

function formatSteps(steps: number): string {
  return steps === 1 ? '1 step' : `${formatCount(steps)} steps`;
}

function keptWords({ kind, keptIn }: ModelOrigin): string {
  if (kind === 'run') return 'in this browser, as long as its run is';
  if (keptIn === 'opfs') return 'in this browser';
  if (keptIn === 'directory') return 'in a folder on this computer';
  if (kind === 'files') return 'where it is: on your disk';
  if (kind === 'folder') return 'where it is: on its site';
  return 'not: the next visit fetches it again';
}

function Device({ busy, why }: Busy): ReactNode {
  const { actions } = useApp();
  const { model, measured, measuring, verdict } = useFacts((s) => ({
    model: modelOf(s),
    measured: s.measured.speeds,
    measuring: s.busy.has('measure'),
    verdict: s.page.verdict,
  }));
  const onGpu = model?.device.kind === 'webgpu';
  const isSoftware = (onGpu && model.device.isSoftware) || verdict?.code === 'software';
  const hasAdapter = verdict === null || verdict.code === 'ok' || verdict.code === 'software';
  const described = why === '' ? undefined : 'model-blocked';
  return (
    <section className={css.part}>
      <h3 id="choose-device">Device</h3>
      <fieldset className={css.choice} aria-labelledby="choose-device" aria-describedby={described}>
        <button
          className={controls.button}
          type="button"
          disabled={busy || !hasAdapter}
          aria-pressed={onGpu}
          onClick={() => actions.takeDevice('webgpu')}
        >
          {isSoftware ? 'Software adapter' : 'GPU'}
        </button>
        <button
          className={controls.button}
          type="button"
          disabled={busy}
          aria-pressed={model?.device.kind === 'cpu'}
          onClick={() => actions.takeDevice('cpu')}
        >
          Processor
        </button>
        <button
          className={controls.plain}
          type="button"
          disabled={busy || model === null}
          onClick={() => actions.measure()}
        >
          {measuring ? 'Measuring…' : 'Measure both'}
        </button>
      </fieldset>
      {isSoftware && <SoftwareAdapter {...{ onGpu, busy }} />}
      {measured !== null && <Measured {...{ measured, onGpu, isSoftware, busy }} />}
    </section>
  );
}

/** Why the processor computes where WebGPU is there, and how to have WebGPU all the same. */
function SoftwareAdapter({ onGpu, busy }: { onGpu: boolean; busy: boolean }): ReactNode {
  const { actions } = useApp();
  return (
    <div className={css.result}>
      <p>
        WebGPU has only a software adapter here: a program on your processor imitates a GPU, and
        writes more slowly than the processor does by itself.{' '}
        {onGpu ? (
          'It is in use, as asked.'
        ) : (
          <button
            className={controls.link}
            type="button"
            disabled={busy}
            onClick={() => actions.takeDevice('webgpu')}
          >
            Use WebGPU all the same
          </button>
        )}
      </p>
      <details>
        <summary>How to get a real GPU</summary>
        <ul>
          {stepsToGpu(navigator.userAgent).map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
      </details>
    </div>
  );
}

function Measured({
  measured,
  onGpu,
  isSoftware,
  busy,
}: {
  measured: { readonly webgpu: number | null; readonly cpu: number };
  onGpu: boolean;
  isSoftware: boolean;
  busy: boolean;
}): ReactNode {
  const { actions } = useApp();
  const faster = measured.webgpu !== null && measured.webgpu >= measured.cpu ? 'webgpu' : 'cpu';
  const already = (faster === 'webgpu') === onGpu;
  return (
    <p className={css.result}>
      {isSoftware ? 'WebGPU' : 'GPU'}:{' '}
      {measured.webgpu === null ? 'not available' : formatSpeed(measured.webgpu)}. Processor:{' '}
      {formatSpeed(measured.cpu)}.{' '}
      {already ? (
        'The faster one is in use.'
      ) : faster === 'webgpu' && isSoftware ? null : (
        <button
          className={controls.link}
          type="button"
          disabled={busy}
          onClick={() => actions.takeDevice(faster)}
        >
          Switch to the {faster === 'cpu' ? 'processor' : 'GPU'}
        </button>
      )}
    </p>
  );
}
