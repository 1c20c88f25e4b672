/** Every case of dirty-log.test.ts. */
import './dirty-log.test.ts'
