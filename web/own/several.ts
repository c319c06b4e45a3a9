// "1 row", "1,600 rows".

import { grouped } from '../format.ts';

export const several = (n: number, what: string): string => `${grouped(n)} ${what}${n === 1 ? '' : 's'}`;
