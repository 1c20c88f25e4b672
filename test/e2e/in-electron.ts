/** The app itself: real main process, real renderer, real service, under a display of its own. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT } from '../../build/compile.ts'
import { builtPage } from '../../engine/serve/built-page.ts'
import { App, type Setting } from '../electron/app.ts'
import type { Driver } from './driver.ts'

export async function inElectron(setting: Setting): Promise<Driver & { readonly folder: string }> {
  const renderer = await builtPage(PROJECT, { build: true, note: () => {} })
  const app = await App.start(setting, { renderer })
  const { page, electron } = app
  const setTheme: Driver['setTheme'] = (theme) =>
    electron.evaluate(({ nativeTheme }, source) => void (nativeTheme.themeSource = source), theme)
  await setTheme('light')
  return {
    name: 'electron',
    folder: app.folder,
    page,
    setTheme,
    saved: async (act) => {
      const path = join(app.folder, `saved-${performance.now()}.csv`)
      // The dialog belongs to the system; this is the user who chooses a place in it.
      const asked = await electron.evaluateHandle(({ dialog }, filePath) => {
        const seen: { proposed?: string } = {}
        dialog.showSaveDialog = ((_window: unknown, { defaultPath }: { defaultPath: string }) => {
          seen.proposed = defaultPath
          return Promise.resolve({ canceled: false, filePath })
        }) as unknown as typeof dialog.showSaveDialog
        return seen
      }, path)
      await act()
      for (const deadline = performance.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
        try {
          const text = readFileSync(path, 'utf8')
          const { proposed } = await asked.jsonValue()
          if (!/(\bferry-[\w-]+\.csv|\.html)$/.test(proposed ?? '')) throw new Error(`The dialog proposed ${proposed}.`)
          return text
        } catch (error) {
          if (performance.now() > deadline) throw error
        }
      }
    },
    close: async () => {
      await app.close()
      setting.display.close()
    },
  }
}
