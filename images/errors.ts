/** What can go wrong while an image is obtained or built. `message` is a sentence a user can act on. */
export type ImageErrorCode =
  | 'platform' // this system cannot build the image at all: not Linux, or a tool is missing
  | 'network' // the package sources cannot be reached
  | 'not-found' // the package sources do not have the package
  | 'digest' // a file is not what its index, or the lock file, says it is
  | 'tool' // a program that was run failed
  | 'busy' // another process holds the lock for too long
  | 'invalid' // a manifest, lock file or image is malformed
  | 'exists' // an image of that name is already there
  | 'unknown' // there is no image of that name

export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly code: ImageErrorCode
  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
