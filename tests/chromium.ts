// The one place that chooses a browser and its flags, for the kernel tests (vitest) and the page tests (Playwright).
// `--enable-unsafe-webgpu` takes the machine's GPU, or SwiftShader (software) where there is none; GPU=software forces the latter.
import type { LaunchOptions } from 'playwright';
import { chromiums } from '../scripts/chromium.mjs';

const [path] = chromiums();
const isRoot = process.getuid?.() === 0;

/** What Playwright 1.65 leaves out: Chromium takes the last list of features alone, so ours has to hold this one too. */
const WITHOUT_BY_PLAYWRIGHT = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'TcpPortRandomizationWin',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
];

/** Each window opened two pages of the browser's own for them, busy for seconds on two cores. */
const WITHOUT_IN_WINDOWS = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup'];

/** A process for a page that nobody opens, after each that somebody did. */
const WITHOUT_SPARE = ['SpareRendererForSitePerProcess'];

export const launchOptions: LaunchOptions = {
  // With none found, Playwright says how to install its full Chromium (its headless shell has no WebGPU).
  ...(path ? { executablePath: path } : { channel: 'chromium' }),
  args: [
    '--enable-unsafe-webgpu',
    ...(process.env.GPU === 'software' ? ['--use-webgpu-adapter=swiftshader'] : []),
    ...(isRoot ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Megabytes of weights go from process to process otherwise.
    '--enable-features=NetworkServiceInProcess2',
    `--disable-features=${[...WITHOUT_BY_PLAYWRIGHT, ...WITHOUT_IN_WINDOWS, ...WITHOUT_SPARE].join(',')}`,
  ],
};
