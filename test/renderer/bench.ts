/**
 * Components on a page of their own, in Chromium: built as the window is, mounted with what the test says. Layout, focus,
 * canvases and scrolling are real.
 */
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import type { Page } from 'playwright-core'
import { build, type Rolldown } from 'vite'
import { launch } from './window.ts'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const ORIGIN = 'http://bench.test'
const ENTRY = 'virtual:bench'

/** What the page has for `page.evaluate`. */
export interface BenchPage {
  /** Mounts a component in place of the last one. */
  show(component: string, props: object): void
  /** Values of the first chart, dataset by dataset, as they are drawn. */
  drawn(): unknown[][]
  fixture(): Promise<unknown>
  /** A lab that gives the answers, by method; calls without one stay under way. */
  readonly api: object
  answers: object
  /** An event of that lab, or `state`: its connection. */
  tell(event: string, payload: unknown): void
}

const script = (components: Readonly<Record<string, string>>) => `
  import { mount, unmount } from 'svelte'
  import '${PROJECT}renderer/src/styles/base.css'
  import { Chart } from '${PROJECT}renderer/src/charts/screen.ts'
  ${Object.entries(components)
    .map(([name, path]) => `import ${name} from '${PROJECT}renderer/src/${path}'`)
    .join('\n')}
  const components = { ${Object.keys(components).join(', ')} }
  let shown
  const heard = new Map()
  const listen = (event, listener) => {
    heard.set(event, [...(heard.get(event) ?? []), listener])
    return () => heard.set(event, heard.get(event).filter((other) => other !== listener))
  }
  globalThis.bench = {
    api: {
      state: 'open',
      on: listen,
      onState: (listener) => listen('state', listener),
      // What has no answer is under way.
      call: (method) => (method in bench.answers ? Promise.resolve(bench.answers[method]) : new Promise(() => {})),
    },
    answers: {},
    tell: (event, payload) => (heard.get(event) ?? []).forEach((listener) => listener(payload)),
    show(name, props) {
      if (shown !== undefined) unmount(shown)
      shown = mount(components[name], { target: document.getElementById('app'), props })
    },
    drawn: () => Chart.getChart(document.querySelector('canvas')).data.datasets.map(({ data }) => data),
    fixture: () => fetch('/fixture.json').then((answer) => answer.json()),
  }
`

interface Bundle {
  /** Path → text. */
  readonly files: Map<string, string>
  readonly entry: string
}

async function bundle(components: Readonly<Record<string, string>>): Promise<Bundle> {
  const result = await build({
    configFile: false,
    root: PROJECT,
    logLevel: 'error',
    plugins: [
      svelte(),
      {
        name: 'bench',
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? script(components) : undefined),
      },
    ],
    build: { write: false, minify: false, target: 'es2023', rolldownOptions: { input: ENTRY } },
  })
  const outputs = [result].flat() as Rolldown.RolldownOutput[]
  const all = outputs.flatMap(({ output }) => output)
  const files = new Map(
    all.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : String(file.source)]),
  )
  return { files, entry: `/${all.find((file) => file.type === 'chunk' && file.isEntry)?.fileName ?? ''}` }
}

/**
 * @param components name → path of the component under renderer/src
 * @param fixture what `fixture()` gives the page
 */
export async function openBench(
  components: Readonly<Record<string, string>>,
  fixture: unknown,
): Promise<{ page: Page; close: () => Promise<void> }> {
  const { files, entry } = await bundle(components)
  const styles = [...files.keys()].filter((name) => name.endsWith('.css'))
  files.set('/fixture.json', JSON.stringify(fixture))
  files.set(
    '/',
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Bench</title><style>#app { height: 100vh }</style>
    ${styles.map((name) => `<link rel="stylesheet" href="${name}">`).join('')}<div id="app"></div>
    <script type="module" src="${entry}"></script></html>`,
  )
  const types: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', json: 'application/json' }
  const browser = await launch()
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  await page.route(`${ORIGIN}/**`, (route) => {
    const { pathname } = new URL(route.request().url())
    const body = files.get(pathname)
    if (body === undefined) return route.fulfill({ status: 404 })
    return route.fulfill({ body, contentType: types[pathname.split('.').at(-1) ?? ''] ?? 'text/html' })
  })
  page.on('pageerror', (error) => {
    throw error
  })
  await page.goto(`${ORIGIN}/`)
  await page.waitForFunction('globalThis.bench !== undefined')
  return { page, close: () => browser.close() }
}
