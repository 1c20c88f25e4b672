/**
 * Before the first test: what some tests need of the system is installed, once, where it may be (as root, on Debian and
 * Ubuntu). Elsewhere the command that would is named, and those tests are left out with that reason in their titles.
 */
import { spawnSync } from 'node:child_process'
import { isUbuntu, type Need, NEEDS, oldestName, onLinux, onPath, packagesOf } from './needs.ts'

const OPTIONS = ['install', '-y', '-qq', '--no-install-recommends']
const QUIET = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

export interface System {
  readonly root: boolean
  readonly apt: boolean
  readonly ubuntu: boolean
  readonly offline: boolean
}

export interface Plan {
  readonly install: readonly Need[]
  /** Lines for the user about what stays missing; none where nothing does. */
  readonly advice: readonly string[]
}

/** What to do about what is missing. */
export function plan(missing: readonly Need[], { root, apt, ubuntu, offline }: System): Plan {
  const there = missing.filter(({ notOnUbuntu }) => !(ubuntu && notOnUbuntu === true))
  const advice = missing
    .filter((need) => !there.includes(need))
    .map(({ use }) => `Left out: the tests that ${use}. Ubuntu has no package for it; name a Chrome in FERRY_CHROMIUM.`)
  if (there.length === 0 || (root && apt && !offline)) return { install: there, advice }
  const command = `apt-get update && apt-get ${OPTIONS.filter((option) => option !== '-qq').join(' ')} ${packagesOf(there).join(' ')}`
  const why = !apt ? 'there is no apt-get here' : offline ? 'this is offline' : 'only root may install packages'
  return {
    install: [],
    advice: [
      ...advice,
      `Left out: the tests that ${there.map(({ use }) => use).join(', ')}: ${why}.`,
      apt
        ? `As root, this installs what they need: ${command}`
        : `On Debian, root would install what they need by: ${command}`,
    ],
  }
}

/** vitest's global setup. */
export default function setup(): void {
  if (!onLinux) return
  const missing = Object.values<Need>(NEEDS).filter((need) => !need.here())
  const system = {
    root: process.getuid?.() === 0,
    apt: onPath('apt-get'),
    ubuntu: isUbuntu(),
    offline: !['', '0', undefined].includes(process.env['FERRY_OFFLINE']),
  }
  const { install, advice } = plan(missing, system)
  for (const line of advice) console.error(line)
  if (install.length === 0) return
  console.error(`Installing, once, what some tests need: ${packagesOf(install).join(' ')} …`)
  const problem = aptInstall(install)
  if (problem === undefined) return
  console.error(`It was not installed: ${problem}`)
  for (const line of plan(install, { ...system, offline: true }).advice) console.error(line)
}

/** @returns what went wrong; undefined = nothing */
function aptInstall(needs: readonly Need[]): string | undefined {
  apt('update', '-qq')
  const result = apt(...OPTIONS, ...needs.flatMap(({ packages }) => packages).map(nameHere))
  if (result.status === 0) return undefined
  return result.stderr.trim().split('\n').at(-1) ?? 'apt-get failed'
}

/** The name that this release knows. */
function nameHere(names: string): string {
  const known = (name: string): boolean =>
    /Candidate: (?!\(none\))/.test(
      spawnSync('apt-cache', ['policy', name], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).stdout,
    )
  return names.split('|').find(known) ?? oldestName(names)
}

const apt = (...args: string[]) =>
  spawnSync('apt-get', args, { encoding: 'utf8', env: QUIET, stdio: ['ignore', 'pipe', 'pipe'] })
