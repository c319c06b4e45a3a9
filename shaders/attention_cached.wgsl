// Attention of single queries over a cache, o = softmax(scale q kᵀ) v, for software adapters: a workgroup owns one query of HEADS heads
// that read the same kv head, and every invocation the keys that are WIDTH apart, so that each key and value is loaded once for all of
// them; at the end what they found is put together. Parts: lanes, attention, attention_queries, attention_softmax.

const HEADS = 1u; // divides n_heads / n_kv_heads
const WIDTH = 8u;

var<workgroup> peaks: array<f32, WIDTH>;
var<workgroup> sums: array<f32, WIDTH>;
var<workgroup> outs: array<E, WIDTH * C>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let sets = P.n_heads / HEADS;
  let t = id / sets;
  let h = id % sets * HEADS;
  let kv = kv_of(h);

  var x: array<E, HEADS * C>;
  var acc: array<E, HEADS * C>;
  var peak: array<f32, HEADS>;
  var sum: array<f32, HEADS>;
  // @unroll
  for (var i = 0u; i < HEADS; i++) {
    peak[i] = LOWEST;
    // @unroll
    for (var c = 0u; c < C; c++) { x[i * C + c] = q[query_at(t, h + i) + c] * P.scale; }
  }
  for (var j = lo[t] + lane; j <= last[t]; j += WIDTH) {
    let row = key_at(j, kv);
    var s = array<E, HEADS>();
    // @unroll
    for (var c = 0u; c < C; c++) {
      let key = k[row + c];
      // @unroll
      for (var i = 0u; i < HEADS; i++) { s[i] = fma(x[i * C + c], key, s[i]); }
    }
    var p = array<f32, HEADS>();
    // @unroll
    for (var i = 0u; i < HEADS; i++) {
      let score = total(s[i]);
      let top = max(peak[i], score);
      let shrink = exp(peak[i] - top);
      p[i] = exp(score - top);
      peak[i] = top;
      sum[i] = sum[i] * shrink + p[i];
      // @unroll
      for (var c = 0u; c < C; c++) { acc[i * C + c] *= shrink; }
    }
    // @unroll
    for (var c = 0u; c < C; c++) {
      let value = v[row + c];
      // @unroll
      for (var i = 0u; i < HEADS; i++) { acc[i * C + c] = fma(E(p[i]), value, acc[i * C + c]); }
    }
  }

  // @unroll
  for (var i = 0u; i < HEADS; i++) {
    peaks[lane] = peak[i];
    workgroupBarrier();
    var top = LOWEST;
    for (var l = 0u; l < WIDTH; l++) { top = max(top, peaks[l]); }
    let mine = part(peak[i], top);
    sums[lane] = sum[i] * mine;
    // @unroll
    for (var c = 0u; c < C; c++) { outs[lane * C + c] = acc[i * C + c] * mine; }
    workgroupBarrier();
    var all = 0f;
    for (var l = 0u; l < WIDTH; l++) { all += sums[l]; }
    for (var c = lane; c < C; c += WIDTH) {
      var out = E();
      for (var l = 0u; l < WIDTH; l++) { out += outs[l * C + c]; }
      o[query_at(t, h + i) + c] = out * inverse(all);
    }
    workgroupBarrier(); // before the next head takes the place of this one
  }
}
