/**
 * Plans that come with Ferry, each with the question that it answers. They are small enough for a lesson on two cores;
 * levels and repeats are the user's to change.
 */
import * as v from 'valibot'
import { plan, PLAN_FORMAT, type PlanInput } from '../../contract/experiment-plan.ts'
import type { ReadyMadePlan } from '../../contract/experiments.ts'

const LABOS_MB = 32
/** Six players of 20 datagrams a second are Clark et al.'s (NSDI 2005) Quake 3 server: a tick every 50 ms. */
const GAME_TICK_MS = 50

function made(id: string, question: string, input: Omit<PlanInput, 'format' | 'description'>): ReadyMadePlan {
  return { id, question, plan: v.parse(plan, { format: PLAN_FORMAT, description: question, ...input }) }
}

export const READY_MADE: readonly ReadyMadePlan[] = [
  made(
    'paper-claims',
    'Does a guest move between unlike hypervisors as well as between like ones, and what do the paper’s algorithms (pre-copy, stop-and-copy, pull-copy) cost in each direction?',
    {
      name: 'The paper’s claims',
      base: { guest: 'labos', ram_MB: LABOS_MB, workload: 'dirty:1000,4' },
      factors: {
        direction: ['xen-kvm', 'kvm-xen', 'xen-xen', 'kvm-kvm'],
        algorithm: ['pre-copy', 'stop-and-copy', 'pull-copy'],
      },
    },
  ),
  made(
    'algorithms-dirtying',
    'From which dirtying rate on does pre-copy stop paying, and how do the other algorithms do there? Over a link of 1 Gbit/s.',
    {
      name: 'Algorithms × dirtying rate',
      base: { guest: 'labos', ram_MB: LABOS_MB, link: '1G' },
      factors: {
        algorithm: ['pre-copy', 'stop-and-copy', 'pull-copy', 'hybrid'],
        workload: ['idle', 'dirty:500,8', 'dirty:2000,8', 'dirty:8000,8', 'dirty:30000,8'],
      },
    },
  ),
  made('ram-scaling', 'What grows with the guest’s RAM: total time only, as pre-copy promises, or downtime too?', {
    name: 'RAM scaling',
    base: { guest: 'labos', workload: 'dirty:1000,4' },
    factors: { algorithm: ['pre-copy', 'stop-and-copy'], ram_MB: [16, 32, 64, 128, 256] },
  }),
  made(
    'latency-sweep',
    'How much of the downtime is waiting for the other side? One way from 0 to 50 ms, at 1 Gbit/s.',
    {
      name: 'Latency sweep',
      base: { guest: 'labos', ram_MB: LABOS_MB, workload: 'dirty:500,2' },
      factors: { algorithm: ['pre-copy', 'pull-copy'], link: ['1G', '1G,1ms', '1G,5ms', '1G,20ms', '1G,50ms'] },
    },
  ),
  made(
    'web-server',
    'How long is a Linux web server under load away, for its clients, by each algorithm? The first of the two services that Clark et al. moved.',
    {
      name: 'A web server under load',
      base: { guest: 'linux', workload: 'web', link: '1G' },
      factors: { algorithm: ['pre-copy', 'stop-and-copy', 'pull-copy'] },
    },
  ),
  made(
    'game-server',
    'Do players of a game that ticks 20 times a second notice the move? The guest ticks every 50 ms and is asked every 5 ms; an outage below a tick goes unseen. The second service of Clark et al.',
    {
      name: 'A game server at 20 Hz',
      base: { guest: 'linux', heartbeat_ms: GAME_TICK_MS, link: '1G' },
      factors: { algorithm: ['pre-copy', 'stop-and-copy', 'pull-copy'] },
    },
  ),
]
