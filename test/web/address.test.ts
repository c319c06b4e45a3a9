// What the page reads off its address and its browser.
import { describe, expect, test } from 'vitest';
import { askedBy } from '../../web/recipe.ts';
import { curesFor, missing } from '../../web/webgpu.ts';

describe('the address', () => {
  test('asks for nothing: the recipe as it is', () => {
    const { options, eval: asked } = askedBy('');
    expect(asked).toBeNull();
    expect(options.steps ?? options.epochs).toBeGreaterThan(0);
  });
  test('shortens the run', () => {
    const { options, eval: asked } = askedBy('?steps=3&warmup=2&eval=5');
    expect([options.steps, options.warmupSteps, asked]).toEqual([3, 2, 5]);
  });
  test.each(['0', '-1', '1.5', 'many', ''])('refuses ?steps=%s', (text) =>
    expect(() => askedBy(`?steps=${text}`)).toThrow(`expected ?steps= to be a whole number from 1, got "${text}"`),
  );
});

describe('WebGPU', () => {
  test.each([
    [{ navigator: { gpu: {} }, isSecureContext: true }, null],
    [{ navigator: {}, isSecureContext: true }, /does not offer WebGPU/],
    [{ navigator: {}, isSecureContext: false }, /not secure/],
  ])('in %j', (scope, lack) => {
    if (lack === null) expect(missing(scope)).toBeNull();
    else expect(missing(scope)).toMatch(lack);
  });
  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox'],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36', 'Chrome or Edge'],
    ['Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 'Safari'],
  ])('%s is helped first', (agent, browser) => {
    expect(curesFor(agent)[0].browser).toBe(browser);
    expect(curesFor(agent)).toHaveLength(3);
  });
});
