/** Every case of exercises.test.ts. */
import './exercises.test.ts'
