/** Every case of savings.test.ts. */
import './savings.test.ts'
