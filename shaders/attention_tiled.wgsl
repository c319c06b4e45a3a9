// What the kernels of attention share whose workgroup shares tiles in its memory, for GPUs. It owns 32 rows (queries, or keys) of one
// head and walks over what they see, 32 columns at a time. An invocation owns 4 rows, 8 apart, which 16 neighbours share: of 2 columns
// it makes the scores, of every 16th element the outputs. Of a head only CHUNK elements are in memory for scores and WIDE for outputs,
// so that any head fits. Pitches are odd, so that neighbours read different banks. Part: attention.

const ROWS = 32u;
const COLUMNS = 32u;
const ACROSS = 16u;
const WG = ROWS / 4u * ACROSS;
const MINE = COLUMNS / ACROSS;
const CHUNK = 8u;
const PITCH = CHUNK + 1u;
const WIDE = ACROSS;
const WIDE_PITCH = WIDE + 1u;
const OWN = 1u; // elements of an output row that an invocation holds
const FACTORS = ROWS / 4u + 1u; // from one column's factors to the next's

var<workgroup> tile: array<E, (ROWS + COLUMNS) * PITCH>; // a chunk of rows and of columns; or the columns, wide
var<workgroup> factors: array<vec4f, COLUMNS * FACTORS>; // what the columns count in the rows, four rows to a vector
var<workgroup> shares: array<vec4f, ROWS / 4u * (ACROSS + 1u)>;

/// Rows times columns over the chunk in the tile.
fn multiplied(row: u32, column: u32) -> array<vec4f, MINE> {
  var scores: array<vec4f, MINE>;
  for (var c = 0u; c < CHUNK; c++) {
    let x = tile[row * PITCH + c];
    let y = tile[(row + 8u) * PITCH + c];
    let z = tile[(row + 16u) * PITCH + c];
    let w = tile[(row + 24u) * PITCH + c];
    // @unroll
    for (var j = 0u; j < MINE; j++) {
      let other = tile[(ROWS + column + j * ACROSS) * PITCH + c];
      let s = scores[j];
      scores[j] = vec4f(dot_onto(x, other, s.x), dot_onto(y, other, s.y), dot_onto(z, other, s.z), dot_onto(w, other, s.w));
    }
  }
  return scores;
}

/// An element of each of the four rows: the wide columns in the tile times their factors.
fn gathered(row: u32, column: u32) -> array<E, 4> {
  var sums: array<E, 4>;
  for (var j = 0u; j < COLUMNS; j++) {
    let factor = factors[j * FACTORS + row];
    let value = tile[j * WIDE_PITCH + column];
    // @unroll
    for (var i = 0u; i < 4u; i++) { sums[i] = fma(E(factor[i]), value, sums[i]); }
  }
  return sums;
}

/// Says a figure of the four rows to the invocations that share them, behind a barrier.
fn share(row: u32, column: u32, figure: vec4f) {
  shares[row * (ACROSS + 1u) + column] = figure;
  workgroupBarrier();
}

/// The sum of what was shared.
fn sum_of_shares(row: u32) -> vec4f {
  var sum = vec4f();
  for (var i = 0u; i < ACROSS; i++) { sum += shares[row * (ACROSS + 1u) + i]; }
  return sum;
}

/// The largest that was shared.
fn largest_share(row: u32) -> vec4f {
  var most = shares[row * (ACROSS + 1u)];
  for (var i = 1u; i < ACROSS; i++) { most = max(most, shares[row * (ACROSS + 1u) + i]); }
  return most;
}
