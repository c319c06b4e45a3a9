// Sums down the columns at once, for GPUs: out[c] (+)= sum of term(r, c) over all rows. A workgroup owns 16 columns: sixteen neighbours
// read neighbours, and sixteen shares of the rows meet in its memory. Parts: lanes, one of columnsum_*.

struct Params {
  origin: vec3u,
  rows: u32,
  cols: u32, // of E
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> out: array<E>;

var<workgroup> shares: array<E, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = (group.x + P.origin.x) * 16u + lane % 16u;
  var sum: E;
  if (c < P.cols) {
    for (var r = lane / 16u; r < P.rows; r += 16u) { sum += term(r, c); }
  }
  shares[lane] = sum;
  workgroupBarrier();
  if (lane >= 16u || c >= P.cols) { return; }
  for (var i = 1u; i < 16u; i++) { sum += shares[i * 16u + lane]; }
  if (P.accumulate != 0u) { sum += out[c]; }
  out[c] = sum;
}
