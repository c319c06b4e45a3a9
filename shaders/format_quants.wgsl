// What the quantized formats share. A part of its own says where their bits lie, as run4(run, e): elements e .. e + 3 of a run of 32,
// e a multiple of 4, so that who walks over whole runs in expanded loops has a constant e and loads each word once.
// Stored values are to be the same bits everywhere: products of scales and quants are exact in f32 (11 bits of an f16 times at most
// 13 of the others) and one addition at most rounds, so that a driver may fuse or reorder them as it likes.

fn bytes4(w: u32) -> vec4u {
  return vec4u(w) >> vec4u(0u, 8u, 16u, 24u);
}

// Elements i .. i + 3, i a multiple of 4.
fn weight4(i: u32) -> vec4f {
  return run4(i / 32u, i % 32u);
}

fn weight(i: u32) -> f32 {
  return weight4(i & ~3u)[i % 4u];
}
