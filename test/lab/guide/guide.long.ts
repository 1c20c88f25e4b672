/** Every case of guide.test.ts. */
import './guide.test.ts'
