/** What calling a method does to the lab. Every method has to be in here: a new one is not forgotten. */
import type { MethodName } from './lab.ts'

/**
 * `reads`: nothing changes, and nobody notices.
 * `acts`: somebody does something to the lab; a recording tells it.
 * `records`: it is about a recording, not about the lab.
 * `studies`: it is about a student and the guide, which nobody else is to read.
 */
export type Effect = 'reads' | 'acts' | 'records' | 'studies'

export const EFFECTS: Readonly<Record<MethodName, Effect>> = {
  'hosts.list': 'reads',
  'hosts.add': 'acts',
  'hosts.remove': 'acts',
  'images.list': 'reads',
  'guests.list': 'reads',
  'guests.create': 'acts',
  'guests.pause': 'acts',
  'guests.resume': 'acts',
  'guests.destroy': 'acts',
  'guests.workload': 'acts',
  // What it types is seen on the guest's console.
  'guests.check': 'acts',
  // The guest is held meanwhile: who wants to resume it is told that it is being exported.
  'guests.export': 'acts',
  'guests.dirtyRate': 'acts',
  'guests.write': 'acts',
  'guests.console': 'reads',
  'guests.screen': 'reads',
  'guests.keys': 'acts',
  'guests.memory': 'reads',
  'guests.pages': 'reads',
  'guests.state': 'reads',
  'algorithms.list': 'reads',
  'links.list': 'reads',
  'migrations.check': 'reads',
  'migrations.predict': 'acts',
  'migrations.active': 'reads',
  'migrations.start': 'acts',
  'migrations.wait': 'reads',
  'migrations.cancel': 'acts',
  'migrations.setLink': 'acts',
  'migrations.setTargets': 'acts',
  'runs.list': 'reads',
  'runs.get': 'reads',
  'runs.details': 'reads',
  'runs.messages': 'reads',
  'runs.message': 'reads',
  'runs.note': 'acts',
  'runs.remove': 'acts',
  'runs.restore': 'acts',
  'runs.export': 'reads',
  'experiments.plans': 'reads',
  'experiments.check': 'reads',
  'experiments.start': 'acts',
  'experiments.list': 'reads',
  'experiments.get': 'reads',
  'experiments.pause': 'acts',
  'experiments.resume': 'acts',
  'experiments.cancel': 'acts',
  'experiments.wait': 'reads',
  'experiments.remove': 'acts',
  'experiments.results': 'reads',
  'experiments.export': 'reads',
  'experiments.meta': 'reads',
  'toolstack.run': 'acts',
  'toolstack.interrupt': 'acts',
  'toolstack.history': 'reads',
  'files.list': 'reads',
  'files.read': 'reads',
  'files.write': 'acts',
  'guide.list': 'reads',
  'guide.exercise': 'reads',
  'guide.add': 'studies',
  'guide.students': 'reads',
  'guide.open': 'studies',
  'guide.progress': 'reads',
  'guide.answer': 'studies',
  'guide.reset': 'studies',
  'guide.undoReset': 'studies',
  'recordings.start': 'records',
  'recordings.stop': 'records',
  'recordings.status': 'records',
  'recordings.list': 'records',
  'recordings.remove': 'records',
  'recordings.read': 'records',
  'recordings.annotate': 'records',
  'recordings.sound': 'records',
}

/** Parts of inputs that are paths of the user's files: a page cannot name them, and nobody who sees a recording does. */
export const PATHS: Partial<Readonly<Record<MethodName, readonly string[]>>> = {
  'migrations.check': ['record'],
  'migrations.predict': ['record'],
  'migrations.start': ['record'],
  'recordings.start': ['path'],
  'guests.export': ['path'],
}
