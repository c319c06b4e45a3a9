// Sums down the columns, a chunk of rows at a time: out[chunk, c] (+)= sum of term(r, c) over the chunk's rows.
// An invocation holds one column, so neighbours read neighbours. Parts: lanes, one of columnsum_*.

struct Params {
  origin: vec3u,
  rows: u32,
  cols: u32, // of E
  chunk: u32, // rows
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> out: array<E>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = (group.x + P.origin.x) * 64u + lane;
  let k = group.y + P.origin.y;
  if (c >= P.cols) {
    return;
  }
  var sum: E;
  for (var r = k * P.chunk; r < min(P.rows, (k + 1u) * P.chunk); r++) {
    sum += term(r, c);
  }
  if (P.accumulate != 0u) {
    sum += out[k * P.cols + c];
  }
  out[k * P.cols + c] = sum;
}
