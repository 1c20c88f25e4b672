/** Before the first test: the page is built, once. Tests that serve it run beside each other, and none replaces it then. */
import { PROJECT } from '../../build/compile.ts'
import { builtPage } from '../../engine/serve/built-page.ts'

/** vitest's global setup. */
export default async function setup(): Promise<void> {
  await builtPage(PROJECT, { build: true, note: (line) => console.error(line) })
}
