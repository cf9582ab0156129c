/** The editor hides a message that does not fit. */
const most = 400;

/** What a message has room for: its beginning and, of what a compiler said, the first error. */
export function brief(message: string): string {
  const [head = '', ...said] = message.split('\n').filter((line) => line.trim() !== '');
  const first = said.find((line) => /\berror\b/i.test(line)) ?? said[0];
  const text = first === undefined ? head : `${head}: ${first.trim()}`;
  return text.length <= most ? text : `${text.slice(0, most - 1).trimEnd()}…`;
}
