// Why the server has refused a stream, which an EventSource does not expose: the same
// request is made again without it.

/** @typedef {{status: number, code: string, detail: string}} Refusal */

/** Timeout of the request, and the longest Retry-After. */
const [ANSWER_MS, RETRY_AFTER_TO_MS] = [5_000, 120_000];

/**
 * Fetches the response instead of a stream; null if there would be a stream, or no response.
 * @param {string} url @returns {Promise<Refusal & {retryAfterMs: number} | null>}
 */
export async function fetchRefusal(url) {
  const init = { signal: AbortSignal.timeout(ANSWER_MS) };
  try {
    // HEAD first, which opens no stream. Only GET returns the problem.
    if ((await fetch(url, { ...init, method: 'HEAD' })).ok) return null;
    const response = await fetch(url, init);
    if (response.ok) {
      void response.body?.cancel();
      return null;
    }
    const problem = await response.json().catch(() => null);
    const seconds = Number(response.headers.get('retry-after')) || 0;
    return {
      status: response.status,
      code: String(problem?.code ?? ''),
      detail: String(problem?.detail ?? ''),
      retryAfterMs: Math.min(seconds * 1_000, RETRY_AFTER_TO_MS),
    };
  } catch {
    return null;
  }
}
