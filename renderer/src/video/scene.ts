/**
 * What a video shows at a moment of a recording, in words and numbers: hosts with their guests, the link, the migration,
 * one guest's console and screen. Nothing here draws, and nothing depends on what was looked at before.
 */
import * as v from 'valibot'
import {
  type GuestState,
  type GuestView,
  type HostView,
  METHODS,
  type ScreenView,
} from '../../../engine/contract/lab.ts'
import type { HostKind } from '../../../engine/contract/report.ts'
import type { Annotations } from '../../../engine/recording/entries.ts'
import { type Chapter, chapterAt, chaptersOf, clockTime } from '../replay/chapters.ts'
import { hostTitle, moment } from '../data/format.ts'
import type { RecordingModel } from '../replay/model.ts'
import type { RunHistory } from '../replay/runs-model.ts'
import { bandwidthText, linkOf, linkTitle, type LinkPreset } from '../state/links.ts'
import { probeWindow, type ProbePicture, silenceName, silenceText } from '../state/probe-picture.ts'
import { arrivedShare, rateNow } from '../state/run-figures.ts'
import { crossingLook, type CrossingLook, phaseWords, type Step, stepsOf } from '../state/run-words.ts'
import type { Series } from '../state/series.ts'
import { memory, ms, msOrDash, percent, plural, rate, traffic } from '../state/units.ts'
import { workloadTitle } from '../state/workloads.ts'
import { type RunAt, RunFold } from './run-at.ts'

/** So many hosts can be read beside each other. */
const MOST_HOSTS = 3

export interface GuestLine {
  readonly name: string
  readonly state: GuestState
  readonly facts: string
  /** Its console and screen are shown. */
  readonly shown: boolean
}

export interface ArrivingLine {
  readonly name: string
  readonly text: string
  readonly share: number
}

export interface HostScene {
  readonly name: string
  readonly kind: HostKind
  readonly title: string
  readonly address: string
  readonly memory: string
  /** 0–1 */
  readonly memoryShare: number
  readonly guests: readonly GuestLine[]
  readonly arriving: readonly ArrivingLine[]
}

export interface LinkScene {
  readonly crossing: CrossingLook & { readonly guest: string | null }
  readonly throughput: string
  /** Of the migration that is under way, or was last. */
  readonly series: Series | null
  readonly title: string
  readonly facts: string
}

export interface Figure {
  readonly name: string
  readonly value: string
  /** What the whole lab is about. */
  readonly big: boolean
}

export interface RunScene {
  readonly title: string
  readonly phase: string
  readonly tone: 'now' | 'good' | 'warn' | 'bad'
  readonly steps: readonly Step[]
  readonly figures: readonly Figure[]
  readonly probes: ProbePicture
  readonly probesSummary: string
}

export interface GuestScene {
  readonly name: string
  readonly host: string
  /** No vCPU of it runs: its migration is between stopping there and running here, or it was paused. */
  readonly still: boolean
  readonly console: { readonly text: string; readonly position: number }
  readonly screen: ScreenView | null
}

export interface Scene {
  readonly title: string
  /** `0:12.4` */
  readonly time: string
  readonly length: string
  /** Date and time of day at which this happened. */
  readonly moment: string
  readonly hosts: readonly HostScene[]
  readonly moreHosts: number
  readonly link: LinkScene
  readonly run: RunScene | null
  readonly guest: GuestScene | null
  readonly captions: readonly string[]
  readonly chapter: Chapter | null
  /** Of the whole recording; shares of its length. */
  readonly timeline: {
    readonly now: number
    readonly chapters: readonly {
      readonly from: number
      readonly to: number
      readonly title: string
      readonly current: boolean
    }[]
  }
}

/** The guest that is looked at: the one of the last migration, before the first of them that one's, else the first. */
export function guestAt(model: RecordingModel, t: number): GuestView | null {
  const guests = model.guests.at(t) ?? []
  const of = (run: RunHistory | undefined) => guests.find(({ id }) => id === run?.identity.guest)
  const begun = model.runs.findLast(
    ({ began_ms, identity }) => began_ms <= t && guests.some(({ id }) => id === identity.guest),
  )
  return of(begun) ?? of(model.runs.find(({ began_ms }) => began_ms > t)) ?? guests[0] ?? null
}

export class Scenes {
  readonly #model: RecordingModel
  readonly #title: string
  readonly #annotations: Annotations
  readonly #chapters: readonly Chapter[]
  readonly #folds = new Map<RunHistory, RunFold>()
  readonly #images: v.InferOutput<(typeof METHODS)['images.list']['output']>
  readonly #links: readonly LinkPreset[]
  readonly #began: number

