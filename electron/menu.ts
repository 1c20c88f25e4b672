/**
 * The menus. On Linux and Windows no accelerator is Ctrl or Alt and a letter alone: those keys belong to the guest's
 * console (Ctrl-C, Ctrl-R, Ctrl-W …), so ours take Shift as well, as in terminals, and menus have no mnemonics; F10 or
 * Alt alone opens the menu bar. On macOS they are Command, which no guest sees.
 */
import type { MenuItemConstructorOptions } from 'electron'
import type { ShellCommand } from './shell.ts'

/** Id of the item that is enabled while the service is off. */
export const RESTART = 'service.restart'

export interface MenuActions {
  readonly command: (command: ShellCommand) => void
  readonly restartService: () => void
  readonly openDataFolder: () => void
}

export interface MenuOptions {
  readonly mac: boolean
  /** Developer tools and reload: not in a packed app. */
  readonly development: boolean
}

export function menuTemplate(
  actions: MenuActions,
  { mac, development }: MenuOptions,
): (MenuItemConstructorOptions & { submenu: MenuItemConstructorOptions[] })[] {
  const item = (label: string, command: ShellCommand, accelerator: string): MenuItemConstructorOptions => ({
    id: command,
    label,
    accelerator,
    click: () => actions.command(command),
  })
  const key = (letter: string): string => (mac ? `Command+${letter}` : `Ctrl+Shift+${letter}`)
  const separator: MenuItemConstructorOptions = { type: 'separator' }

  const lab = [
    item('New Guest…', 'guest.new', key('N')),
    item('Migrate…', 'guest.migrate', mac ? 'Command+Shift+M' : key('M')),
    item('Cancel Migration', 'migration.cancel', key('.')),
    separator,
    item('Record, or Stop the Recording', 'record', key('L')),
    separator,
    item('Export Measurements…', 'export', key('E')),
    { label: 'Show Data Folder', click: actions.openDataFolder },
    separator,
    { id: RESTART, label: 'Start Lab Service Again', enabled: false, click: actions.restartService },
    separator,
    mac ? { role: 'close' as const } : { role: 'quit' as const, accelerator: 'Ctrl+Shift+Q' },
  ]
  const edit: MenuItemConstructorOptions[] = [
    { role: 'undo' },
    { role: 'redo' },
    separator,
    { role: 'cut' },
    { role: 'copy' },
    { role: 'paste' },
    { role: 'selectAll' },
  ]
  const view: MenuItemConstructorOptions[] = [
    item('Lab', 'view.lab', 'Alt+1'),
    item('Measurements', 'view.measurements', 'Alt+2'),
    item('Inspectors', 'view.inspect', 'Alt+3'),
    item('Experiments', 'view.experiments', 'Alt+4'),
    item('Recordings', 'view.recordings', 'Alt+5'),
    separator,
    item('Terminal of a Host', 'view.terminal', key('T')),
    separator,
    item('Next Pane', 'pane.next', 'F6'),
    item('Previous Pane', 'pane.previous', 'Shift+F6'),
    separator,
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    separator,
    { role: 'togglefullscreen' },
    ...(development
      ? [separator, { role: 'reload' as const, accelerator: key('R') }, { role: 'toggleDevTools' as const }]
      : []),
  ]
  const window: MenuItemConstructorOptions[] = mac
    ? [{ role: 'minimize' }, { role: 'zoom' }, separator, { role: 'front' }]
    : // Their usual keys, Ctrl-M and Ctrl-W, are Enter and "delete a word" to a guest.
      [
        { role: 'minimize', accelerator: 'Alt+F9' },
        { role: 'close', accelerator: 'Ctrl+Shift+W' },
      ]
  const help = [
    item('Ferry Help', 'help.contents', 'F1'),
    // Its key, Alt-G, is the page's: see above.
    { id: 'view.guide', label: 'Guide', click: () => actions.command('view.guide') },
    item('Keyboard Shortcuts', 'help.shortcuts', key('/')),
    ...(mac ? [] : [separator, { role: 'about' as const }]),
  ]

  return [
    ...(mac ? [{ role: 'appMenu' as const, submenu: appMenu() }] : []),
    { label: 'Lab', submenu: lab },
    { role: 'editMenu', label: 'Edit', submenu: edit },
    { role: 'viewMenu', label: 'View', submenu: view },
    { role: 'windowMenu', label: 'Window', submenu: window },
    { role: 'help', label: 'Help', submenu: help },
  ]
}

const appMenu = (): MenuItemConstructorOptions[] => [
  { role: 'about' },
  { type: 'separator' },
  { role: 'services' },
  { type: 'separator' },
  { role: 'hide' },
  { role: 'hideOthers' },
  { role: 'unhide' },
  { type: 'separator' },
  { role: 'quit' },
]
