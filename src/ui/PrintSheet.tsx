// What is printed: the whole text with the prompt marked, the figures of the open view, and the link. It is made when
// somebody prints, in light colours, and takes the page's place on paper; on the screen nobody sees it.
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { modelOf } from '../state/facts/model.ts';
import { authored } from '../state/tokenText.ts';
import { useApp, type AppContext } from './context.ts';
import type { Figure, FigureTheme } from './figure/figure.ts';
import { createSvgPainter } from './figure/painter.ts';
import { figuresIn } from './figure/shownFigures.ts';
import { readTheme } from './figure/useTheme.ts';
import { formatCount } from './format.ts';
import css from './PrintSheet.module.css';

/** Of a drawing, in CSS pixels: as wide as a page's text. */
const WIDTH = 640;

export function PrintSheet(): ReactNode {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    // What is printed is what stands there when the event ends.
    const begin = (): void => flushSync(() => setPrinting(true));
    const end = (): void => setPrinting(false);
    const paper = matchMedia('print');
    const onMedia = (): void => (paper.matches ? begin() : end());
    addEventListener('beforeprint', begin);
    addEventListener('afterprint', end);
    paper.addEventListener('change', onMedia);
    return () => {
      removeEventListener('beforeprint', begin);
      removeEventListener('afterprint', end);
      paper.removeEventListener('change', onMedia);
    };
  }, []);
  return isPrinting ? <Sheet /> : null;
}

function Sheet(): ReactNode {
  const app = useApp();
  const [{ parts, figures, link, facts }] = useState(() => gather(app));
  return (
    <article className={css.sheet} data-testid="print">
      <p className={css.head}>{facts}</p>
      <div className={css.text}>
        {parts.map(({ isYours, words }, i) => {
          const Tag = isYours ? 'b' : 'span';
          // They have no other name than their place.
          // oxlint-disable-next-line react/no-array-index-key
          return <Tag key={i}>{words}</Tag>;
        })}
      </div>
      {figures.map((figure) => (
        <figure key={figure.title} className={css.figure}>
          <figcaption>
            <b>{figure.title}</b> {figure.finding}
          </figcaption>
          <Drawing figure={figure} />
        </figure>
      ))}
      <p className={css.link}>
        {link.words} <a href={link.href}>{link.href}</a>
      </p>
    </article>
  );
}

function Drawing({ figure }: { readonly figure: Figure }): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current: element } = host;
    if (element === null) return;
    element.replaceChildren(toSvgElement(figure, readLight(element)));
  }, [figure]);
  return <div ref={host} />;
}

/** The colours of paper; the page's own are another's until the event ends. */
function readLight(host: HTMLElement): FigureTheme {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = 'light';
  try {
    return readTheme(host);
  } finally {
    dataset.theme = theme ?? 'auto';
  }
}

function toSvgElement(figure: Figure, theme: FigureTheme): Node {
  const { width, height } = figure.size(WIDTH);
  const painter = createSvgPainter(width, height);
  figure.paint(painter, theme, WIDTH);
  const svg = painter.finish(figure.title, figure.finding, '');
  return document.importNode(
    new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement,
    true,
  );
}

interface Gathered {
  readonly parts: ReturnType<typeof authored>;
  readonly figures: readonly Figure[];
  readonly link: { readonly href: string; readonly words: string };
  readonly facts: string;
}

function gather({ store, text, actions }: AppContext): Gathered {
  const state = store.getState();
  const { prompt, tokenised } = state.text;
  const parts = tokenised ? authored(text) : [{ isYours: true, words: prompt }];
  const { hash, holds } = actions.makeLink();
  const inside = document.querySelector('[data-region="inside"]');
  return {
    parts,
    figures: inside === null ? [] : figuresIn(inside),
    link: {
      href: location.origin + location.pathname + hash,
      words: {
        everything: 'This text, its branches and this view:',
        'this branch': 'This text and this view:',
        'the prompt': 'The prompt and the settings (the whole text is too long for a link):',
        'the settings': 'The settings (the text is too long for a link):',
      }[holds],
    },
    facts: factsOf(state, parts),
  };
}

function factsOf(
  state: ReturnType<AppContext['store']['getState']>,
  parts: Gathered['parts'],
): string {
  const model = modelOf(state);
  const { settings, last } = state.run;
  const { length, firstVisible } = state.text;
  const seed = last?.seed ?? settings.seed;
  const written = parts.some(({ isYours }) => !isYours);
  const how = settings.do_sample
    ? `temperature ${settings.temperature}, top-k ${settings.top_k}, top-p ${settings.top_p}${seed === null ? '' : `, seed ${seed}`}`
    : 'greedy';
  return [
    'Glass GPT.',
    `${formatCount(length)} ${length === 1 ? 'token' : 'tokens'}.`,
    ...(model === null ? [] : [`Model: ${model.name}, ${model.dtype}. Sampling: ${how}.`]),
    written ? 'In bold: what a person wrote. The rest is the model’s.' : 'All of it is the prompt.',
    ...(model !== null && firstVisible > 0
      ? [`The model sees the last ${formatCount(length - firstVisible)} tokens.`]
      : []),
  ].join(' ');
}
