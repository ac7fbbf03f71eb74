// Questions to the hub: each has an end, for a connection may die without a word and would be waited for for ever.
const PATIENCE = 60000; // ms

export function ask(address, options = {}) {
  return fetch(address, { ...options, signal: AbortSignal.timeout(PATIENCE) });
}
