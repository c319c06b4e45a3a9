// Attention of single queries over a cache, o = softmax(scale q kᵀ) v, for GPUs: a workgroup owns one query of HEADS heads that read the
// same kv head, at most eight. 64 keys at a time: an invocation makes the scores of one key with all heads, eight share the softmax
// of a head, and then each has some elements of the outputs, for which neighbours read neighbouring values.
// Parts: lanes, attention, attention_queries, attention_softmax.

const HEADS = 1u; // divides n_heads / n_kv_heads
const KEYS = 64u; // and invocations
const OUTPUTS = HEADS * C;
const OWN = (OUTPUTS + KEYS - 1u) / KEYS;
const TEAM = 8u;
const PITCH = KEYS + TEAM; // so that teams side by side meet other banks

var<workgroup> queries: array<E, OUTPUTS>;
var<workgroup> scores: array<f32, 8u * PITCH>;
var<workgroup> found: array<f32, KEYS>;
var<workgroup> shrinks: array<f32, 8>;
var<workgroup> span: vec2u;

@compute @workgroup_size(KEYS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group.x + P.origin.x;
  let sets = P.n_heads / HEADS;
  let t = id / sets;
  let h = id % sets * HEADS;
  let kv = kv_of(h);
  let head = lane / TEAM; // whose softmax it shares

  for (var e = lane; e < OUTPUTS; e += KEYS) { queries[e] = q[query_at(t, h) + e] * P.scale; }
  if (lane == 0u) { span = vec2u(lo[t], last[t]); }
  let keys = workgroupUniformLoad(&span);

  var acc: array<E, OWN>;
  var peak = LOWEST;
  var sum = 0f;
  for (var j0 = keys.x; j0 <= keys.y; j0 += KEYS) {
    let row = key_at(min(j0 + lane, keys.y), kv);
    var s = array<E, HEADS>();
    for (var c = 0u; c < C; c++) {
      let key = k[row + c];
      // @unroll
      for (var i = 0u; i < HEADS; i++) { s[i] = fma(queries[i * C + c], key, s[i]); }
    }
    // @unroll
    for (var i = 0u; i < HEADS; i++) { scores[i * PITCH + lane] = select(LOWEST, total(s[i]), j0 + lane <= keys.y); }
    workgroupBarrier();

    let at = head * PITCH + lane % TEAM;
    var most = LOWEST;
    if (head < HEADS) {
      for (var j = 0u; j < KEYS; j += TEAM) { most = max(most, scores[at + j]); }
    }
    found[lane] = most;
    workgroupBarrier();
    var top = peak;
    for (var l = 0u; l < TEAM; l++) { top = max(top, found[head * TEAM + l]); }
    let shrink = exp(peak - top);
    peak = top;
    sum *= shrink;
    if (head < HEADS) {
      for (var j = 0u; j < KEYS; j += TEAM) {
        let p = part(scores[at + j], top);
        scores[at + j] = p;
        sum += p;
      }
    }
    if (lane % TEAM == 0u) { shrinks[head] = shrink; }
    workgroupBarrier();

    let here = min(KEYS, keys.y - j0 + 1u);
    // @unroll
    for (var w = 0u; w < OWN; w++) {
      let e = lane + w * KEYS;
      if (e < OUTPUTS) {
        acc[w] *= shrinks[e / C];
        for (var j = 0u; j < here; j++) { acc[w] = fma(E(scores[e / C * PITCH + j]), v[key_at(j0 + j, kv) + e % C], acc[w]); }
      }
    }
    workgroupBarrier(); // before the next scores take the place of these
  }

  found[lane] = sum;
  workgroupBarrier();
  // @unroll
  for (var w = 0u; w < OWN; w++) {
    let e = lane + w * KEYS;
    if (e < OUTPUTS) {
      var all = 0f;
      for (var l = 0u; l < TEAM; l++) { all += found[e / C * TEAM + l]; }
      o[query_at(t, h) + e] = acc[w] * inverse(all);
    }
  }
}