  constructor(model: RecordingModel, title: string, annotations: Annotations) {
    this.#model = model
    this.#title = title
    this.#annotations = annotations
    this.#chapters = chaptersOf(model)
    // Told once, at the beginning; a recording that lacks them has names in place of titles.
    const images = v.safeParse(METHODS['images.list'].output, model.answer('images.list', {}, 0))
    const links = v.safeParse(METHODS['links.list'].output, model.answer('links.list', {}, 0))
    this.#images = images.success ? images.output : []
    this.#links = links.success ? links.output : []
    this.#began = Date.parse(model.recording.about.began_at)
  }

  /** @param t milliseconds since the recording began. What it holds of probes and throughput is valid until the next call */
  at(t: number): Scene {
    const model = this.#model
    const guest = guestAt(model, t)
    const guests = model.guests.at(t) ?? []
    const underWay = model.runs.filter(({ began_ms, ended_ms }) => began_ms <= t && t < ended_ms)
    const last = model.runs.findLast(({ began_ms, identity }) => began_ms <= t && identity.guest === guest?.id)
    const hosts = model.hosts.at(t) ?? []
    const shown = shownHosts(hosts, last, guest)
    const chapter = chapterAt(this.#chapters, t)
    return {
      title: this.#title,
      time: clockTime(t),
      length: clockTime(model.duration_ms),
      moment: Number.isNaN(this.#began) ? '' : moment(new Date(this.#began + t).toISOString()),
      hosts: shown.map((host) => this.#host(host, guests, guest, underWay, t)),
      moreHosts: hosts.length - shown.length,
      link: this.#link(underWay.at(-1) ?? null, last ?? null, guest, shown[0]?.name ?? '', t),
      run: last === undefined ? null : this.#run(last, t),
      guest: guest === null ? null : this.#guest(guest, last ?? null, t),
      captions: this.#annotations.captions.filter(({ from, to }) => from <= t && t < to).map(({ text }) => text),
      chapter: chapter !== null && t <= chapter.to_ms ? chapter : null,
      timeline: {
        now: t / Math.max(1, model.duration_ms),
        chapters: this.#chapters.map((one) => ({
          from: one.from_ms / Math.max(1, model.duration_ms),
          to: one.to_ms / Math.max(1, model.duration_ms),
          title: one.title,
          current: one === chapter,
        })),
      },
    }
  }

