/** Every case of write-map.test.ts. */
import './write-map.test.ts'
