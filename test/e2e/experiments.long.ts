/** Every case of experiments.test.ts. */
import './experiments.test.ts'
