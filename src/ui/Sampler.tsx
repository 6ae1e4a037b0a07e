// The knobs between the model's probabilities and a token.
import { useEffect, useState, type ReactNode } from 'react';
import { clampSeed, clampSetting, cleanStops, RANGES, type NumericKey } from '../state/settings.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import css from './Sampler.module.css';
import { preloadWords, Word } from './words/Word.tsx';

export function Sampler(): ReactNode {
  const { actions } = useApp();
  const { settings, answered } = useFacts((s) => ({
    settings: s.run.settings,
    answered: s.next.distribution !== null,
  }));
  useEffect(() => {
    if (answered) preloadWords();
  }, [answered]);
  const open = useWide();
  const [roomy] = useState(() => innerHeight >= 860 && innerWidth >= 1200);
  const words = settings.do_sample
    ? `temp ${settings.temperature} · k ${settings.top_k} · p ${settings.top_p}`
    : 'greedy';
  return (
    <section className={css.sampler} aria-label="Sampling">
      <details open={open}>
        <summary className={css.summary}>
          Sampling <span>{words}</span>
        </summary>
        <Knob name="temperature" />
        <Knob name="top_k" />
        <Knob name="top_p" />
        <Seed />
        <details className={css.more} open={roomy}>
          <summary>More</summary>
          <Knob name="max_new_tokens" />
          <Knob name="min_p" />
          <Knob name="repetition_penalty" />
          <Stops />
          <div className={css.foot}>
            <label className={css.check}>
              <input
                type="checkbox"
                checked={!settings.do_sample}
                onChange={(event) => actions.changeSettings({ do_sample: !event.target.checked })}
              />
              Greedy:
            </label>
            <Word id="greedy">always the most probable</Word>
            <button className={controls.link} type="button" onClick={() => actions.resetSettings()}>
              Reset
            </button>
          </div>
        </details>
      </details>
    </section>
  );
}

/** A slider and a number that say the same. */
function Knob({ name }: { name: NumericKey }): ReactNode {
  const { actions } = useApp();
  const { value, greedy } = useFacts((s) => ({
    value: s.run.settings[name],
    greedy: !s.run.settings.do_sample,
  }));
  const [draft, setDraft] = useState<string | null>(null);
  const range = RANGES[name];
  const idle = value === range.off || (greedy && name !== 'max_new_tokens');

  function type(text: string): void {
    setDraft(text);
    if (text.trim() === '') return;
    const number = Number(text);
    const clamped = clampSetting(name, number);
    // While somebody types, only a value that needs no correction counts.
    if (clamped !== undefined && clamped === number) actions.changeSettings({ [name]: clamped });
  }
  function leave(): void {
    if (draft !== null && draft.trim() !== '') {
      const clamped = clampSetting(name, Number(draft));
      if (clamped !== undefined && clamped !== value) actions.changeSettings({ [name]: clamped });
    }
    setDraft(null);
  }

  return (
    <div className={css.knob}>
      <span className={idle ? `${css.name} ${css.off}` : css.name}>
        <Word id={name}>{range.label}</Word>
      </span>
      <input
        className={css.range}
        type="range"
        aria-label={range.label}
        min={range.min}
        max={range.sliderMax}
        step={range.step}
        value={Math.min(value, range.sliderMax)}
        onChange={(event) => {
          setDraft(null);
          actions.changeSettings({ [name]: Number(event.target.value) });
        }}
      />
      <input
        className={css.number}
        type="number"
        inputMode="decimal"
        aria-label={`${range.label}, as a number`}
        min={range.min}
        max={range.max}
        step={range.integer ? 1 : 'any'}
        value={draft ?? String(value)}
        onChange={(event) => type(event.target.value)}
        onBlur={leave}
      />
    </div>
  );
}

function Seed(): ReactNode {
  const { actions } = useApp();
  const { seed, used } = useFacts((s) => ({
    seed: s.run.settings.seed,
    used: s.run.last === null || s.run.last.reason === 'failed' ? null : s.run.last.seed,
  }));
  const [draft, setDraft] = useState<string | null>(null);
  function commit(text: string): void {
    setDraft(text);
    const value = text.trim() === '' ? undefined : clampSeed(Number(text));
    if (value !== undefined) actions.changeSettings({ seed: value });
  }
  return (
    <>
      <div className={css.seed}>
        <span className={css.name}>
          <Word id="seed">Seed</Word>
        </span>
        <label className={css.check}>
          <input
            type="checkbox"
            checked={seed === null}
            onChange={(event) => {
              setDraft(null);
              actions.changeSettings({ seed: event.target.checked ? null : (used ?? 42) });
            }}
          />
          random
        </label>
        <input
          className={css.number}
          type="number"
          inputMode="numeric"
          aria-label="Seed"
          min={0}
          max={4294967295}
          step={1}
          placeholder={used === null ? 'drawn' : String(used)}
          value={draft ?? (seed === null ? '' : String(seed))}
          onChange={(event) => commit(event.target.value)}
          onBlur={() => setDraft(null)}
        />
      </div>
      <p className={css.used}>
        {seed === null && used !== null && (
          <>
            <span>
              Last run used seed <b>{used}</b>.
            </span>
            <button
              className={controls.link}
              type="button"
              onClick={() => actions.changeSettings({ seed: used })}
            >
              Keep it
            </button>
          </>
        )}
        {seed !== null && <span>Fixed: same prompt, same text.</span>}
        {seed === null && used === null && <span>Each run draws a new seed and shows it.</span>}
      </p>
    </>
  );
}

function Stops(): ReactNode {
  const { actions } = useApp();
  const { stop } = useFacts((s) => ({ stop: s.run.settings.stop }));
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <div className={css.stops}>
      <span>
        <Word id="stop">Stop at</Word>
      </span>
      <textarea
        aria-label="Stop at"
        rows={1}
        placeholder="one text a line"
        value={draft ?? stop.map(escapeLine).join('\n')}
        onChange={(event) => {
          setDraft(event.target.value);
          actions.changeSettings({
            stop: cleanStops(event.target.value.split('\n').map(unescape)),
          });
        }}
        onBlur={() => setDraft(null)}
      />
    </div>
  );
}

function escapeLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function unescape(line: string): string {
  return line.replaceAll(/\\(n|\\)/gu, (_, c) => (c === 'n' ? '\n' : '\\'));
}

/** Open where there is room for it; closed behind its summary on a phone. */
function useWide(): boolean {
  const [wide, setWide] = useState(() => matchMedia('(min-width: 800px)').matches);
  useEffect(() => {
    const query = matchMedia('(min-width: 800px)');
    const follow = (): void => setWide(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return wide;
}
