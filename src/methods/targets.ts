// The matrices that methods choose from: those of the named modules, layer by layer.

import { MODULES, type Module, matrixShape, weightName } from '../models/config.ts';
import { type Decoder, parametersOf } from '../models/decoder.ts';
import type { Weight } from '../ops/stored/weight.ts';

/** A matrix [rows, cols] = [out, in] that may train. `order` is its module's rank in ties. */
export interface Target {
  name: string;
  layer: number;
  module: Module;
  order: number;
  rows: number;
  cols: number;
}

/** Every matrix of the named modules. */
export function targetsOf(d: Decoder, modules: readonly Module[]): Target[] {
  const wanted = MODULES.filter((m) => modules.includes(m));
  return d.layers.flatMap((_, layer) =>
    wanted.map((module) => {
      const [rows, cols] = matrixShape(d.config, module);
      return { name: weightName(layer, module), layer, module, order: MODULES.indexOf(module), rows, cols };
    }),
  );
}

export const weightOf = (d: Decoder, t: Pick<Target, 'layer' | 'module'>): Weight => d.layers[t.layer].matrices[t.module];

/** Elements of the targets. */
export const sizeOfTargets = (targets: Target[]) => targets.reduce((n, t) => n + t.rows * t.cols, 0);

/** Elements of all 2-D parameters, a tied embedding once. */
export function matrixParameters(d: Decoder): number {
  return parametersOf(d).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : 0), 0);
}
