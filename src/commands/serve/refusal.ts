// What a request is refused with, in OpenAI's error form.

/** An error whose words are for who asked. */
export interface Refusal extends Error {
  status: number;
  code: string | null;
  param: string | null;
}

/** A refusal. param: the field that is wrong; code: what programs tell it by. */
export function refusal(
  status: number,
  message: string,
  { code = null, param = null }: { code?: string | null; param?: string | null } = {},
): Refusal {
  return Object.assign(new Error(message), { status, code, param });
}

/** What is told to whoever still waits when the server ends. */
export const ended = () => refusal(503, 'expected a server that is running, got one that is ending; ask again later');

/** What is told before there is a model. */
export const loading = () => refusal(503, 'expected a server that is running, got one that is loading; ask again later');

export const isRefusal = (e: unknown): e is Refusal => e instanceof Error && 'status' in e && 'param' in e;

const TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'server_error',
  504: 'timeout_error',
};

/** The body of an error reply; what is no refusal is the server's own failure. */
export function errorBody(e: unknown): { status: number; body: string } {
  const { status, message, code, param } = isRefusal(e)
    ? e
    : { status: 500, code: null, param: null, message: (e as Error).message };
  const error = { message, type: TYPES[status] ?? 'invalid_request_error', param, code };
  return { status, body: JSON.stringify({ error }) };
}
