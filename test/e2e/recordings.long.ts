/** Every case of recordings.test.ts. */
import './recordings.test.ts'
