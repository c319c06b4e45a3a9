// Whether this browser has WebGPU, and how to turn it on where it has not.

/** Why WebGPU is not to be had here, in one sentence; null where it is. */
export function missing(scope: { navigator?: { gpu?: unknown }; isSecureContext?: boolean }): string | null {
  if (scope.navigator?.gpu) return null;
  if (scope.isSecureContext === false)
    return 'This address is not secure, and browsers give WebGPU to secure pages only: open it over https, or as localhost.';
  return 'This browser does not offer WebGPU, which the page needs to compute on your GPU.';
}

export interface Cure {
  browser: string;
  steps: string[];
}

const LINUX_CHROME = 'Open chrome://flags/#enable-unsafe-webgpu, choose Enabled, and press Relaunch.';

/** How to get WebGPU, browser by browser. */
export const CURES: Cure[] = [
  {
    browser: 'Chrome or Edge',
    steps: [
      'Version 113 or later on Windows and macOS, 121 on Android: update the browser, then reload this page.',
      'In Settings, System, turn on graphics acceleration.',
      `On Linux: ${LINUX_CHROME}`,
    ],
  },
  { browser: 'Safari', steps: ['Safari 26 or later, with macOS, iOS or iPadOS 26.'] },
  {
    browser: 'Firefox',
    steps: [
      'Version 141 or later on Windows, 145 on macOS with Apple silicon.',
      'Elsewhere: open about:config and set dom.webgpu.enabled and gfx.webgpu.ignore-blocklist to true (seen to work with 153 on Linux).',
    ],
  },
];

/** The cures with this browser's first. */
export function curesFor(userAgent: string): Cure[] {
  const mine = /Firefox\//.test(userAgent)
    ? 'Firefox'
    : /Chrom(e|ium)\//.test(userAgent)
      ? 'Chrome or Edge'
      : /Safari\//.test(userAgent)
        ? 'Safari'
        : null;
  return [...CURES].sort((a, b) => Number(b.browser === mine) - Number(a.browser === mine));
}
