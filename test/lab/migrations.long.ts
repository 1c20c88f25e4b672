/** Every case of migrations.test.ts. */
import './migrations.test.ts'
