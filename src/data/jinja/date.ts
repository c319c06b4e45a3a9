/** One fixed day in the words of strftime: what a template's strftime_now writes. Not the clock: rows are the same every day. */

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** `format` of strftime at midnight of a day (YYYY-MM-DD); throws where the day is none or a directive is unknown. */
export function dateText(format: string, day: string): string {
  const [year, month, date] = day.split('-').map(Number);
  const at = new Date(Date.UTC(year, month - 1, date));
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || at.toISOString().slice(0, 10) !== day)
    throw new Error(`expected a day as YYYY-MM-DD, got "${day}"; write one such as 2024-07-26`);
  const two = (n: number) => String(n).padStart(2, '0');
  const ofYear = Math.round((at.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
  const [name, weekday] = [MONTHS[month - 1], DAYS[at.getUTCDay()]];
  const written: Record<string, string> = {
    Y: String(year),
    y: two(year % 100),
    m: two(month),
    d: two(date),
    e: String(date).padStart(2),
    B: name,
    b: name.slice(0, 3),
    h: name.slice(0, 3),
    A: weekday,
    a: weekday.slice(0, 3),
    j: String(ofYear).padStart(3, '0'),
    w: String(at.getUTCDay()),
    u: String(at.getUTCDay() || 7),
    H: '00',
    I: '12',
    M: '00',
    S: '00',
    f: '000000',
    p: 'AM',
    F: day,
    T: '00:00:00',
    D: `${two(month)}/${two(date)}/${two(year % 100)}`,
    x: `${two(month)}/${two(date)}/${two(year % 100)}`,
    X: '00:00:00',
    c: `${weekday.slice(0, 3)} ${name.slice(0, 3)} ${String(date).padStart(2)} 00:00:00 ${year}`,
    z: '',
    Z: '',
    '%': '%',
    n: '\n',
    t: '\t',
  };
  return format.replace(/%(-?)(.)/gs, (all, dash: string, kind: string) => {
    const text = written[kind];
    if (text === undefined)
      throw new Error(`strftime's ${all} is not one that this program knows; write the template without it`);
    return dash ? text.replace(/^0+(?=\d)/, '').trim() : text;
  });
}
