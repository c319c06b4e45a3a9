// The version of this blocktune, kept with everything that it writes. A test holds it against package.json.
export const version = '0.1.0';
