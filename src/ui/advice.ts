// What a GPU verdict means, and what to do next in this browser. The user agent decides words only.
import type { GpuVerdict } from '../api.ts';

export interface Advice {
  readonly title: string;
  readonly text: string;
  /** What to do next, where there is something to do. */
  readonly steps: readonly string[];
}

type Browser = 'chrome' | 'edge' | 'firefox' | 'safari' | 'android' | 'ios' | 'other';

function nameBrowser(userAgent: string): Browser {
  if (/iPhone|iPad|iPod/u.test(userAgent)) return 'ios';
  if (/Android/u.test(userAgent)) return 'android';
  if (/Edg\//u.test(userAgent)) return 'edge';
  if (/Firefox\//u.test(userAgent)) return 'firefox';
  if (/Chrome\/|Chromium\//u.test(userAgent)) return 'chrome';
  if (/Safari\//u.test(userAgent)) return 'safari';
  return 'other';
}

const CPU =
  'Meanwhile the page computes on this device’s processor: everything works, only slower.';

const SWITCH_ON: Readonly<Record<Browser, readonly string[]>> = {
  chrome: [
    'Open chrome://settings/system, switch on “Use graphics acceleration when available” and start Chrome again.',
    'On Linux, also try chrome://flags/#enable-unsafe-webgpu. chrome://gpu says what Chrome found.',
  ],
  edge: [
    'Open edge://settings/system, switch on “Use graphics acceleration when available” and start Edge again.',
    'edge://gpu says what Edge found.',
  ],
  firefox: [
    'Use Firefox 141 or newer on Windows, 145 or newer on a Mac with Apple silicon.',
    'Elsewhere open about:config, set dom.webgpu.enabled to true and start Firefox again.',
  ],
  safari: [
    'Use Safari 26 or newer.',
    'In Safari 18, switch on WebGPU under Settings › Feature Flags (needs the Develop menu).',
  ],
  android: [
    'Use Chrome 121 or newer on Android 12 or newer.',
    'Some phones’ GPUs are not supported yet; then the processor is the way.',
  ],
  ios: [
    'Use iOS 26 or newer: every browser on this device uses Safari’s engine.',
    'On iOS 18: Settings › Apps › Safari › Advanced › Feature Flags › WebGPU.',
  ],
  other: ['Use a current Chrome, Edge, Firefox or Safari.'],
};

/** How this browser is led to the machine's GPU. */
export function stepsToGpu(userAgent: string): readonly string[] {
  return SWITCH_ON[nameBrowser(userAgent)];
}

/** What is told above the page; nothing where there is a GPU, or a program that imitates one. */
export function adviseOn(verdict: GpuVerdict, userAgent: string): Advice | null {
  const steps = stepsToGpu(userAgent);
  switch (verdict.code) {
    case 'ok':
    case 'software':
      return null;
    case 'no-api':
      return {
        title: 'This browser has no WebGPU.',
        text: CPU,
        steps,
      };
    case 'insecure':
      return {
        title: 'WebGPU needs a secure page.',
        text: `Browsers offer it on https:// and on localhost only. ${CPU}`,
        steps: [
          'Open this page with https:// in front of its address.',
          'On your own machine, use http://localhost instead of a number or a name.',
        ],
      };
    case 'no-adapter':
      return {
        title: 'WebGPU is here, but no GPU answers.',
        text: CPU,
        steps: [...steps, 'An update of the graphics driver often helps.'],
      };
    case 'limits': {
      const { limit } = verdict;
      const what =
        limit === undefined
          ? 'Its limits are too low for this model.'
          : `${limit.name} is ${limit.offered.toLocaleString('en')}; this model needs ${limit.needed.toLocaleString('en')}.`;
      return {
        title: 'This GPU is too small for the model.',
        text: `${what} ${CPU}`,
        steps: ['Choose a smaller model, or another GPU in the browser’s settings.'],
      };
    }
  }
}
