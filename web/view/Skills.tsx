// Held-out accuracy before and after, of the new skill and of the old ones, as two marks on a scale each.

import { percent } from '../format.ts';
import type { Skill } from '../protocol.ts';
import type { Grade, PageState } from '../state.ts';

const NAMES: Record<Skill, [string, string]> = {
  new: ['New skill, held out', 'Answered exactly right'],
  old: ['Old skills, kept', 'Answered exactly right'],
};

export function Skills({ state }: { state: PageState }) {
  const { grades } = state;
  if (!grades.new.before && !grades.old.before) return null;
  return (
    <div class="skills">
      {(['new', 'old'] as const).map((skill) => (
        <Scale key={skill} skill={skill} before={grades[skill].before} after={grades[skill].after} />
      ))}
    </div>
  );
}

function Scale({ skill, before, after }: { skill: Skill; before: Grade | null; after: Grade | null }) {
  if (!before) return null;
  const [name, what] = NAMES[skill];
  const at = (g: Grade) => 100 * (g.right / g.of);
  const [from, to] = [at(before), at(after ?? before)];
  const words = `${percent(before.right / before.of)}${after ? ` → ${percent(after.right / after.of)}` : ''}`;
  return (
    <div class="skill" data-testid={`skill-${skill}`}>
      <h3>{name}</h3>
      <p class="words">{words}</p>
      <div class="scale" aria-hidden="true">
        <span class="span" style={{ left: `${Math.min(from, to)}%`, width: `${Math.abs(to - from)}%` }} />
        <span class="from" style={{ left: `${from}%` }} />
        {after && <span class="to" style={{ left: `${to}%` }} />}
      </div>
      <p class="what">
        {what}: {before.right} of {before.of}
        {after && ` before, ${after.right} of ${after.of} after`}
      </p>
    </div>
  );
}
