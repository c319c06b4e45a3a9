// B of the tiled product as it is.
fn with_blocks(x: mat4x4f, line: u32, start: u32) -> mat4x4f {
  return x;
}
