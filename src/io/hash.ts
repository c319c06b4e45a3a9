// SHA-256 as hexadecimal text, by the platform's own implementation.

/** The SHA-256 of the bytes of a view. */
export async function sha256(view: ArrayBufferView<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', view));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
