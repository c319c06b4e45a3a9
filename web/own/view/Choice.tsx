// One of several, under a label of its own.

interface Props {
  id: string;
  label: string;
  value: string;
  of: readonly (readonly [value: string, name: string])[];
  choose: (value: string) => void;
  /** Nothing is chosen yet, and something must be. */
  missing?: boolean;
  title?: string;
  /** Beside its label, not below it. */
  inline?: boolean;
}

export function Choice({ id, label, value, of, choose, missing, title, inline }: Props) {
  return (
    <div class={inline ? 'field inline' : 'field'} title={title}>
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(e) => choose(e.currentTarget.value)} class={missing ? 'missing' : ''}>
        {of.map(([v, name]) => (
          <option key={v} value={v}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
