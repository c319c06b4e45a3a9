// Kernels made wrong, one change each: the file, what stands there (once), what stands there instead, what that is, and the tests that
// should notice. A pattern is short, so that it moves easily when a kernel is rewritten.

/** The text with the mutant in it. */
export function mutated({ file, from, to }, text) {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`expected ${file}.wgsl to have this once, got it ${parts.length - 1} times: ${from}`);
  return parts.join(to);
}

const ops = (...names) => names.map((name) => `test/ops/${name}.test.ts`).join(' ');

/** [file, from, to, what it is] by the tests that should notice. */
const BY_TESTS = {
  [ops('gemm')]: [
    ['gemm_store', 'min(ROWS, P.m - min(row, P.m))', 'ROWS', 'rows beyond the last are stored'],
    ['gemm_store', 'if (col + j * STEP < P.n)', 'if (col + j * STEP <= P.n)', 'a column beyond the last is stored'],
    ['gemm_store', 'P.accumulate != 0u', 'false', 'adding is ignored'],
    ['gemm_store', '(P.c_at + row * P.ldc + col)', '(row * P.ldc + col)', 'the offset of c is forgotten'],
    ['gemm_store', 'row * P.ldc + col', 'row * P.n + col', 'the stride of c is its width'],
    ['gemm_pack', 'wg.y * 64u * steps', 'wg.y * 64u * P.k', 'panels are taken to end with k, not with a multiple of 4'],
    ['gemm_pack', 'vec4f(x.y, y.y, z.y, w.y)', 'vec4f(x.y, y.y, w.y, z.y)', 'two rows of a panel are swapped'],
    ['gemm_pack', 'if (k >= P.k)', 'if (k + 4u >= P.k)', 'the last steps of the sum are not packed'],
    ['gemm_pack_vec4', 'min(line, lines - 1u) * P.ld', 'min(line, lines - 1u) * width', 'the stride of an operand is its width'],
    ['gemm_pack_any', 'vec4u(P.src_at + min', 'vec4u(min', 'the offset of an operand is forgotten'],
    ['gemm_packed', 'min(at / 64u, last) * panel', 'min(at / 64u, last) * 64u', 'panels of B are taken to be one step long'],
    ['gemm_packed', 'subgroupBroadcast(four[q], l)', 'four[q]', 'no broadcast: every lane multiplies its own rows'],
    ['gemm_packed_plain', '% 2u * 8u + lane', '% 2u * 16u + lane', 'the second half of a panel is looked for too far'],
    ['gemm_packed_plain', 'k < P.k', 'k + 1u < P.k', 'the last step of the sum is left out'],
    [
      'gemm_tile',
      '    workgroupBarrier();\n    for (var d',
      '    for (var d',
      'no barrier between filling a tile and reading it',
    ],
    [
      'gemm_tile',
      '    workgroupBarrier();\n  }\n  finish',
      '  }\n  finish',
      'no barrier before the next tile takes the place of this one',
    ],
    [
      'gemm_tile',
      'if (line >= select(P.m, P.k, AT) || start >= select(P.k, P.m, AT)) { return vec4f(); }',
      '',
      'A is not cleared beyond its edge',
    ],
    [
      'gemm_tile',
      'return vec4f(); }\n  return read_b',
      'return read_b(begin); }\n  return read_b',
      'B is not cleared beyond its edge',
    ],
    ['gemm_tile', 'begin.y, col, k', 'begin.y, row, k', 'columns of B are looked for by the rows of C'],
    ['gemm_tile', 'begin + line * P.ldb', 'begin + line * P.n', 'the stride of B is its width'],
    ['gemm_tile', '(local.x + j * ACROSS)', '(local.x)', 'the second columns of an invocation are its first ones'],
    ['gemm_tile', '[((local.y * ROWS + i) / 4u) ^ turn]', '[(local.y * ROWS + i) / 4u]', 'A is read where it was not turned to'],
    ['gemm_tile_store', 'P.accumulate != 0u', 'false', 'adding is ignored'],
    ['gemm_tile_store', 'begin + row * P.ldc', 'begin + row * P.n', 'the stride of c is its width'],
    ['gemm_plain', 'min(m0 + q, P.m - 1u) * a_row', 'min(m0 + q, P.m - 1u) * P.k', 'the stride of A is its width'],
    ['gemm_plain', 'if (n0 + s < P.n)', 'if (n0 + s <= P.n)', 'a column beyond the last is stored'],
  ],
  [ops('gemm-tile')]: [
    ['gemm_tile', 'wg.z % P.splits * P.steps', '0u', 'every part of a sum begins at its start'],
    ['gemm_place', 'z * P.plane', '0u', 'parts of a sum are written over each other'],
    ['gemm_split', 'if (z >= P.splits) { return vec4f(); }', '', 'planes beyond the last are added'],
    ['gemm_split', 'P.c_at + row', 'row', 'the offset of c is forgotten'],
    ['gemm_onto_bias', 'P.bias_at + col', 'col', 'the bias is read from its start'],
    ['gemm_onto_residual', 'row * P.ld_add', 'row * P.n', 'the stride of the residual is its width'],
    ['gemm_onto_both', '+ bias[(P.bias_at + col) / 4u]', '', 'the bias is left out beside a residual'],
  ],
  [ops('blocks-product')]: [
    ['gemm_blocks', 'line + P.line0', 'line', 'blocks of a later window are looked for in the first'],
    ['gemm_blocks', 'lists[P.list_at + i / 32u * 2u + 1u] +', '', 'blocks before these 32 are not counted'],
    ['gemm_blocks', 'bits & (bit - 1u)', 'bits', 'a block is taken for the last of its 32'],
    ['gemm_place_blocks', 'lists[at + 1u] * P.edge', 'lists[at] * P.edge', 'the block column is taken for the row'],
    ['blocks_slices', 'tiles * half]', 'tiles]', 'slices of tokens are added to the wrong ones'],
  ],
  [ops('linear')]: [
    ['gemm_pack_stored', 'P.src_at + min', 'min', 'parts of a stored weight all begin at its start'],
    ['unpack', 'P.start + 4u * (run + j)', '4u * (run + j)', 'every panel is the first'],
  ],
  [ops('unpack')]: [
    ['unpack', '4u * (run + j)', '4u * run + j', 'a run reads vectors that overlap'],
    ['format_q4_0', '- 8.0', '- 7.0', 'the zero of q4_0 is off by one'],
    ['format_q6_k', '* 52u', '* 53u', 'blocks of q6_k are taken to be longer'],
    ['format_q3_k', '- 32.0', '- 31.0', 'the zero of the scales of q3_k is off by one'],
    ['format_k', 'e < 128u', 'e <= 128u', 'the first element of the late scales takes an early one'],
    ['format_scales', '[block % 2u]', '[0]', 'odd blocks take the scale of the block before'],
  ],
  [ops('gemv')]: [
    ['gemv', 'workgroupBarrier();', '', 'no barrier between the sums of eight invocations and their total'],
    ['gemv', 'if (m < P.tokens && r < P.rows)', 'if (m < P.tokens)', 'rows beyond the last are stored'],
    ['gemv', 'P.accumulate != 0u', 'true', 'adds where it should write'],
    ['gemv_plain', '* P.ldx', '* P.cols', 'the stride of x is its width'],
  ],
  [ops('attention', 'attention-columns')]: [
    ['attention', '(t * P.n_heads + head) * C', '(t * P.n_kv_heads + head) * C', 'the stride of the queries is that of the keys'],
    ['attention', 'head / (P.n_heads / P.n_kv_heads)', 'head % P.n_kv_heads', 'heads are given their kv head in turn'],
    ['attention_queries', 'first <= j && j <= end', 'j <= end', 'a query sees the row before its own'],
    ['attention_queries', 'j <= end;', 'j < end;', 'a query does not see itself'],
    ['attention_keys', 'j <= t && t <= end', 't <= end', 'a key is seen by queries before it'],
    ['attention_backward', 'total(dp) - row_stats.y', 'total(dp)', 'the delta of the softmax gradient is missing'],
    ['attention_forward', 'sum[i] *= shrink;', '', 'the sum does not shrink when the maximum moves'],
    ['attention_dq', '* P.scale; }', '; }', 'dq lacks its scale'],
    ['attention_dkv', 'd_k[row + c] = dk[i * C + c] * P.scale', 'd_k[row + c] = dk[i * C + c]', 'dk lacks its scale'],
    [
      'attention_dkv',
      'h < (kv + 1u) * heads',
      'h < kv * heads + 1u',
      'of the heads that share a key only the first adds to its gradient',
    ],
    ['attention_subgroup_forward', 'acc[i * C + c] *= shrink;', '', 'the output does not shrink when the maximum moves'],
    [
      'attention_subgroup_dq',
      'lane / HEADS * BQ',
      'lane * BQ',
      'tiles of queries are counted by lanes, not by heads side by side',
    ],
    [
      'attention_subgroup_dkv',
      'min(start + BK * SHARE, P.N) - 1u',
      'min(start + BK, P.N) - 1u',
      'the walk ends with the row of the first keys',
    ],
    ['attention_tiled', 'dot_onto(w, other, s.w)', 'dot_onto(z, other, s.w)', 'the fourth row has the scores of the third'],
    ['attention_tiled', 'j < COLUMNS; j++', 'j < COLUMNS - 1u; j++', 'the last column of a tile is left out of the outputs'],
    ['attention_tiled', 'figure;\n  workgroupBarrier();', 'figure;', 'no barrier between sharing a figure and reading it'],
    ['attention_tiled_forward', 'sum *= shrink;', '', 'the sum does not shrink when the maximum moves'],
    [
      'attention_tiled_forward',
      'workgroupBarrier(); // before',
      '// before',
      'no barrier before the next keys take the place of the values',
    ],
    ['attention_tiled_forward', 'last[t0 + lane]', 'last[t0]', 'only the first query of a tile says which keys are seen'],
    ['attention_tiled_dq', 'if (column == 0u) {', 'if (false) {', 'delta is not left for the pass of the keys'],
    ['attention_tiled_dq', '(key <= mine)', '(key < mine)', 'a query does not see itself in the backward'],
    ['attention_tiled_dq', '* P.scale; }', '; }', 'dq lacks its scale'],
    [
      'attention_tiled_dq',
      'workgroupBarrier(); // before',
      '// before',
      'no barrier before the next keys take the place of these',
    ],
    ['attention_tiled_dkv', 'P.v_at + at', 'P.k_at + at', 'gradients of values take the place of those of keys'],
    ['attention_tiled_dkv', 'hi[beyond - 1u]; }', 'hi[j0]; }', 'the walk ends with the row of the first key'],
    ['attention_tiled_dkv', '% PARTS * OWN', '% PARTS', 'the parts of a long head overlap'],
    [
      'attention_tiled_dkv',
      'workgroupBarrier(); // before',
      '// before',
      'no barrier before the next queries take the place of these',
    ],
  ],
  [ops('rmsnorm')]: [
    ['rmsnorm', '/ f32(P.cols * LANES)', '/ f32(P.cols)', 'the mean is over vectors, not numbers'],
    ['rmsnorm', 'mean + P.eps', 'mean', 'epsilon is forgotten'],
    [
      'rmsnorm_backward',
      '= x[at + c] * scale * w[c]; }',
      '= x[at + c] * scale; }',
      'what is made again beside the gradient lacks its weight',
    ],
    ['rmsnorm_backward', 'if (P.accumulate != 0u)', 'if (false)', 'adding is ignored'],
    [
      'reduce',
      'i < WIDTH; i += 4u) {\n    sum',
      'i < WIDTH - 4u; i += 4u) {\n    sum',
      'the last invocations are left out of a sum',
    ],
    ['columnsum_wide', 'i < 16u; i++) { sum', 'i < 15u; i++) { sum', 'the last share of the rows is left out'],
    [
      'columnsum',
      'min(P.rows, (k + 1u) * P.chunk)',
      'min(P.rows, (k + 1u) * P.chunk - 1u)',
      'the last row of a chunk is left out',
    ],
  ],
  [ops('qknorm', 'rope')]: [
    ['qknorm_backward', '- x[at + c] * scale * mean', '', 'the gradient lacks the part through the norm'],
    ['rope', 'P.first + t', 't', 'heads are taken to begin with their rows'],
    ['rope', 'b * cos + a * sin', 'b * cos - a * sin', 'a rotation with a wrong sign'],
    ['rope', 'turn.y * P.sign', 'turn.y', 'the gradient turns forwards'],
  ],
  [ops('crossentropy', 'gather')]: [
    ['crossentropy', 'sums *= decay(E(top - high));', '', 'the sum does not shrink when the maximum moves'],
    ['crossentropy', 'd -= one_hot(id % LANES) * scale;', '', 'the gradient lacks the target'],
    ['crossentropy', 'if (!padding)', 'if (true)', 'padding gets a gradient'],
    [
      'reduce_wide',
      'i < WIDTH; i += 16u) { sum',
      'i < WIDTH - 16u; i += 16u) { sum',
      'the last invocations are left out of a wide sum',
    ],
    [
      'reduce_wide',
      'if (lane < 16u) { sixteen[lane] = most; }',
      'sixteen[0] = partial[0];',
      'the largest of a row is that of its first invocation',
    ],
    ['losssum', 'sum += results[0];', '', 'the loss of a micro-batch takes the place of the ones before'],
    ['scatter', 'P.cols + c] += dy', 'P.cols + c] = dy', 'rows are written over instead of added to'],
  ],
  [ops('gradnorm', 'adamw')]: [
    ['gradnorm', '< vec4u(P.count))', '< vec4u(P.count + 4u))', 'what follows a gradient counts in its norm'],
    ['gradnorm_finish', 'P.clip / (norm + 1e-6)', 'P.clip / norm', "clipping without PyTorch's 1e-6"],
    ['gradnorm_finish', '&& finite(results[0])', '', 'a loss that is no number does not skip the step'],
    ['adamw', '|| state[1] != 0.0', '', 'a skipped step moves'],
    ['adamw', 'grad[i] * state[0]', 'grad[i]', 'the clip factor is forgotten'],
    ['adamw', 'sqrt(v_new / state[3]) + P.eps', 'sqrt(v_new / state[3] + P.eps)', 'epsilon is under the root'],
  ],
  [ops('blocks')]: [
    ['blocks', 'P.groups_at + 3u * z', 'P.groups_at + 2u * z', 'groups are taken to be pairs'],
    ['blocks_by4', 'if (column + s < P.b)', 'if (true)', 'columns beyond a block are stored'],
    ['blocks_by8', 'select(vec4f(), out[to + 1u], P.accumulate != 0u)', 'vec4f()', 'adding is ignored in half of the columns'],
    ['blocks_input8', 'entry.y * P.b', 'entry.x * P.b', 'the place of a block is taken for its row'],
    ['blocks_weight', 't < P.N', 't + 1u < P.N', 'the last token is left out'],
  ],
  [ops('score')]: [
    ['gemm_reduce', '(row + i) / CELL * P.ldc', '(row + i) * P.ldc', 'cells are taken to be one row high'],
    ['score_blocks', 'sum * P.factor', 'sum', 'a mean is a sum'],
    ['score_blocks_wide', 'i / P.width * pitch', 'i / P.width', 'the rows of a block are taken to be one behind the other'],
    ['score_dense', 'wg.x] += s', 'wg.x] = s', 'the score of a micro-batch takes the place of the ones before'],
  ],
  [ops('lowrank', 'dropout')]: [
    ['lowrank_down', 'P.scale * sum', 'sum', 'the factor alpha / r is forgotten'],
    ['lowrank_weight', 'workgroupBarrier();', '', 'no barrier between the shares of the rows and their sum'],
    ['dora_scale', '2.0 * cross_', 'cross_', 'the norm lacks half of its mixed term'],
    ['dropout', 'x[i] * P.scale', 'x[i]', 'what is kept is not scaled up'],
  ],
  [ops('swiglu', 'embed', 'fill')]: [
    ['swiglu_columns', 'i / P.cols * P.ld', 'i', 'columns are taken to be all of the rows'],
    [
      'swiglu_columns_backward',
      'if (AGAIN) { ds[i] = g',
      'if (AGAIN) { ds[i] = d',
      'what is made again beside the gradients is another value',
    ],
    ['swiglu_backward', '1.0 + g * sig.minus', '1.0', "silu's derivative lacks a term"],
    ['embed', 'id < P.r0 || id >= P.r1', 'id >= P.r1', 'a window gives rows that one before it holds'],
    ['embed_backward', 'order[i] * P.cols', 'i * P.cols', 'tokens are not looked up in their order'],
    ['fill_both', 'bias[i % P.cols]', 'bias[i / P.cols]', 'the bias goes by rows'],
  ],
};

export const MUTANTS = Object.entries(BY_TESTS).flatMap(([tests, list]) =>
  list.map(([file, from, to, what]) => ({ tests, file, from, to, what })),
);
