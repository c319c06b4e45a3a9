// The block map, loaded when it is first shown.

import { later } from './later.tsx';

export const BlockMap = later(async () => (await import('./BlockMap.tsx')).BlockMap, 'map-place');
