/** The app itself: real main process, real renderer, real service, under a display of its own. */
import type { Setting } from '../electron/app.ts'
import { Desk } from './desk.ts'
import type { Driver } from './driver.ts'

export async function inElectron(setting: Setting): Promise<Driver & { readonly folder: string }> {
  const desk = await Desk.open(setting)
  return {
    name: desk.name,
    folder: desk.folder,
    page: desk.page,
    setTheme: (theme) => desk.setTheme(theme),
    saved: async (act) => {
      const [file] = await desk.saves(1, act)
      if (file === undefined || !/(\bferry-[\w-]+\.csv|\.html)$/.test(file[0])) throw new Error(`Saved: ${file?.[0]}.`)
      return file[1].toString('utf8')
    },
    close: () => desk.close(),
  }
}
