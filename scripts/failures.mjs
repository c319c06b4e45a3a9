// What failed, as text, from the JSON reports of vitest and Playwright: the test, its file, and the first lines of why.
import { relative } from 'node:path';

const LINES = 12;

export function failuresOfVitest({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const of = (title, why) => `${relative(process.cwd(), name)}${title ? ` > ${title}` : ''}\n${firstLines(why)}`;
    const tests = assertionResults.filter((t) => t.status === 'failed');
    if (tests.length) return tests.map((t) => of(t.fullName, t.failureMessages.join('\n')));
    // a file that does not load, or whose set-up fails, has no failed tests of its own
    return status === 'failed' ? [of('', message)] : [];
  });
}

export function failuresOfPlaywright({ suites, errors }) {
  const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];
  const tests = suites.flatMap(specs).filter((spec) => !spec.ok);
  const why = (spec) => spec.tests.flatMap((t) => t.results.flatMap((r) => r.errors.map((e) => e.message))).join('\n');
  return [
    ...tests.map((spec) => `${spec.file} > ${spec.title}\n${firstLines(why(spec))}`),
    ...(errors ?? []).map((e) => firstLines(e.message)),
  ];
}

function firstLines(text) {
  return String(text ?? '')
    .split('\n')
    .slice(0, LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
