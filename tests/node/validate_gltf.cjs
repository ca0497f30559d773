// Validates the GLB files named on the command line; prints [{file, errors, warnings, messages}] as JSON.
const fs = require("node:fs");
const validator = require("gltf-validator");

async function main(files) {
  const reports = [];
  for (const file of files) {
    const { issues, info } = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), { maxIssues: 50 });
    reports.push({
      file,
      errors: issues.numErrors,
      warnings: issues.numWarnings,
      messages: issues.messages.map((m) => `${m.severity} ${m.code} ${m.pointer ?? ""} ${m.message}`),
      triangles: info?.totalTriangleCount ?? 0,
      vertices: info?.totalVertexCount ?? 0,
    });
  }
  process.stdout.write(JSON.stringify(reports));
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
