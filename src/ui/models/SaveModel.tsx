// Takes the loaded model away: as a folder or an archive that transformers reads.
import { useEffect, useState, type ReactNode } from 'react';
import type { Dtype, ModelSummary } from '../../api.ts';
import { removeLeftovers } from '../../kept/spool.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatBytes } from '../format.ts';
import css from './ModelDetails.module.css';
import { modelOf } from '../../state/facts/model.ts';

const BITS = { fp32: '32 bit', fp16: '16 bit' } as const;
const DTYPES = ['fp32', 'fp16'] as const;

export function SaveModel({
  arriving,
}: {
  /** Another model's name. */ arriving: string;
}): ReactNode {
  const { actions } = useApp();
  const { model, phase, saving, saveError } = useFacts((s) => ({
    model: modelOf(s),
    phase: s.model.at,
    saving: s.saving.now,
    saveError: s.saving.error,
  }));
  useEffect(() => void removeLeftovers(), []);
  const own = model?.dtype === 'fp16' ? 'fp16' : 'fp32';
  const [chosen, setChosen] = useState<'fp32' | 'fp16' | null>(null);
  const dtype = chosen ?? own;
  if (model === null) return null;
  const hasFolders = 'showDirectoryPicker' in window;
  const isOff = phase !== 'here' || arriving !== '';
  const save = (to: 'folder' | 'zip') => () => actions.saveModel({ to, dtype });
  return (
    <section className={css.part}>
      <h3 id="save-model">Save this model</h3>
      {saving === null ? (
        <>
          <fieldset className={css.choice} aria-labelledby="save-model">
            {DTYPES.map((one) => (
              <label key={one} className={css.radio}>
                <input
                  type="radio"
                  name="save-dtype"
                  value={one}
                  checked={one === dtype}
                  onChange={() => setChosen(one)}
                />
                {BITS[one]}
                <span className={controls.number}>
                  {formatBytes(model.parameterCount * (one === 'fp32' ? 4 : 2))}
                </span>
              </label>
            ))}
          </fieldset>
          <div className={css.choice}>
            {hasFolders && (
              <button
                className={controls.button}
                type="button"
                disabled={isOff}
                onClick={save('folder')}
              >
                Save to a folder…
              </button>
            )}
            <button
              className={controls.button}
              type="button"
              disabled={isOff}
              onClick={save('zip')}
            >
              Save as .zip
            </button>
          </div>
          <p className={css.note}>
            {arriving === ''
              ? `Files that ${readerWords(model)} and this page read${contentWords(model.dtype, dtype)}.`
              : `${arriving} is arriving and would take this model’s place; save when it is here, or paused.`}
          </p>
        </>
      ) : (
        <Progress saving={saving} onCancel={() => actions.cancelSave()} />
      )}
      {saveError !== null && (
        <p className={css.failed} role="alert">
          <strong>{saveError.message}</strong> {saveError.hint}
        </p>
      )}
      <Saved />
    </section>
  );
}

/** Who else reads them: transformers would take another LayerNorm than the notebook's in silence. */
function readerWords({ layerNormDenominator }: ModelSummary): string {
  return layerNormDenominator === 'std'
    ? 'the notebook’s GPTModel (transformers has no GPT-2 with this LayerNorm)'
    : 'transformers';
}

/** What is in the files, of a model that is loaded as `own`. */
function contentWords(own: Dtype, dtype: 'fp32' | 'fp16'): string {
  if (own === 'q8') {
    return '; not in 8 bit, which they do not know: the weights that it was made from, where they are at hand';
  }
  return own === 'fp32' && dtype === 'fp16' ? ', with matrices rounded to 16 bit' : ', bit for bit';
}

function Progress({
  saving: { file, done, total },
  onCancel,
}: {
  saving: { readonly file: string; readonly done: number; readonly total: number };
  onCancel: () => void;
}): ReactNode {
  return (
    <div className={css.progress}>
      <progress max={total || 1} value={done} aria-label="Saved so far" />
      <span className={controls.number}>
        {total === 0 ? 'Getting ready…' : `${formatBytes(done)} of ${formatBytes(total)}`}
      </span>
      <span className={controls.number}>{file}</span>
      <button className={controls.button} type="button" onClick={onCancel}>
        Cancel
      </button>
    </div>
  );
}

function Saved(): ReactNode {
  const { saved } = useFacts((s) => ({ saved: s.saving.last }));
  if (saved === null) return null;
  const folder = saved.name.replace(/\.zip$/u, '');
  return (
    <div className={css.result} data-testid="saved">
      <p>
        {saved.to === 'zip' ? 'Downloaded as ' : 'Written into the folder '}
        <b>{saved.name}</b>: {formatBytes(saved.bytes)} in {BITS[saved.dtype]}
        {
          {
            loaded: '',
            source: ', from the weights that the 8-bit ones were made from',
            dequantised: ', the 8-bit weights written out: what they were made from is not at hand',
          }[saved.weights]
        }
        . In Python{saved.to === 'zip' ? ', once unpacked' : ''}:
      </p>
      <pre>
        <code>
          {saved.layout === 'huggingface'
            ? `GPT2LMHeadModel.from_pretrained("./${folder}")`
            : `model.load_state_dict(load_file("./${folder}/model.safetensors"), strict=False)`}
        </code>
      </pre>
    </div>
  );
}
