// What packed matrices of one shape have in common: where element k of a row-major [rows, cols] lies with the shorter side first.

fn turned(k: u32, rows: u32, cols: u32) -> u32 {
  return select(k, k % cols * rows + k / cols, rows > cols);
}
