/** What is wrong with an exercise's file, and where: collected, so that an author sees all of it at once. */
import type { ExerciseProblem } from '../contract/guide.ts'

export class Problems {
  readonly list: ExerciseProblem[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** @param line of the file, from 1 */
  add(line: number, reason: string): void {
    this.list.push({ file: this.#file, line, reason })
  }
}
