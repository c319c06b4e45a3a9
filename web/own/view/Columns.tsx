// Which column is which: as detected, and corrected by choosing.

import { useEffect, useState } from 'preact/hooks';
import type { Look, Columns as Roles } from '../../../src/parts.ts';
import { columnsIn, detectedIn, isWhole, KINDS, kindOf, recast, roleOf } from '../columns.ts';
import { given, setColumns } from '../store.ts';
import { Choice } from './Choice.tsx';

export function Columns({ looks }: { looks: Look[] }) {
  const detected = detectedIn(looks);
  const names = columnsIn(looks);
  const [kind, setKind] = useState(kindOf(detected));
  const [roles, setRoles] = useState<Roles>(detected ?? {});
  useEffect(() => {
    setKind(kindOf(detected));
    setRoles(detected ?? {});
  }, [looks]);
  const change = (k: number, next: Roles) => {
    setKind(k);
    setRoles(next);
    if (isWhole(k, next)) setColumns(next);
  };
  const corrected = given.value.columns !== undefined;
  const again = () => {
    setKind(kindOf(detected));
    setRoles(detected ?? {});
    setColumns(null);
  };
  return (
    <fieldset class="columns" data-testid="columns">
      <legend>
        {corrected ? 'Columns, as you chose' : detected ? 'Columns, as detected' : 'Which column is which?'}
        {corrected && detected && (
          <button type="button" class="link" onClick={again}>
            as detected
          </button>
        )}
      </legend>
      <div class="fields">
        <Choice
          id="row-kind"
          label="Each row is"
          value={String(kind)}
          of={KINDS.map(({ name }, i) => [String(i), name])}
          choose={(k) => change(Number(k), recast(Number(k), roles, names))}
        />
        {KINDS[kind].roles.map((role) => (
          <Role
            key={role}
            role={role}
            names={names}
            value={roles[roleOf(role)]}
            choose={(column) => change(kind, put(roles, role, column))}
          />
        ))}
      </div>
    </fieldset>
  );
}

function put(roles: Roles, role: string, column: string | undefined): Roles {
  const { [roleOf(role)]: _, ...others } = roles;
  return column === undefined ? others : { ...others, [roleOf(role)]: column };
}

interface RoleProps {
  role: string;
  names: string[];
  value: string | undefined;
  choose: (column: string | undefined) => void;
}

function Role({ role, names, value, choose }: RoleProps) {
  const free = role.endsWith('?');
  return (
    <Choice
      id={`role-${roleOf(role)}`}
      label={roleOf(role)}
      value={value ?? ''}
      of={[['', free ? 'none' : 'choose'], ...names.map((name) => [name, name] as const)]}
      choose={(column) => choose(column || undefined)}
      missing={value === undefined && !free}
    />
  );
}
