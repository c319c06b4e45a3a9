// What the page reads off its address and its browser, and the recipe that it runs.
import { describe, expect, test } from 'vitest';
import { askedBy } from '../../web/address.ts';
import { recipeFor } from '../../web/recipe.ts';
import { curesFor, missing } from '../../web/webgpu.ts';

describe('the address', () => {
  test('asks for nothing', () => expect(askedBy('')).toEqual({ steps: null, warmup: null, eval: null }));
  test('asks for less', () => expect(askedBy('?steps=3&eval=5')).toEqual({ steps: 3, warmup: null, eval: 5 }));
  test.each(['0', '-1', '1.5', 'many', ''])('refuses ?steps=%s', (text) =>
    expect(() => askedBy(`?steps=${text}`)).toThrow(`expected ?steps= to be a whole number from 1, got "${text}"`),
  );
});

describe('the recipe', () => {
  const all = recipeFor({ steps: null, warmup: null, eval: null });
  test('is SMT on all seven targets', () => {
    expect([all.method, all.targets.length, all.budget]).toEqual(['smt', 7, '5%t']);
    expect(all.steps).toBeGreaterThan(0);
  });
  test('is shortened, and else left alone', () => {
    const short = recipeFor({ steps: 3, warmup: 2, eval: null });
    expect(short).toEqual({ ...all, steps: 3, warmupSteps: 2, given: { ...all.given, steps: 3, warmupSteps: 2 } });
  });
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
