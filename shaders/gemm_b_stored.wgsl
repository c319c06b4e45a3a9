// B of the tiled product in a stored format, whose part declares weight4: decoded on its way to workgroup memory, once a tile.
fn read_b(i: u32) -> vec4f {
  return weight4(i);
}