  #fold(run: RunHistory, t: number): RunAt {
    let fold = this.#folds.get(run)
    if (fold === undefined) this.#folds.set(run, (fold = new RunFold(run)))
    return fold.at(t)
  }

  #host(
    host: HostView,
    guests: readonly GuestView[],
    shown: GuestView | null,
    underWay: readonly RunHistory[],
    t: number,
  ): HostScene {
    const own = guests.filter((guest) => guest.host === host.name)
    const coming = underWay.filter(
      ({ identity }) => identity.to === host.name && !own.some(({ id }) => id === identity.guest),
    )
    return {
      name: host.name,
      kind: host.kind,
      title: hostTitle(host.kind),
      address: `${host.address}:${host.port}`,
      memory: `${memory(host.memory_used_B)} of ${memory(host.memory_B)} · ${percent(host.memory_used_B, host.memory_B)}`,
      memoryShare: host.memory_B === 0 ? 0 : host.memory_used_B / host.memory_B,
      guests: own.map((guest) => this.#guestLine(guest, guest.id === shown?.id, t)),
      arriving: coming.map((run) => {
        const { figures, report } = this.#fold(run, t)
        const share = arrivedShare(figures, report)
        const name = guests.find(({ id }) => id === run.identity.guest)?.name ?? run.identity.guest
        return { name, text: `from ${run.identity.from} · ${percent(share, 1)} of its pages`, share }
      }),
    }
  }

  #guestLine({ id, name, state, image, workload, ram_B, ip }: GuestView, shown: boolean, t: number): GuestLine {
    const known = this.#images.find((one) => one.name === image)
    const link = this.#model.linkOf(id, t)
    const facts = [memory(ram_B), workloadTitle(known, workload), ...(link === null ? [] : [linkTitle(link)]), ip]
    return { name, state, facts: facts.join('  ·  '), shown }
  }

  #link(
    crossing: RunHistory | null,
    last: RunHistory | null,
    guest: GuestView | null,
    left: string,
    t: number,
  ): LinkScene {
    const run = crossing === null ? null : this.#fold(crossing, t)
    const series = crossing ?? last
    const whose = crossing?.identity.guest ?? guest?.id
    const text = (whose === undefined ? null : this.#model.linkOf(whose, t)) ?? 'unlimited'
    const link = linkOf(text, this.#links)
    const look = crossingLook(crossing === null || run === null ? null : crosses(crossing, run), left)
    const now = run === null ? null : rateNow(run.figures)
    const jitter = link.jitter_ms > 0 ? ` + up to ${link.jitter_ms} ms` : ''
    return {
      crossing: { ...look, guest: crossing === null ? null : this.#nameOf(crossing, t) },
      throughput: now === null ? '0 bit/s' : rate(now),
      series: series === null ? null : this.#fold(series, t).throughput,
      title: linkTitle(text),
      facts: `${bandwidthText(link)} · latency ${link.latency_ms} ms${jitter}`,
    }
  }

  #nameOf(run: RunHistory, t: number): string {
    return (this.#model.guests.at(t) ?? []).find(({ id }) => id === run.identity.guest)?.name ?? run.identity.guest
  }

  #run(run: RunHistory, t: number): RunScene {
    const at = this.#fold(run, t)
    const { figures, report, probes } = at
    const failed = report !== null && report.outcome !== 'completed'
    const gap = probes.longestGap
    return {
      title: `${run.identity.from} → ${run.identity.to}${report === null ? '' : `: ${report.outcome}`}`,
      phase:
        report === null
          ? phaseWords(crosses(run, at), run.identity.input.check !== false)
          : (report.error?.message ?? `${report.algorithm} · ${report.workload} · ${report.link}`),
      tone:
        report === null
          ? 'now'
          : report.outcome === 'completed'
            ? 'good'
            : report.outcome === 'failed'
              ? 'bad'
              : 'warn',
      steps: stepsOf(figures.stages, report === null ? figures.stage : null, failed),
      figures: report === null ? liveFigures(at) : endFigures(report),
      probes: { log: probes, window: probeWindow(probes.span, gap, report !== null), gap },
      probesSummary: silenceText({ count: probes.count, gap, interval_ms: run.identity.input.probe_ms, report }),
    }
  }

  #guest(guest: GuestView, run: RunHistory | null, t: number): GuestScene {
    const at = run === null || t >= run.ended_ms ? null : this.#fold(run, t)
    const look = at === null || run === null ? null : crossingLook(crosses(run, at), '')
    return {
      name: guest.name,
      host: guest.host,
      still: guest.state === 'paused' || look?.still === true,
      console: this.#model.consoleOf(guest.id, t),
      screen: this.#model.screens.get(guest.id)?.at(t) ?? null,
    }
  }
}

const crosses = ({ identity: { from, to } }: RunHistory, { figures, report }: RunAt) => ({
  from: { name: from },
  to: { name: to },
  figures,
  running: report === null,
})

/** In the lab's order; where there are too many, those of the migration and of the guest that is looked at come first. */
function shownHosts(
  hosts: readonly HostView[],
  run: RunHistory | undefined,
  guest: GuestView | null,
): readonly HostView[] {
  if (hosts.length <= MOST_HOSTS) return hosts
  const wanted = [run?.identity.from, run?.identity.to, guest?.host]
  const first = hosts.filter(({ name }) => wanted.includes(name))
  const chosen = [...new Set([...first, ...hosts])].slice(0, MOST_HOSTS)
  return hosts.filter((host) => chosen.includes(host))
}

const figure = (name: string, value: string, big = false): Figure => ({ name, value, big })

function liveFigures({ figures }: RunAt): readonly Figure[] {
  const { stage, pull, remaining_pages, bytes_sent_B, round } = figures
  const now = rateNow(figures)
  const sent = traffic(bytes_sent_B)
  const pace = figure('Rate', now === null ? '–' : rate(now))
  if (pull !== null) {
    const left = figure('Still at the source', plural(pull.left_pages, 'page'), true)
    return [left, figure('Sent', sent), pace, figure('Asked for', plural(pull.requests, 'page'))]
  }
  // After the switch-over nothing is left in a round.
  if (stage > 3) return [figure('Sent', sent, true), pace, figure('Rounds', String(round))]
  const left = figure('Left in this round', plural(remaining_pages, 'page'), true)
  return [left, figure('Sent', sent), pace, figure('Round', String(round))]
}

function endFigures(report: NonNullable<RunAt['report']>): readonly Figure[] {
  const outage = figure(silenceName(report.outcome), report.outage_ms === null ? 'not seen' : ms(report.outage_ms))
  const rest = [figure('Total', ms(report.total_ms)), figure('Sent', traffic(report.bytes_sent_B))]
  return report.outcome === 'completed'
    ? [figure('Downtime', msOrDash(report.downtime_ms), true), outage, ...rest]
    : [outage, ...rest]
}
